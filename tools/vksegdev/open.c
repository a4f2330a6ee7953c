/* open.c: what every command opens: a context, a model, or only the target that plans are made for; and the exit code
 * of a status. */
#include "dev.h"

#include "base/status.h"
#include "gpu/device.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

int dev_finish(vks_status status)
{
    static const int codes[] = {
        [VKS_OK] = 0,
        [VKS_ERR_ARGUMENT] = 2,
        [VKS_ERR_NOT_FOUND] = 3,
        [VKS_ERR_CORRUPT] = 4,
        [VKS_ERR_MODEL] = 5,
        [VKS_ERR_SHAPE] = 1,
        [VKS_ERR_UNSUPPORTED] = 4,
        [VKS_ERR_NO_DEVICE] = 6,
        [VKS_ERR_HOST_MEMORY] = 7,
        [VKS_ERR_DEVICE_MEMORY] = 7,
        [VKS_ERR_DEVICE_LOST] = 8,
        [VKS_ERR_TIMEOUT] = 8,
        [VKS_ERR_OUTPUT] = 9,
        [VKS_ERR_CHECK] = 11,
        [VKS_ERR_CANCELLED] = 12,
        [VKS_ERR_INTERNAL] = 1,
    };
    if (status != VKS_OK)
        fprintf(stderr, "vksegdev: %s: %s\n", vks_status_name(status), vks_last_error());
    return (unsigned)status < sizeof codes / sizeof *codes ? codes[status] : 1;
}

static void print_log(void *user, vks_log_level level, const char *message)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    (void)user;
    fprintf(stderr, "%s: %s\n", names[level], message);
}

vks_status dev_context(const struct args *args, vks_context **out)
{
    const vks_context_params params = { .struct_size = sizeof params,
                                        .device = args->device,
                                        .options = args->options,
                                        .use_environment = 1,
                                        .log_level = args->verbose ? VKS_LOG_DEBUG : VKS_LOG_WARNING,
                                        .log = print_log };
    return vks_context_create(&params, out);
}

vks_status dev_model(const struct args *args, vks_context *context, vks_model **out)
{
    const vks_model_params params = { .struct_size = sizeof params,
                                      .family = args->family,
                                      .options = args->model_options,
                                      .precision = args->precision };
    vks_status status = vks_model_load(context, args->model, &params, out);
    return status == VKS_ERR_NOT_FOUND ? VKS_ERR_MODEL : status;
}

vks_status dev_target(const struct args *args, struct vkr_target *out)
{
    static const struct {
        const char *name;
        struct vkr_caps (*make)(void);
    } presets[] = {
        { "minimum", vkr_caps_minimum },
        { "lavapipe", vkr_caps_lavapipe },
        { "phone", vkr_caps_phone },
        { "desktop", vkr_caps_desktop },
    };
    memset(out, 0, sizeof *out);
    VKS_TRY(vkr_options_parse(&out->options, args->options));
    if (!args->preset) {
        struct vkr_device *device = NULL;
        VKS_TRY(vkr_device_open(args->device, &out->options, NULL, &device));
        out->caps = *vkr_device_caps(device);
        vkr_device_release(&device);
        return VKS_OK;
    }
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(args->preset, presets[i].name) == 0) {
            out->caps = presets[i].make();
            return vkr_caps_mask(&out->caps, out->options.caps);
        }
    }
    return vks_fail(VKS_ERR_ARGUMENT, "--as %s: expected minimum, lavapipe, phone or desktop", args->preset);
}
