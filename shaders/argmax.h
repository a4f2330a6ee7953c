/* argmax.h: contract between argmax.comp and runtime/ops/argmax.c. */
#ifndef ARGMAX_H
#define ARGMAX_H

#include "shared.h"

#define ARGMAX_LOCAL 128
#define ARGMAX_LANES 8              /* vec: one subgroup */

struct argmax_args {
    uint rows, channels;            /* of x */
    uint classes;                   /* the leading channels that count */
};
VKR_ARGS_FIT(argmax_args)

#endif
