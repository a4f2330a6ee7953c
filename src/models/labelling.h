/* labelling.h: what an automatic family does: a volume in, a class for every voxel out. Such a family accepts
 * VKS_ACCEPTS_VOLUME and has `label`; the builders of the promptable ones are NULL.
 *
 * A volume enters as slabs of `planes` planes (the last may have fewer) and its labels leave in the same slabs.
 */
#ifndef VKS_LABELLING_H
#define VKS_LABELLING_H

#include "volume/scaling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct label_name {
    const char *name;
    unsigned char rgb[3];
};

struct volume_spec {
    uint32_t grid;                  /* voxels of 1 mm along each side of what the network was trained on */
    uint32_t classes;               /* 2..255; class 0 is background */
    uint32_t reach;                 /* a label depends on voxels at most this far away, in each axis */
    bool whole;                     /* the network must see all of the volume at once, in one slab */
    struct volume_scaling scaling;
    const struct label_name *names; /* [classes], or NULL */
};

struct label_shape {
    uint32_t size[3];               /* voxels along i, j, k; i is the innermost */
    uint32_t planes;                /* of a slab, along k */
    const uint32_t *logit_planes;   /* ascending; the slabs that hold one keep their logits, too */
    size_t logit_plane_count;
};

static inline uint32_t label_slabs(const struct label_shape *shape)
{
    return (shape->size[2] + shape->planes - 1) / shape->planes;
}

/* Does slab `slab` hold a plane whose logits are wanted? */
static inline bool label_keeps_logits(const struct label_shape *shape, uint32_t slab)
{
    for (size_t i = 0; i < shape->logit_plane_count; i++)
        if (shape->logit_planes[i] / shape->planes == slab)
            return true;
    return false;
}

/* Channels of an input slab: 1; or 4, of which three are zero, when some slab has no whole number of quads. */
static inline uint32_t label_input_channels(const struct label_shape *shape)
{
    uint64_t plane = (uint64_t)shape->size[0] * shape->size[1], last = shape->size[2] % shape->planes;
    bool even = plane * shape->planes % 4 == 0 || label_slabs(shape) == 1;
    return even && plane * (last ? last : shape->planes) % 4 == 0 ? 1 : 4;
}

#endif
