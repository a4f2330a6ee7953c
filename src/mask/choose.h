/* choose.h: which of a decoder's masks of one object is the answer. Host only. */
#ifndef VKS_CHOOSE_H
#define VKS_CHOOSE_H

#include <stddef.h>
#include <stdint.h>

/* The single mask is stable when at least `least` of its pixels above -delta are above delta too. least 0: always;
 * MASK_NEVER: never, the best candidate is the answer. */
struct mask_stability {
    float delta, least;
};
#define MASK_NEVER 2.0f

/* The candidate (1 .. count - 1) of the highest predicted IoU; the first of equals. iou: [count], count at least 2. */
uint32_t mask_best(const float *iou, uint32_t count);

/* 0, or, where mask 0 is not stable, mask_best: the dynamic rule of SAM 2. masks: [count, each] logits. */
uint32_t mask_single(const struct mask_stability *rule, const float *masks, const float *iou, uint32_t count,
                     size_t each);

/* Cuts logits to -limit..limit; limit 0 leaves them as they are. */
void mask_limit(float *logits, size_t count, float limit);

#endif
