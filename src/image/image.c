/* image.c: validation and reading of image views. Element reads go through memcpy, so rows may start at any address. */
#include "image/image.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

size_t image_type_size(vks_pixel_type type)
{
    switch (type) {
    case VKS_PIXEL_U8:
        return 1;
    case VKS_PIXEL_U16:
    case VKS_PIXEL_I16:
        return 2;
    case VKS_PIXEL_F32:
        return 4;
    }
    return 0;
}

vks_status image_validate(const vks_image *image)
{
    VKS_REQUIRE(image, VKS_ERR_ARGUMENT, "no image was given (NULL)");
    VKS_REQUIRE(image->pixels, VKS_ERR_ARGUMENT, "the image has no pixels (NULL)");
    VKS_REQUIRE(image_type_size(image->type) != 0, VKS_ERR_ARGUMENT,
                "the image's pixel type %d does not exist; use one of VKS_PIXEL_*", (int)image->type);
    VKS_REQUIRE(image->width >= 1 && image->height >= 1, VKS_ERR_ARGUMENT, "the image is empty: %u x %u pixels",
                image->width, image->height);
    VKS_REQUIRE(image->width <= IMAGE_MAX_SIDE && image->height <= IMAGE_MAX_SIDE, VKS_ERR_ARGUMENT,
                "the image is %u x %u pixels; at most %d a side are supported: reduce it first", image->width,
                image->height, IMAGE_MAX_SIDE);
    VKS_REQUIRE((uint64_t)image->width * image->height <= IMAGE_MAX_PIXELS, VKS_ERR_ARGUMENT,
                "the image has %u x %u pixels; at most 2^28 in all are supported: reduce it first", image->width,
                image->height);
    VKS_REQUIRE(image->channels == 1 || image->channels == 3 || image->channels == 4, VKS_ERR_ARGUMENT,
                "the image has %u channels; 1 (grey), 3 (RGB) and 4 (RGBA) are supported", image->channels);
    size_t packed = (size_t)image->width * image->channels * image_type_size(image->type);
    VKS_REQUIRE(image->row_bytes == 0 || image->row_bytes >= packed, VKS_ERR_ARGUMENT,
                "a row of the image takes %zu bytes, row_bytes says %zu; use 0 for packed rows", packed, image->row_bytes);
    VKS_REQUIRE(isfinite(image->window_centre) && isfinite(image->window_width) && image->window_width >= 0,
                VKS_ERR_ARGUMENT, "the window (centre %g, width %g) must be finite and its width not negative",
                (double)image->window_centre, (double)image->window_width);
    return VKS_OK;
}

static const unsigned char *source_row(const struct image_reader *reader, uint32_t y)
{
    return (const unsigned char *)reader->image->pixels + reader->row_bytes * y;
}

static double element(vks_pixel_type type, const unsigned char *at)
{
    uint16_t u16;
    int16_t i16;
    float f32;
    switch (type) {
    case VKS_PIXEL_U8:
        return *at;
    case VKS_PIXEL_U16:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case VKS_PIXEL_I16:
        memcpy(&i16, at, sizeof i16);
        return i16;
    case VKS_PIXEL_F32:
        memcpy(&f32, at, sizeof f32);
        return (double)f32;
    }
    return 0;
}

static uint8_t to_byte(const struct image_reader *reader, double value)
{
    double scaled = (value - reader->low) * reader->scale + 0.5;
    return scaled >= 255.0 ? 255 : scaled > 0.0 ? (uint8_t)scaled : 0;      /* NaN fails both comparisons */
}

/* Least and greatest finite value of the colour channels; 0, 0 if there is none. */
static void find_range(const struct image_reader *reader, double *low, double *high)
{
    const vks_image *image = reader->image;
    size_t size = image_type_size(image->type);
    *low = DBL_MAX;
    *high = -DBL_MAX;
    for (uint32_t y = 0; y < image->height; y++) {
        const unsigned char *at = source_row(reader, y);
        for (uint32_t x = 0; x < image->width; x++, at += size * image->channels)
            for (uint32_t c = 0; c < reader->channels; c++) {
                double value = element(image->type, at + size * c);
                if (!isfinite(value))
                    continue;
                *low = value < *low ? value : *low;
                *high = value > *high ? value : *high;
            }
    }
    if (*low > *high)
        *low = *high = 0;
}

static vks_status open_window(struct image_reader *reader)
{
    const vks_image *image = reader->image;
    double centre = (double)image->window_centre, width = (double)image->window_width;
    double low = centre - width / 2, high = centre + width / 2;
    if (width == 0)
        find_range(reader, &low, &high);
    reader->low = low;
    reader->scale = high > low ? 255.0 / (high - low) : 0;
    if (image->type == VKS_PIXEL_F32)
        return VKS_OK;
    VKS_TRY(vkr_alloc(65536, 1, "a window table", (void **)&reader->table));
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t pattern = (uint16_t)bits;
        unsigned char bytes[sizeof(float)] = { 0 };     /* element() may read the largest type */
        memcpy(bytes, &pattern, sizeof pattern);
        reader->table[bits] = to_byte(reader, element(image->type, bytes));
    }
    return VKS_OK;
}

vks_status image_reader_open(const vks_image *image, struct image_reader *reader)
{
    *reader = (struct image_reader){ .image = image, .width = image->width, .height = image->height,
                                     .channels = image->channels == 1 ? 1 : 3 };
    size_t packed = (size_t)image->width * image->channels * image_type_size(image->type);
    reader->row_bytes = image->row_bytes ? image->row_bytes : packed;
    if (image->type == VKS_PIXEL_U8 && image->channels != 4)
        return VKS_OK;
    VKS_TRY(vkr_alloc(image->width, reader->channels, "a row of pixels", (void **)&reader->row));
    return image->type == VKS_PIXEL_U8 ? VKS_OK : open_window(reader);
}

void image_reader_close(struct image_reader *reader)
{
    vkr_free(reader->row);
    vkr_free(reader->table);
    *reader = (struct image_reader){ 0 };
}

const uint8_t *image_row(struct image_reader *reader, uint32_t y)
{
    const unsigned char *at = source_row(reader, y);
    if (!reader->row)
        return at;
    const vks_pixel_type type = reader->image->type;
    const uint32_t width = reader->width, channels = reader->channels;
    const size_t size = image_type_size(type), pixel = size * reader->image->channels;
    const uint8_t *table = reader->table;
    uint8_t *dst = reader->row;
    for (uint32_t x = 0; x < width; x++, at += pixel)
        for (uint32_t c = 0; c < channels; c++) {
            uint16_t pattern;
            if (type == VKS_PIXEL_U8) {
                *dst++ = at[c];
            } else if (table) {
                memcpy(&pattern, at + size * c, sizeof pattern);
                *dst++ = table[pattern];
            } else {
                *dst++ = to_byte(reader, element(type, at + size * c));
            }
        }
    return reader->row;
}

vks_status image_to_rgb(const vks_image *image, uint8_t *rgb)
{
    struct image_reader reader;
    vks_status status = image_reader_open(image, &reader);
    for (uint32_t y = 0; status == VKS_OK && y < image->height; y++) {
        const uint8_t *row = image_row(&reader, y);
        if (reader.channels == 3) {
            memcpy(rgb, row, (size_t)image->width * 3);
            rgb += (size_t)image->width * 3;
            continue;
        }
        for (uint32_t x = 0; x < image->width; x++, rgb += 3)
            rgb[0] = rgb[1] = rgb[2] = row[x];
    }
    image_reader_close(&reader);
    return status;
}
