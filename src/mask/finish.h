/* finish.h: from a decoder's low-res mask logits to masks of the original image. Host only: one thread; the arithmetic
 * of torch.nn.functional.interpolate(mode="bilinear", align_corners=False) in float. */
#ifndef VKS_FINISH_H
#define VKS_FINISH_H

#include "base/status.h"

#include <stdbool.h>

/* A family's postprocessing as data. SAM: { side, false, 0 }; MedSAM: { 0, true, 0.5 }; SAM-Med2D: as SAM, its resized
 * image being the whole square. */
struct finish_spec {
    uint32_t side;          /* enlarge to side x side first and crop to the resized image; 0: straight to the original */
    bool sigmoid;           /* of the low-res logits, before any interpolation */
    float threshold;        /* a pixel belongs to the object when its value is greater; NaN never is */
};

/* What prepare() reported. */
struct finish_size {
    uint32_t width, height;                     /* of the original image */
    uint32_t resized_width, resized_height;     /* used with finish_spec.side only, each at most side */
};

/* logits: [count, low_height, low_width]; masks: [count, height, width], each 0 or 1. Errors: HOST_MEMORY. */
vks_status finish_masks(const struct finish_spec *spec, const struct finish_size *size, const float *logits,
                        uint32_t count, uint32_t low_height, uint32_t low_width, uint8_t *masks);

/* The values before the threshold: [count, height, width]. */
vks_status finish_values(const struct finish_spec *spec, const struct finish_size *size, const float *logits,
                         uint32_t count, uint32_t low_height, uint32_t low_width, float *values);

#endif
