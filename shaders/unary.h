/* unary.h: contract between unary.comp and runtime/ops/unary.c. */
#ifndef UNARY_H
#define UNARY_H
#include "shared.h"
#define UNARY_LOCAL 64
#define UNARY_PER_LANE 8
struct unary_args {
    uint count;             /* elements (vec4: quarter of them) */
    uint kind;              /* enum vkr_activation */
};
VKR_ARGS_FIT(unary_args)
#endif
