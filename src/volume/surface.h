/* surface.h: the surface of one label as the corners between its voxels and others', each with its share of area. */
#ifndef VKS_SURFACE_H
#define VKS_SURFACE_H

#include "base/mem.h"

/* A box of voxels [begin, begin + size) of a grid; its corners are one more along each axis, but for the third axis of a
 * flat one, where the corners of the contour lie in the plane. */
struct surface_box {
    uint32_t grid[3], begin[3], size[3];
    bool is_flat;
    size_t corners[3];
};

/* The box around `label` in both maps; false when it is in neither. */
bool surface_find_box(const uint16_t *a, const uint16_t *b, uint32_t label, const uint32_t grid[3], bool is_flat,
                      struct surface_box *out);

/* For every corner which of the 8 (4) voxels around it have the label, as bits; `codes` is zeroed, one byte a corner. */
void surface_encode(const uint16_t *map, uint32_t label, const struct surface_box *box, uint8_t *codes);

/* Is this a corner on the surface? */
static inline bool surface_is_border(uint8_t code, bool is_flat)
{
    return code != 0 && code != (is_flat ? 15 : 255);
}

/* Area (length) in mm^2 (mm) that belongs to a corner of each code. */
void surface_areas(const double spacing[3], bool is_flat, double areas[256]);

#endif
