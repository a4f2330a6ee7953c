/* ops.h: the catalogue of operators: formula, shapes, builder. All activations are f32, dense, channels last.
 * Weights keep PyTorch's layout and may be f32 or f16; packing is done by nodes that the engine folds at load.
 * A builder never returns NULL; failures stick to the graph. `NULL` operands are the optional ones. */
#ifndef VKR_OPS_H
#define VKR_OPS_H

#include "graph/graph.h"

enum vkr_activation {
    VKR_ACT_NONE, VKR_ACT_RELU, VKR_ACT_GELU /* erf */, VKR_ACT_GELU_TANH, VKR_ACT_SIGMOID, VKR_ACT_SILU, VKR_ACT_TANH,
    VKR_ACT_SOFTPLUS, VKR_ACT_LEAKY_RELU /* slope 0.01 */, VKR_ACT_RSQRT, VKR_ACT_ELU /* alpha 1 */
};

/* y = act(x · wᵀ + bias) + residual.  x [.., M, K]; w [N, K] (f32 or f16), or [B, N, K] with x [B, M, K];
 * bias [N] or NULL; residual of y's shape or NULL; act NONE, RELU or GELU.  y [.., M, N].  (torch.nn.functional.linear) */
struct vkr_tensor *vkr_matmul(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                              struct vkr_tensor *residual, enum vkr_activation act);

/* y = softmax(scale · Q·Kᵀ + bias) · V per batch and head, fused: no [Nq, Nk] tensor exists.
 * q, k, v are [B, N, row] tensors (may be one and the same fused qkv tensor); head h of token n starts at element
 * offset + h * head_dim of its row. k and v may have B = 1 with q's B > 1 (shared) .  y [B, Nq, heads * head_dim].
 * rel_h [2*grid_h-1, head_dim] and rel_w [2*grid_w-1, head_dim] (both or none) add SAM's decomposed relative position:
 * bias[q, k] = q·rel_h[qy-ky+grid_h-1] + q·rel_w[qx-kx+grid_w-1] with the unscaled q, tokens on a grid_h x grid_w grid.
 */
struct vkr_attention {
    uint32_t heads, head_dim;
    uint32_t q_offset, k_offset, v_offset;      /* elements */
    float scale;
    uint32_t grid_h, grid_w;                    /* with rel_h and rel_w only */
    bool half;                                  /* q, k, v and the weights of the softmax may be rounded to f16 */
};
struct vkr_tensor *vkr_attention(struct vkr_graph *g, struct vkr_tensor *q, struct vkr_tensor *k, struct vkr_tensor *v,
                                 struct vkr_tensor *rel_h, struct vkr_tensor *rel_w, const struct vkr_attention *params);

/* The same with an additive bias [heads, Nq, Nk] that all of the batch share: a learned table written out, or a mask. */
struct vkr_tensor *vkr_attention_biased(struct vkr_graph *g, struct vkr_tensor *q, struct vkr_tensor *k,
                                        struct vkr_tensor *v, struct vkr_tensor *bias, const struct vkr_attention *params);

/* y = (x - mean) / sqrt(var + eps) * w + b over the last dimension C; w, b [C], both or none. Two-pass, f32.
 * With channels last this is also SAM's LayerNorm2d. */
struct vkr_tensor *vkr_layer_norm(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *b,
                                  float eps);

/* y = act(x), elementwise. */
struct vkr_tensor *vkr_unary(struct vkr_graph *g, struct vkr_tensor *x, enum vkr_activation act);

/* y = a op b with NumPy broadcasting (rank <= 5). */
enum vkr_binary_kind { VKR_ADD, VKR_SUB, VKR_MUL };
struct vkr_tensor *vkr_binary(struct vkr_graph *g, enum vkr_binary_kind kind, struct vkr_tensor *a, struct vkr_tensor *b);
struct vkr_tensor *vkr_add(struct vkr_graph *g, struct vkr_tensor *a, struct vkr_tensor *b);

/* Data movement; all are the operator `copy`. Elements may be f32 or f16 (dtype is kept).
 * permute: y.dim[i] = x.dim[order[i]].  slice: `count` entries of `axis` from `start`.  concat: along `axis`.
 * broadcast: x repeated to `desc` (NumPy rules). */
struct vkr_tensor *vkr_permute(struct vkr_graph *g, struct vkr_tensor *x, const uint32_t *order);
struct vkr_tensor *vkr_slice(struct vkr_graph *g, struct vkr_tensor *x, uint32_t axis, uint32_t start, uint32_t count);
struct vkr_tensor *vkr_concat(struct vkr_graph *g, struct vkr_tensor *a, struct vkr_tensor *b, uint32_t axis);
struct vkr_tensor *vkr_broadcast(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_desc desc);

/* Window partition: x [B, H, W, C] -> [B * ny * nx, size * size, C], ny = ceil(H/size); tokens beyond H, W take `fill` [C]
 * (NULL: zero).  Unpartition is the inverse; padded tokens are dropped: x [B*ny*nx, size*size, C] -> [B, H, W, C].
 * In the cpu class attention between windows of a grid, put back on it, is made there: whoever also uses its windows has it
 * computed twice. */
struct vkr_tensor *vkr_window(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *fill, uint32_t size);
struct vkr_tensor *vkr_unwindow(struct vkr_graph *g, struct vkr_tensor *x, uint32_t batch, uint32_t height, uint32_t width,
                                uint32_t size);

/* Convolution, 2-D or 3-D. x [B, H, W, C] or [B, D, H, W, C]; w as PyTorch: [O, C/groups, kh, kw] or [O, C/groups, kd, kh, kw]
 * (f32 or f16); bias [O] or NULL. Zero padding. Kernels equal to their stride without padding become a matmul. */
struct vkr_conv {
    uint32_t stride[3], pad[3], dilation[3];    /* d, h, w; entry 0 is ignored in 2-D; 0 stride or dilation means 1 */
    uint32_t output_pad[3];                     /* transposed only */
    uint32_t groups;                            /* 0 means 1 */
    enum vkr_activation act;                    /* NONE, RELU, GELU, LEAKY_RELU */
    bool in_blocks;                             /* transposed only, kernel = stride: the result is not interleaved */
};
struct vkr_tensor *vkr_conv(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                            const struct vkr_conv *params);

/* Transposed convolution; w as PyTorch: [C, O/groups, kh, kw] or with kd. Kernels equal to their stride without padding
 * become a matmul and a permute; with `in_blocks` the matmul alone: y [B, H, W, taps * O], the taps of each position
 * together. */
struct vkr_tensor *vkr_conv_transpose(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w,
                                      struct vkr_tensor *bias, const struct vkr_conv *params);

/* One slab (a run of planes) of a 3-D convolution that keeps the size: kernel 1 or 3, stride 1, padding = dilation, of a
 * volume given as slabs x[0..count), at most 5, each [planes, H, W, C stored] (f32 or f16; C stored is C rounded up to 4,
 * the rest zeros, or 1). x[i] begins at plane first[i] of the volume; planes in no slab count as zero, so every slab that
 * holds a wanted plane must be given. y = act(conv + bias) for the planes of x[centre]: [planes, H, W, O rounded up to
 * 4], the rest zeros, f16 when `half` and not `wide`. So a volume passes through a chain of convolutions slab by slab,
 * and only the planes that are still wanted lie in memory.
 * w [O, C, k, k, k] and bias [O] or NULL as PyTorch, f32; `half` stores the weights as f16. */
struct vkr_conv_slab {
    uint32_t centre, dilation;                  /* dilation 0 means 1 */
    int32_t first[5];
    bool half, wide;
    enum vkr_activation act;                    /* NONE, RELU, GELU, LEAKY_RELU, ELU */
};
struct vkr_tensor *vkr_conv_slab(struct vkr_graph *g, struct vkr_tensor *const *x, uint32_t count, struct vkr_tensor *w,
                                 struct vkr_tensor *bias, const struct vkr_conv_slab *params);

/* Masks from the features of pixels: y[b, m, i] = sum over c of w[b, m, c] x[b, row(i), c].  x [B, height * width, C],
 * w [B, M, C], y [B, M, height, width], all f32. levels 0: the rows of x are pixels in order. levels n: x was enlarged n
 * times by transposed convolutions of stride 2 that left blocks together (vkr_conv.in_blocks): the pixels of a cell of the
 * coarsest grid follow each other, four blocks of the next finer level. (segment_anything/modeling/mask_decoder.py) */
struct vkr_tensor *vkr_mask_product(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, uint32_t height,
                                    uint32_t width, uint32_t levels);

/* The index of the largest of the first `classes` channels, the first of equals; x [.., C] f32, y [..] i32. */
struct vkr_tensor *vkr_argmax(struct vkr_graph *g, struct vkr_tensor *x, uint32_t classes);

/* Resampling of the spatial dimensions of [B, H, W, C] or [B, D, H, W, C] to size[] (d, h, w; entry 0 ignored in 2-D), as
 * torch.nn.functional.interpolate without antialiasing. Cubic (a = -0.75) is 2-D only. */
enum vkr_resize_mode { VKR_NEAREST, VKR_LINEAR, VKR_LINEAR_ALIGN_CORNERS, VKR_CUBIC };
struct vkr_tensor *vkr_resize(struct vkr_graph *g, struct vkr_tensor *x, const uint32_t size[3], enum vkr_resize_mode mode);

/* y = softmax(x) over the last dimension; y = softmax(scale x) over dimension `axis`, which has at most
 * VKR_SOFTMAX_AXIS entries unless it is the last. */
enum { VKR_SOFTMAX_AXIS = 20000 };
struct vkr_tensor *vkr_softmax(struct vkr_graph *g, struct vkr_tensor *x);
struct vkr_tensor *vkr_softmax_axis(struct vkr_graph *g, struct vkr_tensor *x, uint32_t axis, float scale);

/* y[b, m, n] = sum over k of x[b, k, m] w[b, k, n]: rows of w summed with the weights in the columns of x.
 * x [B, K, M], w [B, K, N], y [B, M, N], all f32.  (torch: x.transpose(1, 2) @ w) */
struct vkr_tensor *vkr_weighted_sum(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w);

/* Does this target have a kernel for a sum of such sizes that is as fast as its matmul? */
bool vkr_weighted_sum_is_fast(const struct vkr_graph *g, uint32_t batch, uint32_t k, uint32_t m, uint32_t n);

/* Pooling of [B, H, W, C] or [B, D, H, W, C]; padding counts as -infinity (max) and is excluded (average).
 * window 0 in an axis means the whole axis (global pooling). */
enum vkr_pool_kind { VKR_POOL_MAX, VKR_POOL_AVERAGE };
struct vkr_pool { enum vkr_pool_kind kind; uint32_t window[3], stride[3], pad[3]; };
struct vkr_tensor *vkr_pool(struct vkr_graph *g, struct vkr_tensor *x, const struct vkr_pool *params);

/* Group normalisation of [B, .., C]: per batch element and channel group over all positions; w, b [C] or NULL.
 * groups == C is instance normalisation. */
struct vkr_tensor *vkr_group_norm(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *b,
                                  uint32_t groups, float eps);

#endif
