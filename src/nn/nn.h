/* nn.h: blocks without a shader of their own, composed of operators. The graph's scope carries the module path, so that
 * parameters, marks and profiles are named as in PyTorch. Knows no checkpoint key and no model.
 *
 * All tensors are f32, channels last. Every block pushes its own name where it takes one ("" for none).
 */
#ifndef VKS_NN_H
#define VKS_NN_H

#include "ops.h"

struct nn {
    struct vkr_graph *graph;
    bool half; /* weights of matmuls and convolutions are stored as f16; all other parameters stay f32 */
};

/* The parameter SCOPE.name, f32. */
struct vkr_tensor *nn_param(struct nn n, const char *name, struct vkr_desc desc);

/* The same for a weight of a matmul or convolution: f16 when n.half. */
struct vkr_tensor *nn_weight(struct nn n, const char *name, struct vkr_desc desc);

/* y = act(x · wᵀ + b) + residual with NAME.weight [outputs, K] and NAME.bias. x [.., K]; residual NULL or of y's shape.
 */
struct vkr_tensor *nn_linear(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                             enum vkr_activation act, struct vkr_tensor *residual);

/* NAME.weight and NAME.bias over the last dimension; with channels last also LayerNorm2d. */
struct vkr_tensor *nn_layer_norm(struct nn n, const char *name, struct vkr_tensor *x, float eps);

/* y = lin2(act(lin1(x))) + residual under NAME. */
struct vkr_tensor *nn_mlp(struct nn n, const char *name, struct vkr_tensor *x, uint32_t hidden, enum vkr_activation act,
                          struct vkr_tensor *residual);

/* NAME.layers.0 .. NAME.layers.depth-1: linear layers with ReLU between them. */
struct vkr_tensor *nn_mlp_head(struct nn n, const char *name, struct vkr_tensor *x, uint32_t hidden, uint32_t outputs,
                               uint32_t depth);

/* Square convolution NAME.weight [outputs, C, kernel, kernel], with NAME.bias if `bias`. x [B, H, W, C]. */
struct nn_conv {
    uint32_t outputs, kernel, stride, pad;
    bool bias;
    enum vkr_activation act;
};
struct vkr_tensor *nn_conv(struct nn n, const char *name, struct vkr_tensor *x, const struct nn_conv *conv);

/* Depthwise convolution NAME.weight [C, 1, kernel, kernel] with NAME.bias, of the input's size when stride is 1 and the
 * kernel odd. x [B, H, W, C]. */
struct vkr_tensor *nn_depthwise(struct nn n, const char *name, struct vkr_tensor *x, uint32_t kernel, uint32_t stride,
                                enum vkr_activation act);

/* The end of an image encoder under NAME: 1 x 1 convolution "0" to `channels`, norm "1", 3 x 3 convolution "2", norm
 * "3", both convolutions without bias. x [B, H, W, C]. Marked. */
struct vkr_tensor *nn_neck(struct nn n, const char *name, struct vkr_tensor *x, uint32_t channels, float eps);

/* Transposed convolution NAME.weight [C, outputs, kernel, kernel] with NAME.bias; stride = kernel. */
struct vkr_tensor *nn_conv_transpose(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                                     uint32_t kernel, enum vkr_activation act);

/* The same of rows [B, N, C] to [B, N * kernel * kernel, outputs]: the pixels that one row becomes follow each other. What
 * goes on pixel by pixel need not put them in order. */
struct vkr_tensor *nn_conv_transpose_blocks(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                                            uint32_t kernel, enum vkr_activation act);

/* Such rows of an image of height x width cells in order: [B, height * kernel, width * kernel, rest]. */
struct vkr_tensor *nn_join_blocks(struct nn n, struct vkr_tensor *x, uint32_t height, uint32_t width, uint32_t kernel);

/* Multi-head self-attention with one fused projection NAME.qkv, NAME.proj and decomposed relative positions
 * NAME.rel_pos_h and rel_pos_w of `table_h` and `table_w` entries (0: none). x [B, H, W, C] is the normalised input.
 * window > 0: attention within windows of window x window; tokens beyond the grid are zeros before the projection, so
 * their q, k and v are its bias and stay in the softmax. y = proj(attention) + residual, [B, H, W, C].
 * Marks "windows": the attention before proj, [B * windows, window * window, C] (or [B, H * W, C]). */
struct nn_self_attention {
    uint32_t heads, window, table_h, table_w;
};
struct vkr_tensor *nn_self_attention(struct nn n, const char *name, struct vkr_tensor *x,
                                     const struct nn_self_attention *attention, struct vkr_tensor *residual);

/* Multi-head attention with separate NAME.q_proj, k_proj, v_proj (to `inner` channels) and out_proj (to `outputs`).
 * q [B, Nq, C]; k, v [B or 1, Nk, C]; or q [1, ..] with k, v [B, ..]. residual: NULL, or [B or 1, Nq, outputs]. */
struct nn_attention {
    uint32_t heads, inner, outputs;
};
struct vkr_tensor *nn_attention(struct nn n, const char *name, struct vkr_tensor *q, struct vkr_tensor *k,
                                struct vkr_tensor *v, const struct nn_attention *attention,
                                struct vkr_tensor *residual);

/* The same function as nn_attention where one side is a few tokens [B, T, C] and the other an image [B, N, C], residual of
 * the result's shape or NULL; without projections of the image (token_attention.c). Worth it where nn_tokens_pay. */
bool nn_tokens_pay(struct nn n, const struct vkr_tensor *tokens, const struct vkr_tensor *image,
                   const struct nn_attention *attention);
struct vkr_tensor *nn_tokens_to_image(struct nn n, const char *name, struct vkr_tensor *tokens, struct vkr_tensor *keys,
                                      struct vkr_tensor *values, const struct nn_attention *attention,
                                      struct vkr_tensor *residual);
struct vkr_tensor *nn_image_to_tokens(struct nn n, const char *name, struct vkr_tensor *queries, struct vkr_tensor *keys,
                                      struct vkr_tensor *values, const struct nn_attention *attention,
                                      struct vkr_tensor *residual);

/* The two-way transformer of SAM's mask decoder under NAME: `depth` layers of {self_attn, cross_attn_token_to_image,
 * mlp, cross_attn_image_to_token} and final_attn_token_to_image. tokens [B, T, C] (also their positional encoding);
 * image [B or 1, N, C]; image_position [1, N, C]. What does not depend on the object yet is computed once.
 * Marks layers.N.queries, layers.N.keys, queries. */
struct nn_two_way {
    uint32_t depth, heads, cross_inner, hidden;
    float eps;
};
struct nn_two_way_result {
    struct vkr_tensor *tokens, *image;
}; /* [B, T, C], [B, N, C] */
struct nn_two_way_result nn_two_way(struct nn n, const char *name, struct vkr_tensor *tokens, struct vkr_tensor *image,
                                    struct vkr_tensor *image_position, const struct nn_two_way *params);

#endif
