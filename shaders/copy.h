/* copy.h: contract between copy.comp and runtime/ops/copy.c. */
#ifndef COPY_H
#define COPY_H
#include "shared.h"
#define COPY_LOCAL 32
#define COPY_PER_LANE 16
struct copy_args {
    uint inner;             /* innermost elements (vec4: quarter of them) */
    uint rows;              /* product of the outer dimensions */
    uint d1, d2, d3;        /* outer dimensions, innermost first; the fourth needs no size */
    uint x0, x1, x2, x3, x4;    /* strides of x, innermost first; 0 repeats */
    uint y0, y1, y2, y3, y4;    /* strides of y */
    uint x_at, y_at;        /* first elements */
};
VKR_ARGS_FIT(copy_args)
#endif
