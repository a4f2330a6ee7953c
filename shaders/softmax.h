/* softmax.h: contract between softmax.comp and runtime/ops/softmax.c. */
#ifndef SOFTMAX_H
#define SOFTMAX_H
#include "shared.h"
#define SOFTMAX_LOCAL 64
struct softmax_args { uint rows, cols; };
VKR_ARGS_FIT(softmax_args)
#endif
