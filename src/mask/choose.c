/* choose.c: the best candidate, and the rule that prefers the single mask to it (mask_decoder.py of SAM 2). */
#include "mask/choose.h"

uint32_t mask_best(const float *iou, uint32_t count)
{
    uint32_t best = 1;
    for (uint32_t i = 2; i < count; i++)
        best = iou[i] > iou[best] ? i : best;
    return best;
}

/* An empty mask is stable. */
static float stability(const float *mask, size_t each, float delta)
{
    size_t above = 0, near = 0;
    for (size_t i = 0; i < each; i++) {
        above += mask[i] > delta;
        near += mask[i] > -delta;
    }
    return near > 0 ? (float)above / (float)near : 1.0f;
}

uint32_t mask_single(const struct mask_stability *rule, const float *masks, const float *iou, uint32_t count,
                     size_t each)
{
    if (!(rule->least > 0) || count < 2 || stability(masks, each, rule->delta) >= rule->least)
        return 0;
    return mask_best(iou, count);
}

void mask_limit(float *logits, size_t count, float limit)
{
    for (size_t i = 0; i < count && limit > 0; i++)
        logits[i] = logits[i] > limit ? limit : logits[i] < -limit ? -limit : logits[i];
}
