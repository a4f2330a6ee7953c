/* layer_norm.h: contract between layer_norm*.comp and runtime/ops/layer_norm.c. */
#ifndef LAYER_NORM_H
#define LAYER_NORM_H
#include "shared.h"
#define LAYER_NORM_LOCAL 64
#define LAYER_NORM_VEC_ROWS 8
struct layer_norm_args {
    uint rows;      /* independent rows */
    uint cols;      /* elements normalised per row */
    uint affine;    /* 1: weight and bias are bound */
    float eps;
    uint panels;    /* vec: 1: y is [ceil(rows / 8)][cols / 4][8] vec4 */
};
VKR_ARGS_FIT(layer_norm_args)
#endif
