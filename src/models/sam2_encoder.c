/* sam2_encoder.c: the image encoder as a graph; reads like hieradet.py and image_encoder.py of the published code. */
#include "models/sam2_encoder.h"

#include <math.h>
#include <stdio.h>

static const float eps = 1e-6f;

static struct vkr_tensor *halve(struct nn n, struct vkr_tensor *x)
{
    const struct vkr_pool pool = { .kind = VKR_POOL_MAX, .window = { 1, 2, 2 }, .stride = { 1, 2, 2 } };
    return vkr_pool(n.graph, x, &pool);
}

/* x [1, H, W, C] in windows filled up with `fill`, or as one (window 0). */
static struct vkr_tensor *cut(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *fill, uint32_t window)
{
    const uint32_t *dim = x->desc.dim;
    return window ? vkr_window(g, x, fill, window) : vkr_reshape(g, x, vkr_f32(3, dim[0], dim[1] * dim[2], dim[3]));
}

/* Rows `from` to `from + count` of the projection qkv, their biases in `bias`. */
static struct vkr_tensor *project(struct nn n, struct vkr_tensor *x, uint32_t outputs, uint32_t from, uint32_t count,
                                  struct vkr_tensor **bias)
{
    struct vkr_graph *g = n.graph;
    vkr_graph_push(g, "qkv");
    struct vkr_tensor *weight = nn_weight(n, "weight", vkr_f32(2, outputs, vkr_last(&x->desc)));
    *bias = nn_param(n, "bias", vkr_f32(1, outputs));
    if (count < outputs) {
        weight = vkr_slice(g, weight, 0, from, count);
        *bias = vkr_slice(g, *bias, 0, from, count);
    }
    struct vkr_tensor *y = vkr_matmul(g, x, weight, *bias, NULL, VKR_ACT_NONE);
    vkr_graph_pop(g);
    return y;
}

/* Self-attention within windows. The projection of a padding token is the bias, so windows are cut after it. A block
 * that halves the grid pools its queries inside their windows. */
static struct vkr_tensor *attention(struct nn n, const struct sam2_block *b, struct vkr_tensor *x,
                                    struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    uint32_t height = x->desc.dim[1], width = x->desc.dim[2], c = b->outputs, window = b->window;
    const uint32_t first = b->pool ? c : 0; /* queries that are pooled have a projection of their own */
    const struct vkr_attention params = { .heads = b->heads,
                                          .head_dim = c / b->heads,
                                          .k_offset = c - first,
                                          .v_offset = 2 * c - first,
                                          .scale = (float)(1.0 / sqrt((double)c / b->heads)) };
    vkr_graph_push(g, "attn");
    struct vkr_tensor *bias, *all = project(n, x, 3 * c, first, 3 * c - first, &bias);
    struct vkr_tensor *q = all = cut(g, all, bias, window);
    if (b->pool) { /* sides are even: a cell of 2 x 2 lies within the grid or beyond it, so pooling may come first */
        height /= 2;
        width /= 2;
        window /= 2;
        q = halve(n, project(n, x, 3 * c, 0, c, &bias));
        q = cut(g, q, bias, window);
    }
    struct vkr_tensor *y = vkr_attention(g, q, all, all, NULL, NULL, &params);
    if (window)
        y = vkr_unwindow(g, y, 1, height, width, window);
    y = vkr_reshape(g, y, vkr_f32(4, 1, height, width, c));
    y = nn_linear(n, "proj", y, c, VKR_ACT_NONE, residual);
    vkr_graph_pop(g);
    return y;
}

static struct vkr_tensor *band(struct nn n, const struct sam2_block *b, struct vkr_tensor *x)
{
    struct vkr_tensor *normed = nn_layer_norm(n, "norm1", x, eps);
    if (b->inputs != b->outputs) {
        x = nn_linear(n, "proj", normed, b->outputs, VKR_ACT_NONE, NULL);
        if (b->pool)
            x = halve(n, x);
    }
    x = attention(n, b, normed, x);
    return nn_mlp(n, "mlp", nn_layer_norm(n, "norm2", x, eps), b->hidden, VKR_ACT_GELU, x);
}

/* Whole windows do not see each other, so a block is computed in bands of them where its widest tensor would be larger
 * than `most` bytes. */
static uint32_t count_bands(const struct sam2_block *b, const struct vkr_desc *x, uint64_t most)
{
    const uint64_t tokens = (uint64_t)x->dim[1] * x->dim[2];
    const uint64_t wide = 3 * (uint64_t)b->outputs, hidden = b->pool ? b->hidden / 4 : b->hidden;
    const uint64_t bytes = tokens * (wide > hidden ? wide : hidden) * sizeof(float);
    uint32_t bands = 1;
    while (b->window && bytes / bands > most && x->dim[1] % (2 * bands * b->window) == 0)
        bands *= 2;
    return bands;
}

static struct vkr_tensor *block(const struct sam2_encoder *e, struct nn n, uint32_t index, struct vkr_tensor *x)
{
    const struct sam2_block *b = &e->blocks[index];
    const uint32_t bands = count_bands(b, &x->desc, e->band), rows = x->desc.dim[1] / bands;
    struct vkr_tensor *y = NULL;
    vkr_graph_push(n.graph, "blocks.%u", index);
    for (uint32_t i = 0; i < bands; i++) {
        struct vkr_tensor *part = band(n, b, bands > 1 ? vkr_slice(n.graph, x, 1, i * rows, rows) : x);
        y = y ? vkr_concat(n.graph, y, part, 1) : part;
    }
    x = vkr_graph_mark(n.graph, y, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

/* A coarse table enlarged to the grid plus a small one repeated over it; both are parameters, so this runs at load. */
static struct vkr_tensor *positions(const struct sam2_encoder *e, struct nn n, uint32_t grid)
{
    static const uint32_t last[4] = { 0, 2, 3, 1 };
    const uint32_t size[3] = { 0, grid, grid };
    uint32_t tile = e->tile, repeats = grid / tile, c = e->width;
    struct vkr_graph *g = n.graph;
    struct vkr_tensor *coarse = nn_param(n, "pos_embed", vkr_f32(4, 1, c, e->background[0], e->background[1]));
    coarse = vkr_resize(g, vkr_permute(g, coarse, last), size, VKR_CUBIC);
    struct vkr_tensor *fine = vkr_permute(g, nn_param(n, "pos_embed_window", vkr_f32(4, 1, c, tile, tile)), last);
    fine = vkr_broadcast(g, vkr_reshape(g, fine, vkr_f32(3, tile, 1, tile * c)), vkr_f32(3, tile, repeats, tile * c));
    fine = vkr_broadcast(g, vkr_reshape(g, fine, vkr_f32(3, 1, tile, grid * c)), vkr_f32(3, repeats, tile, grid * c));
    fine = vkr_reshape(g, fine, vkr_f32(4, 1, grid, grid, c));
    return vkr_graph_mark(g, vkr_add(g, coarse, fine), "pos_embed");
}

/* One level of the pyramid: convs.I, and the level above enlarged on top where there is one. */
static struct vkr_tensor *level(const struct sam2_encoder *e, struct nn n, uint32_t conv, struct vkr_tensor *x,
                                struct vkr_tensor *above)
{
    const struct nn_conv lateral = { e->channels, 1, 1, 0, true, VKR_ACT_NONE };
    char name[32];
    snprintf(name, sizeof name, "neck.convs.%u.conv", conv);
    x = nn_conv(n, name, x, &lateral);
    if (!above)
        return x;
    const uint32_t size[3] = { 0, x->desc.dim[1], x->desc.dim[2] };
    return vkr_add(n.graph, x, vkr_resize(n.graph, above, size, VKR_NEAREST));
}

/* convs.CONV and after it mask_decoder.HIGH, both 1 x 1 with nothing between them: one map, multiplied out at load. */
static struct vkr_tensor *high_level(const struct sam2_encoder *e, struct nn n, uint32_t conv, const char *high,
                                     uint32_t outputs, struct vkr_tensor *x)
{
    const uint32_t inputs = vkr_last(&x->desc), channels = e->channels;
    struct vkr_graph *g = n.graph;
    vkr_graph_push(g, "image_encoder.neck.convs.%u.conv", conv);
    struct vkr_tensor *first = nn_param(n, "weight", vkr_f32(4, channels, inputs, 1, 1));
    struct vkr_tensor *first_bias = nn_param(n, "bias", vkr_f32(1, channels));
    vkr_graph_pop(g);
    vkr_graph_push(g, "mask_decoder");
    vkr_graph_push(g, "%s", high);
    struct vkr_tensor *second = nn_param(n, "weight", vkr_f32(4, outputs, channels, 1, 1));
    second = vkr_reshape(g, second, vkr_f32(2, outputs, channels));
    first = vkr_permute(g, vkr_reshape(g, first, vkr_f32(2, channels, inputs)), (uint32_t[]){ 1, 0 });
    struct vkr_tensor *weight = vkr_matmul(g, second, first, NULL, NULL, VKR_ACT_NONE);
    struct vkr_tensor *bias = vkr_matmul(g, vkr_reshape(g, first_bias, vkr_f32(2, 1, channels)), second,
                                         nn_param(n, "bias", vkr_f32(1, outputs)), NULL, VKR_ACT_NONE);
    x = vkr_matmul(g, x, weight, vkr_reshape(g, bias, vkr_f32(1, outputs)), NULL, VKR_ACT_NONE);
    vkr_graph_pop(g);
    vkr_graph_mark(g, x, high);
    vkr_graph_pop(g);
    return x;
}

void sam2_encoder_build(const struct sam2_encoder *e, struct nn n, struct vkr_tensor *features[3])
{
    const struct nn_conv patches = { e->width, 7, 4, 3, true, VKR_ACT_NONE };
    struct vkr_graph *g = n.graph;
    struct vkr_tensor *ends[SAM2_STAGES] = { 0 };
    struct vkr_tensor *x = vkr_graph_input(g, "pixels", vkr_f32(3, e->side, e->side, 3));
    vkr_graph_push(g, "image_encoder");
    vkr_graph_push(g, "trunk");
    x = nn_conv(n, "patch_embed.proj", vkr_reshape(g, x, vkr_f32(4, 1, e->side, e->side, 3)), &patches);
    vkr_graph_mark(g, x, "patch_embed");
    x = vkr_add(g, x, positions(e, n, e->side / 4));
    for (uint32_t i = 0, stage = 0; i < e->depth; i++) {
        x = block(e, n, i, x);
        if (e->blocks[i].last)
            ends[stage++] = x;
    }
    vkr_graph_pop(g);
    struct vkr_tensor *coarsest = level(e, n, 0, ends[3], NULL);
    features[0] = vkr_graph_mark(g, level(e, n, 1, ends[2], coarsest), "neck.2");
    vkr_graph_pop(g);
    features[1] = high_level(e, n, 3, "conv_s0", e->high[0], ends[0]);
    features[2] = high_level(e, n, 2, "conv_s1", e->high[1], ends[1]);
}
