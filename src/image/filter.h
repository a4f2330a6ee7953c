/* filter.h: weights of the resampling filters, computed for one axis at a time. Host only; no pixels here. */
#ifndef VKS_FILTER_H
#define VKS_FILTER_H

#include "base/status.h"

/* ---- Pillow: windows of fixed-point weights ---- */

enum filter_kernel { FILTER_BILINEAR, FILTER_BICUBIC };

enum { FILTER_FRACTION_BITS = 22 };     /* of a weight: 8 bits of pixel and 2 of overshoot fill the rest of 32 */

/* Output i is the sum over k < count of weight[i * stride + k] * source[first + k]. The kernel is widened by the scale
 * when downsizing (antialiasing), cut at the border and normalised to sum 1, as the Pillow documentation describes. */
struct filter_taps {
    uint32_t outputs, stride;
    struct filter_window { uint32_t first, count; } *window;    /* [outputs] */
    int32_t *weight;                                            /* [outputs, stride] */
};

/* `src` and `dst` are lengths of the axis, 1..32768. Free also after a failure. Errors: HOST_MEMORY. */
vks_status filter_taps_create(enum filter_kernel kernel, uint32_t src, uint32_t dst, struct filter_taps *out);
void filter_taps_free(struct filter_taps *taps);

/* ---- interpolating cubic B-spline with a mirrored border (the edge sample is not repeated) ---- */

/* Where index `i` (any) of a mirrored signal of `length` samples lies: period 2 * length - 2. */
uint32_t filter_mirror(int64_t i, uint32_t length);

/* Output i = sum of weight[k] * coefficient[index[k]], at source position (i + 0.5) * src / dst - 0.5. */
struct filter_spline { uint32_t index[4]; double weight[4]; };
void filter_spline_taps(uint32_t src, uint32_t dst, struct filter_spline *out);      /* [dst] */

/* Turns samples into B-spline coefficients in place: `lines` interleaved signals of `length` samples each, sample i of
 * line j at data[i * lines + j]. Source: M. Unser, "Splines: a perfect fit", IEEE Signal Processing Magazine 1999. */
void filter_spline_coefficients(double *data, uint32_t length, uint32_t lines);

/* ---- Gaussian ---- */

/* Radius at which a Gaussian is cut: int(4 sigma + 0.5). */
uint32_t filter_gaussian_radius(double sigma);

/* weight[k], k = 0..radius: one half of a symmetric kernel whose whole sum is 1. */
void filter_gaussian(double sigma, uint32_t radius, double *weight);

#endif
