/* self_attention.c: the attention half of a vision transformer block, whole or in windows, as in ViTDet (arXiv
 * 2203.16527) and SAM: the projections see real tokens only, whatever the window. */
#include "nn/nn.h"

#include <math.h>

/* A table of relative positions for `span` places: [2 * span - 1, width]. Tables of another length are interpolated
 * linearly, once: the result is folded. */
static struct vkr_tensor *table(struct nn n, const char *name, uint32_t entries, uint32_t span, uint32_t width)
{
    struct vkr_tensor *rel = nn_param(n, name, vkr_f32(2, entries, width));
    uint32_t wanted = 2 * span - 1;
    if (entries == wanted)
        return rel;
    const uint32_t size[3] = { 0, 1, wanted };
    rel = vkr_reshape(n.graph, rel, vkr_f32(4, 1, 1, entries, width));
    rel = vkr_resize(n.graph, rel, size, VKR_LINEAR);
    return vkr_reshape(n.graph, rel, vkr_f32(2, wanted, width));
}

struct vkr_tensor *nn_self_attention(struct nn n, const char *name, struct vkr_tensor *x,
                                     const struct nn_self_attention *attention, struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    uint32_t batch = x->desc.dim[0], height = x->desc.dim[1], width = x->desc.dim[2], channels = vkr_last(&x->desc);
    uint32_t window = attention->window;
    const struct vkr_attention params = {
        .heads = attention->heads,
        .head_dim = channels / attention->heads,
        .k_offset = channels,
        .v_offset = 2 * channels,
        .scale = (float)(1.0 / sqrt((double)channels / attention->heads)),
        .grid_h = window ? window : height,
        .grid_w = window ? window : width,
        .half = n.half,
    };
    vkr_graph_push(g, "%s", name);
    struct vkr_tensor *qkv = nn_linear(n, "qkv", x, 3 * channels, VKR_ACT_NONE, NULL);
    struct vkr_tensor *rel_h = NULL, *rel_w = NULL;
    if (attention->table_h) {
        rel_h = table(n, "rel_pos_h", attention->table_h, params.grid_h, params.head_dim);
        rel_w = table(n, "rel_pos_w", attention->table_w, params.grid_w, params.head_dim);
    }
    if (window) /* the projection of a zero token is the bias: pad after it, with it */
        qkv = vkr_window(g, qkv, nn_param(n, "qkv.bias", vkr_f32(1, 3 * channels)), window);
    else
        qkv = vkr_reshape(g, qkv, vkr_f32(3, batch, height * width, 3 * channels));
    struct vkr_tensor *y = vkr_attention(g, qkv, qkv, qkv, rel_h, rel_w, &params);
    vkr_graph_mark(g, y, "windows");
    if (window)
        y = vkr_unwindow(g, y, batch, height, width, window);
    y = vkr_reshape(g, y, vkr_f32(4, batch, height, width, channels));
    y = nn_linear(n, "proj", y, channels, VKR_ACT_NONE, residual);
    vkr_graph_pop(g);
    return y;
}
