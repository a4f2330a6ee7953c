/* tiny_vit_open.c: hyper-parameters from shapes, the list of tensors, the tensors derived from them, the cost. */
#include "models/tiny_vit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DEPTH = 64, MOST_WIDTH = 4096 };

static const double batch_norm_eps = 1e-5;

/* ---- measuring ------------------------------------------------------------------------------------------------ */

static const struct weights_entry *lookup(const struct schema *schema, const char *format, uint32_t a, uint32_t b)
{
    char name[SCHEMA_KEY];
    snprintf(name, sizeof name, format, a, b);
    return schema_lookup(schema, name);
}

uint32_t tiny_vit_stem(const struct weights *weights)
{
    const struct weights_entry *entry = weights_find(weights, "image_encoder.patch_embed.seq.0.c.weight");
    bool fits = entry && entry->desc.rank == 4 && entry->desc.dim[1] == 3 && entry->desc.dim[2] == entry->desc.dim[3];
    return fits && (entry->desc.dim[2] == 1 || entry->desc.dim[2] == 3) ? entry->desc.dim[2] : 0;
}

static bool fits(const struct weights_entry *entry, uint32_t rank)
{
    bool good = entry && entry->desc.rank == rank;
    for (uint32_t i = 0; good && i < rank; i++)
        good = entry->desc.dim[i] >= 1 && entry->desc.dim[i] <= 65536;
    return good;
}

static vks_status measure_stage(struct tiny_vit *e, const struct schema *schema, uint32_t index)
{
    struct tiny_vit_stage *s = &e->stages[index];
    static const char *const mark = "image_encoder.layers.%u.blocks.%u.";
    char format[64];
    snprintf(format, sizeof format, "%s%s", mark, index == 0 ? "conv1.c.weight" : "mlp.fc1.weight");
    const struct weights_entry *expand = lookup(schema, format, index, 0);
    VKS_REQUIRE(fits(expand, index == 0 ? 4 : 2), VKS_ERR_MODEL,
                "this file has no usable weight of image_encoder.layers.%u.blocks.0, which tells its width", index);
    s->hidden = expand->desc.dim[0];
    s->width = expand->desc.dim[1];
    while (s->depth < MOST_DEPTH && lookup(schema, format, index, s->depth))
        s->depth++;
    VKS_REQUIRE(s->width <= MOST_WIDTH, VKS_ERR_MODEL, "%s: a width of %u is absurd", expand->name, s->width);
    if (index == 0)
        return VKS_OK;
    const struct weights_entry *table =
        lookup(schema, "image_encoder.layers.%u.blocks.%u.attn.attention_biases", index, 0);
    VKS_REQUIRE(fits(table, 2), VKS_ERR_MODEL,
                "this file has no usable image_encoder.layers.%u.blocks.0.attn.attention_biases", index);
    s->heads = table->desc.dim[0];
    s->window = (uint32_t)(sqrt((double)table->desc.dim[1]) + 0.5);
    VKS_REQUIRE(s->window * s->window == table->desc.dim[1] && s->window <= 64 && s->width % s->heads == 0,
                VKS_ERR_MODEL, "%s: expected [heads, window * window] with heads dividing %u, the file has %s", table->name,
                s->width, VKR_SHAPE(&table->desc));
    return VKS_OK;
}

/* The published code keeps the grid in front of its last stage, and knows that stage by its width. */
static uint32_t merging_stride(uint32_t width)
{
    return width == 320 || width == 448 || width == 576 ? 1 : 2;
}

static vks_status measure_grid(struct tiny_vit *e)
{
    uint32_t grid = e->side, divisor = 1;
    if (e->stem_kernel == 3)
        divisor = 4;
    for (uint32_t i = 0; i < TINY_VIT_STAGES; i++) {
        struct tiny_vit_stage *s = &e->stages[i];
        s->grid = grid / divisor;
        s->stride = i + 1 < TINY_VIT_STAGES ? merging_stride(s[1].width) : 0;
        divisor *= s->stride == 2 ? 2 : 1;
    }
    VKS_REQUIRE(grid % divisor == 0, VKS_ERR_ARGUMENT, "image_size=%u: this network needs a multiple of %u", e->side,
                divisor);
    return VKS_OK;
}

/* ---- listing -------------------------------------------------------------------------------------------------- */

static void add_conv(struct schema *schema, const char *name, uint32_t outputs, uint32_t inputs, uint32_t kernel)
{
    static const char *const norm[] = { "weight", "bias", "running_mean", "running_var" };
    schema_add(schema, vkr_f32(4, outputs, inputs, kernel, kernel), "%s.c.weight", name);
    for (uint32_t i = 0; i < 4; i++)
        schema_add(schema, vkr_f32(1, outputs), "%s.bn.%s", name, norm[i]);
}

static void add_linear(struct schema *schema, const char *name, uint32_t outputs, uint32_t inputs)
{
    schema_add(schema, inputs ? vkr_f32(2, outputs, inputs) : vkr_f32(1, outputs), "%s.weight", name);
    schema_add(schema, vkr_f32(1, outputs), "%s.bias", name);
}

enum { PATH = 128 };

static void add_block(struct schema *schema, const struct tiny_vit_stage *s, uint32_t stage, uint32_t index)
{
    char block[PATH], name[PATH + 32];
    uint32_t c = s->width;
    snprintf(block, sizeof block, "image_encoder.layers.%u.blocks.%u", stage, index);
    if (stage == 0) {
        const uint32_t shapes[3][3] = { { s->hidden, c, 1 }, { s->hidden, 1, 3 }, { c, s->hidden, 1 } };
        for (uint32_t i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "%s.conv%u", block, i + 1);
            add_conv(schema, name, shapes[i][0], shapes[i][1], shapes[i][2]);
        }
        return;
    }
    const struct {
        const char *name;
        uint32_t outputs, inputs;
    } parts[] = {
        { "attn.norm", c, 0 }, { "attn.qkv", 3 * c, c },     { "attn.proj", c, c },
        { "mlp.norm", c, 0 },  { "mlp.fc1", s->hidden, c }, { "mlp.fc2", c, s->hidden },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "%s.%s", block, parts[i].name);
        add_linear(schema, name, parts[i].outputs, parts[i].inputs);
    }
    schema_add(schema, vkr_f32(2, s->heads, s->window * s->window), "%s.attn.attention_biases", block);
    snprintf(name, sizeof name, "%s.local_conv", block);
    add_conv(schema, name, c, 1, 3);
}

void tiny_vit_tensors(const struct tiny_vit *e, struct schema *schema)
{
    uint32_t c = e->channels;
    add_conv(schema, "image_encoder.patch_embed.seq.0", e->stem_width, 3, e->stem_kernel);
    add_conv(schema, "image_encoder.patch_embed.seq.2", e->stages[0].width, e->stem_width, e->stem_kernel);
    for (uint32_t i = 0; i < TINY_VIT_STAGES; i++) {
        const struct tiny_vit_stage *s = &e->stages[i];
        for (uint32_t k = 0; k < s->depth; k++)
            add_block(schema, s, i, k);
        for (uint32_t k = 0; s->stride && k < 3; k++) {
            char name[PATH];
            snprintf(name, sizeof name, "image_encoder.layers.%u.downsample.conv%u", i, k + 1);
            add_conv(schema, name, s[1].width, k == 0 ? s->width : k == 1 ? 1 : s[1].width, k == 1 ? 3 : 1);
        }
    }
    schema_add(schema, vkr_f32(4, c, e->stages[TINY_VIT_STAGES - 1].width, 1, 1), "image_encoder.neck.0.weight");
    schema_add(schema, vkr_f32(4, c, c, 3, 3), "image_encoder.neck.2.weight");
    add_linear(schema, "image_encoder.neck.1", c, 0);
    add_linear(schema, "image_encoder.neck.3", c, 0);
}

vks_status tiny_vit_open(struct tiny_vit *e, struct schema *schema, const struct hyper *hyper, uint32_t side)
{
    *e = (struct tiny_vit){ .stem_kernel = tiny_vit_stem(schema->weights) };
    const struct weights_entry *first = schema_lookup(schema, "image_encoder.patch_embed.seq.0.c.weight");
    const struct weights_entry *neck = schema_lookup(schema, "image_encoder.neck.0.weight");
    VKS_REQUIRE(e->stem_kernel && fits(first, 4) && fits(neck, 4), VKS_ERR_MODEL,
                "this file lacks image_encoder.patch_embed.seq.0.c.weight or neck.0.weight, which tell the size of the "
                "network");
    VKS_TRY(hyper_number(hyper, "image_size", 16, 4096, side, &e->side));
    e->stem_width = first->desc.dim[0];
    e->channels = neck->desc.dim[0];
    for (uint32_t i = 0; i < TINY_VIT_STAGES; i++)
        VKS_TRY(measure_stage(e, schema, i));
    VKS_TRY(measure_grid(e));
    tiny_vit_tensors(e, schema);
    return VKS_OK;
}

/* ---- derived tensors ------------------------------------------------------------------------------------------ */

/* The schema's entry of `base` with its last component replaced by `part`. */
static const struct schema_entry *sibling(const struct schema *schema, const char *name, const char *part)
{
    char path[SCHEMA_KEY];
    const char *dot = strrchr(name, '.');
    if (!dot || snprintf(path, sizeof path, "%.*s.%s", (int)(dot - name), name, part) >= (int)sizeof path)
        return NULL;
    return schema_find(schema, path);
}

bool tiny_vit_derives(const struct schema *schema, const char *name)
{
    const char *last = strrchr(name, '.');
    if (!last || schema_find(schema, name))
        return false;
    bool weight = strcmp(last, ".weight") == 0, bias = strcmp(last, ".bias") == 0;
    return ((weight || bias) && sibling(schema, name, "c.weight")) || (bias && sibling(schema, name, "attention_biases"));
}

static vks_status read_floats(const struct schema *schema, const struct schema_entry *entry, float **out)
{
    *out = NULL;
    VKS_REQUIRE(entry && entry->found, VKS_ERR_INTERNAL, "a tensor of a convolution is not in the schema");
    VKS_TRY(vkr_alloc((size_t)vkr_numel(&entry->desc), sizeof **out, entry->name, (void **)out));
    return weights_read(schema->weights, entry->found, VKR_F32, *out);
}

/* w * gamma / sqrt(var + eps), and beta - mean * gamma / sqrt(var + eps), in double. `values`: the kernel, or unused. */
static void fold(float *values, size_t outputs, size_t each, float *const norm[4], bool bias)
{
    for (size_t o = 0; o < outputs; o++) {
        double scale = (double)norm[0][o] / sqrt((double)norm[3][o] + batch_norm_eps);
        if (bias)
            values[o] = (float)((double)norm[1][o] - (double)norm[2][o] * scale);
        else
            for (size_t i = 0; i < each; i++)
                values[o * each + i] = (float)((double)values[o * each + i] * scale);
    }
}

static vks_status read_folded(const struct schema *schema, const char *name, const struct vkr_desc *desc, void *dst)
{
    static const char *const parts[] = { "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var" };
    const struct schema_entry *kernel = sibling(schema, name, "c.weight");
    bool bias = strcmp(strrchr(name, '.'), ".bias") == 0;
    size_t outputs = kernel->desc.dim[0], each = (size_t)vkr_numel(&kernel->desc) / outputs;
    float *norm[4] = { 0 }, *values = NULL;
    VKS_REQUIRE(vkr_numel(desc) == (bias ? outputs : outputs * each), VKS_ERR_INTERNAL, "%s is wanted as %s", name,
                VKR_SHAPE(desc));
    vks_status status = read_floats(schema, kernel, &values);
    for (uint32_t i = 0; status == VKS_OK && i < 4; i++)
        status = read_floats(schema, sibling(schema, name, parts[i]), &norm[i]);
    if (status == VKS_OK) {
        fold(values, outputs, each, norm, bias);
        status = vkr_convert(dst, desc->dtype, values, VKR_F32, (size_t)vkr_numel(desc));
    }
    vkr_free(values);
    for (uint32_t i = 0; i < 4; i++)
        vkr_free(norm[i]);
    return status;
}

/* bias[h, q, k] = table[h, |qy - ky| * window + |qx - kx|]: offsets are numbered as the published code meets them. */
static void write_offsets(const float *table, uint32_t heads, uint32_t window, float *dst)
{
    uint32_t tokens = window * window;
    for (uint32_t h = 0; h < heads; h++, table += tokens)
        for (uint32_t q = 0; q < tokens; q++)
            for (uint32_t k = 0; k < tokens; k++) {
                uint32_t qy = q / window, qx = q % window, ky = k / window, kx = k % window;
                *dst++ = table[(qy > ky ? qy - ky : ky - qy) * window + (qx > kx ? qx - kx : kx - qx)];
            }
}

static vks_status read_offsets(const struct schema *schema, const struct schema_entry *entry, const struct vkr_desc *desc,
                               float *dst)
{
    float *table;
    uint32_t heads = entry->desc.dim[0], window = (uint32_t)(sqrt((double)entry->desc.dim[1]) + 0.5);
    VKS_REQUIRE(desc->dtype == VKR_F32 && vkr_numel(desc) == (uint64_t)heads * window * window * window * window,
                VKS_ERR_INTERNAL, "%s is wanted as %s", entry->name, VKR_SHAPE(desc));
    vks_status status = read_floats(schema, entry, &table);
    if (status == VKS_OK)
        write_offsets(table, heads, window, dst);
    vkr_free(table);
    return status;
}

vks_status tiny_vit_read(const struct schema *schema, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct schema_entry *table = sibling(schema, name, "attention_biases");
    return table ? read_offsets(schema, table, desc, dst) : read_folded(schema, name, desc, dst);
}

/* ---- cost ----------------------------------------------------------------------------------------------------- */

static double block_macs(const struct tiny_vit_stage *s, uint32_t index)
{
    double cells = (double)s->grid * s->grid, c = s->width;
    if (index == 0)
        return cells * s->hidden * (2 * c + 9);
    double rows = (s->grid + s->window - 1) / s->window, tokens = rows * rows * s->window * s->window;
    return cells * c * (4 * c + 9 + 2.0 * s->hidden) + 2 * tokens * s->window * s->window * c;
}

/* What is computed: projections see real tokens, attention of windows their padding too (its queries: on GPUs). */
double tiny_vit_gmac(const struct tiny_vit *e)
{
    const struct tiny_vit_stage *last = &e->stages[TINY_VIT_STAGES - 1];
    double taps = (double)e->stem_kernel * e->stem_kernel, first = (double)e->stages[0].grid * e->stages[0].grid;
    double c = e->channels, cells = (double)last->grid * last->grid;
    double sum = first * taps * e->stem_width * (3.0 * (e->stem_kernel == 3 ? 4 : 1) + e->stages[0].width);
    for (uint32_t i = 0; i < TINY_VIT_STAGES; i++) {
        const struct tiny_vit_stage *s = &e->stages[i];
        sum += s->depth * block_macs(s, i);
        if (s->stride)
            sum += (double)s->grid * s->grid * s->width * s[1].width +
                   (double)s[1].grid * s[1].grid * s[1].width * (9.0 + s[1].width);
    }
    return (sum + cells * c * (last->width + 9 * c)) * 1e-9;
}
