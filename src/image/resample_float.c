/* resample_float.c: the antialiased triangle filter on floating-point samples; columns before rows, sums in double. */
#include "image/resample.h"

#include "base/mem.h"

#include <math.h>

struct window {
    uint32_t first, count;
};

struct taps {
    struct window *window; /* [outputs] */
    double *weight;        /* [outputs, stride] */
    uint32_t stride;
};

static void taps_free(struct taps *taps)
{
    vkr_free(taps->window);
    vkr_free(taps->weight);
}

/* The triangle is as wide as a source pixel, or as a result pixel where those are wider. */
static vks_status taps_create(uint32_t src, uint32_t dst, struct taps *out)
{
    const double scale = (double)src / dst, support = scale < 1.0 ? 1.0 : scale;
    *out = (struct taps){ .stride = (uint32_t)ceil(support) * 2 + 1 };
    VKS_TRY(vkr_alloc(dst, sizeof *out->window, "resize windows", (void **)&out->window));
    VKS_TRY(vkr_alloc((size_t)dst * out->stride, sizeof *out->weight, "resize weights", (void **)&out->weight));
    for (uint32_t i = 0; i < dst; i++) {
        double centre = (i + 0.5) * scale, sum = 0, *weight = out->weight + (size_t)i * out->stride;
        int64_t first = (int64_t)(centre - support + 0.5), end = (int64_t)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > src ? src : end;
        out->window[i] = (struct window){ (uint32_t)first, (uint32_t)(end - first) };
        for (uint32_t k = 0; k < out->window[i].count; k++) {
            double distance = fabs(((double)(first + k) - centre + 0.5) / support);
            sum += weight[k] = distance < 1.0 ? 1.0 - distance : 0.0;
        }
        for (uint32_t k = 0; k < out->window[i].count; k++)
            weight[k] /= sum;
    }
    return VKS_OK;
}

/* Along one axis: src [outer, length, inner] to dst [outer, outputs, inner]. */
static void apply(const struct taps *taps, const float *src, uint32_t length, uint32_t outputs, size_t outer,
                  size_t inner, float *dst)
{
    for (size_t o = 0; o < outer; o++, src += length * inner)
        for (uint32_t i = 0; i < outputs; i++)
            for (size_t c = 0; c < inner; c++) {
                const double *weight = taps->weight + (size_t)i * taps->stride;
                const float *from = src + taps->window[i].first * inner + c;
                double sum = 0;
                for (uint32_t k = 0; k < taps->window[i].count; k++)
                    sum += weight[k] * (double)from[k * inner];
                *dst++ = (float)sum;
            }
}

vks_status resample_floats(const float *src, uint32_t src_width, uint32_t src_height, uint32_t channels, uint32_t width,
                           uint32_t height, float *dst)
{
    struct taps across = { 0 }, down = { 0 };
    float *rows = NULL;
    vks_status status = taps_create(src_width, width, &across);
    if (status == VKS_OK)
        status = taps_create(src_height, height, &down);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)src_height * width, channels * sizeof *rows, "resized rows", (void **)&rows);
    if (status == VKS_OK) {
        apply(&across, src, src_width, width, src_height, channels, rows);
        apply(&down, rows, src_height, height, 1, (size_t)width * channels, dst);
    }
    vkr_free(rows);
    taps_free(&across);
    taps_free(&down);
    return status;
}
