/* window_view.h: a partition into windows seen by those who can read the grid itself, and its inverse by those who can write
 * it. Implemented in window.c. */
#ifndef WINDOW_VIEW_H
#define WINDOW_VIEW_H

#include "graph/op.h"

struct window_view {
    struct vkr_tensor *grid, *fill;     /* [B, H, W, C]; [C] or NULL */
    uint32_t size;
    bool pads;                          /* some window reaches beyond the grid: the fill matters */
};

/* Is `x` the result of vkr_window? */
bool window_view_of(const struct vkr_graph *graph, const struct vkr_tensor *x, struct window_view *out);

/* The shape of that result: [B * ny * nx, size * size, C]. */
struct vkr_desc window_view_shape(const struct vkr_desc *grid, uint32_t size);

/* The grids that a batch of windows was cut of: [batch, height, width, C]. */
struct window_grid { uint32_t size, batch, height, width; };

/* The attention whose result is x, with its result on the grid that its queries are windows of; cells beyond it are not
 * computed. NULL: x is none, or must be put there by vkr_unwindow. Implemented in attention_vec.c. */
struct vkr_tensor *attention_on_grid(struct vkr_graph *g, const struct vkr_tensor *x, const struct window_grid *grid);

#endif
