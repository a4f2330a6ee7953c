/* mask_product.h: contract between mask_product.comp and runtime/ops/mask_product.c. */
#ifndef MASK_PRODUCT_H
#define MASK_PRODUCT_H

#include "shared.h"

#define MASK_PRODUCT_LOCAL 64
#define MASK_PRODUCT_LANES 8            /* vec: one subgroup, four pixels a lane */

struct mask_product_args {
    uint masks;
    uint depth;                         /* elements of a row: channels, or a quarter of them */
    uint width, pixels;                 /* of one mask */
    uint levels;                        /* enlargements whose blocks are still together in x */
    uint groups;                        /* workgroups of one batch element */
    uint batch;
};
VKR_ARGS_FIT(mask_product_args)

#endif
