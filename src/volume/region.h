/* region.h: where in a volume something is: bounding boxes and connected components. Voxel (i, j, k) is element
 * (k * size[1] + j) * size[0] + i. */
#ifndef VKS_REGION_H
#define VKS_REGION_H

#include "base/status.h"

#include <stdbool.h>

struct region {
    uint32_t first[3], size[3];     /* along i, j, k */
};

/* The box of all voxels above `limit`, grown by `padding` on each side and cut to the volume; false when there are none. */
bool region_above(const float *voxels, const uint32_t size[3], float limit, uint32_t padding, struct region *out);

/* Sets every voxel that is not 0 and not of the largest component to 0. Neighbours share a face, an edge or a corner; of
 * equally large components the one met first stays. *components is their number. Errors: HOST_MEMORY. */
vks_status region_keep_largest(uint8_t *labels, const uint32_t size[3], uint32_t *components);

#endif
