/* resample_pillow.c: separable convolution in 32-bit fixed point, rows first, with a rounding to 8 bits between the two
 * passes: the arithmetic that makes the result equal to Pillow's in every bit. */
#include "image/resample.h"

#include "base/mem.h"
#include "image/filter.h"

#include <string.h>

enum { HALF = 1 << (FILTER_FRACTION_BITS - 1) };

static uint8_t to_byte(int32_t sum)
{
    return sum <= 0 ? 0 : sum >= 255 << FILTER_FRACTION_BITS ? 255 : (uint8_t)(sum >> FILTER_FRACTION_BITS);
}

static void row_grey(const struct filter_taps *taps, const uint8_t *src, uint8_t *dst)
{
    for (uint32_t x = 0; x < taps->outputs; x++) {
        const int32_t *weight = taps->weight + (size_t)x * taps->stride;
        const uint8_t *at = src + taps->window[x].first;
        int32_t sum = HALF;
        for (uint32_t k = 0; k < taps->window[x].count; k++)
            sum += weight[k] * at[k];
        dst[x] = to_byte(sum);
    }
}

static void row_rgb(const struct filter_taps *taps, const uint8_t *src, uint8_t *dst)
{
    for (uint32_t x = 0; x < taps->outputs; x++, dst += 3) {
        const int32_t *weight = taps->weight + (size_t)x * taps->stride;
        const uint8_t *at = src + (size_t)taps->window[x].first * 3;
        int32_t red = HALF, green = HALF, blue = HALF;
        for (uint32_t k = 0; k < taps->window[x].count; k++, at += 3) {
            red += weight[k] * at[0];
            green += weight[k] * at[1];
            blue += weight[k] * at[2];
        }
        dst[0] = to_byte(red);
        dst[1] = to_byte(green);
        dst[2] = to_byte(blue);
    }
}

/* [height, row] to [taps->outputs, row], in pieces of a row whose sums stay in the first-level cache. */
static void columns(const struct filter_taps *taps, const uint8_t *src, size_t row, uint8_t *dst)
{
    enum { PIECE = 1024 };
    int32_t sum[PIECE];
    for (uint32_t y = 0; y < taps->outputs; y++)
        for (size_t start = 0; start < row; start += PIECE) {
            const size_t count = row - start < PIECE ? row - start : PIECE;
            for (size_t i = 0; i < count; i++)
                sum[i] = HALF;
            for (uint32_t k = 0; k < taps->window[y].count; k++) {
                const int32_t weight = taps->weight[(size_t)y * taps->stride + k];
                const uint8_t *at = src + (taps->window[y].first + k) * row + start;
                for (size_t i = 0; i < count; i++)
                    sum[i] += weight * at[i];
            }
            for (size_t i = 0; i < count; i++)
                dst[y * row + start + i] = to_byte(sum[i]);
        }
}

static void rows(struct image_reader *reader, const struct filter_taps *taps, uint8_t *dst)
{
    const size_t row = (size_t)taps->outputs * reader->channels;
    for (uint32_t y = 0; y < reader->height; y++, dst += row) {
        const uint8_t *src = image_row(reader, y);
        if (taps->outputs == reader->width)
            memcpy(dst, src, row);
        else if (reader->channels == 3)
            row_rgb(taps, src, dst);
        else
            row_grey(taps, src, dst);
    }
}

vks_status resample_pillow(struct image_reader *reader, enum resample_filter filter, uint32_t width, uint32_t height,
                           uint8_t *dst)
{
    const enum filter_kernel kernel = filter == RESAMPLE_PILLOW_BICUBIC ? FILTER_BICUBIC : FILTER_BILINEAR;
    const size_t row = (size_t)width * reader->channels;
    struct filter_taps across = { 0 }, down = { 0 };
    uint8_t *between = NULL;
    vks_status status = filter_taps_create(kernel, reader->width, width, &across);
    if (status == VKS_OK && reader->height == height)
        rows(reader, &across, dst);
    else if (status == VKS_OK) {
        status = filter_taps_create(kernel, reader->height, height, &down);
        if (status == VKS_OK)
            status = vkr_alloc(reader->height, row, "half-resized pixels", (void **)&between);
        if (status == VKS_OK) {
            rows(reader, &across, between);
            columns(&down, between, row, dst);
        }
    }
    vkr_free(between);
    filter_taps_free(&across);
    filter_taps_free(&down);
    return status;
}
