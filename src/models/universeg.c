/* universeg.c: UniverSeg (arXiv 2304.06131): a U-Net whose every block mixes the target with each image of a support set,
 * which says by examples what to segment. There are no prompts.
 *
 * The cross convolution of target and support is split: conv([t; s]) = conv_t(t) + conv_s(s), so the target's half is
 * computed once. Where only the mean over the supports is wanted it is taken first, because all of that is linear; the
 * last block therefore touches no single support. The first block's support half does not depend on the target and is
 * kept between targets (universeg_support.c). */
#include "models/universeg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- recognising ---------------------------------------------------------------------------------------------- */

static bool matches(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return weights_find(weights, "enc_blocks.0.cross.cross_conv.weight") != NULL &&
           weights_find(weights, "out_conv.conv.weight") != NULL;
}

/* ---- sizes ---------------------------------------------------------------------------------------------------- */

static vks_status outputs_of(const struct schema *schema, uint32_t *out, const char *format, ...) VKR_PRINTF(3, 4);

static vks_status outputs_of(const struct schema *schema, uint32_t *out, const char *format, ...)
{
    enum { MOST = 4096 };
    char name[SCHEMA_KEY];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const struct weights_entry *entry = schema_lookup(schema, name);
    VKS_REQUIRE(entry, VKS_ERR_MODEL, "the tensor %s, which tells the size of the network, is missing in this file",
                name);
    VKS_REQUIRE(entry->desc.rank == 4 && entry->desc.dim[0] >= 1 && entry->desc.dim[0] <= MOST, VKS_ERR_MODEL,
                "%s: expected the weight of a convolution to at most %d channels, the file has %s", entry->name, MOST,
                VKR_SHAPE(&entry->desc));
    *out = entry->desc.dim[0];
    return VKS_OK;
}

/* *count: how many blocks PATH.0, PATH.1, .. there are, each filled but for its inputs. */
static vks_status measure(const struct schema *schema, const char *path, struct universeg_block *blocks, uint32_t *count)
{
    char name[SCHEMA_KEY];
    for (*count = 0;; ++*count) {
        snprintf(name, sizeof name, "%s.%u.cross.cross_conv.weight", path, *count);
        if (!schema_lookup(schema, name))
            return VKS_OK;
        VKS_REQUIRE(*count < UNIVERSEG_LEVELS, VKS_ERR_MODEL, "this file has more than %d blocks %s", UNIVERSEG_LEVELS,
                    path);
        struct universeg_block *block = &blocks[*count];
        VKS_TRY(outputs_of(schema, &block->cross, "%s.%u.cross.cross_conv.weight", path, *count));
        VKS_TRY(outputs_of(schema, &block->outputs, "%s.%u.target.vmapped.conv.weight", path, *count));
    }
}

static void add_block(struct schema *schema, const char *path, uint32_t index, const struct universeg_block *block)
{
    static const char *const parts[] = { "target", "support" };
    schema_add(schema, vkr_f32(4, block->cross, block->target + block->support, 3, 3),
               "%s.%u.cross.cross_conv.weight", path, index);
    schema_add(schema, vkr_f32(1, block->cross), "%s.%u.cross.cross_conv.bias", path, index);
    for (int i = 0; i < 2; i++) {
        schema_add(schema, vkr_f32(4, block->outputs, block->cross, 3, 3), "%s.%u.%s.vmapped.conv.weight", path, index,
                   parts[i]);
        schema_add(schema, vkr_f32(1, block->outputs), "%s.%u.%s.vmapped.conv.bias", path, index, parts[i]);
    }
}

/* Inputs of each block from the outputs of those before it, and the list of tensors. */
static void connect(struct universeg *u, struct schema *schema)
{
    for (uint32_t i = 0; i < u->depth; i++) {
        struct universeg_block *block = &u->encoder[i];
        block->target = i ? u->encoder[i - 1].outputs : 1;
        block->support = i ? block->target : 2; /* image and label */
        add_block(schema, "enc_blocks", i, block);
    }
    uint32_t below = u->encoder[u->depth - 1].outputs;
    for (uint32_t i = 0; i + 1 < u->depth; i++) {
        struct universeg_block *block = &u->decoder[i];
        block->target = block->support = below + u->encoder[u->depth - 2 - i].outputs;
        add_block(schema, "dec_blocks", i, block);
        below = block->outputs;
    }
    schema_add(schema, vkr_f32(4, 1, below, 1, 1), "out_conv.conv.weight");
    schema_add(schema, vkr_f32(1, 1), "out_conv.conv.bias");
}

static vks_status size_of(struct universeg *u, const struct hyper *hyper)
{
    static const char *const keys[] = { "image_size", "trace", NULL };
    uint32_t decoders, trace, unknown;
    VKS_TRY(hyper_check(hyper, keys));
    VKS_TRY(hyper_number(hyper, "image_size", 8, 1024, 128, &u->side));
    VKS_TRY(hyper_number(hyper, "trace", 0, 1, 0, &trace));
    u->trace = trace == 1;
    VKS_TRY(measure(&u->schema, "enc_blocks", u->encoder, &u->depth));
    VKS_TRY(measure(&u->schema, "dec_blocks", u->decoder, &decoders));
    VKS_REQUIRE(u->depth >= 2 && decoders + 1 == u->depth, VKS_ERR_MODEL,
                "this file has %u encoder and %u decoder blocks; expected one decoder block less than encoder blocks, "
                "and at least one",
                u->depth, decoders);
    VKS_REQUIRE(u->side % (1u << (u->depth - 1)) == 0, VKS_ERR_ARGUMENT,
                "image_size=%u: it must be a multiple of %u, for this network halves it %u times", u->side,
                1u << (u->depth - 1), u->depth - 1);
    connect(u, &u->schema);
    return schema_check(&u->schema, "universeg", NULL, true, &unknown);
}

/* ---- describing ----------------------------------------------------------------------------------------------- */

/* One 3 x 3 convolution at level `level`. */
static double gmac(const struct universeg *u, uint32_t level, uint32_t inputs, uint32_t outputs)
{
    double side = u->side >> level;
    return side * side * 9 * inputs * outputs * 1e-9;
}

/* With `supports` examples whose first block is kept. */
static double cost(const struct universeg *u, uint32_t supports)
{
    double sum = 0;
    for (uint32_t i = 0; i < u->depth; i++) {
        const struct universeg_block *b = &u->encoder[i];
        double one = gmac(u, i, b->target, b->cross) + gmac(u, i, b->cross, b->outputs);
        sum += one;
        sum += i ? supports * one : gmac(u, i, b->support, b->cross) + gmac(u, i, b->cross, b->outputs);
    }
    for (uint32_t i = 0; i + 1 < u->depth; i++) {
        const struct universeg_block *b = &u->decoder[i];
        uint32_t level = u->depth - 2 - i;
        double one = gmac(u, level, b->target, b->cross) + gmac(u, level, b->cross, b->outputs);
        sum += one + (level ? supports * one : gmac(u, level, b->support, b->cross));
    }
    return sum;
}

static void describe(struct universeg *u)
{
    struct network *network = &u->network;
    const struct universeg_block *last = &u->decoder[u->depth - 2];
    bool is_v1 = u->depth == 4;
    for (uint32_t i = 0; i < u->depth; i++)
        is_v1 = is_v1 && u->encoder[i].cross == 64 && u->encoder[i].outputs == 64;
    snprintf(network->variant, sizeof network->variant, is_v1 ? "v1" : "custom, %u levels", u->depth);
    network->image = (struct image_spec){
        .side = u->side, .filter = RESAMPLE_PILLOW_BILINEAR, .normalisation = IMAGE_MIN_MAX, .grey = true
    };
    network->finish = (struct finish_spec){ .sigmoid = true, .threshold = 0.5f };
    network->channels = last->outputs;
    network->grid = network->low = u->side;
    network->masks = 1;
    network->unscored = true;
    network->parameters = schema_elements(&u->schema);
    network->encoder_gmac = cost(u, UNIVERSEG_USUAL);
    network->decoder_gmac = (double)u->side * u->side * last->outputs * 1e-9;
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "grey, Pillow bilinear to %u x %u whatever the aspect, minimum..maximum to 0..1", u->side, u->side);
    snprintf(network->note, sizeof network->note,
             "Shown by examples what to segment: images with their masks. Sizes and costs are for %d of them.",
             UNIVERSEG_USUAL);
}

/* ---- the family ----------------------------------------------------------------------------------------------- */

static void close_network(struct network *network)
{
    struct universeg *u = (struct universeg *)network;
    schema_free(&u->schema);
    vkr_free(u);
}

static vks_status open_network(const struct family *family, const struct weights *weights, const char *options,
                               bool chosen, struct network **out)
{
    struct universeg *u;
    (void)chosen;
    VKS_TRY(vkr_alloc(1, sizeof *u, "a network", (void **)&u));
    u->network.family = family;
    u->network.weights = weights;
    u->schema.weights = weights;
    const struct hyper hyper = { options, weights };
    vks_status status = size_of(u, &hyper);
    if (status != VKS_OK) {
        close_network(&u->network);
        return status;
    }
    describe(u);
    *out = &u->network;
    return VKS_OK;
}

/* Shares of supports, "share.COUNT.ALL", are ours; all else is in the file. */
static vks_status read_param(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct schema *schema = &((const struct universeg *)network)->schema;
    uint32_t count, all;
    if (sscanf(name, "share.%u.%u", &count, &all) == 2 && all > 0 && desc->dtype == VKR_F32) {
        *(float *)dst = (float)((double)count / all);
        return VKS_OK;
    }
    const struct schema_entry *entry = schema_find(schema, name);
    VKS_REQUIRE(entry && vkr_numel(desc) == vkr_numel(&entry->desc), VKS_ERR_INTERNAL,
                "no tensor of this network is called %s with %s", name, VKR_SHAPE(desc));
    VKS_TRY(weights_read(schema->weights, entry->found, desc->dtype, dst));
    weights_release(schema->weights, entry->found);
    return VKS_OK;
}

static void synthetic(const char *name, struct schema *schema)
{
    struct universeg u = { .depth = 4 };
    (void)name;
    for (uint32_t i = 0; i < 4; i++)
        u.encoder[i].cross = u.encoder[i].outputs = u.decoder[i].cross = u.decoder[i].outputs = 64;
    connect(&u, schema);
}

const struct family family_universeg = {
    .name = "universeg",
    .licence = "OpenRAIL++-M",
    .accepts = VKS_ACCEPTS_SUPPORT,
    .matches = matches,
    .open = open_network,
    .close = close_network,
    .encode = universeg_encode,
    .decode = universeg_decode,
    .tokens = universeg_tokens,
    .embed = universeg_embed,
    .tensors = synthetic,
    .read = read_param,
    .support_slot = universeg_support_slot,
    .support = universeg_support,
    .encode_with = universeg_encode_with,
};
