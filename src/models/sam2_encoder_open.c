/* sam2_encoder_open.c: the image encoder's hyper-parameters from shapes and the published sizes, the list of its
 * tensors, its cost. */
#include "models/sam2_encoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What the tensors of the four published sizes do not tell. `blocks` and `width` do tell the size. */
static const struct size {
    uint32_t width, blocks, heads, windows[SAM2_STAGES], global[3];
} sizes[] = {
    { 96, 12, 1, { 8, 4, 14, 7 }, { 5, 7, 9 } },
    { 96, 16, 1, { 8, 4, 14, 7 }, { 7, 10, 13 } },
    { 112, 24, 2, { 8, 4, 14, 7 }, { 12, 16, 20 } },
    { 144, 48, 2, { 8, 4, 16, 8 }, { 23, 33, 43 } },
};

static const struct size *published(const struct sam2_encoder *e)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].width == e->width && sizes[i].blocks == e->depth)
            return &sizes[i];
    return NULL;
}

static vks_status find(const struct schema *schema, const char *name, uint32_t rank, const struct vkr_desc **out)
{
    enum { LARGEST = 1 << 14 };
    const struct weights_entry *entry = schema_lookup(schema, name);
    VKS_REQUIRE(entry, VKS_ERR_MODEL, "the tensor %s, which tells the size of the network, is missing in this file",
                name);
    bool sane = entry->desc.rank == rank;
    for (uint32_t i = 0; i < rank && sane; i++)
        sane = entry->desc.dim[i] >= 1 && entry->desc.dim[i] <= LARGEST;
    VKS_REQUIRE(sane, VKS_ERR_MODEL, "%s: expected %u dimensions of 1 to %d, the file has %s", entry->name, rank,
                LARGEST, VKR_SHAPE(&entry->desc));
    *out = &entry->desc;
    return VKS_OK;
}

static vks_status measure(struct sam2_encoder *e, const struct schema *schema)
{
    const struct vkr_desc *patches, *coarse, *tile, *neck, *high0, *high1;
    VKS_TRY(find(schema, "image_encoder.trunk.patch_embed.proj.weight", 4, &patches));
    VKS_TRY(find(schema, "image_encoder.trunk.pos_embed", 4, &coarse));
    VKS_TRY(find(schema, "image_encoder.trunk.pos_embed_window", 4, &tile));
    VKS_TRY(find(schema, "image_encoder.neck.convs.0.conv.weight", 4, &neck));
    VKS_TRY(find(schema, "mask_decoder.conv_s0.weight", 4, &high0));
    VKS_TRY(find(schema, "mask_decoder.conv_s1.weight", 4, &high1));
    e->width = patches->dim[0];
    e->background[0] = coarse->dim[2];
    e->background[1] = coarse->dim[3];
    e->tile = tile->dim[2];
    e->channels = neck->dim[0];
    e->high[0] = high0->dim[0];
    e->high[1] = high1->dim[0];
    VKS_REQUIRE(e->side % 32 == 0 && e->side / 4 % e->tile == 0, VKS_ERR_ARGUMENT,
                "image_size=%u: expected a multiple of 32 that windows of %u cells divide", e->side, 4 * e->tile);
    return VKS_OK;
}

/* A block with a projection of its shortcut begins a stage, on half the grid of the one before. */
static vks_status measure_blocks(struct sam2_encoder *e, const struct schema *schema)
{
    char name[SCHEMA_KEY];
    uint32_t inputs = e->width;
    e->stages = 1;
    for (uint32_t i = 0;; i++) {
        const struct vkr_desc *proj, *lin1;
        snprintf(name, sizeof name, "image_encoder.trunk.blocks.%u.attn.proj.weight", i);
        if (!schema_lookup(schema, name))
            break;
        VKS_REQUIRE(i < SAM2_DEPTH, VKS_ERR_MODEL, "this file has more than %d encoder blocks", SAM2_DEPTH);
        VKS_TRY(find(schema, name, 2, &proj));
        snprintf(name, sizeof name, "image_encoder.trunk.blocks.%u.mlp.lin1.weight", i);
        VKS_TRY(find(schema, name, 2, &lin1));
        struct sam2_block *b = &e->blocks[i];
        *b = (struct sam2_block){ .inputs = inputs, .outputs = proj->dim[0], .hidden = lin1->dim[0] };
        b->pool = b->inputs != b->outputs;
        if (b->pool && i > 0)
            e->blocks[i - 1].last = true;
        e->stages += b->pool;
        b->last = true;
        if (i > 0 && !b->pool)
            e->blocks[i - 1].last = false;
        inputs = b->outputs;
        e->depth = i + 1;
    }
    VKS_REQUIRE(e->stages == SAM2_STAGES && !e->blocks[0].pool, VKS_ERR_MODEL,
                "the image encoder of this file has %u stages; a Hiera of SAM 2 has %d", e->stages, SAM2_STAGES);
    return VKS_OK;
}

/* "8+4+14+7": one window per stage. */
static vks_status read_windows(const struct hyper *hyper, const uint32_t fallback[SAM2_STAGES],
                               uint32_t windows[SAM2_STAGES])
{
    char text[HYPER_TEXT];
    const char *at = text;
    for (uint32_t i = 0; i < SAM2_STAGES; i++)
        windows[i] = fallback[i];
    if (!hyper_text(hyper, "window_spec", text))
        return VKS_OK;
    for (uint32_t i = 0; i < SAM2_STAGES; i++) {
        char *end;
        unsigned long value = strtoul(at, &end, 10);
        bool good = end != at && value >= 2 && value <= 1024 && *end == (i + 1 < SAM2_STAGES ? '+' : '\0');
        VKS_REQUIRE(good, VKS_ERR_ARGUMENT, "window_spec=%s: expected four window sizes, as in 8+4+14+7", text);
        windows[i] = (uint32_t)value;
        at = end + 1;
    }
    return VKS_OK;
}

/* The first block of a stage keeps the window of the stage before, since it still sees its grid. */
static vks_status choose(struct sam2_encoder *e, const struct hyper *hyper)
{
    const struct size *size = published(e);
    uint32_t windows[SAM2_STAGES], heads, stage = 0;
    bool global[SAM2_DEPTH] = { 0 }, given;
    VKS_TRY(read_windows(hyper, size ? size->windows : sizes[0].windows, windows));
    VKS_TRY(hyper_number(hyper, "encoder_heads", 1, 64, size ? size->heads : 1, &heads));
    VKS_TRY(hyper_set(hyper, "global_blocks", e->depth, global, &given));
    VKS_REQUIRE(given || size, VKS_ERR_MODEL,
                "a Hiera of width %u with %u blocks is none of the published sizes; say which blocks attend globally "
                "with the option global_blocks=N+N+N",
                e->width, e->depth);
    for (uint32_t i = 0; !given && i < 3; i++)
        global[size->global[i]] = true;
    for (uint32_t i = 0; i < e->depth; i++) {
        struct sam2_block *b = &e->blocks[i];
        b->window = global[i] ? 0 : windows[stage];
        stage += b->pool;
        b->heads = heads << stage;
        if (!b->pool && !global[i])
            b->window = windows[stage];
        VKS_REQUIRE(b->outputs % b->heads == 0 && (!b->pool || b->window % 2 == 0), VKS_ERR_MODEL,
                    "block %u of width %u cannot have %u heads and windows of %u; set encoder_heads and window_spec", i,
                    b->outputs, b->heads, b->window);
    }
    return VKS_OK;
}

static void add(struct schema *s, uint32_t index, const char *name, uint32_t outputs, uint32_t inputs)
{
    schema_add(s, inputs ? vkr_f32(2, outputs, inputs) : vkr_f32(1, outputs), "image_encoder.trunk.blocks.%u.%s.weight",
               index, name);
    schema_add(s, vkr_f32(1, outputs), "image_encoder.trunk.blocks.%u.%s.bias", index, name);
}

static void add_conv1(struct schema *s, const char *name, uint32_t outputs, uint32_t inputs)
{
    schema_add(s, vkr_f32(4, outputs, inputs, 1, 1), "%s.weight", name);
    schema_add(s, vkr_f32(1, outputs), "%s.bias", name);
}

void sam2_encoder_tensors(const struct sam2_encoder *e, struct schema *s)
{
    uint32_t stage = 0;
    char name[SCHEMA_KEY];
    schema_add(s, vkr_f32(4, e->width, 3, 7, 7), "image_encoder.trunk.patch_embed.proj.weight");
    schema_add(s, vkr_f32(1, e->width), "image_encoder.trunk.patch_embed.proj.bias");
    schema_add(s, vkr_f32(4, 1, e->width, e->background[0], e->background[1]), "image_encoder.trunk.pos_embed");
    schema_add(s, vkr_f32(4, 1, e->width, e->tile, e->tile), "image_encoder.trunk.pos_embed_window");
    for (uint32_t i = 0; i < e->depth; i++) {
        const struct sam2_block *b = &e->blocks[i];
        add(s, i, "norm1", b->inputs, 0);
        add(s, i, "norm2", b->outputs, 0);
        add(s, i, "attn.qkv", 3 * b->outputs, b->inputs);
        add(s, i, "attn.proj", b->outputs, b->outputs);
        add(s, i, "mlp.lin1", b->hidden, b->outputs);
        add(s, i, "mlp.lin2", b->outputs, b->hidden);
        if (b->pool)
            add(s, i, "proj", b->outputs, b->inputs);
        if (!b->last)
            continue;
        snprintf(name, sizeof name, "image_encoder.neck.convs.%u.conv", SAM2_STAGES - 1 - stage++);
        add_conv1(s, name, e->channels, b->outputs);
    }
    add_conv1(s, "mask_decoder.conv_s0", e->high[0], e->channels);
    add_conv1(s, "mask_decoder.conv_s1", e->high[1], e->channels);
}

/* Bands are as large as what Vulkan lets every device bind: the first stages at 1024 x 1024 would be larger. */
vks_status sam2_encoder_open(struct sam2_encoder *e, struct schema *schema, const struct hyper *hyper, uint32_t side)
{
    enum { MOST_KIB = 1 << 17 };
    uint32_t kib;
    VKS_TRY(hyper_number(hyper, "band_kib", 1, MOST_KIB, MOST_KIB, &kib));
    *e = (struct sam2_encoder){ .side = side, .band = (uint64_t)kib << 10 };
    VKS_TRY(measure(e, schema));
    VKS_TRY(measure_blocks(e, schema));
    VKS_TRY(choose(e, hyper));
    sam2_encoder_tensors(e, schema);
    return VKS_OK;
}

/* What is computed: projections see real tokens, attention of windows their padding too (its queries: on GPUs);
 * the two fine levels of the pyramid are one map each to the channels the mask decoder takes. */
double sam2_encoder_gmac(const struct sam2_encoder *e)
{
    const double levels[SAM2_STAGES] = { e->high[0], e->high[1], e->channels, e->channels };
    double grid = e->side / 4, sum = grid * grid * e->width * 147;
    for (uint32_t i = 0, stage = 0; i < e->depth; i++) {
        const struct sam2_block *b = &e->blocks[i];
        double window = b->window, windows = window > 0 ? ceil(grid / window) : 1, span = window > 0 ? window : grid;
        double cells = grid * grid, tokens = windows * windows * span * span, c = b->outputs;
        sum += cells * 3 * c * b->inputs + (b->pool ? cells * c * b->inputs : 0);
        grid = b->pool ? grid / 2 : grid;
        sum += 2 * (b->pool ? tokens / 4 : tokens) * span * span * c + grid * grid * c * (c + 2.0 * b->hidden);
        if (b->last)
            sum += grid * grid * c * levels[stage++];
    }
    return sum * 1e-9;
}
