/* softmax.h: contract between softmax*.comp and runtime/ops/softmax.c. */
#ifndef SOFTMAX_H
#define SOFTMAX_H
#include "shared.h"
#define SOFTMAX_LOCAL 64
#define SOFTMAX_LANES 8         /* vec: one subgroup */
/* The axis has `cols` entries, `inner` elements apart (vec: in texels); `rows`: all others together. */
struct softmax_args { uint rows, cols, inner; float scale; };
VKR_ARGS_FIT(softmax_args)
#endif
