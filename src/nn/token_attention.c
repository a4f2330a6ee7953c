/* token_attention.c: attention between a few tokens and many positions without projecting the positions.
 *
 * With T tokens, H heads and T H below the inner width it takes fewer operations to bring the tokens to the positions'
 * channels than the other way round: of a head's score (Wq x)·(Wk y), one of the two maps joins the other, and of its
 * output Wo (P (Wv y)) both maps join, all of them folded at load. Scores are then one matmul of the positions with T H
 * columns, token by token, heads inside. A constant added to all scores of one softmax drops out. */
#include "nn/nn.h"

#include <math.h>

static struct vkr_tensor *param(struct nn n, const char *projection, const char *name, struct vkr_desc desc)
{
    vkr_graph_push(n.graph, "%s", projection);
    struct vkr_tensor *out = nn_param(n, name, desc);
    vkr_graph_pop(n.graph);
    return out;
}

/* Head by head: a projection to `inner` channels as [heads, C, width], its bias as [heads, 1, width]; out_proj as
 * [heads, outputs, width]. */
struct maps {
    struct vkr_tensor *q, *k, *v, *out, *q_bias, *k_bias, *v_bias, *out_bias, *out_whole, *v_bias_whole;
};

static struct vkr_tensor *heads_of(struct nn n, const char *projection, const struct nn_attention *a, uint32_t channels)
{
    const uint32_t width = a->inner / a->heads;
    struct vkr_tensor *w = param(n, projection, "weight", vkr_f32(2, a->inner, channels));
    w = vkr_reshape(n.graph, w, vkr_f32(3, a->heads, width, channels));
    return vkr_permute(n.graph, w, (uint32_t[]){ 0, 2, 1 });
}

static struct vkr_tensor *bias_of(struct nn n, const char *projection, const struct nn_attention *a)
{
    return vkr_reshape(n.graph, param(n, projection, "bias", vkr_f32(1, a->inner)),
                       vkr_f32(3, a->heads, 1, a->inner / a->heads));
}

static struct maps maps_of(struct nn n, const struct nn_attention *a, uint32_t channels)
{
    const uint32_t width = a->inner / a->heads;
    struct maps m;
    m.q = heads_of(n, "q_proj", a, channels);
    m.k = heads_of(n, "k_proj", a, channels);
    m.v = heads_of(n, "v_proj", a, channels);
    m.q_bias = bias_of(n, "q_proj", a);
    m.k_bias = bias_of(n, "k_proj", a);
    m.v_bias = bias_of(n, "v_proj", a);
    m.v_bias_whole = vkr_reshape(n.graph, m.v_bias, vkr_f32(2, 1, a->inner));
    m.out_whole = param(n, "out_proj", "weight", vkr_f32(2, a->outputs, a->inner));
    m.out = vkr_reshape(n.graph, m.out_whole, vkr_f32(3, a->outputs, a->heads, width));
    m.out = vkr_permute(n.graph, m.out, (uint32_t[]){ 1, 0, 2 });
    m.out_bias = param(n, "out_proj", "bias", vkr_f32(1, a->outputs));
    return m;
}

/* x · wᵀ head by head, as the weight [rows, C] or the bias [rows] of a linear map from a token to all heads. */
static struct vkr_tensor *joined(struct nn n, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_desc desc)
{
    return vkr_reshape(n.graph, vkr_matmul(n.graph, x, w, NULL, NULL, VKR_ACT_NONE), desc);
}

/* tokens [B, T, C] through weight [heads * outputs, C] and bias, as [B, T * heads, outputs]. */
static struct vkr_tensor *by_head(struct nn n, struct vkr_tensor *tokens, struct vkr_tensor *weight, struct vkr_tensor *bias,
                                  uint32_t heads)
{
    struct vkr_tensor *y = vkr_matmul(n.graph, tokens, weight, bias, NULL, VKR_ACT_NONE);
    const uint32_t *dim = tokens->desc.dim;
    return vkr_reshape(n.graph, y, vkr_f32(3, dim[0], dim[1] * heads, weight->desc.dim[0] / heads));
}

static float scale_of(const struct nn_attention *a)
{
    return (float)(1.0 / sqrt((double)a->inner / a->heads));
}

bool nn_tokens_pay(struct nn n, const struct vkr_tensor *tokens, const struct vkr_tensor *image, const struct nn_attention *a)
{
    const uint32_t batch = tokens->desc.dim[0], positions = image->desc.dim[1], channels = vkr_last(&image->desc);
    const uint32_t columns = tokens->desc.dim[1] * a->heads;
    return image->desc.dim[0] == batch && columns < a->inner && positions <= VKR_SOFTMAX_AXIS &&
           (uint64_t)positions * (a->inner - columns) > (uint64_t)columns * channels &&
           vkr_weighted_sum_is_fast(n.graph, batch, positions, columns, channels);
}

struct vkr_tensor *nn_tokens_to_image(struct nn n, const char *name, struct vkr_tensor *tokens, struct vkr_tensor *keys,
                                      struct vkr_tensor *values, const struct nn_attention *a, struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    const uint32_t heads = a->heads, channels = vkr_last(&keys->desc), batch = tokens->desc.dim[0], count = tokens->desc.dim[1];
    vkr_graph_push(g, "%s", name);
    const struct maps m = maps_of(n, a, channels);
    struct vkr_tensor *weight = joined(n, m.k, m.q, vkr_f32(2, heads * channels, vkr_last(&tokens->desc)));
    struct vkr_tensor *bias = joined(n, m.q_bias, m.k, vkr_f32(1, heads * channels));
    struct vkr_tensor *columns = by_head(n, tokens, weight, bias, heads);
    struct vkr_tensor *scores = vkr_matmul(g, keys, columns, NULL, NULL, VKR_ACT_NONE);
    scores = vkr_softmax_axis(g, scores, 1, scale_of(a));
    struct vkr_tensor *sums = vkr_reshape(g, vkr_weighted_sum(g, scores, values), vkr_f32(3, batch, count, heads * channels));
    weight = vkr_permute(g, vkr_matmul(g, m.out, m.v, NULL, NULL, VKR_ACT_NONE), (uint32_t[]){ 1, 0, 2 });
    weight = vkr_reshape(g, weight, vkr_f32(2, a->outputs, heads * channels));
    bias = vkr_matmul(g, m.v_bias_whole, m.out_whole, m.out_bias, NULL, VKR_ACT_NONE);
    bias = vkr_reshape(g, bias, vkr_f32(1, a->outputs));
    struct vkr_tensor *y = vkr_matmul(g, sums, weight, bias, residual, VKR_ACT_NONE);
    vkr_graph_pop(g);
    return y;
}

struct vkr_tensor *nn_image_to_tokens(struct nn n, const char *name, struct vkr_tensor *queries, struct vkr_tensor *keys,
                                      struct vkr_tensor *values, const struct nn_attention *a, struct vkr_tensor *residual)
{
    struct vkr_graph *g = n.graph;
    const uint32_t heads = a->heads, channels = vkr_last(&queries->desc), batch = keys->desc.dim[0], count = keys->desc.dim[1];
    const uint32_t positions = queries->desc.dim[1], columns = count * heads, width = vkr_last(&keys->desc);
    vkr_graph_push(g, "%s", name);
    const struct maps m = maps_of(n, a, channels);
    struct vkr_tensor *weight = joined(n, m.q, m.k, vkr_f32(2, heads * channels, width));
    struct vkr_tensor *bias = joined(n, m.k_bias, m.q, vkr_f32(1, heads * channels));
    struct vkr_tensor *maps = by_head(n, keys, weight, bias, heads);
    /* What the bias of q adds to a token's scores: one number a head. */
    weight = joined(n, m.q_bias, m.k, vkr_f32(2, heads, width));
    bias = joined(n, m.q_bias, m.k_bias, vkr_f32(1, heads));
    struct vkr_tensor *offsets = vkr_matmul(g, keys, weight, bias, NULL, VKR_ACT_NONE);
    struct vkr_tensor *fused = batch == 1 ? vkr_reshape(g, offsets, vkr_f32(1, columns)) : NULL;
    struct vkr_tensor *scores = vkr_matmul(g, queries, maps, fused, NULL, VKR_ACT_NONE);
    if (!fused)
        scores = vkr_add(g, scores, vkr_reshape(g, offsets, vkr_f32(3, batch, 1, columns)));
    scores = vkr_reshape(g, scores, vkr_f32(3, batch * positions, count, heads));
    scores = vkr_reshape(g, vkr_softmax_axis(g, scores, 1, scale_of(a)), vkr_f32(3, batch, positions, columns));
    weight = joined(n, m.out, m.v, vkr_f32(2, heads * a->outputs, width));
    bias = joined(n, m.v_bias, m.out, vkr_f32(1, heads * a->outputs));
    struct vkr_tensor *outputs = vkr_permute(g, by_head(n, values, weight, bias, heads), (uint32_t[]){ 0, 2, 1 });
    struct vkr_tensor *y = vkr_matmul(g, scores, outputs, m.out_bias, residual, VKR_ACT_NONE);
    vkr_graph_pop(g);
    return y;
}
