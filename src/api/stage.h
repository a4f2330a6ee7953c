/* stage.h: one half of a model (encode or decode) at one shape, as a compiled plan: built when first needed, kept while
 * it is used. Plans are exact: a shape key is never padded to a larger one, because padding tokens would change results. */
#ifndef VKS_STAGE_H
#define VKS_STAGE_H

#include "graph/plan.h"
#include "vkseg/vkseg.h"

/* Decoder calls differ in these alone. The encoder has one shape and leaves them zero. */
struct stage_key {
    uint32_t objects, tokens;
    bool mask;
    uint32_t source;
};

enum { STAGE_PLANS = 8 };

/* Plans of one session, least recently used first to go. Zero-initialise to create. */
struct stage_cache {
    struct stage_entry {
        struct stage_key key;
        uint64_t last_use;
        struct vkr_plan *plan;
    } entries[STAGE_PLANS];
    uint64_t clock;
};

/* Fills a graph; failures stick to it. */
struct stage_builder {
    void (*build)(void *user, struct vkr_graph *graph, struct stage_key key);
    void *user;
    bool profile;               /* time every kernel, whatever the context's options say */
    bool keeps_marks;           /* keep every marked tensor readable, likewise */
};

void stage_cache_clear(struct stage_cache *cache);

/* The plan for `key`: from the cache, or compiled and kept there. When the device is full, the other plans of the cache
 * go first. *out belongs to the cache and lives until the next call. */
vks_status stage_plan(struct stage_cache *cache, vks_context *context, struct vkr_params *params,
                      const struct stage_builder *builder, struct stage_key key, struct vkr_plan **out);

/* Compiles a plan that nobody keeps for the caller. */
vks_status stage_compile(vks_context *context, struct vkr_params *params, const struct stage_builder *builder,
                         struct stage_key key, struct vkr_plan **out);

/* Runs a plan whose inputs are written; writes the dump (one DUMP/STAGE.NAME.npy per marked tensor) and logs the profile
 * when the context's options ask for them. `progress` may be NULL. */
vks_status stage_run(vks_context *context, struct vkr_plan *plan, const char *stage, const struct vkr_progress *progress);

#endif
