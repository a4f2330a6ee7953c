/* resample_area.c: OpenCV's INTER_AREA for 8-bit pixels, its three cases: whole factors (sums of integers), shrinking
 * (areas in float), and, where either side grows, bilinear weights of 11 bits. The order of the float sums is OpenCV's. */
#include "image/resample.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

static uint8_t to_byte(float value)
{
    float rounded = rintf(value);               /* halves to even */
    return rounded <= 0 ? 0 : rounded >= 255 ? 255 : (uint8_t)rounded;
}

/* ---- whole factors -------------------------------------------------------------------------------------------- */

/* Two by two rounds halves up; other factors scale the sum in float and round halves to even. */
static uint8_t mean(uint32_t sum, uint32_t across, uint32_t down)
{
    return across == 2 && down == 2 ? (uint8_t)((sum + 2) >> 2) : to_byte((float)sum * (1.0f / (float)(across * down)));
}

static void whole(struct image_reader *reader, uint32_t width, uint32_t height, uint32_t *sums, uint8_t *dst)
{
    const uint32_t channels = reader->channels, across = reader->width / width, down = reader->height / height;
    for (uint32_t y = 0; y < height; y++) {
        memset(sums, 0, (size_t)width * channels * sizeof *sums);
        for (uint32_t j = 0; j < down; j++) {
            const uint8_t *row = image_row(reader, y * down + j);
            for (uint32_t x = 0; x < width; x++)
                for (uint32_t i = 0; i < across; i++)
                    for (uint32_t c = 0; c < channels; c++)
                        sums[x * channels + c] += *row++;
        }
        for (uint32_t i = 0; i < width * channels; i++)
            *dst++ = mean(sums[i], across, down);
    }
}

/* ---- shrinking ------------------------------------------------------------------------------------------------ */

/* Source cell `from` contributes `share` to destination cell `to`; in the order of both. */
struct share {
    uint32_t from, to;
    float share;
};

/* At most two cut cells beside the whole ones of each destination cell. A sliver below 1/1000 of a cell is left out. */
static uint32_t make_shares(uint32_t src, uint32_t dst, double scale, struct share *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < dst; i++) {
        double begin = i * scale, end = begin + scale, width = fmin(scale, src - begin);
        uint32_t last = (uint32_t)floor(end), first = (uint32_t)ceil(begin);
        last = last < src - 1 ? last : src - 1;
        first = first < last ? first : last;
        if (first - begin > 1e-3)
            out[count++] = (struct share){ first - 1, i, (float)((first - begin) / width) };
        for (uint32_t k = first; k < last; k++)
            out[count++] = (struct share){ k, i, (float)(1.0 / width) };
        if (end - last > 1e-3)
            out[count++] = (struct share){ last, i, (float)(fmin(fmin(end - last, 1.0), width) / width) };
    }
    return count;
}

struct shrink {
    struct share *across, *down;
    float *row, *sum;                           /* [width * channels] */
};

static void shrink_row(const struct share *shares, uint32_t count, uint32_t channels, const uint8_t *src, float *dst)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < channels; c++)
            dst[shares[i].to * channels + c] += (float)src[shares[i].from * channels + c] * shares[i].share;
}

static void shrink_rows(struct image_reader *reader, const struct shrink *s, uint32_t across, uint32_t down,
                        uint32_t width, uint8_t *dst)
{
    const uint32_t channels = reader->channels, values = width * channels;
    for (uint32_t k = 0; k < down; k++) {
        memset(s->row, 0, values * sizeof *s->row);
        shrink_row(s->across, across, channels, image_row(reader, s->down[k].from), s->row);
        const bool first = k == 0 || s->down[k].to != s->down[k - 1].to;
        const bool last = k + 1 == down || s->down[k].to != s->down[k + 1].to;
        for (uint32_t i = 0; i < values; i++)
            s->sum[i] = first ? s->down[k].share * s->row[i] : s->sum[i] + s->down[k].share * s->row[i];
        for (uint32_t i = 0; last && i < values; i++)
            dst[(size_t)s->down[k].to * values + i] = to_byte(s->sum[i]);
    }
}

static vks_status shrink(struct image_reader *reader, uint32_t width, uint32_t height, double scale_x, double scale_y,
                         uint8_t *dst)
{
    struct shrink s = { 0 };
    const size_t values = (size_t)width * reader->channels;
    vks_status status =
        vkr_alloc((size_t)reader->width + 2 * (size_t)width, sizeof *s.across, "shares of columns", (void **)&s.across);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)reader->height + 2 * (size_t)height, sizeof *s.down, "shares of rows",
                           (void **)&s.down);
    if (status == VKS_OK)
        status = vkr_alloc(values, sizeof *s.row, "a row of sums", (void **)&s.row);
    if (status == VKS_OK)
        status = vkr_alloc(values, sizeof *s.sum, "a row of sums", (void **)&s.sum);
    if (status == VKS_OK) {
        uint32_t across = make_shares(reader->width, width, scale_x, s.across);
        shrink_rows(reader, &s, across, make_shares(reader->height, height, scale_y, s.down), width, dst);
    }
    vkr_free(s.across);
    vkr_free(s.down);
    vkr_free(s.row);
    vkr_free(s.sum);
    return status;
}

/* ---- growing -------------------------------------------------------------------------------------------------- */

enum { FRACTION = 2048 };

struct pair {
    uint32_t first, second;
    int32_t low, high;                          /* in 1 / FRACTION */
};

static struct pair make_pair(uint32_t i, uint32_t src, double scale, double inverse)
{
    uint32_t first = (uint32_t)floor(i * scale);
    float t = (float)((i + 1.0) - (first + 1.0) * inverse);
    t = t <= 0 ? 0 : t - floorf(t);
    if (first >= src - 1) {
        first = src - 1;
        t = 0;
    }
    return (struct pair){ first, first + 1 < src ? first + 1 : first, (int32_t)rintf((1.0f - t) * FRACTION),
                          (int32_t)rintf(t * FRACTION) };
}

static void grow_row(const struct pair *pairs, uint32_t width, uint32_t channels, const uint8_t *src, int32_t *dst)
{
    for (uint32_t x = 0; x < width; x++)
        for (uint32_t c = 0; c < channels; c++)
            *dst++ = src[pairs[x].first * channels + c] * pairs[x].low +
                     src[pairs[x].second * channels + c] * pairs[x].high;
}

static vks_status grow(struct image_reader *reader, uint32_t width, uint32_t height, double scale_x, double scale_y,
                       uint8_t *dst)
{
    const size_t values = (size_t)width * reader->channels;
    struct pair *across = NULL;
    int32_t *rows[2] = { 0 };
    uint32_t held[2] = { UINT32_MAX, UINT32_MAX };
    vks_status status = vkr_alloc(width, sizeof *across, "pairs of columns", (void **)&across);
    for (int i = 0; status == VKS_OK && i < 2; i++)
        status = vkr_alloc(values, sizeof *rows[i], "an enlarged row", (void **)&rows[i]);
    for (uint32_t x = 0; status == VKS_OK && x < width; x++)
        across[x] = make_pair(x, reader->width, scale_x, 1.0 / scale_x);
    for (uint32_t y = 0; status == VKS_OK && y < height; y++) {
        const struct pair down = make_pair(y, reader->height, scale_y, 1.0 / scale_y);
        const uint32_t wanted[2] = { down.first, down.second };
        for (int i = 0; i < 2; i++)
            if (held[i] != wanted[i])
                grow_row(across, width, reader->channels, image_row(reader, held[i] = wanted[i]), rows[i]);
        for (size_t i = 0; i < values; i++)
            *dst++ = (uint8_t)((((down.low * (rows[0][i] >> 4)) >> 16) + ((down.high * (rows[1][i] >> 4)) >> 16) + 2) >> 2);
    }
    vkr_free(across);
    vkr_free(rows[0]);
    vkr_free(rows[1]);
    return status;
}

/* ---- choice --------------------------------------------------------------------------------------------------- */

static bool is_whole(double scale)
{
    return fabs(scale - rint(scale)) < DBL_EPSILON;
}

vks_status resample_area(struct image_reader *reader, uint32_t width, uint32_t height, uint8_t *dst)
{
    const double scale_x = 1.0 / ((double)width / reader->width), scale_y = 1.0 / ((double)height / reader->height);
    const size_t row = (size_t)width * reader->channels;
    if (width == reader->width && height == reader->height) {
        for (uint32_t y = 0; y < height; y++)
            memcpy(dst + y * row, image_row(reader, y), row);
        return VKS_OK;
    }
    if (scale_x < 1 || scale_y < 1)
        return grow(reader, width, height, scale_x, scale_y, dst);
    if (!is_whole(scale_x) || !is_whole(scale_y))
        return shrink(reader, width, height, scale_x, scale_y, dst);
    uint32_t *sums;
    VKS_TRY(vkr_alloc(row, sizeof *sums, "a row of sums", (void **)&sums));
    whole(reader, width, height, sums, dst);
    vkr_free(sums);
    return VKS_OK;
}
