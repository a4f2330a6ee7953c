/* display.c: how things look: an image in 8 bits, the colours of objects. */
#include "io/io.h"

#include <math.h>
#include <string.h>

void io_colour(uint32_t index, uint8_t rgb[3])
{
    /* Bright and saturated, so that they stand out from grey; neighbours differ in hue and lightness. */
    static const uint8_t chosen[12][3] = {
        { 0, 174, 255 }, { 255, 170, 0 }, { 88, 214, 90 }, { 255, 82, 150 }, { 160, 120, 255 }, { 240, 228, 66 },
        { 0, 214, 180 }, { 255, 100, 60 }, { 70, 120, 255 }, { 205, 120, 220 }, { 170, 220, 60 }, { 255, 160, 140 },
    };
    if (index < 12) {
        memcpy(rgb, chosen[index], 3);
        return;
    }
    /* Then hues by the golden ratio, which keeps any number of them apart. */
    const double hue = fmod(index * 0.61803398875, 1.0) * 6.0, low = index % 2 ? 0.15 : 0.35;
    for (int c = 0; c < 3; c++) {
        double distance = fabs(fmod(hue + 6.0 - 2.0 * c, 6.0) - 3.0) - 1.0;
        double level = distance < 0 ? 0 : distance > 1 ? 1 : distance;
        rgb[c] = (uint8_t)(255.0 * (low + (1.0 - low) * level) + 0.5);
    }
}

static size_t element_size(vks_pixel_type type)
{
    return type == VKS_PIXEL_U8 ? 1 : type == VKS_PIXEL_F32 ? 4 : type == VKS_PIXEL_U16 || type == VKS_PIXEL_I16 ? 2 : 0;
}

vks_status io_check_image(const vks_image *image)
{
    VKS_REQUIRE(image && image->pixels, VKS_ERR_ARGUMENT, "there is no image to draw on (NULL)");
    const size_t size = element_size(image->type);
    VKS_REQUIRE(size > 0 && (image->channels == 1 || image->channels == 3 || image->channels == 4) && image->width >= 1 &&
                    image->height >= 1 && image->width <= 32768 && image->height <= 32768 &&
                    (uint64_t)image->width * image->height <= 1u << 28,
                VKS_ERR_ARGUMENT, "the image to draw on (%u x %u, %u channels, type %d) is none that vkseg accepts", image->width,
                image->height, image->channels, (int)image->type);
    VKS_REQUIRE(image->row_bytes == 0 || image->row_bytes >= size * image->channels * image->width, VKS_ERR_ARGUMENT,
                "the image to draw on has rows of %zu bytes, too few for its width", image->row_bytes);
    return VKS_OK;
}

static double value_at(vks_pixel_type type, const unsigned char *at)
{
    uint16_t u16;
    int16_t i16;
    float f32;
    if (type == VKS_PIXEL_U8)
        return *at;
    if (type == VKS_PIXEL_F32)
        return memcpy(&f32, at, sizeof f32), (double)f32;
    if (type == VKS_PIXEL_U16)
        return memcpy(&u16, at, sizeof u16), u16;
    return memcpy(&i16, at, sizeof i16), i16;
}

static const unsigned char *row_of(const vks_image *image, uint32_t y)
{
    const size_t packed = element_size(image->type) * image->channels * image->width;
    return (const unsigned char *)image->pixels + (image->row_bytes ? image->row_bytes : packed) * y;
}

static void find_window(const vks_image *image, double *low, double *high)
{
    const double centre = (double)image->window_centre, width = (double)image->window_width;
    const size_t size = element_size(image->type);
    const uint32_t colours = image->channels == 1 ? 1 : 3;
    *low = image->type == VKS_PIXEL_U8 ? 0 : centre - width / 2;
    *high = image->type == VKS_PIXEL_U8 ? 255 : centre + width / 2;
    if (*high > *low)
        return;
    *low = INFINITY;
    *high = -INFINITY;
    for (uint32_t y = 0; y < image->height; y++) {
        const unsigned char *at = row_of(image, y);
        for (uint32_t x = 0; x < image->width; x++, at += size * image->channels)
            for (uint32_t c = 0; c < colours; c++) {
                double value = value_at(image->type, at + size * c);
                *low = isfinite(value) && value < *low ? value : *low;
                *high = isfinite(value) && value > *high ? value : *high;
            }
    }
}

void io_display(const vks_image *image, uint8_t *rgb)
{
    double low, high;
    const size_t size = element_size(image->type);
    find_window(image, &low, &high);
    const double scale = high > low ? 255.0 / (high - low) : 0;
    for (uint32_t y = 0; y < image->height; y++) {
        const unsigned char *at = row_of(image, y);
        for (uint32_t x = 0; x < image->width; x++, at += size * image->channels)
            for (size_t c = 0; c < 3; c++) {
                double value = (value_at(image->type, at + (image->channels == 1 ? 0 : size * c)) - low) * scale + 0.5;
                *rgb++ = value >= 255 ? 255 : value > 0 ? (uint8_t)value : 0;
            }
    }
}
