/* sam.c: SAM (arXiv 2304.02643); MedSAM (arXiv 2304.12306), which is the same network with other preprocessing, another
 * mask rule and box prompts only, and whose checkpoints cannot be told apart by their tensors; SAM-Med2D (arXiv
 * 2308.16184), the same at 256 pixels with adapters, whose answer is the best of its candidates. */
#include "models/sam_decoder.h"
#include "models/sam_encoder.h"
#include "models/sam_keys.h"
#include "models/sam_synthetic.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct sam {
    struct network network; /* first */
    struct schema schema;
    struct sam_encoder encoder;
    struct sam_decoder decoder;
};

/* ---- building ------------------------------------------------------------------------------------------------- */

static void encode(const struct network *network, struct nn n, struct vkr_slot *const *slots)
{
    family_keep(network, n, slots, 0, sam_encoder_build(&((const struct sam *)network)->encoder, n));
}

static void decode(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct decode_shape *shape)
{
    sam_decoder_build(&((const struct sam *)network)->decoder, n, family_feature(network, n, slots, 0), shape);
}

static uint32_t tokens(const struct network *network, const struct prompt_object *object)
{
    (void)network;
    return sam_prompt_tokens(object);
}

static void embed(const struct network *network, const struct prompt_object *object, float *sparse)
{
    sam_prompt_embed(&((const struct sam *)network)->decoder.prompt, object, sparse);
}

static vks_status read_param(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct sam *sam = (const struct sam *)network;
    return sam_decoder_read(&sam->decoder, &sam->schema, name, desc, dst);
}

/* ---- recognising ---------------------------------------------------------------------------------------------- */

/* Two tensors of three are enough: a file that lacks one is recognised, and told what it lacks. */
static bool has_two(const struct weights *weights, const char *const names[3])
{
    int found = 0;
    for (int i = 0; i < 3; i++)
        found += weights_find(weights, names[i]) != NULL;
    return found >= 2;
}

static bool is_transformers(const struct weights *weights)
{
    static const char *const names[] = { "vision_encoder.pos_embed", "vision_encoder.patch_embed.projection.weight",
                                         "vision_encoder.layers.0.attn.qkv.weight" };
    return has_two(weights, names);
}

static bool matches_sam(const struct weights *weights, const char *file_name)
{
    static const char *const names[] = { "image_encoder.patch_embed.proj.weight",
                                         "image_encoder.blocks.0.attn.qkv.weight", "mask_decoder.mask_tokens.weight" };
    (void)file_name;
    return is_transformers(weights) || has_two(weights, names);
}

static bool contains_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == word[i])
            i++;
        if (i == length)
            return true;
    }
    return false;
}

static bool matches_medsam(const struct weights *weights, const char *file_name)
{
    return contains_word(file_name, "medsam") && matches_sam(weights, file_name);
}

static bool matches_sam_med2d(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return matches_sam(weights, "") && weights_find(weights, "image_encoder.blocks.0.Adapter.norm.weight") != NULL;
}

/* ---- describing ----------------------------------------------------------------------------------------------- */

static void describe_variant(struct sam *sam)
{
    static const struct {
        uint32_t width, depth;
        const char *name;
    } known[] = { { 768, 12, "vit_b" }, { 1024, 24, "vit_l" }, { 1280, 32, "vit_h" } };
    const struct sam_encoder *e = &sam->encoder;
    struct network *network = &sam->network;
    snprintf(network->variant, sizeof network->variant, "custom %ux%u", e->width, e->depth);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].width == e->width && known[i].depth == e->depth)
            snprintf(network->variant, sizeof network->variant, "%s", known[i].name);
}

static uint64_t used_elements(const struct sam *sam)
{
    uint64_t sum = schema_elements(&sam->schema);
    for (uint32_t i = 0; sam->encoder.adapters_off && i < sam->schema.count; i++)
        if (strstr(sam->schema.entries[i].name, ".Adapter."))
            sum -= vkr_numel(&sam->schema.entries[i].desc);
    return sum;
}

static void describe(struct sam *sam, uint32_t unknown)
{
    struct network *network = &sam->network;
    describe_variant(sam);
    network->channels = sam->encoder.channels;
    network->grid = sam->encoder.grid;
    network->low = 4 * network->grid;
    network->masks = sam->decoder.masks;
    network->parameters = used_elements(sam);
    network->encoder_gmac = sam_encoder_gmac(&sam->encoder);
    network->decoder_gmac = sam_decoder_gmac(&sam->decoder, 2);
    if (unknown == 0)
        return;
    size_t used = strlen(network->note);
    snprintf(network->note + used, sizeof network->note - used, "%s%u tensors of the file are left out.",
             used ? " " : "", unknown);
}

static void describe_sam(struct network *network, uint32_t side, bool chosen)
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
    if (!chosen)
        snprintf(network->note, sizeof network->note,
                 "Taken for SAM. A MedSAM checkpoint has the same tensors: if this is one, choose the family medsam.");
}

static void describe_medsam(struct network *network, uint32_t side, bool chosen)
{
    network->image =
        (struct image_spec){ .side = side, .filter = RESAMPLE_SKIMAGE_CUBIC, .normalisation = IMAGE_MIN_MAX };
    network->finish = (struct finish_spec){ .sigmoid = true, .threshold = 0.5f };
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "cubic spline with antialiasing to %u x %u whatever the aspect, minimum..maximum to 0..1", side, side);
    if (!chosen)
        snprintf(network->note, sizeof network->note,
                 "Taken for MedSAM by the file's name. A SAM checkpoint has the same tensors: if this is one, choose "
                 "the family "
                 "sam.");
}

/* Its predictor normalises before it takes the nearest pixels, which gives the same, and thresholds the sigmoid of the
 * enlarged logits at 1/2: their sign. Its training chose the best of three candidates; number 0 was never the answer. */
static void describe_sam_med2d(struct sam *sam, uint32_t side)
{
    struct network *network = &sam->network;
    network->image = (struct image_spec){ .side = side,
                                          .filter = RESAMPLE_NEAREST,
                                          .normalisation = IMAGE_MEAN_STD,
                                          .divisor = 1,
                                          .mean = { 123.675f, 116.28f, 103.53f },
                                          .std = { 58.395f, 57.12f, 57.375f } };
    network->finish = (struct finish_spec){ .side = side };
    network->stability.least = MASK_NEVER;
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "nearest pixel to %u x %u whatever the aspect, ImageNet mean and deviation", side, side);
    if (!sam->encoder.adapter)
        snprintf(network->note, sizeof network->note, "The file has no adapters.");
    else if (sam->encoder.adapters_off)
        snprintf(network->note, sizeof network->note, "The adapters are left out, as adapters=off says.");
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void close_network(struct network *network)
{
    struct sam *sam = (struct sam *)network;
    sam_decoder_free(&sam->decoder);
    schema_free(&sam->schema);
    vkr_free(sam);
}

static vks_status fill(struct sam *sam, const char *options, bool chosen)
{
    static const char *const keys[] = { "encoder_heads", "decoder_heads", "window_size",
                                        "global_blocks", "unknown",       NULL };
    static const char *const adapted_keys[] = { "encoder_heads", "decoder_heads", "window_size", "global_blocks",
                                                "unknown",       "adapters",      NULL };
    static const char *const ignored[] = { "pixel_mean", "pixel_std", "prompt_encoder.shared_embedding.",
                                           "shared_image_embedding.", NULL };
    const struct hyper hyper = { options, sam->network.weights };
    char unknown_rule[HYPER_TEXT] = "";
    uint32_t unknown;
    bool adapted = sam->network.family == &family_sam_med2d;
    VKS_TRY(hyper_check(&hyper, adapted ? adapted_keys : keys));
    VKS_REQUIRE(!hyper_text(&hyper, "unknown", unknown_rule) || strcmp(unknown_rule, "ignore") == 0, VKS_ERR_ARGUMENT,
                "unknown=%s: the only rule for unknown tensors is ignore", unknown_rule);
    VKS_TRY(sam_encoder_open(&sam->encoder, &sam->schema, &hyper, adapted));
    VKS_TRY(sam_decoder_open(&sam->decoder, &sam->schema, &hyper, sam->encoder.grid));
    VKS_REQUIRE(sam->decoder.channels == sam->encoder.channels, VKS_ERR_MODEL,
                "the image encoder of this file gives %u channels, its mask decoder takes %u", sam->encoder.channels,
                sam->decoder.channels);
    VKS_TRY(schema_check(&sam->schema, sam->network.family->name, ignored, unknown_rule[0] == '\0', &unknown));
    uint32_t side = sam->encoder.grid * sam->encoder.patch;
    VKS_TRY(sam_decoder_load(&sam->decoder, &sam->schema, side));
    if (sam->network.family == &family_medsam)
        describe_medsam(&sam->network, side, chosen);
    else if (adapted)
        describe_sam_med2d(sam, side);
    else
        describe_sam(&sam->network, side, chosen);
    describe(sam, unknown);
    return VKS_OK;
}

static vks_status open_network(const struct family *family, const struct weights *weights, const char *options,
                               bool chosen, struct network **out)
{
    struct sam *sam;
    VKS_TRY(vkr_alloc(1, sizeof *sam, "a network", (void **)&sam));
    sam->network.family = family;
    sam->network.weights = weights;
    sam->schema.weights = weights;
    sam->schema.key = is_transformers(weights) ? sam_key_transformers : sam_key_published;
    vks_status status = fill(sam, options, chosen);
    if (status == VKS_OK)
        *out = &sam->network;
    else
        close_network(&sam->network);
    return status;
}

const struct family family_sam = {
    .name = "sam",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK,
    .matches = matches_sam,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = sam_synthetic,
};

const struct family family_medsam = {
    .name = "medsam",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_BOX,
    .matches = matches_medsam,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = sam_synthetic,
};

const struct family family_sam_med2d = {
    .name = "sam_med2d",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK,
    .matches = matches_sam_med2d,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = sam_synthetic,
};
