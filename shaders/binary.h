/* binary.h: contract between binary.comp and runtime/ops/binary.c. */
#ifndef BINARY_H
#define BINARY_H
#include "shared.h"
#define BINARY_LOCAL 64
#define BINARY_PER_LANE 8
struct binary_args {
    uint inner;             /* innermost elements (vec4: quarter of them) */
    uint rows;              /* product of the outer dimensions */
    uint d1, d2, d3;        /* outer dimensions, innermost first; the fourth needs no size */
    uint a0, a1, a2, a3, a4;    /* strides of a, innermost first; 0 repeats */
    uint b0, b1, b2, b3, b4;
    uint kind;              /* enum vkr_binary_kind */
};
VKR_ARGS_FIT(binary_args)
#endif
