/* weighted_sum.h: contract between weighted_sum*.comp and runtime/ops/weighted_sum.c. */
#ifndef WEIGHTED_SUM_H
#define WEIGHTED_SUM_H

#include "shared.h"

#define WEIGHTED_SUM_LOCAL 64
#define WEIGHTED_SUM_TILE 32            /* vec: rows and columns of y that eight lanes make */
#define WEIGHTED_SUM_STEP 8             /* vec: k at a time */

struct weighted_sum_args {
    uint batch, k, m, n;                /* vec: m and n in texels */
    uint zero;                          /* 0, and the compiler must not know it */
};
VKR_ARGS_FIT(weighted_sum_args)

#endif
