/* sam_decoder_open.c: the mask decoder's hyper-parameters from shapes, the list of its tensors, its cost. */
#include "models/sam_decoder.h"

#include <stdio.h>

/* Dimension `axis` of a tensor of `rank`; an error names the tensor. */
static vks_status dimension(const struct schema *schema, const char *name, uint32_t rank, uint32_t axis, uint32_t *out)
{
    enum { LARGEST = 1 << 16 };
    const struct weights_entry *entry;
    VKS_TRY(schema_need(schema, name, &entry));
    VKS_REQUIRE(entry->desc.rank == rank && entry->desc.dim[axis] > 0 && entry->desc.dim[axis] <= LARGEST,
                VKS_ERR_MODEL, "%s: expected %u dimensions of 1 to %d, the file has %s", entry->name, rank, LARGEST,
                VKR_SHAPE(&entry->desc));
    *out = entry->desc.dim[axis];
    return VKS_OK;
}

static vks_status measure(struct sam_decoder *d, const struct schema *schema)
{
    enum { MOST = 64 };
    static const char layers[] = "mask_decoder.transformer.layers",
                      hyper[] = "mask_decoder.output_hypernetworks_mlps.0.layers";
    static const char *const parts[] = { "norm1.weight", "norm2.weight", "mlp.lin1.weight", NULL };
    static const char *const linear[] = { "weight", "bias", NULL };
    VKS_TRY(dimension(schema, "mask_decoder.mask_tokens.weight", 2, 0, &d->masks));
    VKS_TRY(dimension(schema, "mask_decoder.mask_tokens.weight", 2, 1, &d->channels));
    VKS_TRY(dimension(schema, "mask_decoder.transformer.layers.0.cross_attn_token_to_image.q_proj.weight", 2, 0,
                      &d->cross_inner));
    VKS_TRY(dimension(schema, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 2, 0, &d->hidden));
    VKS_TRY(dimension(schema, "mask_decoder.iou_prediction_head.layers.0.weight", 2, 0, &d->iou_hidden));
    VKS_TRY(dimension(schema, "prompt_encoder.mask_downscaling.3.weight", 4, 0, &d->mask_channels));
    d->depth = schema_count(schema, layers, parts, MOST);
    d->hyper_depth = schema_count(schema, hyper, linear, MOST);
    d->iou_depth = schema_count(schema, "mask_decoder.iou_prediction_head.layers", linear, MOST);
    d->score_depth = schema_count(schema, "mask_decoder.pred_obj_score_head.layers", linear, MOST);
    d->iou_sigmoid = d->score_depth > 0; /* both came with SAM 2 */
    if (d->score_depth)
        VKS_TRY(dimension(schema, "mask_decoder.pred_obj_score_head.layers.0.weight", 2, 0, &d->score_hidden));
    VKS_REQUIRE(d->channels % 8 == 0 && d->mask_channels % 4 == 0 && d->masks >= 2 && d->masks <= 16 && d->depth >= 1 &&
                    d->hyper_depth >= 1 && d->iou_depth >= 1,
                VKS_ERR_MODEL,
                "a mask decoder of width %u with %u mask tokens, %u layers, %u mask input channels is none this "
                "version can run",
                d->channels, d->masks, d->depth, d->mask_channels);
    return VKS_OK;
}

/* NAME.weight [outputs, inputs] and NAME.bias [outputs]. */
static void add_linear(struct schema *schema, const char *name, uint32_t outputs, uint32_t inputs)
{
    schema_add(schema, vkr_f32(2, outputs, inputs), "%s.weight", name);
    schema_add(schema, vkr_f32(1, outputs), "%s.bias", name);
}

static void add_norm(struct schema *schema, const char *name, uint32_t channels)
{
    schema_add(schema, vkr_f32(1, channels), "%s.weight", name);
    schema_add(schema, vkr_f32(1, channels), "%s.bias", name);
}

static void add_conv(struct schema *schema, const char *name, struct vkr_desc weight, uint32_t outputs)
{
    schema_add(schema, weight, "%s.weight", name);
    schema_add(schema, vkr_f32(1, outputs), "%s.bias", name);
}

static void add_attention(struct schema *schema, const char *name, uint32_t channels, uint32_t inner)
{
    static const char *const projections[] = { "q_proj", "k_proj", "v_proj" };
    char path[SCHEMA_KEY];
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s.%s", name, projections[i]);
        add_linear(schema, path, inner, channels);
    }
    snprintf(path, sizeof path, "%s.out_proj", name);
    add_linear(schema, path, channels, inner);
}

static void add_head(struct schema *schema, const char *name, uint32_t inputs, uint32_t hidden, uint32_t outputs,
                     uint32_t depth)
{
    char path[SCHEMA_KEY];
    for (uint32_t i = 0; i < depth; i++) {
        snprintf(path, sizeof path, "%.200s.layers.%u", name, i);
        add_linear(schema, path, i + 1 == depth ? outputs : hidden, i == 0 ? inputs : hidden);
    }
}

static void add_layer(struct schema *schema, const struct sam_decoder *d, uint32_t index)
{
    char path[SCHEMA_KEY];
    static const char prefix[] = "mask_decoder.transformer.layers";
    snprintf(path, sizeof path, "%s.%u.self_attn", prefix, index);
    add_attention(schema, path, d->channels, d->channels);
    snprintf(path, sizeof path, "%s.%u.cross_attn_token_to_image", prefix, index);
    add_attention(schema, path, d->channels, d->cross_inner);
    snprintf(path, sizeof path, "%s.%u.cross_attn_image_to_token", prefix, index);
    add_attention(schema, path, d->channels, d->cross_inner);
    snprintf(path, sizeof path, "%s.%u.mlp.lin1", prefix, index);
    add_linear(schema, path, d->hidden, d->channels);
    snprintf(path, sizeof path, "%s.%u.mlp.lin2", prefix, index);
    add_linear(schema, path, d->channels, d->hidden);
    for (uint32_t i = 1; i <= 4; i++) {
        snprintf(path, sizeof path, "%s.%u.norm%u", prefix, index, i);
        add_norm(schema, path, d->channels);
    }
}

void sam_decoder_tensors(const struct sam_decoder *d, struct schema *schema)
{
    uint32_t c = d->channels, m = d->mask_channels;
    sam_prompt_schema(schema, c);
    schema_add(schema, vkr_f32(2, 1, c), "prompt_encoder.no_mask_embed.weight");
    add_conv(schema, "prompt_encoder.mask_downscaling.0", vkr_f32(4, m / 4, 1, 2, 2), m / 4);
    add_norm(schema, "prompt_encoder.mask_downscaling.1", m / 4);
    add_conv(schema, "prompt_encoder.mask_downscaling.3", vkr_f32(4, m, m / 4, 2, 2), m);
    add_norm(schema, "prompt_encoder.mask_downscaling.4", m);
    add_conv(schema, "prompt_encoder.mask_downscaling.6", vkr_f32(4, c, m, 1, 1), c);
    schema_add(schema, vkr_f32(2, 1, c), "mask_decoder.iou_token.weight");
    schema_add(schema, vkr_f32(2, d->masks, c), "mask_decoder.mask_tokens.weight");
    for (uint32_t i = 0; i < d->depth; i++)
        add_layer(schema, d, i);
    add_attention(schema, "mask_decoder.transformer.final_attn_token_to_image", c, d->cross_inner);
    add_norm(schema, "mask_decoder.transformer.norm_final_attn", c);
    add_conv(schema, "mask_decoder.output_upscaling.0", vkr_f32(4, c, c / 4, 2, 2), c / 4);
    add_norm(schema, "mask_decoder.output_upscaling.1", c / 4);
    add_conv(schema, "mask_decoder.output_upscaling.3", vkr_f32(4, c / 4, c / 8, 2, 2), c / 8);
    for (uint32_t i = 0; i < d->masks; i++) {
        char path[SCHEMA_KEY];
        snprintf(path, sizeof path, "mask_decoder.output_hypernetworks_mlps.%u", i);
        add_head(schema, path, c, c, c / 8, d->hyper_depth);
    }
    add_head(schema, "mask_decoder.iou_prediction_head", c, d->iou_hidden, d->masks, d->iou_depth);
    if (d->score_depth == 0)
        return;
    schema_add(schema, vkr_f32(2, 1, c), "mask_decoder.obj_score_token.weight");
    add_head(schema, "mask_decoder.pred_obj_score_head", c, d->score_hidden, 1, d->score_depth);
}

vks_status sam_decoder_open(struct sam_decoder *d, struct schema *schema, const struct hyper *hyper, uint32_t grid)
{
    *d = (struct sam_decoder){ .grid = grid };
    VKS_TRY(measure(d, schema));
    VKS_TRY(hyper_number(hyper, "decoder_heads", 1, 1024, 8, &d->heads));
    VKS_REQUIRE(d->channels % d->heads == 0 && d->cross_inner % d->heads == 0, VKS_ERR_MODEL,
                "%u decoder heads do not divide the widths %u and %u of this file; set the option decoder_heads",
                d->heads, d->channels, d->cross_inner);
    sam_decoder_tensors(d, schema);
    return VKS_OK;
}

vks_status sam_decoder_load(struct sam_decoder *d, const struct schema *schema, uint32_t side)
{
    return sam_prompt_open(schema, d->channels, side, &d->prompt);
}

void sam_decoder_free(struct sam_decoder *d)
{
    sam_prompt_free(&d->prompt);
}

double sam_decoder_gmac(const struct sam_decoder *d, uint32_t tokens)
{
    double c = d->channels, inner = d->cross_inner, cells = (double)d->grid * d->grid, t = 1.0 + d->masks + tokens;
    double self = 4 * t * c * c + 2 * t * t * c;
    double cross = 2 * (t + cells) * c * inner + 2 * t * cells * inner;
    double layer = self + 2 * cross + 2 * t * c * d->hidden;
    double heads = d->masks * ((d->hyper_depth - 1) * c * c + c * c / 8) + c * d->iou_hidden +
                   (d->iou_depth > 1 ? (d->iou_depth - 2.0) * d->iou_hidden * d->iou_hidden : 0) +
                   (double)d->iou_hidden * d->masks;
    double upscaling = cells * c * c + 4 * cells * (c / 4) * (c / 2) + 16 * cells * d->masks * c / 8;
    return (d->depth * layer + cross + heads + upscaling) * 1e-9;
}
