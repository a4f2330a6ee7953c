/* matmul_cells.h: a matmul that keeps of each 2 x 2 cell of a grid of rows the maximum only. */
#ifndef MATMUL_CELLS_H
#define MATMUL_CELLS_H

#include "graph/op.h"

/* x [.., H, W, N] is the result of a matmul: its maxima [.., H / 2, W / 2, N], made by a twin of that matmul, for a builder
 * that is x's only user. NULL when this target multiplies by another kernel, something is added to x, or a side is odd. */
struct vkr_tensor *matmul_of_cells(struct vkr_graph *g, struct vkr_tensor *x);

#endif
