/* sam_encoder.c: the image encoder as a graph; reads like image_encoder.py of the published code. */
#include "models/sam_encoder.h"

static const float eps = 1e-6f, adapter_eps = 1e-5f;

/* ---- graph ---------------------------------------------------------------------------------------------------- */

/* What all positions have in common decides how much of each channel the convolutions see. x [B, H, W, C]. */
static struct vkr_tensor *adapter(const struct sam_encoder *e, struct nn n, struct vkr_tensor *x)
{
    struct vkr_graph *g = n.graph;
    uint32_t c = e->width;
    const struct vkr_pool mean = { .kind = VKR_POOL_AVERAGE };
    const struct nn_conv down = { c, 3, 2, 1, false, VKR_ACT_RELU };
    const struct vkr_conv up = { .stride = { 1, 2, 2 }, .pad = { 0, 1, 1 }, .act = VKR_ACT_RELU };
    vkr_graph_push(g, "Adapter");
    struct vkr_tensor *gate = vkr_pool(g, x, &mean);
    gate = vkr_matmul(g, gate, nn_weight(n, "channel.0.weight", vkr_f32(2, e->adapter, c)), NULL, NULL, VKR_ACT_RELU);
    gate = vkr_matmul(g, gate, nn_weight(n, "channel.2.weight", vkr_f32(2, c, e->adapter)), NULL, NULL, VKR_ACT_NONE);
    struct vkr_tensor *y = vkr_binary(g, VKR_MUL, x, vkr_unary(g, gate, VKR_ACT_SIGMOID));
    y = vkr_conv_transpose(g, nn_conv(n, "spatial.0", y, &down), nn_weight(n, "spatial.2.weight", vkr_f32(4, c, c, 4, 4)),
                           NULL, &up);
    y = nn_layer_norm(n, "norm", vkr_add(g, x, y), adapter_eps);
    vkr_graph_mark(g, y, NULL);
    vkr_graph_pop(g);
    return y;
}

static struct vkr_tensor *block(const struct sam_encoder *e, struct nn n, uint32_t index, struct vkr_tensor *x)
{
    const struct sam_block *b = &e->blocks[index];
    const struct nn_self_attention attention = { e->heads, b->window, b->table_h, b->table_w };
    vkr_graph_push(n.graph, "blocks.%u", index);
    x = nn_self_attention(n, "attn", nn_layer_norm(n, "norm1", x, eps), &attention, x);
    struct vkr_tensor *y = nn_layer_norm(n, "norm2", x, eps);
    if (e->adapter && !e->adapters_off)
        x = vkr_add(n.graph, x, adapter(e, n, y));
    x = nn_mlp(n, "mlp", y, e->hidden, VKR_ACT_GELU, x);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

struct vkr_tensor *sam_encoder_build(const struct sam_encoder *e, struct nn n)
{
    const struct nn_conv patches = { e->width, e->patch, e->patch, 0, true, VKR_ACT_NONE };
    uint32_t side = e->grid * e->patch;
    struct vkr_tensor *x = vkr_graph_input(n.graph, "pixels", vkr_f32(3, side, side, 3));
    vkr_graph_push(n.graph, "image_encoder");
    x = nn_conv(n, "patch_embed.proj", vkr_reshape(n.graph, x, vkr_f32(4, 1, side, side, 3)), &patches);
    vkr_graph_mark(n.graph, x, "patch_embed");
    x = vkr_add(n.graph, x, nn_param(n, "pos_embed", vkr_f32(4, 1, e->grid, e->grid, e->width)));
    for (uint32_t i = 0; i < e->depth; i++)
        x = block(e, n, i, x);
    x = nn_neck(n, "neck", x, e->channels, eps);
    vkr_graph_pop(n.graph);
    return x;
}
