/* resample_spline.c: skimage.transform.resize with order 3: Gaussian (only where an axis shrinks), interpolating cubic
 * B-spline, mirrored border, all in double. The three steps work on each axis alone and commute, so every row is taken
 * through all of them first, and then strips of columns. */
#include "image/resample.h"

#include "base/mem.h"
#include "image/filter.h"

#include <string.h>

enum { STRIP = 32 };                /* columns at a time: a strip of a large image stays in the second-level cache */

/* One axis: sources to outputs. */
struct axis {
    uint32_t src, dst;
    uint32_t radius;                /* of the Gaussian; 0: none */
    double *gaussian;               /* [radius + 1] */
    struct filter_spline *spline;   /* [dst] */
};

static vks_status axis_create(uint32_t src, uint32_t dst, struct axis *out)
{
    const double sigma = src > dst ? ((double)src / dst - 1.0) / 2.0 : 0.0;
    *out = (struct axis){ .src = src, .dst = dst, .radius = filter_gaussian_radius(sigma) };
    if (out->radius > 0) {
        VKS_TRY(vkr_alloc(out->radius + 1, sizeof *out->gaussian, "a Gaussian", (void **)&out->gaussian));
        filter_gaussian(sigma, out->radius, out->gaussian);
    }
    VKS_TRY(vkr_alloc(dst, sizeof *out->spline, "spline weights", (void **)&out->spline));
    filter_spline_taps(src, dst, out->spline);
    return VKS_OK;
}

static void axis_free(struct axis *axis)
{
    vkr_free(axis->gaussian);
    vkr_free(axis->spline);
}

/* src: [axis->src, lines] to dst of the same shape. */
static void smooth(const struct axis *axis, const double *src, uint32_t lines, double *dst)
{
    for (uint32_t i = 0; i < axis->src; i++) {
        double *now = dst + (size_t)i * lines;
        for (uint32_t j = 0; j < lines; j++)
            now[j] = axis->gaussian[0] * src[(size_t)i * lines + j];
        for (uint32_t k = 1; k <= axis->radius; k++) {
            const double weight = axis->gaussian[k];
            const double *before = src + (size_t)filter_mirror((int64_t)i - k, axis->src) * lines;
            const double *after = src + (size_t)filter_mirror((int64_t)i + k, axis->src) * lines;
            for (uint32_t j = 0; j < lines; j++)
                now[j] += weight * (before[j] + after[j]);
        }
    }
}

/* samples: [axis->src, lines], destroyed; spare: as large; dst row i at dst + i * stride. */
static void along(const struct axis *axis, double *samples, double *spare, uint32_t lines, double *dst, size_t stride)
{
    if (axis->radius > 0) {
        smooth(axis, samples, lines, spare);
        samples = spare;
    }
    filter_spline_coefficients(samples, axis->src, lines);
    for (uint32_t i = 0; i < axis->dst; i++) {
        const struct filter_spline *tap = &axis->spline[i];
        const double *a = samples + (size_t)tap->index[0] * lines, *b = samples + (size_t)tap->index[1] * lines;
        const double *c = samples + (size_t)tap->index[2] * lines, *d = samples + (size_t)tap->index[3] * lines;
        for (uint32_t j = 0; j < lines; j++)
            dst[i * stride + j] = tap->weight[0] * a[j] + tap->weight[1] * b[j] + tap->weight[2] * c[j] + tap->weight[3] * d[j];
    }
}

/* [height, width] of one channel to [across->dst, height], transposed on the way. */
static void pass_rows(struct image_reader *reader, uint32_t channel, const struct axis *across, double *samples,
                      double *spare, double *dst)
{
    for (uint32_t y = 0; y < reader->height; y += STRIP) {
        const uint32_t lines = reader->height - y < STRIP ? reader->height - y : STRIP;
        for (uint32_t j = 0; j < lines; j++) {
            const uint8_t *row = image_row(reader, y + j) + channel;
            for (uint32_t x = 0; x < reader->width; x++)
                samples[(size_t)x * lines + j] = row[(size_t)x * reader->channels];
        }
        along(across, samples, spare, lines, dst + y, reader->height);
    }
}

/* [width, down->src] to [down->dst, width]. */
static void pass_columns(const double *src, uint32_t width, const struct axis *down, double *samples, double *spare,
                         double *dst)
{
    for (uint32_t x = 0; x < width; x += STRIP) {
        const uint32_t lines = width - x < STRIP ? width - x : STRIP;
        for (uint32_t j = 0; j < lines; j++)
            for (uint32_t y = 0; y < down->src; y++)
                samples[(size_t)y * lines + j] = src[(size_t)(x + j) * down->src + y];
        along(down, samples, spare, lines, dst + x, width);
    }
}

vks_status resample_spline_plane(struct image_reader *reader, uint32_t channel, uint32_t width, uint32_t height,
                                 double *dst)
{
    const uint32_t longest = reader->width > reader->height ? reader->width : reader->height;
    struct axis across = { 0 }, down = { 0 };
    double *plane = NULL, *samples = NULL, *spare = NULL;
    vks_status status = axis_create(reader->width, width, &across);
    if (status == VKS_OK)
        status = axis_create(reader->height, height, &down);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)width * reader->height, sizeof *plane, "half-resized pixels", (void **)&plane);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)longest * STRIP, sizeof *samples, "a strip of pixels", (void **)&samples);
    if (status == VKS_OK && (across.radius > 0 || down.radius > 0))
        status = vkr_alloc((size_t)longest * STRIP, sizeof *spare, "a strip of pixels", (void **)&spare);
    if (status == VKS_OK) {
        pass_rows(reader, channel, &across, samples, spare, plane);
        pass_columns(plane, width, &down, samples, spare, dst);
    }
    vkr_free(plane);
    vkr_free(samples);
    vkr_free(spare);
    axis_free(&across);
    axis_free(&down);
    return status;
}

static void find_range(struct image_reader *reader, uint8_t *low, uint8_t *high)
{
    const size_t row = (size_t)reader->width * reader->channels;
    *low = 255;
    *high = 0;
    for (uint32_t y = 0; y < reader->height; y++) {
        const uint8_t *at = image_row(reader, y);
        for (size_t i = 0; i < row; i++) {
            *low = at[i] < *low ? at[i] : *low;
            *high = at[i] > *high ? at[i] : *high;
        }
    }
}

vks_status resample_spline(struct image_reader *reader, uint32_t width, uint32_t height, uint8_t *dst)
{
    const uint32_t channels = reader->channels;
    const size_t pixels = (size_t)width * height;
    double *plane = NULL;
    uint8_t low, high;
    if (width == reader->width && height == reader->height) {
        for (uint32_t y = 0; y < height; y++)
            memcpy(dst + (size_t)y * width * channels, image_row(reader, y), (size_t)width * channels);
        return VKS_OK;
    }
    VKS_TRY(vkr_alloc(pixels, sizeof *plane, "resized pixels", (void **)&plane));
    find_range(reader, &low, &high);
    vks_status status = VKS_OK;
    for (uint32_t c = 0; c < channels && status == VKS_OK; c++) {
        status = resample_spline_plane(reader, c, width, height, plane);
        for (size_t i = 0; status == VKS_OK && i < pixels; i++)
            dst[i * channels + c] = plane[i] <= low ? low : plane[i] >= high ? high : (uint8_t)plane[i];
    }
    vkr_free(plane);
    return status;
}
