/* label_plan.h: how a volume goes through an automatic network within a budget: so many planes at a time, in so many
 * tiles. Pure: graphs are estimated, nothing is allocated on a device. */
#ifndef VKS_LABEL_PLAN_H
#define VKS_LABEL_PLAN_H

#include "graph/graph.h"
#include "models/family.h"

/* Tiles cut i and j only: along k the slabs bound memory already. Tile t of an axis gives the labels of core[axis] * t and
 * up, and sees `shape.size` voxels from label_tile_first(): its own and all that reach them. */
struct label_plan {
    struct label_shape shape;       /* of one tile; all are alike */
    uint32_t size[3];               /* of the whole */
    uint32_t tiles[2], core[2];     /* along i and j */
    uint64_t bytes;                 /* of device memory */
    double flops;                   /* of all tiles */
};

static inline uint32_t label_tile_first(const struct label_plan *plan, uint32_t axis, uint32_t tile, uint32_t reach)
{
    uint32_t at = tile * plan->core[axis], most = plan->size[axis] - plan->shape.size[axis];
    at = at > reach ? at - reach : 0;
    return at < most ? at : most;
}

/* The fastest plan that fits: few tiles before thick slabs. shape->size and its logit planes are given. Errors:
 * DEVICE_MEMORY (nothing fits; the sentence says how much the smallest plan wants), and those of the graph. */
vks_status label_plan_make(const struct network *network, const struct vkr_target *target, bool half,
                           const struct label_shape *shape, struct label_plan *out);

#endif
