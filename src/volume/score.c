/* score.c: how well two label maps agree. Everything happens inside the box around the label in both: nothing outside can
 * be nearer to a surface than what is inside. */
#include "volume/distance.h"
#include "volume/surface.h"

#include "vkseg/vkseg_volume.h"

#include <math.h>
#include <stdlib.h>

struct element { double distance, area; };

static int by_distance(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->area > y->area) - (x->area < y->area);
}

/* One direction: from the surface of one map to that of the other. */
struct direction { double total, within, weighted, percentile; bool is_empty; };

struct work {
    const struct surface_box *box;
    const double *spacing, *areas;
    double tolerance;
    size_t count;               /* corners */
};

static vks_status measure(const struct work *work, const uint8_t *from, const uint8_t *to, double *squares,
                          struct direction *out)
{
    size_t found = 0;
    *out = (struct direction){ .is_empty = true };
    for (size_t i = 0; i < work->count; i++) {
        found += surface_is_border(from[i], work->box->is_flat);
        squares[i] = surface_is_border(to[i], work->box->is_flat) ? 0 : INFINITY;
    }
    if (found == 0)
        return VKS_OK;
    VKS_TRY(distance_squares(squares, work->box->corners, work->spacing));
    struct element *elements;
    VKS_TRY(vkr_alloc(found, sizeof *elements, "the elements of a surface", (void **)&elements));
    found = 0;
    for (size_t i = 0; i < work->count; i++)
        if (surface_is_border(from[i], work->box->is_flat))
            elements[found++] = (struct element){ sqrt(squares[i]), work->areas[from[i]] };
    qsort(elements, found, sizeof *elements, by_distance);
    *out = (struct direction){ .is_empty = false };
    for (size_t i = 0; i < found; i++) {
        out->total += elements[i].area;
        out->weighted += elements[i].area * elements[i].distance;
        if (elements[i].distance <= work->tolerance)
            out->within += elements[i].area;
    }
    double sum = 0;
    out->percentile = elements[found - 1].distance;
    for (size_t i = 0; i < found; i++) {
        sum += elements[i].area;
        if (sum / out->total >= 0.95) {
            out->percentile = elements[i].distance;
            break;
        }
    }
    vkr_free(elements);
    return VKS_OK;
}

static vks_status compare_surfaces(const uint16_t *prediction, const uint16_t *truth, const struct surface_box *box,
                                   const double spacing[3], double tolerance, vks_score *out)
{
    double areas[256], *squares = NULL;
    struct work work = { box, spacing, areas, tolerance, 0 };
    struct direction forth, back;
    uint8_t *codes[2] = { NULL, NULL };
    surface_areas(spacing, box->is_flat, areas);
    VKS_REQUIRE(vkr_mul(box->corners[0], box->corners[1], &work.count) && vkr_mul(work.count, box->corners[2], &work.count),
                VKS_ERR_HOST_MEMORY, "the label map is too large to compare surfaces");
    vks_status status = vkr_alloc(work.count, 1, "a surface", (void **)&codes[0]);
    if (status == VKS_OK)
        status = vkr_alloc(work.count, 1, "a surface", (void **)&codes[1]);
    if (status == VKS_OK)
        status = vkr_alloc(work.count, sizeof *squares, "distances between surfaces", (void **)&squares);
    if (status == VKS_OK) {
        surface_encode(prediction, out->label, box, codes[0]);
        surface_encode(truth, out->label, box, codes[1]);
        status = measure(&work, codes[1], codes[0], squares, &forth);
    }
    if (status == VKS_OK)
        status = measure(&work, codes[0], codes[1], squares, &back);
    vkr_free(squares);
    vkr_free(codes[0]);
    vkr_free(codes[1]);
    VKS_TRY(status);
    const bool is_lone = forth.is_empty || back.is_empty;
    out->hd95 = is_lone ? INFINITY : fmax(forth.percentile, back.percentile);
    out->surface_dice = (forth.within + back.within) / (forth.total + back.total);
    out->mean_distance = is_lone ? INFINITY : (forth.weighted + back.weighted) / (forth.total + back.total);
    return VKS_OK;
}

vks_status vks_score_label(const uint16_t *prediction, const uint16_t *truth, const uint32_t size[3],
                           const double spacing[3], uint32_t label, const vks_score_params *params, vks_score *out)
{
    VKS_REQUIRE(prediction && truth && size && spacing && out, VKS_ERR_ARGUMENT, "vks_score_label: no argument may be NULL");
    const bool is_flat = params && params->is_flat;
    const double tolerance = params && params->tolerance > 0 ? params->tolerance : 2;
    for (int c = 0; c < 3; c++)
        VKS_REQUIRE(size[c] >= 1 && spacing[c] > 0 && isfinite(spacing[c]), VKS_ERR_ARGUMENT,
                    "vks_score_label: sizes and spacings must be more than 0");
    VKS_REQUIRE(!is_flat || size[2] == 1, VKS_ERR_ARGUMENT, "vks_score_label: a flat grid has one slice");
    vks_score score = { .label = label };
    const size_t count = (size_t)size[0] * size[1] * size[2];
    for (size_t i = 0; i < count; i++) {
        const bool in_prediction = prediction[i] == label, in_truth = truth[i] == label;
        score.prediction += in_prediction;
        score.truth += in_truth;
        score.both += in_prediction && in_truth;
    }
    const double a = (double)score.prediction, b = (double)score.truth, both = (double)score.both;
    score.dice = a + b > 0 ? 2 * both / (a + b) : NAN;
    score.iou = a + b > 0 ? both / (a + b - both) : NAN;
    score.volume_difference = b > 0 ? (a - b) / b : NAN;
    score.hd95 = score.surface_dice = score.mean_distance = NAN;
    struct surface_box box;
    if (surface_find_box(prediction, truth, label, size, is_flat, &box))
        VKS_TRY(compare_surfaces(prediction, truth, &box, spacing, tolerance, &score));
    *out = score;
    return VKS_OK;
}
