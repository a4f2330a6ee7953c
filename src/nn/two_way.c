/* two_way.c: attention between a few tokens and an image, in both directions (SAM, arXiv 2304.02643, section 3 and
 * appendix A). Until the first image-to-token attention all objects see one image, so its projections have batch 1. */
#include "nn/nn.h"

#include <math.h>

/* x [1, N, C] as [batch, N, C]. */
static struct vkr_tensor *repeat(struct nn n, struct vkr_tensor *x, uint32_t batch)
{
    if (x->desc.dim[0] == batch)
        return x;
    return vkr_broadcast(n.graph, x, vkr_f32(3, batch, x->desc.dim[1], x->desc.dim[2]));
}

struct vkr_tensor *nn_attention(struct nn n, const char *name, struct vkr_tensor *q, struct vkr_tensor *k,
                                struct vkr_tensor *v, const struct nn_attention *attention, struct vkr_tensor *residual)
{
    uint32_t batch = q->desc.dim[0] > k->desc.dim[0] ? q->desc.dim[0] : k->desc.dim[0];
    const struct vkr_attention params = {
        .heads = attention->heads,
        .head_dim = attention->inner / attention->heads,
        .scale = (float)(1.0 / sqrt((double)attention->inner / attention->heads)),
    };
    vkr_graph_push(n.graph, "%s", name);
    q = repeat(n, nn_linear(n, "q_proj", q, attention->inner, VKR_ACT_NONE, NULL), batch);
    k = nn_linear(n, "k_proj", k, attention->inner, VKR_ACT_NONE, NULL);
    v = nn_linear(n, "v_proj", v, attention->inner, VKR_ACT_NONE, NULL);
    struct vkr_tensor *y = vkr_attention(n.graph, q, k, v, NULL, NULL, &params);
    bool fused = residual && residual->desc.dim[0] == batch;
    y = nn_linear(n, "out_proj", y, attention->outputs, VKR_ACT_NONE, fused ? residual : NULL);
    if (residual && !fused)
        y = vkr_add(n.graph, y, residual);
    vkr_graph_pop(n.graph);
    return y;
}

/* Between tokens and image the cheaper way: few tokens leave the image unprojected. */
static struct vkr_tensor *tokens_to_image(struct nn n, const char *name, struct vkr_tensor *tokens, struct vkr_tensor *keys,
                                          struct vkr_tensor *values, const struct nn_attention *cross,
                                          struct vkr_tensor *residual)
{
    return (nn_tokens_pay(n, tokens, keys, cross) ? nn_tokens_to_image : nn_attention)(n, name, tokens, keys, values, cross,
                                                                                      residual);
}

static struct vkr_tensor *image_to_tokens(struct nn n, const char *name, struct vkr_tensor *image, struct vkr_tensor *keys,
                                          struct vkr_tensor *values, const struct nn_attention *cross,
                                          struct vkr_tensor *residual)
{
    return (nn_tokens_pay(n, keys, image, cross) ? nn_image_to_tokens : nn_attention)(n, name, image, keys, values, cross,
                                                                                     residual);
}

struct sides {
    struct vkr_tensor *tokens, *image, *token_position, *image_position;
};

/* The first layer has no positional encoding in its self-attention, and no residual around it. */
static void layer(struct nn n, uint32_t index, const struct nn_two_way *p, struct sides *s)
{
    struct vkr_graph *g = n.graph;
    uint32_t channels = vkr_last(&s->tokens->desc);
    const struct nn_attention self = { p->heads, channels, channels }, cross = { p->heads, p->cross_inner, channels };
    vkr_graph_push(g, "layers.%u", index);
    if (index == 0) {
        s->tokens = nn_attention(n, "self_attn", s->tokens, s->tokens, s->tokens, &self, NULL);
    } else {
        struct vkr_tensor *q = vkr_add(g, s->tokens, s->token_position);
        s->tokens = nn_attention(n, "self_attn", q, q, s->tokens, &self, s->tokens);
    }
    s->tokens = nn_layer_norm(n, "norm1", s->tokens, p->eps);
    struct vkr_tensor *image = vkr_add(g, s->image, s->image_position);
    s->tokens = tokens_to_image(n, "cross_attn_token_to_image", vkr_add(g, s->tokens, s->token_position), image, s->image,
                                &cross, s->tokens);
    s->tokens = nn_layer_norm(n, "norm2", s->tokens, p->eps);
    s->tokens = nn_layer_norm(n, "norm3", nn_mlp(n, "mlp", s->tokens, p->hidden, VKR_ACT_RELU, s->tokens), p->eps);
    s->image = image_to_tokens(n, "cross_attn_image_to_token", image, vkr_add(g, s->tokens, s->token_position), s->tokens,
                               &cross, s->image);
    s->image = nn_layer_norm(n, "norm4", s->image, p->eps);
    vkr_graph_mark(g, s->tokens, "queries");
    vkr_graph_mark(g, s->image, "keys");
    vkr_graph_pop(g);
}

struct nn_two_way_result nn_two_way(struct nn n, const char *name, struct vkr_tensor *tokens, struct vkr_tensor *image,
                                    struct vkr_tensor *image_position, const struct nn_two_way *params)
{
    struct vkr_graph *g = n.graph;
    struct sides s = { tokens, image, tokens, image_position };
    uint32_t channels = vkr_last(&tokens->desc);
    const struct nn_attention cross = { params->heads, params->cross_inner, channels };
    vkr_graph_push(g, "%s", name);
    for (uint32_t i = 0; i < params->depth; i++)
        layer(n, i, params, &s);
    s.tokens = tokens_to_image(n, "final_attn_token_to_image", vkr_add(g, s.tokens, s.token_position),
                               vkr_add(g, s.image, s.image_position), s.image, &cross, s.tokens);
    s.tokens = nn_layer_norm(n, "norm_final_attn", s.tokens, params->eps);
    vkr_graph_mark(g, s.tokens, "queries");
    vkr_graph_pop(g);
    return (struct nn_two_way_result){ s.tokens, s.image };
}
