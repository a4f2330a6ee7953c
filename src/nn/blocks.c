/* blocks.c: parameters by path, and the blocks that are one or two operators. */
#include "nn/nn.h"

#include <stdio.h>

static struct vkr_tensor *param(struct nn n, const char *name, struct vkr_desc desc)
{
    char path[320];
    const char *scope = vkr_graph_scope(n.graph);
    int length = snprintf(path, sizeof path, "%s%s%s", scope, scope[0] ? "." : "", name);
    if (length < 0 || (size_t)length >= sizeof path)
        return vkr_graph_fail(n.graph, vks_fail(VKS_ERR_INTERNAL, "the path of parameter %s is too long", name));
    return vkr_graph_param(n.graph, path, desc);
}

struct vkr_tensor *nn_param(struct nn n, const char *name, struct vkr_desc desc)
{
    desc.dtype = VKR_F32;
    return param(n, name, desc);
}

struct vkr_tensor *nn_weight(struct nn n, const char *name, struct vkr_desc desc)
{
    desc.dtype = n.half ? VKR_F16 : VKR_F32;
    return param(n, name, desc);
}

struct vkr_tensor *nn_linear(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                             enum vkr_activation act, struct vkr_tensor *residual)
{
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *weight = nn_weight(n, "weight", vkr_f32(2, outputs, vkr_last(&x->desc)));
    struct vkr_tensor *bias = nn_param(n, "bias", vkr_f32(1, outputs));
    struct vkr_tensor *y = vkr_matmul(n.graph, x, weight, bias, residual, act);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_layer_norm(struct nn n, const char *name, struct vkr_tensor *x, float eps)
{
    uint32_t channels = vkr_last(&x->desc);
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *weight = nn_param(n, "weight", vkr_f32(1, channels));
    struct vkr_tensor *bias = nn_param(n, "bias", vkr_f32(1, channels));
    struct vkr_tensor *y = vkr_layer_norm(n.graph, x, weight, bias, eps);
    vkr_graph_mark(n.graph, y, NULL);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_mlp(struct nn n, const char *name, struct vkr_tensor *x, uint32_t hidden, enum vkr_activation act,
                          struct vkr_tensor *residual)
{
    uint32_t outputs = vkr_last(&x->desc);
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *y =
        nn_linear(n, "lin2", nn_linear(n, "lin1", x, hidden, act, NULL), outputs, VKR_ACT_NONE, residual);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_mlp_head(struct nn n, const char *name, struct vkr_tensor *x, uint32_t hidden, uint32_t outputs,
                               uint32_t depth)
{
    vkr_graph_push(n.graph, "%s", name);
    for (uint32_t i = 0; i < depth; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "layers.%u", i);
        bool last = i + 1 == depth;
        x = nn_linear(n, layer, x, last ? outputs : hidden, last ? VKR_ACT_NONE : VKR_ACT_RELU, NULL);
    }
    vkr_graph_pop(n.graph);
    return x;
}

struct vkr_tensor *nn_conv(struct nn n, const char *name, struct vkr_tensor *x, const struct nn_conv *conv)
{
    const struct vkr_conv params = { .stride = { 1, conv->stride, conv->stride },
                                     .pad = { 0, conv->pad, conv->pad },
                                     .act = conv->act };
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *weight =
        nn_weight(n, "weight", vkr_f32(4, conv->outputs, vkr_last(&x->desc), conv->kernel, conv->kernel));
    struct vkr_tensor *bias = conv->bias ? nn_param(n, "bias", vkr_f32(1, conv->outputs)) : NULL;
    struct vkr_tensor *y = vkr_conv(n.graph, x, weight, bias, &params);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_depthwise(struct nn n, const char *name, struct vkr_tensor *x, uint32_t kernel, uint32_t stride,
                                enum vkr_activation act)
{
    uint32_t channels = vkr_last(&x->desc), pad = kernel / 2;
    const struct vkr_conv params = { .stride = { 1, stride, stride }, .pad = { 0, pad, pad }, .groups = channels,
                                     .act = act };
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *weight = nn_weight(n, "weight", vkr_f32(4, channels, 1, kernel, kernel));
    struct vkr_tensor *bias = nn_param(n, "bias", vkr_f32(1, channels));
    struct vkr_tensor *y = vkr_conv(n.graph, x, weight, bias, &params);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_neck(struct nn n, const char *name, struct vkr_tensor *x, uint32_t channels, float eps)
{
    const struct nn_conv first = { channels, 1, 1, 0, false, VKR_ACT_NONE };
    const struct nn_conv second = { channels, 3, 1, 1, false, VKR_ACT_NONE };
    vkr_graph_push(n.graph, "%s", name);
    x = nn_layer_norm(n, "1", nn_conv(n, "0", x, &first), eps);
    x = nn_layer_norm(n, "3", nn_conv(n, "2", x, &second), eps);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

static struct vkr_tensor *conv_transpose(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                                         const struct vkr_conv *params)
{
    const uint32_t kernel = params->stride[1];
    vkr_graph_push(n.graph, "%s", name);
    struct vkr_tensor *weight = nn_weight(n, "weight", vkr_f32(4, vkr_last(&x->desc), outputs, kernel, kernel));
    struct vkr_tensor *bias = nn_param(n, "bias", vkr_f32(1, outputs));
    struct vkr_tensor *y = vkr_conv_transpose(n.graph, x, weight, bias, params);
    vkr_graph_pop(n.graph);
    return y;
}

struct vkr_tensor *nn_conv_transpose(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                                     uint32_t kernel, enum vkr_activation act)
{
    return conv_transpose(n, name, x, outputs, &(struct vkr_conv){ .stride = { 1, kernel, kernel }, .act = act });
}

struct vkr_tensor *nn_conv_transpose_blocks(struct nn n, const char *name, struct vkr_tensor *x, uint32_t outputs,
                                            uint32_t kernel, enum vkr_activation act)
{
    const struct vkr_conv params = { .stride = { 1, kernel, kernel }, .act = act, .in_blocks = true };
    uint32_t batch = x->desc.dim[0], rows = x->desc.dim[1];
    x = vkr_reshape(n.graph, x, vkr_f32(4, batch, 1, rows, x->desc.dim[2]));
    x = conv_transpose(n, name, x, outputs, &params);
    return vkr_reshape(n.graph, x, vkr_f32(3, batch, rows * kernel * kernel, outputs));
}

struct vkr_tensor *nn_join_blocks(struct nn n, struct vkr_tensor *x, uint32_t height, uint32_t width, uint32_t kernel)
{
    uint32_t batch = x->desc.dim[0];
    uint32_t inner = (uint32_t)(vkr_numel(&x->desc) / ((uint64_t)batch * height * width * kernel * kernel));
    x = vkr_reshape(n.graph, x, vkr_f32(4, batch * height, width, kernel, kernel * inner));
    x = vkr_permute(n.graph, x, (uint32_t[]){ 0, 2, 1, 3 });
    return vkr_reshape(n.graph, x, vkr_f32(4, batch, height * kernel, width * kernel, inner));
}
