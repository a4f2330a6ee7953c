/* nms.c: greedy suppression. A union without area (two empty boxes) suppresses nothing. */
#include "mask/nms.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

struct ranked {
    float score;
    uint32_t index;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static float area(const struct nms_box *box)
{
    return (box->x1 - box->x0) * (box->y1 - box->y0);
}

static bool overlaps(const struct nms_box *a, const struct nms_box *b, float threshold)
{
    float x0 = a->x0 > b->x0 ? a->x0 : b->x0, x1 = a->x1 < b->x1 ? a->x1 : b->x1;
    float y0 = a->y0 > b->y0 ? a->y0 : b->y0, y1 = a->y1 < b->y1 ? a->y1 : b->y1;
    float inside = (x1 > x0 ? x1 - x0 : 0) * (y1 > y0 ? y1 - y0 : 0);
    return inside / (area(a) + area(b) - inside) > threshold;
}

vks_status nms(const struct nms_box *boxes, const float *scores, uint32_t count, float threshold, uint32_t *kept,
               uint32_t *kept_count)
{
    struct ranked *order;
    *kept_count = 0;
    VKS_TRY(vkr_alloc((size_t)count + 1, sizeof *order, "an order of boxes", (void **)&order));
    for (uint32_t i = 0; i < count; i++)
        order[i] = (struct ranked){ scores[i], i };
    qsort(order, count, sizeof *order, by_rank);
    for (uint32_t i = 0; i < count; i++) {
        bool stays = true;
        for (uint32_t k = 0; stays && k < *kept_count; k++)
            stays = !overlaps(&boxes[kept[k]], &boxes[order[i].index], threshold);
        if (stays)
            kept[(*kept_count)++] = order[i].index;
    }
    vkr_free(order);
    return VKS_OK;
}
