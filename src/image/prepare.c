/* prepare.c: resize to 8-bit pixels, then one table of 256 floats per channel: normalising is a look-up. One filter never
 * rounds to 8 bits and has a way of its own. */
#include "image/prepare.h"

#include "base/mem.h"

static uint32_t scaled(uint32_t length, double scale)
{
    uint32_t result = (uint32_t)(length * scale + 0.5);
    return result > 0 ? result : 1;
}

void prepare_size(const struct image_spec *spec, uint32_t width, uint32_t height, uint32_t *resized_width,
                  uint32_t *resized_height)
{
    *resized_width = *resized_height = spec->side;
    if (!spec->keep_aspect)
        return;
    double scale = spec->side * 1.0 / (width > height ? width : height);
    *resized_width = scaled(width, scale);
    *resized_height = scaled(height, scale);
}

static void mean_std_table(const struct image_spec *spec, float table[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int value = 0; value < 256; value++)
            table[c][value] = ((float)value / spec->divisor - spec->mean[c]) / spec->std[c];
}

static void min_max_table(const uint8_t *pixels, size_t count, float table[3][256])
{
    int low = 255, high = 0;
    for (size_t i = 0; i < count; i++) {
        low = pixels[i] < low ? pixels[i] : low;
        high = pixels[i] > high ? pixels[i] : high;
    }
    double range = high > low ? high - low : 1e-8;
    for (int value = 0; value < 256; value++)
        table[0][value] = table[1][value] = table[2][value] = (float)((value - low) / range);
}

static void fill(const struct prepared *out, const uint8_t *resized, uint32_t channels, float table[3][256])
{
    const uint32_t green = channels == 3 ? 1 : 0, blue = channels == 3 ? 2 : 0;
    for (uint32_t y = 0; y < out->resized_height; y++) {
        float *dst = out->pixels + (size_t)y * out->side * 3;
        for (uint32_t x = 0; x < out->resized_width; x++, dst += 3, resized += channels) {
            dst[0] = table[0][resized[0]];
            dst[1] = table[1][resized[green]];
            dst[2] = table[2][resized[blue]];
        }
    }
}

/* Pillow's weights, ITU-R 601-2 in 16 bits. */
static void to_grey(uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = pixels + 3 * i;
        pixels[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
    }
}

static vks_status run(const struct image_spec *spec, struct image_reader *reader, struct prepared *out)
{
    uint8_t *resized = NULL;
    float table[3][256];
    const size_t pixels = (size_t)out->resized_width * out->resized_height;
    const uint32_t channels = spec->grey ? 1 : reader->channels;
    VKS_TRY(vkr_alloc(pixels, reader->channels, "resized pixels", (void **)&resized));
    vks_status status = resample(reader, spec->filter, out->resized_width, out->resized_height, resized);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)out->side * out->side, 3 * sizeof(float), "model pixels", (void **)&out->pixels);
    if (status == VKS_OK) {
        if (channels < reader->channels)
            to_grey(resized, pixels);
        if (spec->normalisation == IMAGE_MIN_MAX)
            min_max_table(resized, pixels * channels, table);
        else
            mean_std_table(spec, table);
        fill(out, resized, channels, table);
    }
    vkr_free(resized);
    return status;
}

static vks_status read_floats(struct image_reader *reader, float **out)
{
    const size_t row = (size_t)reader->width * reader->channels;
    VKS_TRY(vkr_alloc((size_t)reader->height * row, sizeof **out, "image pixels", (void **)out));
    for (uint32_t y = 0; y < reader->height; y++) {
        const uint8_t *src = image_row(reader, y);
        for (size_t i = 0; i < row; i++)
            (*out)[y * row + i] = src[i];
    }
    return VKS_OK;
}

/* RESAMPLE_TORCH_BILINEAR: whatever the aspect, with mean and deviation. */
static vks_status run_floats(const struct image_spec *spec, struct image_reader *reader, struct prepared *out)
{
    const uint32_t side = out->side, channels = reader->channels;
    const uint32_t from[3] = { 0, channels == 3 ? 1 : 0, channels == 3 ? 2 : 0 };
    const size_t cells = (size_t)side * side;
    float *pixels = NULL, *resized = NULL;
    vks_status status = read_floats(reader, &pixels);
    if (status == VKS_OK)
        status = vkr_alloc(cells, channels * sizeof *resized, "resized pixels", (void **)&resized);
    if (status == VKS_OK)
        status = resample_floats(pixels, reader->width, reader->height, channels, side, side, resized);
    if (status == VKS_OK)
        status = vkr_alloc(cells, 3 * sizeof(float), "model pixels", (void **)&out->pixels);
    for (size_t i = 0; status == VKS_OK && i < 3 * cells; i++)
        out->pixels[i] =
            (resized[i / 3 * channels + from[i % 3]] / spec->divisor - spec->mean[i % 3]) / spec->std[i % 3];
    vkr_free(pixels);
    vkr_free(resized);
    return status;
}

vks_status prepare(const struct image_spec *spec, const vks_image *image, struct prepared *out)
{
    VKS_TRY(image_validate(image));
    VKS_REQUIRE(spec->side >= 1 && spec->side <= IMAGE_MAX_SIDE, VKS_ERR_INTERNAL, "a model side of %u", spec->side);
    struct prepared made = { .side = spec->side, .width = image->width, .height = image->height };
    struct image_reader reader;
    prepare_size(spec, image->width, image->height, &made.resized_width, &made.resized_height);
    vks_status status = image_reader_open(image, &reader);
    if (status == VKS_OK)
        status = spec->filter == RESAMPLE_TORCH_BILINEAR ? run_floats(spec, &reader, &made) : run(spec, &reader, &made);
    image_reader_close(&reader);
    if (status == VKS_OK)
        *out = made;
    else
        prepared_free(&made);
    return status;
}

void prepared_free(struct prepared *prepared)
{
    vkr_free(prepared->pixels);
    *prepared = (struct prepared){ 0 };
}
