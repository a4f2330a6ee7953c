/* sam2_memory_open.c: the memory's hyper-parameters from shapes, the list of its tensors, its constants, its cost. */
#include "models/sam2_memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- sizes ---------------------------------------------------------------------------------------------------- */

static vks_status dimension(const struct schema *schema, const char *name, uint32_t rank, uint32_t axis, uint32_t *out)
{
    enum { LARGEST = 1 << 14 };
    const struct weights_entry *entry = schema_lookup(schema, name);
    VKS_REQUIRE(entry, VKS_ERR_MODEL, "the tensor %s, which tells the size of the network, is missing in this file",
                name);
    VKS_REQUIRE(entry->desc.rank == rank && entry->desc.dim[axis] > 0 && entry->desc.dim[axis] <= LARGEST,
                VKS_ERR_MODEL, "%s: expected %u dimensions of 1 to %d, the file has %s", entry->name, rank, LARGEST,
                VKR_SHAPE(&entry->desc));
    *out = entry->desc.dim[axis];
    return VKS_OK;
}

static uint32_t count_modules(const struct schema *schema, const char *prefix, const char *suffix)
{
    enum { MOST = 16 };
    char name[SCHEMA_KEY];
    for (uint32_t i = 0; i < MOST; i++) {
        snprintf(name, sizeof name, "%s.%u.%s", prefix, i, suffix);
        if (!schema_lookup(schema, name))
            return i;
    }
    return MOST;
}

static vks_status measure(struct sam2_memory *m, const struct schema *schema)
{
    char name[SCHEMA_KEY];
    VKS_TRY(dimension(schema, "maskmem_tpos_enc", 4, 0, &m->bank.frames));
    VKS_TRY(dimension(schema, "maskmem_tpos_enc", 4, 3, &m->width));
    VKS_TRY(dimension(schema, "memory_attention.layers.0.linear1.weight", 2, 0, &m->hidden));
    VKS_TRY(dimension(schema, "memory_encoder.fuser.layers.0.pwconv1.weight", 2, 0, &m->mixer_hidden));
    for (uint32_t i = 0; i < SAM2_MASK_STEPS; i++) {
        snprintf(name, sizeof name, "memory_encoder.mask_downsampler.encoder.%u.weight", 3 * i);
        VKS_TRY(dimension(schema, name, 4, 0, &m->steps[i]));
    }
    m->layers = count_modules(schema, "memory_attention.layers", "norm1.weight");
    m->mixers = count_modules(schema, "memory_encoder.fuser.layers", "gamma");
    VKS_REQUIRE(m->layers >= 1 && m->channels % 4 == 0 && m->width % 4 == 0 && m->channels % m->width == 0 &&
                    m->bank.frames >= 2,
                VKS_ERR_MODEL, "memories of width %u for features of width %u are none this version can run", m->width,
                m->channels);
    m->bank.width = m->width;
    m->bank.pointers = 16;
    return VKS_OK;
}

/* ---- tensors -------------------------------------------------------------------------------------------------- */

static void add(struct schema *s, const char *prefix, const char *name, uint32_t outputs, uint32_t inputs)
{
    schema_add(s, inputs ? vkr_f32(2, outputs, inputs) : vkr_f32(1, outputs), "%s.%s.weight", prefix, name);
    schema_add(s, vkr_f32(1, outputs), "%s.%s.bias", prefix, name);
}

static void add_conv(struct schema *s, const char *name, struct vkr_desc weight)
{
    schema_add(s, weight, "%s.weight", name);
    schema_add(s, vkr_f32(1, weight.dim[0]), "%s.bias", name);
}

static void add_layer(const struct sam2_memory *m, struct schema *s, uint32_t index)
{
    static const char *const attentions[] = { "self_attn", "cross_attn_image" };
    uint32_t c = m->channels;
    char prefix[96], name[128];
    snprintf(prefix, sizeof prefix, "memory_attention.layers.%u", index);
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, attentions[i]);
        add(s, name, "q_proj", c, c);
        add(s, name, "k_proj", c, i ? m->width : c);
        add(s, name, "v_proj", c, i ? m->width : c);
        add(s, name, "out_proj", c, c);
    }
    add(s, prefix, "linear1", m->hidden, c);
    add(s, prefix, "linear2", c, m->hidden);
    add(s, prefix, "norm1", c, 0);
    add(s, prefix, "norm2", c, 0);
    add(s, prefix, "norm3", c, 0);
}

static void add_encoder(const struct sam2_memory *m, struct schema *s)
{
    uint32_t c = m->channels;
    char name[96];
    for (uint32_t i = 0; i < SAM2_MASK_STEPS; i++) {
        snprintf(name, sizeof name, "memory_encoder.mask_downsampler.encoder.%u", 3 * i);
        add_conv(s, name, vkr_f32(4, m->steps[i], i ? m->steps[i - 1] : 1, 3, 3));
        snprintf(name, sizeof name, "encoder.%u", 3 * i + 1);
        add(s, "memory_encoder.mask_downsampler", name, m->steps[i], 0);
    }
    snprintf(name, sizeof name, "memory_encoder.mask_downsampler.encoder.%d", 3 * SAM2_MASK_STEPS);
    add_conv(s, name, vkr_f32(4, c, m->steps[SAM2_MASK_STEPS - 1], 1, 1));
    add_conv(s, "memory_encoder.pix_feat_proj", vkr_f32(4, c, c, 1, 1));
    add_conv(s, "memory_encoder.out_proj", vkr_f32(4, m->width, c, 1, 1));
    for (uint32_t i = 0; i < m->mixers; i++) {
        snprintf(name, sizeof name, "memory_encoder.fuser.layers.%u.dwconv", i);
        add_conv(s, name, vkr_f32(4, c, 1, 7, 7));
        snprintf(name, sizeof name, "memory_encoder.fuser.layers.%u", i);
        add(s, name, "norm", c, 0);
        add(s, name, "pwconv1", m->mixer_hidden, c);
        add(s, name, "pwconv2", c, m->mixer_hidden);
        schema_add(s, vkr_f32(1, c), "%s.gamma", name);
    }
}

void sam2_memory_tensors(const struct sam2_memory *m, struct schema *s)
{
    uint32_t c = m->channels;
    for (uint32_t i = 0; i < m->layers; i++)
        add_layer(m, s, i);
    add(s, "memory_attention", "norm", c, 0);
    add_encoder(m, s);
    for (uint32_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "layers.%u", i);
        add(s, "obj_ptr_proj", name, c, c);
    }
    schema_add(s, vkr_f32(2, m->width, c), "obj_ptr_tpos_proj.weight");
    schema_add(s, vkr_f32(1, m->width), "obj_ptr_tpos_proj.bias");
    schema_add(s, vkr_f32(4, m->bank.frames, 1, 1, m->width), "maskmem_tpos_enc");
    schema_add(s, vkr_f32(2, 1, c), "no_obj_ptr");
    schema_add(s, vkr_f32(2, 1, m->width), "no_obj_embed_spatial");
    schema_add(s, vkr_f32(4, 1, 1, 4, 4), "mask_downsample.weight");
    schema_add(s, vkr_f32(1, 1), "mask_downsample.bias");
}

vks_status sam2_memory_open(struct sam2_memory *m, struct schema *schema, uint32_t side, uint32_t channels)
{
    *m = (struct sam2_memory){ .side = side, .grid = side / 16, .channels = channels };
    VKS_TRY(measure(m, schema));
    sam2_memory_tensors(m, schema);
    return VKS_OK;
}

/* ---- host part ------------------------------------------------------------------------------------------------ */

vks_status sam2_memory_load(struct sam2_memory *m, const struct schema *schema)
{
    const struct {
        const char *name;
        size_t count;
        const float **to;
    } parts[] = {
        { "maskmem_tpos_enc", (size_t)m->bank.frames * m->width, &m->bank.times },
        { "no_obj_ptr", m->channels, &m->bank.absent_pointer },
        { "no_obj_embed_spatial", m->width, &m->bank.absent_memory },
        { "mask_downsample.weight", 16, &m->bank.mask_weight },
        { "mask_downsample.bias", 1, &m->bank.mask_bias },
        { "obj_ptr_tpos_proj.weight", (size_t)m->width * m->channels, &m->time_weight },
        { "obj_ptr_tpos_proj.bias", m->width, &m->time_bias },
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        total += parts[i].count;
    VKS_TRY(vkr_alloc(total, sizeof *m->values, "the constants of the memory", (void **)&m->values));
    float *at = m->values;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct schema_entry *entry = schema_find(schema, parts[i].name);
        VKS_REQUIRE(entry && entry->found, VKS_ERR_INTERNAL, "%s is not in the schema", parts[i].name);
        VKS_TRY(weights_read(schema->weights, entry->found, VKR_F32, at));
        *parts[i].to = at;
        at += parts[i].count;
    }
    m->bank.mask_scale = 20;
    m->bank.mask_shift = -10;
    return VKS_OK;
}

void sam2_memory_free(struct sam2_memory *m)
{
    vkr_free(m->values);
    m->values = NULL;
}

/* A sinusoid of the distance, projected to the width of a memory: all sines come before all cosines. */
void sam2_memory_time(const struct sam2_memory *m, double distance, float *row)
{
    uint32_t c = m->channels, half = c / 2;
    for (uint32_t o = 0; o < m->width; o++) {
        double sum = m->time_bias[o];
        for (uint32_t i = 0; i < half; i++) {
            double angle = distance / pow(10000.0, 2.0 * (i / 2) / half);
            sum += (double)m->time_weight[(size_t)o * c + i] * (double)(float)sin(angle) +
                   (double)m->time_weight[(size_t)o * c + half + i] * (double)(float)cos(angle);
        }
        row[o] = (float)sum;
    }
}

/* ---- constants ------------------------------------------------------------------------------------------------ */

/* The row's half of the channels, then the column's; within each, sines at even places and cosines at odd ones. */
static void sinusoids(uint32_t grid, uint32_t channels, double scale, float *dst)
{
    const double turn = 6.283185307179586476925;
    uint32_t half = channels / 2;
    for (uint32_t y = 0; y < grid; y++)
        for (uint32_t x = 0; x < grid; x++)
            for (uint32_t c = 0; c < channels; c++) {
                double place = (c < half ? y + 1 : x + 1) / (grid + 1e-6) * turn;
                double angle = place / pow(10000.0, 2.0 * (c % half / 2) / half);
                *dst++ = (float)(scale * (c % 2 ? cos(angle) : sin(angle)));
            }
}

/* The first half of the channels turns with the column, the second with the row; two neighbours share an angle. */
static void rotations(uint32_t grid, uint32_t channels, bool sine, double scale, float *dst)
{
    uint32_t quarter = channels / 4;
    for (uint32_t y = 0; y < grid; y++)
        for (uint32_t x = 0; x < grid; x++)
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t pair = c / 2;
                double angle = (pair < quarter ? x : y) / pow(10000.0, 4.0 * (pair % quarter) / channels);
                *dst++ = (float)(scale * (sine ? sin(angle) : cos(angle)));
            }
}

/* "....q_proj_turned.weight": row 2i is minus row 2i + 1 of the weight, row 2i + 1 is row 2i. */
static vks_status read_turned(const struct schema *schema, const char *name, const struct vkr_desc *desc, void *dst,
                              bool *known)
{
    static const char mark[] = "_turned";
    const char *at = strstr(name, mark);
    char plain[SCHEMA_KEY];
    float *values;
    *known = at != NULL;
    if (!at)
        return VKS_OK;
    snprintf(plain, sizeof plain, "%.*s%s", (int)(at - name), name, at + sizeof mark - 1);
    const struct schema_entry *entry = schema_find(schema, plain);
    size_t count = (size_t)vkr_numel(desc), columns = count / desc->dim[0];
    VKS_REQUIRE(entry && vkr_same_shape(desc, &entry->desc) && desc->dim[0] % 2 == 0, VKS_ERR_INTERNAL,
                "no tensor of this network is called %s", name);
    VKS_TRY(vkr_alloc(2 * count, sizeof *values, name, (void **)&values));
    vks_status status = weights_read(schema->weights, entry->found, VKR_F32, values);
    for (size_t i = 0; i < count; i++) {
        size_t row = i / columns;
        values[count + i] = row % 2 ? values[i - columns] : -values[i + columns];
    }
    if (status == VKS_OK)
        status = vkr_convert(dst, desc->dtype, values + count, VKR_F32, count);
    vkr_free(values);
    return status;
}

vks_status sam2_memory_read(const struct sam2_memory *m, const struct schema *schema, const char *name,
                            const struct vkr_desc *desc, void *dst, bool *known)
{
    uint32_t c = m->channels;
    double scale = 1.0 / sqrt((double)c);
    const struct {
        const char *name;
        uint32_t channels;
    } tables[] = {
        { "memory_attention.position", c },   { "memory_encoder.position", m->width },
        { "image_encoder.position", c },      { "memory_attention.query_cosine", c },
        { "memory_attention.query_sine", c }, { "memory_attention.key_cosine", c },
        { "memory_attention.key_sine", c },
    };
    uint32_t which = 0, count = sizeof tables / sizeof *tables;
    while (which < count && strcmp(name, tables[which].name) != 0)
        which++;
    if (which == count)
        return read_turned(schema, name, desc, dst, known);
    *known = true;
    VKS_REQUIRE(vkr_numel(desc) == (uint64_t)m->grid * m->grid * tables[which].channels && desc->dtype == VKR_F32,
                VKS_ERR_INTERNAL, "%s is wanted as %s", name, VKR_SHAPE(desc));
    if (which < 3)
        sinusoids(m->grid, tables[which].channels, which == 0 ? 0.1 : 1, dst);
    else
        rotations(m->grid, c, which % 2 == 0, which < 5 ? scale : 1, dst);
    return VKS_OK;
}

double sam2_memory_gmac(const struct sam2_memory *m, uint32_t frames)
{
    double cells = (double)m->grid * m->grid, c = m->channels, keys = frames * cells;
    double attention = 7 * cells * c * c + 2 * cells * cells * c + 2 * cells * keys * c + 3 * keys * c * m->width;
    return m->layers * (attention + 2 * cells * c * m->hidden) * 1e-9;
}
