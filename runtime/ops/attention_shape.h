/* attention_shape.h: what the kernel families of attention share. Implemented in attention.c; in attention_vec.c what is
 * named attention_vec. */
#ifndef ATTENTION_SHAPE_H
#define ATTENTION_SHAPE_H

#include "graph/op.h"
#include "ops.h"

enum { ATTENTION_INPUTS = 7 };      /* q, k, v, rel_h, rel_w, bias, fill of windows */

enum { ATTENTION_VEC, ATTENTION_COOPMAT, ATTENTION_PORTABLE };   /* indices into vkr_attention_choices */

struct attention_params {
    struct vkr_attention a;
    uint32_t choice;
    uint32_t cut;               /* coopmat: index into its cuts */
    uint32_t window[3];         /* vec: q, k or v is the grid [B, H, W, C] behind windows of this size; 0: not */
    uint32_t on_grid;           /* vec: so is the result, of q's grid, which is one */
};

/* Sizes that both halves of the choice need. */
struct attention_shape {
    uint32_t head_dim, heads, batch, kv_batch, queries, keys, q_row, k_row, v_row, at, grid_h, grid_w, bias, half;
};

/* Padded positions of keys in the kernels of the cpu class. */
uint32_t attention_vec_positions(const struct attention_shape *shape);

bool attention_vec_fits(const void *shape, const struct vkr_target *target);

vks_status attention_vec_lower(struct vkr_lower *l, const struct attention_params *params, const struct attention_shape *s,
                               struct vkr_tensor *const *in, struct vkr_tensor *out);

/* A bias [heads, Nq, Nk] with rows of that many positions: padded once, at load. */
struct vkr_tensor *attention_vec_bias(struct vkr_graph *g, struct vkr_tensor *bias, uint32_t positions);

/* Replaces operands that are windows by the grids they were cut of. */
void attention_vec_look(const struct vkr_graph *g, struct attention_params *p, struct vkr_tensor *in[ATTENTION_INPUTS]);

#endif
