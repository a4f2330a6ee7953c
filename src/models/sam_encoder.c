/* sam_encoder.c: the image encoder as a graph; reads like image_encoder.py of the published code. */
#include "models/sam_encoder.h"

static const float eps = 1e-6f;

/* ---- graph ---------------------------------------------------------------------------------------------------- */

static struct vkr_tensor *block(const struct sam_encoder *e, struct nn n, uint32_t index, struct vkr_tensor *x)
{
    const struct sam_block *b = &e->blocks[index];
    const struct nn_self_attention attention = { e->heads, b->window, b->table_h, b->table_w };
    vkr_graph_push(n.graph, "blocks.%u", index);
    x = nn_self_attention(n, "attn", nn_layer_norm(n, "norm1", x, eps), &attention, x);
    x = nn_mlp(n, "mlp", nn_layer_norm(n, "norm2", x, eps), e->hidden, VKR_ACT_GELU, x);
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
