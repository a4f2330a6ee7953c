/* grid.h: where automatic mask generation looks: parts of the image, and a grid of points in each. Host only, pure; the
 * rules of the official generator (segment_anything/utils/amg.py). */
#ifndef VKS_GRID_H
#define VKS_GRID_H

#include "base/status.h"

/* Columns x0 <= x < x1, rows y0 <= y < y1. Layer 0 is the whole image, layer i has 2^i parts a side. */
struct grid_crop {
    uint32_t x0, y0, x1, y1, layer;
};

enum { GRID_LAYERS = 4 };

/* Number of parts of layers 0..layers; layers is at most GRID_LAYERS. */
uint32_t grid_crop_count(uint32_t layers);

/* crops: [grid_crop_count(layers)], layer by layer, from left to right, each column downwards. `overlap`: of the first
 * layer's parts, as a share of the image's shorter side. */
void grid_crops(uint32_t width, uint32_t height, uint32_t layers, float overlap, struct grid_crop *crops);

/* Point `index` of a side x side grid over the unit square, row by row. */
void grid_point(uint32_t side, uint32_t index, double *x, double *y);

#endif
