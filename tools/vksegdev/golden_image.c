/* golden_image.c: the first half of a golden case: resized and normalised pixels, encoder blocks, embedding, and the
 * prompt encoder's constants. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"
#include "base/npy.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* A name of this half. */
static const char *own(const struct golden *golden, const char *name, char text[128])
{
    snprintf(text, 128, "%s%s", golden->prefix, name);
    return text;
}
#define OWN(name) own(golden, (name), (char[128]){ 0 })

/* ---- pixels ------------------------------------------------------------------------------------------------- */

/* The case says which checksum the whole resized image has: equal means bit exact. */
static vks_status check_checksum(struct golden *golden, const uint8_t *resized, size_t count, bool grey)
{
    const json_t *half = json_object_get(golden->json, golden->prefix[0] ? "medsam" : "input");
    const char *wanted =
        json_string_value(json_object_get(half, golden->prefix[0] ? "resized_u8_crc32_hwc" : "resized_u8_crc32"));
    uLong crc = crc32(0, NULL, 0);
    char text[96];
    if (!wanted)
        return VKS_OK;
    for (size_t i = 0; i < count; i++) { /* the reference repeats a grey channel */
        const uint8_t pixel[3] = { resized[i], resized[i], resized[i] };
        crc = crc32(crc, pixel, grey ? 3 : 1);
    }
    snprintf(text, sizeof text, "crc32 %08lx, the reference has %s", crc, wanted);
    golden_judge(golden, "resized_u8_crc32", "resize", strtoul(wanted, NULL, 16) == crc ? 0 : 1e9, text);
    return VKS_OK;
}

static vks_status compare_resized(struct golden *golden, const uint8_t *resized, const uint32_t shape[3])
{
    size_t count = (size_t)shape[0] * shape[1] * shape[2];
    float *values;
    VKS_TRY(vkr_alloc(count, sizeof *values, "resized pixels", (void **)&values));
    for (size_t i = 0; i < count; i++)
        values[i] = resized[i];
    vks_status status = check_checksum(golden, resized, count, shape[2] == 1);
    if (status == VKS_OK)
        status = golden_compare(golden, OWN("resized_u8"), "resize", values, count, false);
    const json_t *crop = golden_find(golden, OWN("resized_u8_crop"), NULL);
    const char *meaning = json_string_value(json_object_get(crop, "meaning"));
    const char *rows = meaning ? strstr(meaning, "rows/cols ") : NULL;
    unsigned first, last;
    if (status == VKS_OK && rows && sscanf(rows, "rows/cols %u..%u", &first, &last) == 2) {
        float *rgb; /* the golden repeats a grey channel */
        VKS_TRY(vkr_alloc((size_t)shape[0] * shape[1] * 3, sizeof *rgb, "resized pixels", (void **)&rgb));
        for (size_t i = 0; i < (size_t)shape[0] * shape[1] * 3; i++)
            rgb[i] = shape[2] == 3 ? values[i] : values[i / 3];
        status = golden_compare_region(golden, OWN("resized_u8_crop"), "resize", rgb,
                                       (const uint32_t[]){ shape[0], shape[1], 3 },
                                       (struct golden_region){ first, last + 1, first, last + 1, 1 }, false);
        vkr_free(rgb);
    }
    vkr_free(values);
    return status;
}

static vks_status resize(struct golden *golden, const vks_image *image)
{
    const struct image_spec *spec = &golden->model->network->image;
    uint32_t shape[3];
    uint8_t *resized = NULL;
    struct image_reader reader;
    prepare_size(spec, image->width, image->height, &shape[1], &shape[0]);
    vks_status status = image_reader_open(image, &reader);
    shape[2] = reader.channels;
    if (status == VKS_OK)
        status = vkr_alloc((size_t)shape[0] * shape[1] * shape[2], 1, "resized pixels", (void **)&resized);
    if (status == VKS_OK)
        status = resample(&reader, spec->filter, shape[1], shape[0], resized);
    if (status == VKS_OK)
        status = compare_resized(golden, resized, shape);
    vkr_free(resized);
    image_reader_close(&reader);
    return status;
}

/* preprocessed_yA_B_xC_D: a window of the model's square. */
static vks_status compare_windows(struct golden *golden, const struct prepared *prepared)
{
    size_t i;
    json_t *array, *arrays = json_object_get(golden->json, "arrays");
    const uint32_t shape[3] = { prepared->side, prepared->side, 3 };
    json_array_foreach(arrays, i, array)
    {
        char name[128];
        struct golden_region r = { .step = 1 };
        const char *file = json_string_value(json_object_get(array, "file"));
        if (sscanf(file, "preprocessed_y%u_%u_x%u_%u.npy", &r.y0, &r.y1, &r.x0, &r.x1) != 4)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 4), file);
        VKS_TRY(golden_compare_region(golden, name, "pixels", prepared->pixels, shape, r, true));
    }
    return VKS_OK;
}

static vks_status compare_prepared(struct golden *golden, const struct prepared *prepared)
{
    size_t count = (size_t)prepared->side * prepared->side;
    float *first;
    VKS_TRY(golden_compare(golden, OWN("preprocessed"), "pixels", prepared->pixels, count * 3, true));
    if (!golden->prefix[0])
        VKS_TRY(compare_windows(golden, prepared));
    const json_t *crop = golden_find(golden, OWN("model_input_crop"), NULL);
    const char *meaning = json_string_value(json_object_get(crop, "meaning"));
    const char *rows = meaning ? strstr(meaning, "rows/cols ") : NULL;
    uint32_t from, to;
    if (rows && sscanf(rows, "rows/cols %u..%u", &from, &to) == 2) {
        const uint32_t shape[3] = { prepared->side, prepared->side, 3 };
        const struct golden_region region = { from, to + 1, from, to + 1, 1 };
        VKS_TRY(golden_compare_region(golden, OWN("model_input_crop"), "pixels", prepared->pixels, shape, region, true));
    }
    if (!golden_find(golden, OWN("model_input"), NULL))
        return VKS_OK;
    VKS_TRY(vkr_alloc(count, sizeof *first, "model pixels", (void **)&first));
    for (size_t i = 0; i < count; i++)
        first[i] = prepared->pixels[3 * i];
    vks_status status = golden_compare(golden, OWN("model_input"), "pixels", first, count, false);
    vkr_free(first);
    return status;
}

static vks_status set_image(struct golden *golden)
{
    const json_t *input = json_object_get(golden->json, golden->prefix[0] ? "medsam" : "input");
    const char *file = json_string_value(json_object_get(input, golden->prefix[0] ? "input_file" : "file"));
    char path[1024];
    struct vkr_desc desc;
    void *pixels = NULL;
    VKS_REQUIRE(file, VKS_ERR_CORRUPT, "case.json names no input file");
    snprintf(path, sizeof path, "%s/%s", golden->folder, file);
    VKS_TRY(vkr_npy_read(path, &desc, &pixels));
    bool fits = desc.dtype == VKR_U8 && (desc.rank == 2 || desc.rank == 3);
    const vks_image image = { .pixels = pixels,
                              .type = VKS_PIXEL_U8,
                              .width = desc.dim[1],
                              .height = desc.dim[0],
                              .channels = desc.rank == 3 ? desc.dim[2] : 1 };
    struct prepared prepared = { 0 };
    vks_status status =
        fits ? vks_session_set_image(golden->session, &image) : vks_fail(VKS_ERR_CORRUPT, "%s is no 8-bit image", path);
    if (status == VKS_OK)
        status = resize(golden, &image);
    if (status == VKS_OK)
        status = prepare(&golden->model->network->image, &image, &prepared);
    if (status == VKS_OK)
        status = compare_prepared(golden, &prepared);
    prepared_free(&prepared);
    vkr_free(pixels);
    return status;
}

/* ---- encoder ------------------------------------------------------------------------------------------------ */

static vks_status read_parameter(const struct golden *golden, const char *name, struct vkr_desc desc, float **out)
{
    VKS_TRY(vkr_alloc((size_t)vkr_numel(&desc), sizeof **out, name, (void **)out));
    vks_status status = family_read(golden->model->network, name, &desc, *out);
    if (status != VKS_OK)
        vkr_free(*out);
    return status;
}

static void project(const struct golden_array *x, const float *weight, const float *bias, float *y)
{
    uint32_t width = vkr_last(&x->desc);
    for (uint64_t row = 0; row < vkr_rows(&x->desc); row++)
        for (uint32_t o = 0; o < width; o++) {
            double sum = bias[o];
            for (uint32_t k = 0; k < width; k++)
                sum += (double)x->data[row * width + k] * (double)weight[(size_t)o * width + k];
            y[row * width + o] = (float)sum;
        }
}

vks_status golden_compare_projected(struct golden *golden, const char *name, const char *path, const size_t *rows,
                                    size_t count)
{
    char file[256];
    struct golden_array got;
    float *weight = NULL, *bias = NULL, *y = NULL;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    snprintf(file, sizeof file, "encode.%s.windows.npy", path);
    VKS_TRY(golden_array_read(golden->temporary, file, &got));
    uint32_t width = vkr_last(&got.desc);
    vks_status status = golden_keep_rows(&got, rows, count);
    snprintf(file, sizeof file, "%s.proj.weight", path);
    if (status == VKS_OK)
        status = read_parameter(golden, file, vkr_f32(2, width, width), &weight);
    snprintf(file, sizeof file, "%s.proj.bias", path);
    if (status == VKS_OK)
        status = read_parameter(golden, file, vkr_f32(1, width), &bias);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)vkr_numel(&got.desc), sizeof *y, name, (void **)&y);
    if (status == VKS_OK) {
        project(&got, weight, bias, y);
        status = golden_compare(golden, name, path, y, vkr_numel(&got.desc), false);
    }
    vkr_free(weight);
    vkr_free(bias);
    vkr_free(y);
    golden_array_free(&got);
    return status;
}

static vks_status compare_blocks(struct golden *golden)
{
    const json_t *config = json_object_get(golden->json, "config");
    if (golden_find(golden, "patch_embed", NULL) || json_object_get(config, "sub_rows"))
        VKS_TRY(golden_compare_dump(golden, "patch_embed", "encode", "image_encoder.patch_embed",
                                    json_object_get(config, "embed_dims") != NULL));
    for (unsigned i = 0; i < 64; i++) {
        char name[64], path[128];
        snprintf(name, sizeof name, "block%u_norm1", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u.norm1", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
        snprintf(name, sizeof name, "block%u_norm2", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u.norm2", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
        snprintf(name, sizeof name, "block%u_adapter", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u.Adapter", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
        snprintf(name, sizeof name, "block%u_attn_windows", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u.attn", i);
        VKS_TRY(golden_compare_projected(golden, name, path, NULL, 0));
        snprintf(name, sizeof name, "block%u", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
    }
    return golden_compare_dump(golden, "neck_ln1", "encode", "image_encoder.neck.1", true);
}

/* Of [C, H, W]: the rows from y0 on, every `step`-th of them and of the columns. */
static vks_status compare_planes(struct golden *golden, const char *name, const vks_embedding *e, uint32_t y0,
                                 uint32_t step)
{
    float *kept;
    size_t count = 0;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    VKS_TRY(vkr_alloc((size_t)e->channels * e->height * e->width, sizeof *kept, name, (void **)&kept));
    for (size_t c = 0; c < e->channels; c++)
        for (size_t y = y0; y < e->height; y += step)
            for (size_t x = 0; x < e->width; x += step)
                kept[count++] = e->data[(c * e->height + y) * e->width + x];
    vks_status status = golden_compare(golden, name, "image_encoder", kept, count, false);
    vkr_free(kept);
    return status;
}

static vks_status compare_embedding(struct golden *golden)
{
    vks_embedding *e = NULL;
    VKS_TRY(vks_session_get_embedding(golden->session, &e));
    vks_status status = compare_planes(golden, OWN("image_embedding"), e, 0, 1);
    if (status == VKS_OK)
        status = compare_planes(golden, OWN("image_embedding_f16"), e, 0, 1);
    if (status == VKS_OK)
        status = compare_planes(golden, OWN("embedding"), e, 0, 1);
    if (status == VKS_OK)
        status = compare_planes(golden, OWN("image_embedding_sub4"), e, 0, 4);
    if (status == VKS_OK && golden->prefix[0])
        status = compare_planes(golden, OWN("embedding_sub4"), e, 0, 4);
    if (status == VKS_OK)
        status = compare_planes(golden, OWN("image_embedding_edge"), e, e->height - 2, 1);
    vks_embedding_free(&e);
    return status;
}

/* ---- constants ---------------------------------------------------------------------------------------------- */

/* The array holds the whole grid, or every fourth cell of it. */
static vks_status compare_positions(struct golden *golden)
{
    const struct network *network = golden->model->network;
    const uint32_t shape[3] = { network->grid, network->grid, network->channels };
    const json_t *array = golden_find(golden, "dense_pe", NULL);
    uint32_t height = (uint32_t)json_integer_value(json_array_get(json_object_get(array, "shape"), 2));
    const struct golden_region region = { 0, shape[0], 0, shape[1], height == shape[0] ? 1 : 4 };
    static const char name[] = "prompt_encoder.dense_pe";
    float *values;
    if (!array)
        return VKS_OK;
    VKS_TRY(read_parameter(golden, name, vkr_f32(3, 1, shape[0] * shape[1], shape[2]), &values));
    vks_status status = golden_compare_region(golden, "dense_pe", name, values, shape, region, true);
    vkr_free(values);
    return status;
}

static vks_status compare_constants(struct golden *golden)
{
    static const char name[] = "prompt_encoder.no_mask_embed.weight";
    uint32_t channels = golden->model->network->channels;
    float *values;
    VKS_TRY(compare_positions(golden));
    if (!golden_find(golden, "no_mask_dense", NULL))
        return VKS_OK;
    VKS_TRY(read_parameter(golden, name, vkr_f32(2, 1, channels), &values));
    vks_status status = golden_compare(golden, "no_mask_dense", name, values, channels, false);
    vkr_free(values);
    return status;
}

vks_status golden_image(struct golden *golden)
{
    VKS_TRY(set_image(golden));
    if (!golden->prefix[0]) {
        VKS_TRY(compare_blocks(golden));
        VKS_TRY(golden_tiny_vit(golden));
        VKS_TRY(compare_constants(golden));
    }
    return compare_embedding(golden);
}
