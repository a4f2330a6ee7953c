/* filter.c: kernels sampled into weight tables, and the recursive spline filter. */
#include "image/filter.h"

#include "base/mem.h"

#include <math.h>

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -1/2. */
static double keys(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (double)(1 << FILTER_FRACTION_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

vks_status filter_taps_create(enum filter_kernel kernel, uint32_t src, uint32_t dst, struct filter_taps *out)
{
    double (*const shape)(double) = kernel == FILTER_BILINEAR ? triangle : keys;
    const double scale = (double)src / dst, widening = scale < 1.0 ? 1.0 : scale;
    const double support = (kernel == FILTER_BILINEAR ? 1.0 : 2.0) * widening, narrowing = 1.0 / widening;
    *out = (struct filter_taps){ .outputs = dst, .stride = (uint32_t)ceil(support) * 2 + 1 };
    double *values = NULL;
    vks_status status = vkr_alloc(dst, sizeof *out->window, "resize windows", (void **)&out->window);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)dst * out->stride, sizeof *out->weight, "resize weights", (void **)&out->weight);
    if (status == VKS_OK)
        status = vkr_alloc(out->stride, sizeof *values, "resize weights", (void **)&values);
    for (uint32_t i = 0; status == VKS_OK && i < dst; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int64_t first = (int64_t)(centre - support + 0.5), end = (int64_t)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > src ? src : end;
        uint32_t count = (uint32_t)(end - first);
        for (uint32_t k = 0; k < count; k++)
            sum += values[k] = shape(((double)(first + k) - centre + 0.5) * narrowing);
        out->window[i] = (struct filter_window){ (uint32_t)first, count };
        for (uint32_t k = 0; k < count; k++)
            out->weight[(size_t)i * out->stride + k] = to_fixed(sum != 0 ? values[k] / sum : values[k]);
    }
    vkr_free(values);
    return status;
}

void filter_taps_free(struct filter_taps *taps)
{
    vkr_free(taps->window);
    vkr_free(taps->weight);
    *taps = (struct filter_taps){ 0 };
}

uint32_t filter_mirror(int64_t i, uint32_t length)
{
    if (length == 1)
        return 0;
    const int64_t period = 2 * (int64_t)length - 2;
    i %= period;
    i = i < 0 ? i + period : i;
    return (uint32_t)(i < length ? i : period - i);
}

void filter_spline_taps(uint32_t src, uint32_t dst, struct filter_spline *out)
{
    const double scale = (double)src / dst, shift = 0.5 * scale - 0.5;
    for (uint32_t i = 0; i < dst; i++) {
        double position = scale * i + shift, start = floor(position), t = position - start, u = 1.0 - t;
        for (int k = 0; k < 4; k++)
            out[i].index[k] = filter_mirror((int64_t)start - 1 + k, src);
        out[i].weight[0] = u * u * u / 6.0;
        out[i].weight[1] = (t * t * (t - 2.0) * 3.0 + 4.0) / 6.0;
        out[i].weight[2] = (u * u * (u - 2.0) * 3.0 + 4.0) / 6.0;
        out[i].weight[3] = 1.0 - out[i].weight[0] - out[i].weight[1] - out[i].weight[2];
    }
}

void filter_spline_coefficients(double *data, uint32_t length, uint32_t lines)
{
    if (length < 2)
        return;
    const double z = sqrt(3.0) - 2.0;
    enum { HORIZON = 40 };                  /* |z|^40 is below 2^-53 by a factor of a million */
    const uint32_t n = length, reach = n < HORIZON ? n : HORIZON;
    const size_t last = (size_t)(n - 1) * lines;
    for (size_t i = 0; i < (size_t)n * lines; i++)
        data[i] *= 6.0;                     /* (1 - z)(1 - 1/z) */
    /* The causal filter starts with the sum over the mirrored past, closed over its period 2n - 2. */
    double power[HORIZON], echo[HORIZON];
    for (uint32_t k = 0; k < reach; k++) {
        power[k] = pow(z, k);
        echo[k] = k > 0 && k < n - 1 ? pow(z, 2.0 * n - 2 - k) : 0;
    }
    const double closed = 1.0 - pow(z, 2.0 * n - 2);
    for (uint32_t j = 0; j < lines; j++) {
        double sum = 0;
        for (uint32_t k = reach; k-- > 0;)
            sum += (power[k] + echo[k]) * data[(size_t)k * lines + j];
        data[j] = sum / closed;
    }
    for (uint32_t k = 1; k < n; k++) {
        double *now = data + (size_t)k * lines;
        for (uint32_t j = 0; j < lines; j++)
            now[j] += z * (now - lines)[j];
    }
    for (uint32_t j = 0; j < lines; j++)
        data[last + j] = z / (z * z - 1.0) * (data[last + j] + z * data[last - lines + j]);
    for (uint32_t k = n - 1; k-- > 0;) {
        double *now = data + (size_t)k * lines;
        for (uint32_t j = 0; j < lines; j++)
            now[j] = z * ((now + lines)[j] - now[j]);
    }
}

uint32_t filter_gaussian_radius(double sigma)
{
    return (uint32_t)(4.0 * sigma + 0.5);
}

void filter_gaussian(double sigma, uint32_t radius, double *weight)
{
    double sum = 0;
    for (uint32_t k = 0; k <= radius; k++) {
        weight[k] = exp(-0.5 / (sigma * sigma) * ((double)k * k));
        sum += k == 0 ? weight[k] : 2.0 * weight[k];
    }
    for (uint32_t k = 0; k <= radius; k++)
        weight[k] /= sum;
}
