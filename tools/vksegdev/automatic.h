/* automatic.h: graphs of automatic models (models/labelling.h) for commands that look at graphs. */
#ifndef DEV_AUTOMATIC_H
#define DEV_AUTOMATIC_H

#include "graph/plan.h"
#include "models/family.h"

/* Voxels along i, j, k of DEV_SMALL: one slab, no two sides alike. */
#define DEV_SMALL_SIZE 48, 40, 32

enum dev_extent {
    DEV_WHOLE, /* the grid the model was made for, as a run would cut it on this target */
    DEV_SLAB,  /* one slab of it */
    DEV_SMALL,
};

/* The stage to look at: `wanted`, or the first one of this model. Errors: ARGUMENT (it has no such stage). */
vks_status dev_stage(const struct network *network, const char *wanted, const char **out);

/* Builds the stage `label`. Errors: DEVICE_MEMORY (no plan fits the target). */
vks_status dev_label_build(const struct network *network, const struct vkr_target *target, struct nn n,
                           enum dev_extent extent);

/* Writes the input of DEV_SMALL: numbers about as large as scaled voxels, the same in every run. */
vks_status dev_label_fill(struct vkr_plan *plan);

#endif
