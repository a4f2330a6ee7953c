/* tiny_vit.c: the encoder as a graph; reads like tiny_vit_sam.py of the published code. */
#include "models/tiny_vit.h"

#include <math.h>

static const float eps = 1e-5f, neck_eps = 1e-6f;

static struct vkr_tensor *stem(const struct tiny_vit *e, struct nn n, struct vkr_tensor *x)
{
    uint32_t stride = e->stem_kernel == 3 ? 2 : 1, pad = e->stem_kernel / 2;
    const struct nn_conv first = { e->stem_width, e->stem_kernel, stride, pad, true, VKR_ACT_GELU };
    const struct nn_conv second = { e->stages[0].width, e->stem_kernel, stride, pad, true, VKR_ACT_NONE };
    vkr_graph_push(n.graph, "patch_embed");
    x = nn_conv(n, "seq.2", nn_conv(n, "seq.0", x, &first), &second);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

/* MBConv: the activation comes after the sum. */
static struct vkr_tensor *bottleneck(const struct tiny_vit_stage *s, struct nn n, struct vkr_tensor *x)
{
    struct vkr_tensor *y = nn_linear(n, "conv1", x, s->hidden, VKR_ACT_GELU, NULL);
    y = nn_depthwise(n, "conv2", y, 3, 1, VKR_ACT_GELU);
    return vkr_unary(n.graph, nn_linear(n, "conv3", y, s->width, VKR_ACT_NONE, x), VKR_ACT_GELU);
}

/* The published projection has q, k and v of a head side by side; attention wants all q, then all k, then all v. */
static struct vkr_tensor *by_kind(struct nn n, struct vkr_tensor *x, uint32_t heads, uint32_t head, uint32_t columns)
{
    struct vkr_desc split = { x->desc.dtype, 4, { heads, 3, head, columns } }, whole = x->desc;
    x = vkr_permute(n.graph, vkr_reshape(n.graph, x, split), (uint32_t[]){ 1, 0, 2, 3 });
    return vkr_reshape(n.graph, x, whole);
}

/* A token beyond the grid is zero before the LayerNorm, so its bias after it: the projection sees real tokens only. */
static struct vkr_tensor *attention(const struct tiny_vit_stage *s, struct nn n, struct vkr_tensor *x)
{
    struct vkr_graph *g = n.graph;
    uint32_t c = s->width, head = c / s->heads, tokens = s->window * s->window;
    const struct vkr_attention params = { .heads = s->heads, .head_dim = head, .k_offset = c, .v_offset = 2 * c,
                                          .scale = (float)(1.0 / sqrt((double)head)) };
    vkr_graph_push(g, "attn");
    struct vkr_tensor *weight = by_kind(n, nn_weight(n, "qkv.weight", vkr_f32(2, 3 * c, c)), s->heads, head, c);
    struct vkr_tensor *bias = by_kind(n, nn_param(n, "qkv.bias", vkr_f32(1, 3 * c)), s->heads, head, 1);
    struct vkr_tensor *qkv = vkr_matmul(g, nn_layer_norm(n, "norm", x, eps), weight, bias, NULL, VKR_ACT_NONE);
    struct vkr_tensor *beyond = NULL;
    if (s->grid % s->window) {
        beyond = vkr_reshape(g, nn_param(n, "norm.bias", vkr_f32(1, c)), vkr_f32(2, 1, c));
        beyond = vkr_reshape(g, vkr_matmul(g, beyond, weight, bias, NULL, VKR_ACT_NONE), vkr_f32(1, 3 * c));
    }
    qkv = vkr_window(g, qkv, beyond, s->window);
    struct vkr_tensor *offsets = nn_param(n, "bias", vkr_f32(3, s->heads, tokens, tokens));
    struct vkr_tensor *y = vkr_attention_biased(g, qkv, qkv, qkv, offsets, &params);
    vkr_graph_mark(g, y, "windows");
    y = vkr_unwindow(g, y, 1, s->grid, s->grid, s->window);
    y = nn_linear(n, "proj", y, c, VKR_ACT_NONE, x);
    vkr_graph_pop(g);
    return y;
}

static struct vkr_tensor *block(const struct tiny_vit_stage *s, struct nn n, struct vkr_tensor *x)
{
    x = nn_depthwise(n, "local_conv", attention(s, n, x), 3, 1, VKR_ACT_NONE);
    vkr_graph_push(n.graph, "mlp");
    struct vkr_tensor *y = nn_linear(n, "fc1", nn_layer_norm(n, "norm", x, eps), s->hidden, VKR_ACT_GELU, NULL);
    y = nn_linear(n, "fc2", y, s->width, VKR_ACT_NONE, x);
    vkr_graph_pop(n.graph);
    return y;
}

static struct vkr_tensor *merge(struct nn n, struct vkr_tensor *x, uint32_t width, uint32_t stride)
{
    vkr_graph_push(n.graph, "downsample");
    x = nn_linear(n, "conv1", x, width, VKR_ACT_GELU, NULL);
    x = nn_linear(n, "conv3", nn_depthwise(n, "conv2", x, 3, stride, VKR_ACT_GELU), width, VKR_ACT_NONE, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

static struct vkr_tensor *stage(const struct tiny_vit *e, struct nn n, uint32_t index, struct vkr_tensor *x)
{
    const struct tiny_vit_stage *s = &e->stages[index];
    vkr_graph_push(n.graph, "layers.%u", index);
    for (uint32_t i = 0; i < s->depth; i++) {
        vkr_graph_push(n.graph, "blocks.%u", i);
        x = index == 0 ? bottleneck(s, n, x) : block(s, n, x);
        vkr_graph_mark(n.graph, x, NULL);
        vkr_graph_pop(n.graph);
    }
    if (s->stride)
        x = merge(n, x, s[1].width, s->stride);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

struct vkr_tensor *tiny_vit_build(const struct tiny_vit *e, struct nn n)
{
    struct vkr_tensor *x = vkr_graph_input(n.graph, "pixels", vkr_f32(3, e->side, e->side, 3));
    vkr_graph_push(n.graph, "image_encoder");
    x = stem(e, n, vkr_reshape(n.graph, x, vkr_f32(4, 1, e->side, e->side, 3)));
    for (uint32_t i = 0; i < TINY_VIT_STAGES; i++)
        x = stage(e, n, i, x);
    x = nn_neck(n, "neck", x, e->channels, neck_eps);
    vkr_graph_pop(n.graph);
    return x;
}
