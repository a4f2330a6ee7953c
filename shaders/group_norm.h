/* group_norm.h: contract between group_norm_sums.comp, group_norm_join.comp, group_norm.comp and
 * runtime/ops/group_norm.c. Positions are cut into chunks so that a large volume occupies many workgroups; every sum
 * has a fixed order. */
#ifndef GROUP_NORM_H
#define GROUP_NORM_H

#include "shared.h"

#define GROUP_NORM_LOCAL 128
#define GROUP_NORM_LANES 8          /* vec variants: one subgroup */

struct group_norm_args {
    uint batch, positions, channels;
    uint groups;
    uint chunk;                     /* positions per chunk; the last may have fewer */
    uint chunks;
    uint lanes;                     /* group_norm_sums: channels side by side in a workgroup, a power of two up to 32 */
    uint has_weight, has_bias;      /* 0: the binding holds something else */
    float eps;
};
VKR_ARGS_FIT(group_norm_args)

#endif
