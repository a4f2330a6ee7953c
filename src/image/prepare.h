/* prepare.h: from an image of any size and type to what a model's encoder takes. Host only: one thread, bit for bit the
 * reference's pixels. */
#ifndef VKS_PREPARE_H
#define VKS_PREPARE_H

#include "image/resample.h"

#include <stdbool.h>

enum image_normalisation {
    IMAGE_MEAN_STD,             /* (value / divisor - mean) / std per channel, in float */
    IMAGE_MIN_MAX               /* (value - min) / max(max - min, 1e-8) over all resized pixels, in double, then float */
};

/* A family's preprocessing as data. */
struct image_spec {
    uint32_t side;              /* of the square the model sees */
    enum resample_filter filter;
    bool keep_aspect;           /* longest side becomes `side`; the rest, right and below, is zero after normalising */
    enum image_normalisation normalisation;
    bool grey;                  /* colours become their luma first, as Pillow's mode "L"; `pixels` has three equal channels */
    float divisor;              /* IMAGE_MEAN_STD: 1 where mean and std are in 0..255, 255 where they are in 0..1 */
    float mean[3], std[3];
};

struct prepared {
    float *pixels;              /* [side, side, 3] */
    uint32_t side;
    uint32_t width, height;                 /* of the original image */
    uint32_t resized_width, resized_height; /* of the part of `pixels` that shows it */
};

/* Size of the resized image: with keep_aspect int(length * side / longest + 0.5), at least 1; else side x side. */
void prepare_size(const struct image_spec *spec, uint32_t width, uint32_t height, uint32_t *resized_width,
                  uint32_t *resized_height);

/* Validates `image`, resizes and normalises it. *out is released with prepared_free; untouched on failure.
 * Errors: ARGUMENT, HOST_MEMORY. */
vks_status prepare(const struct image_spec *spec, const vks_image *image, struct prepared *out);
void prepared_free(struct prepared *prepared);      /* accepts a zeroed one */

#endif
