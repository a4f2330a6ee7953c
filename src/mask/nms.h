/* nms.h: of boxes that overlap, the one of the highest score. Host only, pure; torchvision.ops.nms. */
#ifndef VKS_NMS_H
#define VKS_NMS_H

#include "base/status.h"

/* Corners x0, y0, x1, y1; its area is (x1 - x0) (y1 - y0). */
struct nms_box {
    float x0, y0, x1, y1;
};

/* Writes the indices of the boxes that stay into kept[count], highest score first, equal scores in their order: a box
 * goes when its intersection over union with one that stays is greater than `threshold`. Errors: HOST_MEMORY. */
vks_status nms(const struct nms_box *boxes, const float *scores, uint32_t count, float threshold, uint32_t *kept,
               uint32_t *kept_count);

#endif
