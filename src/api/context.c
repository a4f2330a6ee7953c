/* context.c: devices and contexts. A context is an open device, its options and its log sink; it never changes. */
#include "api/doctor.h"
#include "api/env.h"
#include "api/handles.h"
#include "api/tune.h"
#include "api/verdicts.h"
#include "base/mem.h"
#include "gpu/device.h"

#include <stdio.h>
#include <string.h>

vks_status params_copy(void *dst, size_t dst_size, const void *params, const char *what)
{
    memset(dst, 0, dst_size);
    if (!params)
        return VKS_OK;
    size_t size;
    memcpy(&size, params, sizeof size);
    VKS_REQUIRE(size >= sizeof size && size <= dst_size, VKS_ERR_ARGUMENT,
                "%s.struct_size is %zu; set it to sizeof(%s), which is %zu in this version", what, size, what, dst_size);
    memcpy(dst, params, size);
    return VKS_OK;
}

/* ---- device list -------------------------------------------------------------------------------------------- */

static void describe_capabilities(uint64_t bits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < 64; i++) {
        if (!(bits >> i & 1))
            continue;
        int written = snprintf(text + used, size - used, used ? " %s" : "%s", vkr_cap_name(1ull << i));
        if (written < 0 || (size_t)written >= size - used)
            break;
        used += (size_t)written;
    }
}

static void describe(const struct vkr_caps *caps, uint32_t index, vks_device_info *out)
{
    memset(out, 0, sizeof *out);
    out->index = index;
    snprintf(out->name, sizeof out->name, "%s", caps->name);
    snprintf(out->driver, sizeof out->driver, "%s", caps->driver);
    for (size_t i = 0; i < sizeof caps->uuid; i++)
        snprintf(out->uuid + 2 * i, 3, "%02x", caps->uuid[i]);
    snprintf(out->device_class, sizeof out->device_class, "%s", vkr_class_name(caps->device_class));
    describe_capabilities(caps->bits, out->capabilities, sizeof out->capabilities);
    out->memory = caps->heap;
    out->max_binding = caps->max_binding;
    out->subgroup_size = caps->subgroup_size;
    out->usable = 1;
}

vks_status vks_devices_list(vks_device_info **out, size_t *count)
{
    VKS_REQUIRE(out && count, VKS_ERR_ARGUMENT, "vks_devices_list: out and count must not be NULL");
    *out = NULL;
    *count = 0;
    struct vkr_device_entry *entries = NULL;
    uint32_t entry_count = 0;
    VKS_TRY(vkr_device_list(&entries, &entry_count));
    vks_device_info *list = NULL;
    vks_status status = VKS_OK;
    if (entry_count > 0)
        status = vkr_alloc(entry_count, sizeof *list, "the list of devices", (void **)&list);
    for (uint32_t i = 0; status == VKS_OK && i < entry_count; i++) {
        describe(&entries[i].caps, i, &list[i]);
        list[i].usable = entries[i].usable;
        snprintf(list[i].reason, sizeof list[i].reason, "%s", entries[i].usable ? "" : entries[i].reason);
    }
    vkr_free(entries);
    VKS_TRY(status);
    *out = list;
    *count = entry_count;
    return VKS_OK;
}

void vks_devices_free(vks_device_info **devices)
{
    if (!devices)
        return;
    vkr_free(*devices);
    *devices = NULL;
}

/* ---- contexts ----------------------------------------------------------------------------------------------- */

vks_status context_settings(const vks_context_params *params, struct vkr_log *log, struct vkr_options *options,
                            const char **device)
{
    vks_context_params own;
    VKS_TRY(params_copy(&own, sizeof own, params, "vks_context_params"));
    memset(options, 0, sizeof *options);
    *log = (struct vkr_log){ .sink = own.log, .user = own.user, .level = own.log_level };
    *device = own.device;
    if (own.use_environment) {
        if (!*device)
            *device = env_device();
        if (log->level == VKS_LOG_ERROR)
            VKS_TRY(env_log_level(&log->level));
        VKS_TRY(env_options(options));
    }
    VKS_TRY(vkr_options_parse(options, own.options));       /* on top: what the program says wins */
    if (own.max_memory)
        options->max_memory = own.max_memory;
    return VKS_OK;
}

vks_status context_wrap(struct vkr_device *device, const struct vkr_log *log, vks_context **out)
{
    vks_context *context = vkr_calloc(1, sizeof *context);
    if (!context) {
        vkr_device_release(&device);
        return vks_fail(VKS_ERR_HOST_MEMORY, "out of memory: a context could not be allocated");
    }
    atomic_init(&context->references, 1);
    context->log = *log;
    context->device = device;
    context->target = (struct vkr_target){ .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    if (context->target.options.tune == VKR_TUNE_AUTO && context->target.caps.device_class != VKR_CLASS_CPU)
        doctor_check_new(context);
    if (context->target.options.tune != VKR_TUNE_OFF)
        verdicts_apply(context);
    vks_status status = tune_open(context);
    if (status != VKS_OK)
        vks_context_destroy(&context);
    *out = context;
    return status;
}

vks_status vks_context_create(const vks_context_params *params, vks_context **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_context_create: out must not be NULL");
    *out = NULL;
    struct vkr_log log;
    struct vkr_options options;
    const char *which;
    VKS_TRY(context_settings(params, &log, &options, &which));
    struct vkr_device *device = NULL;
    VKS_TRY(vkr_device_open(which, &options, &log, &device));
    return context_wrap(device, &log, out);
}

vks_context *context_retain(vks_context *context)
{
    atomic_fetch_add(&context->references, 1);
    return context;
}

void vks_context_destroy(vks_context **context)
{
    if (!context || !*context)
        return;
    vks_context *dead = *context;
    *context = NULL;
    if (atomic_fetch_sub(&dead->references, 1) != 1)
        return;
    tune_close(dead);
    vkr_device_release(&dead->device);
    vkr_free(dead);
}

/* The index is looked up afresh because the list may differ from the one the context was opened from; a device that is
 * no longer listed (an imported one of another driver) keeps index 0. */
static uint32_t find_index(const struct vkr_caps *caps)
{
    struct vkr_device_entry *entries = NULL;
    uint32_t count = 0, index = 0;
    if (vkr_device_list(&entries, &count) != VKS_OK)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(entries[i].caps.uuid, caps->uuid, sizeof caps->uuid) == 0 && strcmp(entries[i].caps.name, caps->name) == 0) {
            index = i;
            break;
        }
    }
    vkr_free(entries);
    return index;
}

vks_status vks_context_device(const vks_context *context, vks_device_info *out)
{
    VKS_REQUIRE(context && out, VKS_ERR_ARGUMENT, "vks_context_device: context and out must not be NULL");
    const struct vkr_caps *caps = &context->target.caps;
    describe(caps, find_index(caps), out);
    return VKS_OK;
}

vks_status vks_context_memory(const vks_context *context, uint64_t *now, uint64_t *peak)
{
    VKS_REQUIRE(context, VKS_ERR_ARGUMENT, "vks_context_memory: context must not be NULL");
    uint64_t held = 0, most = 0;
    vkr_device_memory_now(context->device, &held, &most);
    if (now)
        *now = held;
    if (peak)
        *peak = most;
    return VKS_OK;
}
