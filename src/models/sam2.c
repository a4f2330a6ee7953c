/* sam2.c: SAM 2.1 (arXiv 2408.00714) and MedSAM2 (arXiv 2504.03600), which is the same network for 512 x 512 slices
 * with another resize. Their checkpoints cannot be told apart by their tensors. */
#include "models/family.h"
#include "models/sam2_encoder.h"
#include "models/sam2_keys.h"
#include "models/sam2_memory.h"
#include "models/sam2_synthetic.h"
#include "models/sam_decoder.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct sam2 {
    struct network network; /* first */
    struct schema schema;
    struct sam2_encoder encoder;
    struct sam_decoder decoder;
    struct sam2_memory memory;
};

enum { EMBEDDING, HIGH_0, HIGH_1, RECALLED }; /* features, and the slot of `recall` */

/* ---- building ------------------------------------------------------------------------------------------------- */

static void encode(const struct network *network, struct nn n, struct vkr_slot *const *slots)
{
    struct vkr_tensor *features[3];
    sam2_encoder_build(&((const struct sam2 *)network)->encoder, n, features);
    for (uint32_t i = 0; i < 3; i++)
        family_keep(network, n, slots, i, features[i]);
}

/* The object pointers of all masks: a small network on their tokens. */
static void output_pointers(const struct sam2 *sam2, struct nn n, const struct sam_decoded *decoded)
{
    uint32_t channels = sam2->network.channels;
    struct vkr_tensor *pointers = nn_mlp_head(n, "obj_ptr_proj", decoded->tokens, channels, channels, 3);
    vkr_graph_output(n.graph, pointers, "pointers");
    vkr_graph_output(n.graph, decoded->score, "score");
}

/* An image without memories is marked as such by an embedding of its own. */
static void decode(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct decode_shape *shape)
{
    const struct sam2 *sam2 = (const struct sam2 *)network;
    uint32_t source = shape->source == DECODE_RECALLED ? RECALLED : EMBEDDING;
    struct vkr_tensor *image = family_feature(network, n, slots, source), *high[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct vkr_tensor *x = family_feature(network, n, slots, HIGH_0 + i);
        const struct vkr_desc *d = &x->desc;
        high[i] = vkr_reshape(n.graph, x, vkr_f32(4, 1, d->dim[0], d->dim[1], d->dim[2]));
    }
    if (shape->source == DECODE_IMAGE || shape->source == DECODE_FIRST)
        image = vkr_add(n.graph, image, vkr_graph_param(n.graph, "no_mem_embed", vkr_f32(3, 1, 1, network->channels)));
    struct sam_decoded decoded = sam_decoder_predict(&sam2->decoder, n, image, high, shape);
    vkr_graph_output(n.graph, decoded.masks, "masks");
    vkr_graph_output(n.graph, decoded.iou, "iou");
    if (shape->source != DECODE_IMAGE)
        output_pointers(sam2, n, &decoded);
}

static void recall(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct recall_shape *shape)
{
    struct vkr_tensor *image = family_feature(network, n, slots, EMBEDDING);
    family_keep(network, n, slots, RECALLED,
                sam2_memory_recall(&((const struct sam2 *)network)->memory, n, image, shape));
}

static void remember(const struct network *network, struct nn n, struct vkr_slot *const *slots)
{
    sam2_memory_remember(&((const struct sam2 *)network)->memory, n, family_feature(network, n, slots, EMBEDDING));
}

static void pointer_time(const struct network *network, double distance, float *row)
{
    sam2_memory_time(&((const struct sam2 *)network)->memory, distance, row);
}

/* Corners come before clicks, and a padding row after both. An object that is followed has two padding rows instead. */
static uint32_t tokens(const struct network *network, const struct prompt_object *object)
{
    (void)network;
    return object->count ? object->count + 1 : object->followed ? 2 : 0;
}

static void embed(const struct network *network, const struct prompt_object *object, float *sparse)
{
    const struct sam_prompt *prompt = &((const struct sam2 *)network)->decoder.prompt;
    uint32_t corners = object->box ? 2 : 0, clicks = object->count - corners;
    for (uint32_t i = 0; i < object->count; i++, sparse += prompt->channels)
        sam_prompt_point(prompt, &object->points[i < corners ? clicks + i : i - corners], sparse);
    for (uint32_t i = object->count; i < tokens(network, object); i++, sparse += prompt->channels)
        sam_prompt_padding(prompt, sparse);
}

static vks_status read_param(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct sam2 *sam2 = (const struct sam2 *)network;
    bool known;
    vks_status status = sam2_memory_read(&sam2->memory, &sam2->schema, name, desc, dst, &known);
    if (status != VKS_OK || known)
        return status;
    return sam_decoder_read(&sam2->decoder, &sam2->schema, name, desc, dst);
}

/* ---- recognising ---------------------------------------------------------------------------------------------- */

static bool is_transformers(const struct weights *weights)
{
    return weights_find(weights, "vision_encoder.backbone.patch_embed.projection.weight") != NULL;
}

static bool matches_sam2(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return is_transformers(weights) || (weights_find(weights, "image_encoder.trunk.patch_embed.proj.weight") != NULL &&
                                        weights_find(weights, "sam_mask_decoder.obj_score_token.weight") != NULL);
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

static bool matches_medsam2(const struct weights *weights, const char *file_name)
{
    return contains_word(file_name, "medsam") && matches_sam2(weights, file_name);
}

/* ---- describing ----------------------------------------------------------------------------------------------- */

static void describe_variant(struct sam2 *sam2)
{
    static const struct {
        uint32_t width, depth;
        const char *name;
    } known[] = { { 96, 12, "hiera_t" }, { 96, 16, "hiera_s" }, { 112, 24, "hiera_b+" }, { 144, 48, "hiera_l" } };
    const struct sam2_encoder *e = &sam2->encoder;
    struct network *network = &sam2->network;
    snprintf(network->variant, sizeof network->variant, "custom hiera %ux%u", e->width, e->depth);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].width == e->width && known[i].depth == e->depth)
            snprintf(network->variant, sizeof network->variant, "%s", known[i].name);
}

static void describe_features(struct network *network, const struct sam2_encoder *e)
{
    uint32_t quarter = e->side / 4, eighth = e->side / 8;
    network->channels = e->channels;
    network->grid = e->side / 16;
    network->features[EMBEDDING] =
        (struct family_feature){ "embedding", vkr_f32(3, network->grid, network->grid, e->channels) };
    network->features[HIGH_0] = (struct family_feature){ "high_0", vkr_f32(3, quarter, quarter, e->high[0]) };
    network->features[HIGH_1] = (struct family_feature){ "high_1", vkr_f32(3, eighth, eighth, e->high[1]) };
    network->features[RECALLED] = network->features[EMBEDDING];
    network->features[RECALLED].name = "recalled";
    network->feature_count = 3;
}

static void describe(struct sam2 *sam2, uint32_t unknown)
{
    struct network *network = &sam2->network;
    describe_variant(sam2);
    describe_features(network, &sam2->encoder);
    network->low = 4 * network->grid;
    network->masks = sam2->decoder.masks;
    network->bank = sam2->memory.bank;
    network->mask_limit = 32;
    network->stability = (struct mask_stability){ 0.05f, 0.98f };
    network->parameters = schema_elements(&sam2->schema);
    network->encoder_gmac = sam2_encoder_gmac(&sam2->encoder);
    network->decoder_gmac = sam_decoder_gmac(&sam2->decoder, 3);
    if (unknown == 0)
        return;
    size_t used = strlen(network->note);
    snprintf(network->note + used, sizeof network->note - used, "%s%u tensors of the file are left out.",
             used ? " " : "", unknown);
}

static void describe_image(struct network *network, uint32_t side, bool medical, bool chosen)
{
    network->image = (struct image_spec){ .side = side,
                                          .filter = medical ? RESAMPLE_PILLOW_BICUBIC : RESAMPLE_TORCH_BILINEAR,
                                          .normalisation = IMAGE_MEAN_STD,
                                          .divisor = 255,
                                          .mean = { 0.485f, 0.456f, 0.406f },
                                          .std = { 0.229f, 0.224f, 0.225f } };
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "%s to %u x %u whatever the aspect, ImageNet mean and deviation",
             medical ? "Pillow bicubic" : "antialiased bilinear in floating point", side, side);
    if (!chosen)
        snprintf(network->note, sizeof network->note, "Taken for %s, at %u x %u. %s",
                 medical ? "MedSAM2 by the file's name" : "SAM 2", side, side,
                 medical ? "A SAM 2 checkpoint has the same tensors: if this is one, choose the family sam2."
                         : "A MedSAM2 checkpoint has the same tensors: if this is one, choose the family medsam2.");
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void close_network(struct network *network)
{
    struct sam2 *sam2 = (struct sam2 *)network;
    sam_decoder_free(&sam2->decoder);
    sam2_memory_free(&sam2->memory);
    schema_free(&sam2->schema);
    vkr_free(sam2);
}

static vks_status fill(struct sam2 *sam2, const char *options, bool chosen)
{
    static const char *const keys[] = { "image_size",    "encoder_heads", "decoder_heads", "window_spec",
                                        "global_blocks", "band_kib",      "unknown",       NULL };
    static const char *const ignored[] = { "no_mem_pos_enc", "no_memory_positional_encoding", "shared_image_embedding.",
                                           "prompt_encoder.shared_embedding.", NULL };
    const struct hyper hyper = { options, sam2->network.weights };
    bool medical = sam2->network.family == &family_medsam2;
    char unknown_rule[HYPER_TEXT] = "";
    uint32_t unknown, side;
    VKS_TRY(hyper_check(&hyper, keys));
    VKS_REQUIRE(!hyper_text(&hyper, "unknown", unknown_rule) || strcmp(unknown_rule, "ignore") == 0, VKS_ERR_ARGUMENT,
                "unknown=%s: the only rule for unknown tensors is ignore", unknown_rule);
    VKS_TRY(hyper_number(&hyper, "image_size", 64, 4096, medical ? 512 : 1024, &side));
    VKS_TRY(sam2_encoder_open(&sam2->encoder, &sam2->schema, &hyper, side));
    VKS_TRY(sam_decoder_open(&sam2->decoder, &sam2->schema, &hyper, side / 16));
    uint32_t c = sam2->encoder.channels;
    VKS_REQUIRE(sam2->decoder.channels == c && sam2->encoder.high[0] == c / 8 && sam2->encoder.high[1] == c / 4 &&
                    sam2->decoder.score_depth > 0,
                VKS_ERR_MODEL, "the image encoder of this file gives %u, %u and %u channels, its mask decoder takes %u",
                c, sam2->encoder.high[1], sam2->encoder.high[0], sam2->decoder.channels);
    VKS_TRY(sam2_memory_open(&sam2->memory, &sam2->schema, side, c));
    schema_add(&sam2->schema, vkr_f32(3, 1, 1, c), "no_mem_embed");
    VKS_TRY(schema_check(&sam2->schema, sam2->network.family->name, ignored, unknown_rule[0] == '\0', &unknown));
    VKS_TRY(sam_decoder_load(&sam2->decoder, &sam2->schema, side));
    VKS_TRY(sam2_memory_load(&sam2->memory, &sam2->schema));
    describe_image(&sam2->network, side, medical, chosen);
    describe(sam2, unknown);
    return VKS_OK;
}

static vks_status open_network(const struct family *family, const struct weights *weights, const char *options,
                               bool chosen, struct network **out)
{
    struct sam2 *sam2;
    VKS_TRY(vkr_alloc(1, sizeof *sam2, "a network", (void **)&sam2));
    sam2->network.family = family;
    sam2->network.weights = weights;
    sam2->schema.weights = weights;
    sam2->schema.key = is_transformers(weights) ? sam2_key_transformers : sam2_key_published;
    vks_status status = fill(sam2, options, chosen);
    if (status == VKS_OK)
        *out = &sam2->network;
    else
        close_network(&sam2->network);
    return status;
}

const struct family family_sam2 = {
    .name = "sam2",
    .licence = "Apache-2.0",
    .accepts = VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK,
    .matches = matches_sam2,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .recall = recall,
    .remember = remember,
    .pointer_time = pointer_time,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = sam2_synthetic,
};

const struct family family_medsam2 = {
    .name = "medsam2",
    .licence = "research and education only: see the model card",
    .accepts = VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK,
    .matches = matches_medsam2,
    .open = open_network,
    .close = close_network,
    .encode = encode,
    .decode = decode,
    .recall = recall,
    .remember = remember,
    .pointer_time = pointer_time,
    .tokens = tokens,
    .embed = embed,
    .read = read_param,
    .tensors = sam2_synthetic,
};
