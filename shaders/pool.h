/* pool.h: contract between pool*.comp and runtime/ops/pool.c. */
#ifndef POOL_H
#define POOL_H

#include "shared.h"

#define POOL_LOCAL 128
#define POOL_LANES 8                /* vec variants: one subgroup */
#define POOL_RUN 2048               /* pool_halve_vec, pool_planes_vec: vec4 of a row or plane per workgroup */

struct pool_args {
    uint count;                     /* elements of y */
    uint planes;                    /* of y: batch * out_d */
    uint channels;
    uint in_d, in_h, in_w;
    uint out_d, out_h, out_w;
    uint window_d, window_h, window_w;
    uint stride_d, stride_h, stride_w;
    uint pad_d, pad_h, pad_w;
};
VKR_ARGS_FIT(pool_args)

#endif
