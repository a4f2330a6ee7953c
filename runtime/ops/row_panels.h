/* row_panels.h: operators that can leave their result in the row panels of matmul_vec ([1, ceil(M / 8), K / 4, 8, 4], see
 * matmul.h) for a matmul that would otherwise copy it there. K is a multiple of four. */
#ifndef ROW_PANELS_H
#define ROW_PANELS_H

#include "graph/op.h"

/* A twin of the layer_norm node with these parameters whose result is x; `input` is the shape of what it normalises. NULL when
 * this target runs it by another kernel. */
struct vkr_tensor *layer_norm_in_panels(struct vkr_graph *g, const struct vkr_tensor *x, const void *params,
                                        const struct vkr_desc *input);

#endif
