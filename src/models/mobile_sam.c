/* mobile_sam.c: MobileSAM (arXiv 2306.14289) and LiteMedSAM (CVPR 2024 challenge "MedSAM on Laptop"): TinyViT in front of
 * SAM's decoder. They differ in the stem, the preprocessing, the prompts they were trained for and the mask rule. */
#include "models/sam_decoder.h"
#include "models/sam_keys.h"
#include "models/tiny_vit.h"

#include <stdio.h>
#include <string.h>

struct mobile_sam {
    struct network network; /* first */
    struct schema schema;
    struct tiny_vit encoder;
    struct sam_decoder decoder;
};

/* ---- building ------------------------------------------------------------------------------------------------- */

static void encode(const struct network *network, struct nn n, struct vkr_slot *const *slots)
{
    family_keep(network, n, slots, 0, tiny_vit_build(&((const struct mobile_sam *)network)->encoder, n));
}

static void decode(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct decode_shape *shape)
{
    sam_decoder_build(&((const struct mobile_sam *)network)->decoder, n, family_feature(network, n, slots, 0), shape);
}

static uint32_t tokens(const struct network *network, const struct prompt_object *object)
{
    (void)network;
    return sam_prompt_tokens(object);
}

static void embed(const struct network *network, const struct prompt_object *object, float *sparse)
{
    sam_prompt_embed(&((const struct mobile_sam *)network)->decoder.prompt, object, sparse);
}

static vks_status read_param(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct mobile_sam *m = (const struct mobile_sam *)network;
    if (tiny_vit_derives(&m->schema, name))
        return tiny_vit_read(&m->schema, name, desc, dst);
    return sam_decoder_read(&m->decoder, &m->schema, name, desc, dst);
}

/* ---- recognising ---------------------------------------------------------------------------------------------- */

static bool matches_mobile_sam(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return tiny_vit_stem(weights) == 3 && weights_find(weights, "mask_decoder.mask_tokens.weight") != NULL;
}

static bool matches_lite_medsam(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return tiny_vit_stem(weights) == 1 && weights_find(weights, "mask_decoder.mask_tokens.weight") != NULL;
}

/* ---- describing ----------------------------------------------------------------------------------------------- */

static void describe_mobile_sam(struct network *network, uint32_t side)
{
    network->image = (struct image_spec){ .side = side,
                                          .filter = RESAMPLE_PILLOW_BILINEAR,
                                          .keep_aspect = true,
                                          .normalisation = IMAGE_MEAN_STD,
                                          .divisor = 1,
                                          .mean = { 123.675f, 116.28f, 103.53f },
                                          .std = { 58.395f, 57.12f, 57.375f } };
    network->finish = (struct finish_spec){ .side = side };
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "Pillow bilinear, longest side to %u, ImageNet mean and deviation, then zeros right and below", side);
}

/* The published code thresholds the sigmoid of the enlarged logits at 1/2: their sign. */
static void describe_lite_medsam(struct network *network, uint32_t side)
{
    network->image = (struct image_spec){
        .side = side, .filter = RESAMPLE_CV2_AREA, .keep_aspect = true, .normalisation = IMAGE_MIN_MAX
    };
    network->finish = (struct finish_spec){ .side = side };
    network->whole_prompts = true;
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "OpenCV area, longest side to %u, minimum..maximum to 0..1, then zeros right and below; whole coordinates",
             side);
}

static void describe(struct mobile_sam *m, uint32_t unknown)
{
    struct network *network = &m->network;
    const struct tiny_vit_stage *stages = m->encoder.stages;
    bool published = stages[0].width == 64 && stages[1].width == 128 && stages[2].width == 160 &&
                     stages[3].width == 320 && stages[2].depth == 6;
    if (published)
        snprintf(network->variant, sizeof network->variant, "tiny_vit_5m");
    else
        snprintf(network->variant, sizeof network->variant, "custom %u, %u, %u, %u", stages[0].width, stages[1].width,
                 stages[2].width, stages[3].width);
    network->channels = m->encoder.channels;
    network->grid = stages[TINY_VIT_STAGES - 1].grid;
    network->low = 4 * network->grid;
    network->masks = m->decoder.masks;
    network->parameters = schema_elements(&m->schema);
    network->encoder_gmac = tiny_vit_gmac(&m->encoder);
    network->decoder_gmac = sam_decoder_gmac(&m->decoder, 2);
    if (unknown)
        snprintf(network->note, sizeof network->note, "%u tensors of the file are left out.", unknown);
}

/* ---- generated models ------------------------------------------------------------------------------------------ */

static void tensors_of(const char *name, struct schema *schema)
{
    bool lite = strncmp(name, "lite_", 5) == 0, mini = strstr(name, "_mini") != NULL;
    struct tiny_vit encoder = { .stem_width = 32, .stem_kernel = lite ? 1 : 3, .channels = 256,
                                .stages = { { .width = 64, .depth = 2, .hidden = 256, .stride = 2 },
                                            { 128, 2, 0, 512, 4, 7, 2 },
                                            { 160, 6, 0, 640, 5, 14, 1 },
                                            { 320, 2, 0, 1280, 10, 7, 0 } } };
    struct sam_decoder decoder = { .channels = 256, .masks = 4, .depth = 2, .cross_inner = 128, .hidden = 2048,
                                   .hyper_depth = 3, .iou_depth = 3, .iou_hidden = 256, .mask_channels = 16 };
    if (mini) {
        encoder = (struct tiny_vit){ .stem_width = 8, .stem_kernel = lite ? 1 : 3, .channels = 64,
                                     .stages = { { .width = 16, .depth = 1, .hidden = 64, .stride = 2 },
                                                 { 32, 2, 0, 64, 4, 3, 2 },
                                                 { 40, 1, 0, 80, 2, 5, 1 },
                                                 { 320, 1, 0, 320, 10, 4, 0 } } };
        decoder = (struct sam_decoder){ .channels = 64, .masks = 4, .depth = 2, .cross_inner = 32, .hidden = 96,
                                        .hyper_depth = 3, .iou_depth = 3, .iou_hidden = 48, .mask_channels = 8 };
    }
    tiny_vit_tensors(&encoder, schema);
    sam_decoder_tensors(&decoder, schema);
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void close_network(struct network *network)
{
    struct mobile_sam *m = (struct mobile_sam *)network;
    sam_decoder_free(&m->decoder);
    schema_free(&m->schema);
    vkr_free(m);
}

static vks_status fill(struct mobile_sam *m, const char *options)
{
    static const char *const keys[] = { "image_size", "decoder_heads", "unknown", NULL };
    static const char *const ignored[] = { "pixel_mean", "pixel_std", "image_encoder.norm_head.",
                                           "image_encoder.head.", "*.num_batches_tracked",
                                           "*.attention_bias_idxs", "*.attn.ab", NULL };
    const struct hyper hyper = { options, m->network.weights };
    bool lite = m->network.family == &family_lite_medsam;
    char unknown_rule[HYPER_TEXT] = "";
    uint32_t unknown;
    VKS_TRY(hyper_check(&hyper, keys));
    VKS_REQUIRE(!hyper_text(&hyper, "unknown", unknown_rule) || strcmp(unknown_rule, "ignore") == 0, VKS_ERR_ARGUMENT,
                "unknown=%s: the only rule for unknown tensors is ignore", unknown_rule);
    VKS_TRY(tiny_vit_open(&m->encoder, &m->schema, &hyper, lite ? 256 : 1024));
    VKS_REQUIRE(m->encoder.stem_kernel == (lite ? 1 : 3), VKS_ERR_MODEL,
                "the first convolution of this file has a kernel of %u: it is a checkpoint of the family %s, not of %s",
                m->encoder.stem_kernel, lite ? "mobile_sam" : "lite_medsam", m->network.family->name);
    VKS_TRY(sam_decoder_open(&m->decoder, &m->schema, &hyper, m->encoder.stages[TINY_VIT_STAGES - 1].grid));
    VKS_REQUIRE(m->decoder.channels == m->encoder.channels, VKS_ERR_MODEL,
                "the image encoder of this file gives %u channels, its mask decoder takes %u", m->encoder.channels,
                m->decoder.channels);
    VKS_TRY(schema_check(&m->schema, m->network.family->name, ignored, unknown_rule[0] == '\0', &unknown));
    VKS_TRY(sam_decoder_load(&m->decoder, &m->schema, m->encoder.side));
    if (lite)
        describe_lite_medsam(&m->network, m->encoder.side);
    else
        describe_mobile_sam(&m->network, m->encoder.side);
    describe(m, unknown);
    return VKS_OK;
}

static vks_status open_network(const struct family *family, const struct weights *weights, const char *options,
                               bool chosen, struct network **out)
{
    struct mobile_sam *m;
    (void)chosen;
    VKS_TRY(vkr_alloc(1, sizeof *m, "a network", (void **)&m));
    m->network.family = family;
    m->network.weights = weights;
    m->schema.weights = weights;
    m->schema.key = sam_key_published;
    vks_status status = fill(m, options);
    if (status == VKS_OK)
        *out = &m->network;
    else
        close_network(&m->network);
    return status;
}

const struct family family_mobile_sam = {
    .name = "mobile_sam",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK,
    .matches = matches_mobile_sam,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = tensors_of,
};

const struct family family_lite_medsam = {
    .name = "lite_medsam",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_BOX,
    .matches = matches_lite_medsam,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = tensors_of,
};
