/* resize.h: contract between resize.comp and runtime/ops/resize.c. */
#ifndef RESIZE_H
#define RESIZE_H

#include "shared.h"

#define RESIZE_LOCAL 128
#define RESIZE_LANES 8              /* vec variants: one subgroup */
#define RESIZE_RUN 8                /* vec variants: neighbours in a row per invocation */

struct resize_args {
    uint rows;                      /* batch * out_d * out_h */
    uint channels;
    uint in_d, in_h, in_w;
    uint out_d, out_h, out_w;
    float scale_d, scale_h, scale_w;    /* in / out as float; nearest only */
    uint align_corners;
};
VKR_ARGS_FIT(resize_args)

#endif
