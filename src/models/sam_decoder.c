/* sam_decoder.c: the mask decoder as a graph; reads like mask_decoder.py of the published code. */
#include "models/sam_decoder.h"

#include <string.h>

static const float norm_eps = 1e-5f, image_norm_eps = 1e-6f;

/* Binary with broadcasting from batch 1 leaves the image shared by all objects as long as nothing tells them apart. */
static struct vkr_tensor *dense_prompt(const struct sam_decoder *d, struct nn n, struct vkr_tensor *image,
                                       const struct decode_shape *shape)
{
    uint32_t grid = d->grid, low = 4 * grid;
    vkr_graph_push(n.graph, "prompt_encoder");
    struct vkr_tensor *dense;
    if (shape->mask) {
        const struct nn_conv first = { d->mask_channels / 4, 2, 2, 0, true, VKR_ACT_NONE };
        const struct nn_conv second = { d->mask_channels, 2, 2, 0, true, VKR_ACT_NONE };
        const struct nn_conv last = { d->channels, 1, 1, 0, true, VKR_ACT_NONE };
        struct vkr_tensor *x = vkr_graph_input(n.graph, "mask", vkr_f32(3, shape->objects, low, low));
        x = vkr_reshape(n.graph, x, vkr_f32(4, shape->objects, low, low, 1));
        vkr_graph_push(n.graph, "mask_downscaling");
        x = nn_layer_norm(n, "1", nn_conv(n, "0", x, &first), image_norm_eps);
        x = vkr_unary(n.graph, x, VKR_ACT_GELU);
        x = nn_layer_norm(n, "4", nn_conv(n, "3", x, &second), image_norm_eps);
        x = vkr_unary(n.graph, x, VKR_ACT_GELU);
        dense = nn_conv(n, "6", x, &last);
        vkr_graph_mark(n.graph, dense, NULL);
        vkr_graph_pop(n.graph);
        dense = vkr_reshape(n.graph, dense, vkr_f32(3, shape->objects, grid * grid, d->channels));
    } else {
        dense = nn_param(n, "no_mask_embed.weight", vkr_f32(2, 1, d->channels));
        dense = vkr_reshape(n.graph, dense, vkr_f32(3, 1, 1, d->channels));
    }
    vkr_graph_pop(n.graph);
    return vkr_add(n.graph, image, dense);
}

/* [B, own + prompt tokens, C]: the object score's token if there is one, the IoU token, one token per mask, the prompts.
 */
static struct vkr_tensor *all_tokens(const struct sam_decoder *d, struct nn n, const struct decode_shape *shape)
{
    struct vkr_tensor *iou = nn_param(n, "iou_token.weight", vkr_f32(2, 1, d->channels));
    struct vkr_tensor *mask = nn_param(n, "mask_tokens.weight", vkr_f32(2, d->masks, d->channels));
    struct vkr_tensor *own = vkr_concat(n.graph, iou, mask, 0);
    if (d->score_depth)
        own = vkr_concat(n.graph, nn_param(n, "obj_score_token.weight", vkr_f32(2, 1, d->channels)), own, 0);
    uint32_t count = own->desc.dim[0];
    own = vkr_reshape(n.graph, own, vkr_f32(3, 1, count, d->channels));
    if (shape->objects > 1)
        own = vkr_broadcast(n.graph, own, vkr_f32(3, shape->objects, count, d->channels));
    if (shape->tokens == 0)
        return own;
    struct vkr_tensor *sparse =
        vkr_graph_input(n.graph, "sparse", vkr_f32(3, shape->objects, shape->tokens, d->channels));
    vkr_graph_mark(n.graph, sparse, "prompts");
    return vkr_concat(n.graph, own, sparse, 1);
}

/* [B, N, C] on the grid to [B, 16 N, C / 8], the pixels of a cell together: norm, GELU and the masks' product take them
 * in any order, so that only the masks are put in order. */
static struct vkr_tensor *upscale(const struct sam_decoder *d, struct nn n, struct vkr_tensor *image)
{
    uint32_t low = 4 * d->grid;
    vkr_graph_push(n.graph, "output_upscaling");
    struct vkr_tensor *x = nn_conv_transpose_blocks(n, "0", image, d->channels / 4, 2, VKR_ACT_NONE);
    x = vkr_unary(n.graph, nn_layer_norm(n, "1", x, image_norm_eps), VKR_ACT_GELU);
    x = nn_conv_transpose_blocks(n, "3", x, d->channels / 8, 2, VKR_ACT_GELU);
    struct vkr_tensor *ordered = nn_join_blocks(n, x, d->grid, d->grid, 2);
    ordered = nn_join_blocks(n, ordered, low / 2, low / 2, 2);
    vkr_graph_mark(n.graph, ordered, NULL);         /* left out of a plan that nobody looks into */
    vkr_graph_pop(n.graph);
    return x;
}

/* The same where maps of the encoder are added: pixels in order. */
static struct vkr_tensor *upscale_with(const struct sam_decoder *d, struct nn n, struct vkr_tensor *image,
                                       struct vkr_tensor *const high[2])
{
    uint32_t batch = image->desc.dim[0], low = 4 * d->grid;
    vkr_graph_push(n.graph, "output_upscaling");
    struct vkr_tensor *x = vkr_reshape(n.graph, image, vkr_f32(4, batch, d->grid, d->grid, d->channels));
    x = nn_conv_transpose(n, "0", x, d->channels / 4, 2, VKR_ACT_NONE);
    x = nn_layer_norm(n, "1", vkr_add(n.graph, x, high[1]), image_norm_eps);
    x = vkr_unary(n.graph, x, VKR_ACT_GELU);
    x = nn_conv_transpose(n, "3", x, d->channels / 8, 2, VKR_ACT_NONE);
    x = vkr_unary(n.graph, vkr_add(n.graph, x, high[0]), VKR_ACT_GELU);
    vkr_graph_mark(n.graph, x, NULL);
    vkr_graph_pop(n.graph);
    return vkr_reshape(n.graph, x, vkr_f32(3, batch, low * low, d->channels / 8));
}

/* The parameters of layer `layer` of all masks' networks, one after the other: [masks, .. of one]. */
static struct vkr_tensor *hyper_param(const struct sam_decoder *d, struct nn n, uint32_t layer, bool weight,
                                      struct vkr_desc desc)
{
    struct vkr_tensor *all = NULL;
    for (uint32_t i = 0; i < d->masks; i++) {
        vkr_graph_push(n.graph, "output_hypernetworks_mlps.%u.layers.%u", i, layer);
        struct vkr_tensor *one = weight ? nn_weight(n, "weight", desc) : nn_param(n, "bias", desc);
        vkr_graph_pop(n.graph);
        all = all ? vkr_concat(n.graph, all, one, 0) : one;
    }
    return all;
}

/* One small network per mask turns its token into the weights of a linear map: [B, masks, C / 8]. All masks go through a
 * layer together, as one batch of products. */
static struct vkr_tensor *hyper_weights(const struct sam_decoder *d, struct nn n, struct vkr_tensor *tokens)
{
    const uint32_t batch = tokens->desc.dim[0], masks = d->masks;
    struct vkr_tensor *x = tokens;
    if (batch > 1)
        x = vkr_permute(n.graph, x, (uint32_t[]){ 1, 0, 2 });
    x = vkr_reshape(n.graph, x, vkr_f32(3, masks, batch, d->channels));
    for (uint32_t i = 0; i < d->hyper_depth; i++) {
        const uint32_t inputs = vkr_last(&x->desc), outputs = i + 1 == d->hyper_depth ? d->channels / 8 : d->channels;
        struct vkr_tensor *weight = hyper_param(d, n, i, true, vkr_f32(2, outputs, inputs));
        struct vkr_tensor *bias = hyper_param(d, n, i, false, vkr_f32(1, outputs));
        weight = vkr_reshape(n.graph, weight, (struct vkr_desc){ weight->desc.dtype, 3, { masks, outputs, inputs } });
        bias = vkr_reshape(n.graph, bias, vkr_f32(3, masks, 1, outputs));
        if (batch > 1)
            bias = vkr_broadcast(n.graph, bias, vkr_f32(3, masks, batch, outputs));
        x = vkr_matmul(n.graph, x, weight, NULL, bias, VKR_ACT_NONE);
        if (i + 1 < d->hyper_depth)
            x = vkr_unary(n.graph, x, VKR_ACT_RELU);
    }
    if (batch > 1)
        x = vkr_permute(n.graph, x, (uint32_t[]){ 1, 0, 2 });
    return vkr_graph_mark(n.graph, vkr_reshape(n.graph, x, vkr_f32(3, batch, masks, d->channels / 8)), "hyper_in");
}

struct sam_decoded sam_decoder_predict(const struct sam_decoder *d, struct nn n, struct vkr_tensor *image,
                                       struct vkr_tensor *const high[2], const struct decode_shape *shape)
{
    uint32_t cells = d->grid * d->grid, low = 4 * d->grid, first = d->score_depth ? 1 : 0;
    const struct nn_two_way two_way = { d->depth, d->heads, d->cross_inner, d->hidden, norm_eps };
    struct sam_decoded out = { 0 };
    image = dense_prompt(d, n, vkr_reshape(n.graph, image, vkr_f32(3, 1, cells, d->channels)), shape);
    struct vkr_tensor *position =
        vkr_graph_param(n.graph, "prompt_encoder.dense_pe", vkr_f32(3, 1, cells, d->channels));
    vkr_graph_push(n.graph, "mask_decoder");
    struct vkr_tensor *tokens = all_tokens(d, n, shape);
    struct nn_two_way_result result = nn_two_way(n, "transformer", tokens, image, position, &two_way);
    out.tokens = vkr_slice(n.graph, result.tokens, 1, first + 1, d->masks);
    /* One after the other: compilers differ in the order in which they evaluate arguments, and plans would, too. */
    struct vkr_tensor *upscaled = high ? upscale_with(d, n, result.image, high) : upscale(d, n, result.image);
    struct vkr_tensor *weights = hyper_weights(d, n, out.tokens);
    out.masks = vkr_mask_product(n.graph, upscaled, weights, low, low, high ? 0 : 2);
    vkr_graph_mark(n.graph, out.masks, "masks");
    out.iou = nn_mlp_head(n, "iou_prediction_head", vkr_slice(n.graph, result.tokens, 1, first, 1), d->iou_hidden,
                          d->masks, d->iou_depth);
    if (d->iou_sigmoid)
        out.iou = vkr_unary(n.graph, out.iou, VKR_ACT_SIGMOID);
    out.iou = vkr_reshape(n.graph, out.iou, vkr_f32(2, shape->objects, d->masks));
    vkr_graph_mark(n.graph, out.iou, "iou");
    if (d->score_depth) {
        out.score = nn_mlp_head(n, "pred_obj_score_head", vkr_slice(n.graph, result.tokens, 1, 0, 1), d->score_hidden,
                                1, d->score_depth);
        out.score = vkr_reshape(n.graph, out.score, vkr_f32(2, shape->objects, 1));
        vkr_graph_mark(n.graph, out.score, "object_score");
    }
    vkr_graph_pop(n.graph);
    return out;
}

void sam_decoder_build(const struct sam_decoder *d, struct nn n, struct vkr_tensor *image,
                       const struct decode_shape *shape)
{
    struct sam_decoded decoded = sam_decoder_predict(d, n, image, NULL, shape);
    vkr_graph_output(n.graph, decoded.masks, "masks");
    vkr_graph_output(n.graph, decoded.iou, "iou");
}

vks_status sam_decoder_read(const struct sam_decoder *d, const struct schema *schema, const char *name,
                            const struct vkr_desc *desc, void *dst)
{
    uint64_t elements = vkr_numel(desc);
    VKS_REQUIRE(desc->dtype == VKR_F32 || desc->dtype == VKR_F16, VKS_ERR_INTERNAL, "%s is wanted as %s", name,
                vkr_dtype_name(desc->dtype));
    const struct schema_entry *entry = schema_find(schema, name);
    if (entry) {
        VKS_REQUIRE(elements == vkr_numel(&entry->desc), VKS_ERR_INTERNAL, "%s is used as %s, but is %s", name,
                    VKR_SHAPE(desc), VKR_SHAPE(&entry->desc));
        VKS_TRY(weights_read(schema->weights, entry->found, desc->dtype, dst));
        weights_release(schema->weights, entry->found);
        return VKS_OK;
    }
    bool dense = elements == (uint64_t)d->grid * d->grid * d->channels && desc->dtype == VKR_F32 &&
                 strcmp(name, "prompt_encoder.dense_pe") == 0;
    VKS_REQUIRE(dense, VKS_ERR_INTERNAL, "no tensor of this network is called %s", name);
    sam_prompt_dense(&d->prompt, d->grid, dst);
    return VKS_OK;
}
