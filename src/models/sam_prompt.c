/* sam_prompt.c: Fourier features reach tens of radians, more than a shader's sine is good for; hence the host. */
#include "models/sam_prompt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NOT_A_POINT = 4, LABELS = 5 };

/* All points and corners in one tensor, as transformers keeps those of SAM 2; the published files have one each. */
static const char joined_name[] = "prompt_encoder.point_embeddings.weight";

static const char matrix_name[] = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";

static void label_name(uint32_t label, char *name, size_t size)
{
    if (label == NOT_A_POINT)
        snprintf(name, size, "prompt_encoder.not_a_point_embed.weight");
    else
        snprintf(name, size, "prompt_encoder.point_embeddings.%u.weight", label);
}

void sam_prompt_schema(struct schema *schema, uint32_t channels)
{
    char name[SCHEMA_KEY];
    schema_add(schema, vkr_f32(2, 2, channels / 2), "%s", matrix_name);
    bool joined = schema->weights && schema_lookup(schema, joined_name);
    if (joined)
        schema_add(schema, vkr_f32(2, NOT_A_POINT, channels), "%s", joined_name);
    for (uint32_t i = joined ? NOT_A_POINT : 0; i < LABELS; i++) {
        label_name(i, name, sizeof name);
        schema_add(schema, vkr_f32(2, 1, channels), "%s", name);
    }
}

static vks_status read_tensor(const struct schema *schema, const char *name, float *dst)
{
    const struct schema_entry *entry = schema_find(schema, name);
    VKS_REQUIRE(entry && entry->found, VKS_ERR_INTERNAL, "%s is not in the schema", name);
    return weights_read(schema->weights, entry->found, VKR_F32, dst);
}

vks_status sam_prompt_open(const struct schema *schema, uint32_t channels, uint32_t side, struct sam_prompt *out)
{
    char name[SCHEMA_KEY];
    *out = (struct sam_prompt){ .channels = channels, .side = side };
    VKS_TRY(vkr_alloc(channels, sizeof(float), "the position matrix", (void **)&out->matrix));
    VKS_TRY(vkr_alloc((size_t)LABELS * channels, sizeof(float), "the label embeddings", (void **)&out->labels));
    VKS_TRY(read_tensor(schema, matrix_name, out->matrix));
    bool joined = schema_find(schema, joined_name) != NULL;
    if (joined)
        VKS_TRY(read_tensor(schema, joined_name, out->labels));
    for (uint32_t i = joined ? NOT_A_POINT : 0; i < LABELS; i++) {
        label_name(i, name, sizeof name);
        VKS_TRY(read_tensor(schema, name, out->labels + (size_t)i * channels));
    }
    return VKS_OK;
}

void sam_prompt_free(struct sam_prompt *prompt)
{
    vkr_free(prompt->matrix);
    vkr_free(prompt->labels);
    *prompt = (struct sam_prompt){ 0 };
}

/* x, y in 0..1; all sines come before all cosines. */
static void position(const struct sam_prompt *p, double x, double y, float *row)
{
    const double turn = 6.283185307179586476925;
    uint32_t half = p->channels / 2;
    for (uint32_t i = 0; i < half; i++) {
        double angle = turn * ((2 * x - 1) * (double)p->matrix[i] + (2 * y - 1) * (double)p->matrix[half + i]);
        row[i] = (float)sin(angle);
        row[half + i] = (float)cos(angle);
    }
}

uint32_t sam_prompt_tokens(const struct prompt_object *object)
{
    return object->count + (object->count > 0 && !object->box);
}

void sam_prompt_point(const struct sam_prompt *p, const struct prompt_point *point, float *row)
{
    const float *label = p->labels + (size_t)point->label * p->channels;
    position(p, (point->x + 0.5) / p->side, (point->y + 0.5) / p->side, row);
    for (uint32_t c = 0; c < p->channels; c++)
        row[c] += label[c];
}

/* It has no position. */
void sam_prompt_padding(const struct sam_prompt *p, float *row)
{
    memcpy(row, p->labels + (size_t)NOT_A_POINT * p->channels, p->channels * sizeof *row);
}

void sam_prompt_embed(const struct sam_prompt *p, const struct prompt_object *object, float *rows)
{
    for (uint32_t i = 0; i < object->count; i++, rows += p->channels)
        sam_prompt_point(p, &object->points[i], rows);
    if (sam_prompt_tokens(object) > object->count)
        sam_prompt_padding(p, rows);
}

void sam_prompt_dense(const struct sam_prompt *p, uint32_t grid, float *dst)
{
    for (uint32_t y = 0; y < grid; y++)
        for (uint32_t x = 0; x < grid; x++, dst += p->channels)
            position(p, (x + 0.5) / grid, (y + 0.5) / grid, dst);
}
