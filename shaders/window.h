/* window.h: contract between window*.comp and runtime/ops/window.c. */
#ifndef WINDOW_H
#define WINDOW_H
#include "shared.h"
#define WINDOW_LOCAL 32
struct window_args {
    uint height, width;     /* of the token grid */
    uint size;              /* side of a window */
    uint rows, cols;        /* windows down and across */
    uint channels;          /* elements per token (vec4: quarter of them) */
    uint tokens;            /* output tokens: one workgroup each */
    uint fill;              /* 1: tokens outside the grid take the fill vector, else zero */
};
VKR_ARGS_FIT(window_args)
#endif
