/* sam2_memory.c: memory attention and memory encoder as graphs; they read like memory_attention.py and
 * memory_encoder.py of the published code. Queries and keys are rotated by their cell (RoPE, arXiv 2104.09864): pair
 * (a, b) becomes (a cos - b sin, b cos + a sin), which is x * cos + turned(x) * sin, and turned(x) = (-b, a) is a
 * projection with its rows exchanged. So rotation needs no operator of its own. */
#include "models/sam2_memory.h"

#include <stdio.h>

static const float norm_eps = 1e-5f, image_norm_eps = 1e-6f;

/* ---- attention ------------------------------------------------------------------------------------------------ */

/* NAME of x [.., K] rotated by `turn`, which tells cosine and sine of each of the x's rows. */
static struct vkr_tensor *rotated(const struct sam2_memory *m, struct nn n, const char *name, struct vkr_tensor *x,
                                  const char *kind)
{
    char text[80];
    uint32_t cells = m->grid * m->grid;
    struct vkr_tensor *plain = nn_linear(n, name, x, m->channels, VKR_ACT_NONE, NULL);
    snprintf(text, sizeof text, "%s_turned", name);
    struct vkr_tensor *turned = nn_linear(n, text, x, m->channels, VKR_ACT_NONE, NULL);
    snprintf(text, sizeof text, "memory_attention.%s_cosine", kind);
    struct vkr_tensor *cosine = vkr_graph_param(n.graph, text, vkr_f32(3, 1, cells, m->channels));
    snprintf(text, sizeof text, "memory_attention.%s_sine", kind);
    struct vkr_tensor *sine = vkr_graph_param(n.graph, text, vkr_f32(3, 1, cells, m->channels));
    return vkr_add(n.graph, vkr_binary(n.graph, VKR_MUL, plain, cosine), vkr_binary(n.graph, VKR_MUL, turned, sine));
}

/* softmax(q kT) v of one head of any width; q [N, C] is scaled already, k [K, C], vt [C, K]. The rows of weights sum to
 * one, so the bias of v can be added at the end. Queries go in parts, so that no matrix of weights is too large. */
static struct vkr_tensor *attend(struct nn n, struct vkr_tensor *q, struct vkr_tensor *k, struct vkr_tensor *vt,
                                 struct vkr_tensor *bias)
{
    enum { LARGEST = 1 << 24 }; /* elements of a part: 64 MiB, half of what the least device binds */
    struct vkr_graph *g = n.graph;
    uint32_t queries = q->desc.dim[0], keys = k->desc.dim[0];
    uint32_t part = keys < LARGEST ? LARGEST / keys : 1;
    struct vkr_tensor *all = NULL;
    for (uint32_t from = 0; from < queries; from += part) {
        uint32_t count = queries - from < part ? queries - from : part;
        struct vkr_tensor *some = count < queries ? vkr_slice(g, q, 0, from, count) : q;
        struct vkr_tensor *weights = vkr_softmax(g, vkr_matmul(g, some, k, NULL, NULL, VKR_ACT_NONE));
        struct vkr_tensor *y = vkr_matmul(g, weights, vt, bias, NULL, VKR_ACT_NONE);
        all = all ? vkr_concat(g, all, y, 0) : y;
    }
    return all;
}

/* v transposed, without its bias: NAME.weight [C, K] times x [N, K] -> [C, N]. */
static struct vkr_tensor *values(const struct sam2_memory *m, struct nn n, struct vkr_tensor *x)
{
    struct vkr_tensor *weight = nn_param(n, "v_proj.weight", vkr_f32(2, m->channels, vkr_last(&x->desc)));
    return vkr_matmul(n.graph, weight, x, NULL, NULL, VKR_ACT_NONE);
}

static struct vkr_tensor *flat(struct nn n, struct vkr_tensor *x)
{
    return vkr_reshape(n.graph, x, vkr_f32(2, (uint32_t)vkr_rows(&x->desc), vkr_last(&x->desc)));
}

struct sources {
    struct vkr_tensor *memory, *keys;           /* [F, cells, W]: values, and with positions added */
    struct vkr_tensor *pointers, *pointer_keys; /* [P, W], or NULL */
    struct vkr_tensor *all;                     /* memory, then pointers: [F cells + P, W] */
};

static struct vkr_tensor *self_attention(const struct sam2_memory *m, struct nn n, struct vkr_tensor *x,
                                         struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    vkr_graph_push(g, "self_attn");
    struct vkr_tensor *rows = vkr_reshape(g, x, vkr_f32(3, 1, x->desc.dim[0], m->channels));
    struct vkr_tensor *q = flat(n, rotated(m, n, "q_proj", rows, "query"));
    struct vkr_tensor *k = flat(n, rotated(m, n, "k_proj", rows, "key"));
    struct vkr_tensor *y = attend(n, q, k, values(m, n, x), nn_param(n, "v_proj.bias", vkr_f32(1, m->channels)));
    y = nn_linear(n, "out_proj", y, m->channels, VKR_ACT_NONE, residual);
    vkr_graph_pop(g);
    return y;
}

/* Pointers are of no cell: their keys are not rotated. */
static struct vkr_tensor *cross_attention(const struct sam2_memory *m, struct nn n, struct vkr_tensor *x,
                                          const struct sources *s, struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    vkr_graph_push(g, "cross_attn_image");
    struct vkr_tensor *rows = vkr_reshape(g, x, vkr_f32(3, 1, x->desc.dim[0], m->channels));
    struct vkr_tensor *q = flat(n, rotated(m, n, "q_proj", rows, "query"));
    struct vkr_tensor *k = flat(n, rotated(m, n, "k_proj", s->keys, "key"));
    if (s->pointers)
        k = vkr_concat(g, k, nn_linear(n, "k_proj", s->pointer_keys, m->channels, VKR_ACT_NONE, NULL), 0);
    struct vkr_tensor *y = attend(n, q, k, values(m, n, s->all), nn_param(n, "v_proj.bias", vkr_f32(1, m->channels)));
    y = nn_linear(n, "out_proj", y, m->channels, VKR_ACT_NONE, residual);
    vkr_graph_pop(g);
    return y;
}

static struct vkr_tensor *layer(const struct sam2_memory *m, struct nn n, uint32_t index, struct vkr_tensor *x,
                                const struct sources *s)
{
    vkr_graph_push(n.graph, "layers.%u", index);
    x = self_attention(m, n, nn_layer_norm(n, "norm1", x, norm_eps), x);
    x = cross_attention(m, n, nn_layer_norm(n, "norm2", x, norm_eps), s, x);
    struct vkr_tensor *y = nn_layer_norm(n, "norm3", x, norm_eps);
    y = nn_linear(n, "linear1", y, m->hidden, VKR_ACT_RELU, NULL);
    x = nn_linear(n, "linear2", y, m->channels, VKR_ACT_NONE, x);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return x;
}

static void read_sources(const struct sam2_memory *m, struct nn n, const struct recall_shape *shape, struct sources *s)
{
    struct vkr_graph *g = n.graph;
    uint32_t cells = m->grid * m->grid, tokens = shape->pointers * (m->channels / m->width);
    *s = (struct sources){ .memory = vkr_graph_input(g, "memory", vkr_f32(3, shape->frames, cells, m->width)) };
    struct vkr_tensor *times = vkr_graph_input(g, "times", vkr_f32(3, shape->frames, 1, m->width));
    struct vkr_tensor *position = vkr_graph_param(g, "memory_encoder.position", vkr_f32(3, 1, cells, m->width));
    s->keys = vkr_add(g, vkr_add(g, s->memory, position), times);
    s->all = flat(n, s->memory);
    if (tokens == 0)
        return;
    s->pointers = vkr_graph_input(g, "pointers", vkr_f32(2, tokens, m->width));
    s->pointer_keys = vkr_add(g, s->pointers, vkr_graph_input(g, "pointer_times", vkr_f32(2, tokens, m->width)));
    s->all = vkr_concat(g, s->all, s->pointers, 0);
}

struct vkr_tensor *sam2_memory_recall(const struct sam2_memory *m, struct nn n, struct vkr_tensor *image,
                                      const struct recall_shape *shape)
{
    uint32_t cells = m->grid * m->grid;
    struct sources sources;
    read_sources(m, n, shape, &sources);
    struct vkr_tensor *x = flat(n, image);
    x = vkr_add(n.graph, x, vkr_graph_param(n.graph, "memory_attention.position", vkr_f32(2, cells, m->channels)));
    vkr_graph_push(n.graph, "memory_attention");
    for (uint32_t i = 0; i < m->layers; i++)
        x = layer(m, n, i, x, &sources);
    x = nn_layer_norm(n, "norm", x, norm_eps);
    vkr_graph_pop(n.graph);
    return x;
}

/* ---- encoder -------------------------------------------------------------------------------------------------- */

static struct vkr_tensor *mask_features(const struct sam2_memory *m, struct nn n, struct vkr_tensor *x)
{
    char name[32];
    vkr_graph_push(n.graph, "mask_downsampler");
    for (uint32_t i = 0; i < SAM2_MASK_STEPS; i++) {
        const struct nn_conv conv = { m->steps[i], 3, 2, 1, true, VKR_ACT_NONE };
        snprintf(name, sizeof name, "encoder.%u", 3 * i);
        x = nn_conv(n, name, x, &conv);
        snprintf(name, sizeof name, "encoder.%u", 3 * i + 1);
        x = vkr_unary(n.graph, nn_layer_norm(n, name, x, image_norm_eps), VKR_ACT_GELU);
    }
    const struct nn_conv last = { m->channels, 1, 1, 0, true, VKR_ACT_NONE };
    snprintf(name, sizeof name, "encoder.%d", 3 * SAM2_MASK_STEPS);
    x = nn_conv(n, name, x, &last);
    vkr_graph_pop(n.graph);
    return x;
}

/* A block of ConvNeXt (arXiv 2201.03545). */
static struct vkr_tensor *mixer(const struct sam2_memory *m, struct nn n, uint32_t index, struct vkr_tensor *x)
{
    const struct vkr_conv wide = { .stride = { 1, 1, 1 }, .pad = { 0, 3, 3 }, .groups = m->channels };
    vkr_graph_push(n.graph, "fuser.layers.%u", index);
    struct vkr_tensor *weight = nn_weight(n, "dwconv.weight", vkr_f32(4, m->channels, 1, 7, 7));
    struct vkr_tensor *bias = nn_param(n, "dwconv.bias", vkr_f32(1, m->channels));
    struct vkr_tensor *y = vkr_conv(n.graph, x, weight, bias, &wide);
    y = nn_layer_norm(n, "norm", y, image_norm_eps);
    y = nn_linear(n, "pwconv1", y, m->mixer_hidden, VKR_ACT_GELU, NULL);
    y = nn_linear(n, "pwconv2", y, m->channels, VKR_ACT_NONE, NULL);
    y = vkr_binary(n.graph, VKR_MUL, y, nn_param(n, "gamma", vkr_f32(1, m->channels)));
    x = vkr_add(n.graph, x, y);
    vkr_graph_pop(n.graph);
    return x;
}

void sam2_memory_remember(const struct sam2_memory *m, struct nn n, struct vkr_tensor *image)
{
    const struct nn_conv project = { m->channels, 1, 1, 0, true, VKR_ACT_NONE };
    const struct nn_conv out = { m->width, 1, 1, 0, true, VKR_ACT_NONE };
    struct vkr_tensor *mask = vkr_graph_input(n.graph, "mask", vkr_f32(4, 1, m->side, m->side, 1));
    vkr_graph_push(n.graph, "memory_encoder");
    image = vkr_reshape(n.graph, image, vkr_f32(4, 1, m->grid, m->grid, m->channels));
    struct vkr_tensor *x = vkr_add(n.graph, nn_conv(n, "pix_feat_proj", image, &project), mask_features(m, n, mask));
    for (uint32_t i = 0; i < m->mixers; i++)
        x = mixer(m, n, i, x);
    x = vkr_graph_mark(n.graph, nn_conv(n, "out_proj", x, &out), NULL);
    vkr_graph_pop(n.graph);
    vkr_graph_output(n.graph, x, "memory");
}
