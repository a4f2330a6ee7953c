/* stage.c: plans by shape, and what happens around a run. */
#include "api/stage.h"

#include "api/handles.h"
#include "api/tune.h"
#include "base/mem.h"
#include "base/npy.h"

#include <stdio.h>
#include <string.h>

static bool same_key(const struct stage_key *a, const struct stage_key *b)
{
    return a->objects == b->objects && a->tokens == b->tokens && a->mask == b->mask && a->source == b->source;
}

void stage_cache_clear(struct stage_cache *cache)
{
    for (uint32_t i = 0; i < STAGE_PLANS; i++)
        vkr_plan_destroy(&cache->entries[i].plan);
    memset(cache, 0, sizeof *cache);
}

vks_status stage_compile(vks_context *context, struct vkr_params *params, const struct stage_builder *builder,
                         struct stage_key key, struct vkr_plan **out)
{
    struct vkr_graph *graph = NULL;
    bool news = false;
    *out = NULL;
    struct vkr_target target = context->target;
    target.options.profile = target.options.profile || builder->profile;
    if (builder->keeps_marks && !target.options.dump[0])
        target.options.dump[0] = '.';   /* any name will do: nothing is written unless the context's own options say so */
    VKS_TRY(vkr_graph_create(&target, &graph));
    builder->build(builder->user, graph, key);
    vks_status status = vkr_graph_status(graph);
    if (status == VKS_OK)
        status = tune_answer(context, &news);
    if (news) {                         /* with kernels that have turned out to be faster */
        vkr_graph_destroy(&graph);
        VKS_TRY(status);
        VKS_TRY(vkr_graph_create(&target, &graph));
        builder->build(builder->user, graph, key);
    }
    if (status == VKS_OK)
        status = vkr_plan_create(context->device, graph, params, out);
    vkr_graph_destroy(&graph);
    return status;
}

static struct stage_entry *oldest(struct stage_cache *cache)
{
    struct stage_entry *victim = &cache->entries[0];
    for (uint32_t i = 0; i < STAGE_PLANS; i++) {
        if (!cache->entries[i].plan)
            return &cache->entries[i];
        if (cache->entries[i].last_use < victim->last_use)
            victim = &cache->entries[i];
    }
    return victim;
}

vks_status stage_plan(struct stage_cache *cache, vks_context *context, struct vkr_params *params,
                      const struct stage_builder *builder, struct stage_key key, struct vkr_plan **out)
{
    cache->clock++;
    for (uint32_t i = 0; i < STAGE_PLANS; i++) {
        struct stage_entry *entry = &cache->entries[i];
        if (entry->plan && same_key(&entry->key, &key)) {
            entry->last_use = cache->clock;
            *out = entry->plan;
            return VKS_OK;
        }
    }
    struct stage_entry *entry = oldest(cache);
    vkr_plan_destroy(&entry->plan);
    vks_status status = stage_compile(context, params, builder, key, &entry->plan);
    if (status == VKS_ERR_DEVICE_MEMORY) {
        uint64_t clock = cache->clock;
        stage_cache_clear(cache);
        cache->clock = clock;
        entry = &cache->entries[0];
        status = stage_compile(context, params, builder, key, &entry->plan);
    }
    VKS_TRY(status);
    entry->key = key;
    entry->last_use = cache->clock;
    *out = entry->plan;
    return VKS_OK;
}

/* ---- runs --------------------------------------------------------------------------------------------------- */

/* Module paths are file names but for characters that a pattern or a folder could contain. */
static void dump_path(char *path, size_t size, const char *folder, const char *stage, const char *name)
{
    int used = snprintf(path, size, "%s/%s.", folder, stage);
    for (size_t at = (size_t)used; *name && at + 5 < size; name++, at++) {
        path[at] = *name == '/' || *name == '\\' || *name == ':' ? '_' : *name;
        path[at + 1] = '\0';
    }
    strncat(path, ".npy", size - strlen(path) - 1);
}

static vks_status dump_marks(struct vkr_plan *plan, const char *folder, const char *stage)
{
    uint32_t count = vkr_plan_mark_count(plan);
    for (uint32_t i = 0; i < count; i++) {
        struct vkr_desc desc;
        const char *name = vkr_plan_mark(plan, i, &desc);
        size_t size = (size_t)vkr_bytes(&desc);
        void *data;
        VKS_TRY(vkr_alloc(1, size, name, &data));
        vks_status status = vkr_plan_mark_read(plan, i, data, size);
        if (status == VKS_OK) {
            char path[1024];
            dump_path(path, sizeof path, folder, stage, name);
            status = vkr_npy_write(path, &desc, data);
        }
        vkr_free(data);
        VKS_TRY(status);
    }
    return VKS_OK;
}

static void log_profile(const struct vkr_log *log, const struct vkr_plan *plan, const char *stage)
{
    struct vkr_profile_row row;
    for (uint32_t i = 0; vkr_plan_profile(plan, i, &row); i++)
        vkr_log(log, VKS_LOG_INFO, "profile %s %9.3f ms %8.2f GFLOP/s %8.2f GB/s  %s.%s  %s", stage, row.ms,
                row.ms > 0 ? row.flops / row.ms * 1e-6 : 0, row.ms > 0 ? row.bytes / row.ms * 1e-6 : 0, row.shader, row.variant,
                row.node);
}

vks_status stage_run(vks_context *context, struct vkr_plan *plan, const char *stage, const struct vkr_progress *progress)
{
    const struct vkr_options *options = &context->target.options;
    VKS_TRY(vkr_plan_run(plan, progress));
    vkr_log(&context->log, VKS_LOG_DEBUG, "%s: %.3f GFLOP, %.3f ms on the device", stage, vkr_plan_flops(plan) * 1e-9,
            vkr_plan_gpu_ms(plan));
    if (options->profile)
        log_profile(&context->log, plan, stage);
    return options->dump[0] ? dump_marks(plan, options->dump, stage) : VKS_OK;
}
