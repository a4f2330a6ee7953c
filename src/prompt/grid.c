/* grid.c: the arithmetic of the official generator, truncations included, so that parts and points are its own. */
#include "prompt/grid.h"

#include <math.h>

uint32_t grid_crop_count(uint32_t layers)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= layers; i++)
        count += 1u << (2 * i);
    return count;
}

static uint32_t part_length(uint32_t length, uint32_t parts, uint32_t overlap)
{
    return (uint32_t)ceil(((double)overlap * (parts - 1) + length) / parts);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void grid_crops(uint32_t width, uint32_t height, uint32_t layers, float overlap, struct grid_crop *crops)
{
    *crops++ = (struct grid_crop){ 0, 0, width, height, 0 };
    for (uint32_t layer = 1; layer <= layers; layer++) {
        uint32_t parts = 1u << layer;
        uint32_t shared = (uint32_t)((double)overlap * least(width, height) * (2.0 / parts));
        uint32_t across = part_length(width, parts, shared), down = part_length(height, parts, shared);
        for (uint32_t i = 0; i < parts; i++)
            for (uint32_t j = 0; j < parts; j++) {
                uint32_t x0 = least((across - shared) * i, width - 1), y0 = least((down - shared) * j, height - 1);
                *crops++ = (struct grid_crop){ x0, y0, least(x0 + across, width), least(y0 + down, height), layer };
            }
    }
}

/* numpy.linspace(1 / (2 side), 1 - 1 / (2 side), side): the last point is the end itself. */
static double place(uint32_t side, uint32_t i)
{
    double offset = 1.0 / (2.0 * side), end = 1.0 - offset;
    if (side > 1 && i + 1 == side)
        return end;
    return side > 1 ? offset + i * ((end - offset) / (side - 1)) : offset;
}

void grid_point(uint32_t side, uint32_t index, double *x, double *y)
{
    *x = place(side, index % side);
    *y = place(side, index / side);
}
