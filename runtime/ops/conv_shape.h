/* conv_shape.h: geometry that convolution and transposed convolution share. Implemented in conv.c, and conv_patches_vec.c. Entries 0 of a 2-D
 * convolution are those of a depth of one, so that one set of kernels serves both. */
#ifndef CONV_SHAPE_H
#define CONV_SHAPE_H

#include "conv.h"
#include "graph/op.h"
#include "ops.h"

struct conv_shape {
    uint32_t kernel[3], stride[3], pad[3], dilation[3], output_pad[3];
    uint32_t groups, outputs, act;
    uint32_t choice;                            /* index into the operator's list of variants */
};

/* Checks x, w, bias and `params` of `op` against each other. `bias` has dtype VKR_NONE when absent. */
vks_status conv_describe(const char *op, bool transposed, const struct vkr_desc *x, const struct vkr_desc *w,
                         const struct vkr_desc *bias, const struct vkr_conv *params, struct conv_shape *out);

/* d, h, w of [B, H, W, C] or [B, D, H, W, C]; d is 1 in the former. */
void conv_space(const struct vkr_desc *x, uint32_t space[3]);

/* [B, (d,) h, w, channels] with the rank of x. */
struct vkr_desc conv_result(const struct vkr_desc *x, const uint32_t space[3], uint32_t channels);

/* Taps of the kernel. */
uint32_t conv_taps(const struct conv_shape *shape);

/* Is the kernel equal to its stride, without padding, dilation or groups: patches that do not overlap? */
bool conv_is_tiling(const struct conv_shape *shape);

/* A convolution `op` as a call that may be timed: its shape class, work and operands {x, w, bias}. The caller adds the list of
 * kernels and who issues it again; params, which that gets, must outlive it. */
struct vkr_call conv_call(const char *op, bool transposed, const struct conv_shape *shape, const struct vkr_desc operands[3],
                          const struct vkr_conv *params);

/* Arguments of a kernel that computes y from x. */
struct conv_args conv_arguments(const struct conv_shape *shape, const struct vkr_desc *x, const struct vkr_desc *y,
                                const struct vkr_tensor *bias);

/* [n, a, b, c] -> [n, b, a, c] of x's elements; no node when a or b is 1. */
struct vkr_tensor *conv_swap(struct vkr_graph *g, struct vkr_tensor *x, uint64_t n, uint32_t a, uint64_t b, uint64_t c);

/* x · wᵀ + bias with an activation that matmul may not know. */
struct vkr_tensor *conv_matmul(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                               uint32_t act);

/* d, h, w of the result of a convolution that is not transposed, and its output positions. */
void conv_result_space(const struct conv_shape *shape, const struct vkr_desc *x, uint32_t space[3]);
uint64_t conv_positions(const struct conv_shape *shape, const struct vkr_desc *x);

/* [O, C, taps..] -> [O, taps * C]: one row per output, ordered as a patch lies in memory. */
struct vkr_tensor *conv_patch_weight(struct vkr_graph *g, struct vkr_tensor *w, const struct conv_shape *shape);

/* ---- conv_patches_vec.c ---- */

/* A patch's terms as a row of the matrix that matmul_vec reads by eights. */
uint64_t conv_patch_row(const struct conv_shape *shape, const struct vkr_desc *x);

/* The convolution as a matmul of gathered patches. x is whole texels. */
struct vkr_tensor *conv_gathered(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                                 const struct conv_shape *shape);

/* Emits: the rows of x, filled up with zeros to those of y. */
vks_status conv_emit_pad(struct vkr_lower *lower, const struct vkr_tensor *x, const struct vkr_tensor *y);

#endif
