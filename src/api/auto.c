/* auto.c: everything in an image: a grid of points through the decoder, filters, and of masks that overlap the best.
 * Filters, order and rounding are the official generator's (segment_anything/automatic_mask_generator.py), so that the
 * same weights give the same masks. Masks are kept as runs: their number is bounded by the points, not by memory. */
#include "api/handles.h"
#include "base/mem.h"
#include "image/image.h"
#include "mask/finish.h"
#include "mask/nms.h"
#include "mask/runs.h"
#include "mask/tidy.h"
#include "prompt/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct found {
    vks_region region;
    uint32_t *runs;             /* region.runs, ours */
    struct nms_box box;
};

struct search {
    vks_session *session;
    vks_auto_params params;
    const vks_image *image;
    vks_image whole;            /* 8-bit, when parts are looked at; pixels are ours */
    struct grid_crop crop;      /* the current part */
    uint32_t crops, crop_index;
    float *values;              /* [height, width] of the part */
    uint8_t *mask;              /* [height, width] of the image */
    struct found *found;
    uint32_t count, capacity;
};

/* ---- one mask ------------------------------------------------------------------------------------------------- */

struct measured {
    uint64_t above, near;       /* pixels beyond the threshold + offset, - offset */
    uint32_t x0, y0, x1, y1;    /* corners in the image, inclusive */
    bool any;
};

/* Thresholds `values` of the part into the mask of the image. */
static struct measured place(struct search *s, float threshold)
{
    const struct grid_crop *crop = &s->crop;
    const uint32_t width = crop->x1 - crop->x0, height = crop->y1 - crop->y0;
    const float high = threshold + s->params.stability_offset, low = threshold - s->params.stability_offset;
    struct measured m = { .x0 = UINT32_MAX, .y0 = UINT32_MAX };
    memset(s->mask, 0, (size_t)s->image->width * s->image->height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const float value = s->values[(size_t)y * width + x];
            m.above += value > high;
            m.near += value > low;
            if (!(value > threshold))
                continue;
            const uint32_t px = crop->x0 + x, py = crop->y0 + y;
            s->mask[(size_t)py * s->image->width + px] = 1;
            m.x0 = px < m.x0 ? px : m.x0;
            m.y0 = py < m.y0 ? py : m.y0;
            m.x1 = px > m.x1 ? px : m.x1;
            m.y1 = py > m.y1 ? py : m.y1;
            m.any = true;
        }
    if (!m.any)                 /* the reference's box of nothing lies in the corner of the part */
        m.x0 = m.x1 = crop->x0, m.y0 = m.y1 = crop->y0;
    return m;
}

/* A mask that ends at the border of its part, unless that is the border of the image, is a piece of something. */
static bool is_cut(const struct search *s, const struct measured *m)
{
    static const double near = 20;
    const double sides[4][3] = { { m->x0, s->crop.x0, 0 },
                                 { m->y0, s->crop.y0, 0 },
                                 { m->x1, s->crop.x1, s->image->width },
                                 { m->y1, s->crop.y1, s->image->height } };
    for (int i = 0; i < 4; i++)
        if (fabs(sides[i][0] - sides[i][1]) <= near && fabs(sides[i][0] - sides[i][2]) > near)
            return true;
    return false;
}

static vks_status add(struct search *s, const struct measured *m, const vks_prompt *point, float iou, float stability)
{
    VKS_TRY(VKR_GROW(s->found, s->capacity, s->count));
    struct found *f = &s->found[s->count];
    *f = (struct found){ .region = { .predicted_iou = iou, .stability = stability,
                                     .x0 = m->x0, .y0 = m->y0, .x1 = m->x1, .y1 = m->y1,
                                     .point_x = point->x0 + (float)s->crop.x0, .point_y = point->y0 + (float)s->crop.y0,
                                     .crop_x0 = s->crop.x0, .crop_y0 = s->crop.y0, .crop_x1 = s->crop.x1,
                                     .crop_y1 = s->crop.y1 },
                         .box = { (float)m->x0, (float)m->y0, (float)m->x1, (float)m->y1 } };
    VKS_TRY(runs_encode(s->mask, s->image->width, s->image->height, &f->runs, &f->region.run_count));
    s->count++;
    return VKS_OK;
}

static vks_status judge(struct search *s, const vks_masks *masks, uint32_t index, const vks_prompt *points)
{
    const struct network *network = s->session->model->network;
    const size_t each = (size_t)network->low * network->low;
    if (s->params.iou_threshold > 0 && !(masks->iou[index] > s->params.iou_threshold))
        return VKS_OK;
    VKS_TRY(finish_values(&network->finish, &s->session->size, masks->logits + index * each, 1, network->low,
                          network->low, s->values));
    const struct measured m = place(s, network->finish.threshold);
    const float stability = (float)m.above / (float)m.near;
    if (s->params.stability_threshold > 0 && !(stability >= s->params.stability_threshold))
        return VKS_OK;
    return is_cut(s, &m) ? VKS_OK : add(s, &m, &points[index / masks->masks_per_object], masks->iou[index], stability);
}

/* ---- one part of the image ------------------------------------------------------------------------------------ */

static vks_status report(const struct search *s, uint32_t done, uint32_t points)
{
    const vks_session *session = s->session;
    double fraction = (s->crop_index + (double)done / points) / s->crops;
    VKS_REQUIRE(!session->progress || session->progress(session->user, fraction, "masks") == 0, VKS_ERR_CANCELLED,
                "cancelled by the program while masks were generated");
    return VKS_OK;
}

static vks_status ask(struct search *s, const vks_prompt *points, uint32_t count)
{
    vks_masks *masks = NULL;
    vks_status status = predict_logits(s->session, points, count, VKS_PREDICT_MULTIMASK, &masks);
    for (uint32_t i = 0; status == VKS_OK && i < masks->objects * masks->masks_per_object; i++)
        status = judge(s, masks, i, points);
    vks_masks_free(&masks);
    return status;
}

static vks_status ask_all(struct search *s, uint32_t side)
{
    const uint32_t points = side * side, width = s->crop.x1 - s->crop.x0, height = s->crop.y1 - s->crop.y0;
    vks_prompt *batch;
    VKS_TRY(vkr_alloc(s->params.points_per_batch, sizeof *batch, "a batch of points", (void **)&batch));
    vks_status status = VKS_OK;
    for (uint32_t first = 0; status == VKS_OK && first < points; first += s->params.points_per_batch) {
        uint32_t count = 0;
        for (; count < s->params.points_per_batch && first + count < points; count++) {
            double x, y;
            grid_point(side, first + count, &x, &y);
            batch[count] = (vks_prompt){ .kind = VKS_PROMPT_POINT, .object = count, .label = 1,
                                         .x0 = (float)(x * width), .y0 = (float)(y * height) };
        }
        status = ask(s, batch, count);
        if (status == VKS_OK)
            status = report(s, first + count, points);
    }
    vkr_free(batch);
    return status;
}

/* Keeps found[from ..] of the indices `kept`, in that order. */
static vks_status keep(struct search *s, uint32_t from, const uint32_t *kept, uint32_t kept_count)
{
    const uint32_t count = s->count - from;
    struct found *old;
    VKS_TRY(vkr_alloc((size_t)count + 1, sizeof *old, "masks", (void **)&old));
    if (count > 0)
        memcpy(old, s->found + from, count * sizeof *old);
    for (uint32_t i = 0; i < kept_count; i++) {
        s->found[from + i] = old[kept[i]];
        old[kept[i]].runs = NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        vkr_free(old[i].runs);
    vkr_free(old);
    s->count = from + kept_count;
    return VKS_OK;
}

/* Suppresses among found[from ..] by scores[count]. */
static vks_status suppress(struct search *s, uint32_t from, const float *scores, float threshold)
{
    const uint32_t count = s->count - from;
    struct nms_box *boxes = NULL;
    uint32_t *kept = NULL, kept_count = 0;
    vks_status status = vkr_alloc((size_t)count + 1, sizeof *boxes, "boxes", (void **)&boxes);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)count + 1, sizeof *kept, "boxes", (void **)&kept);
    for (uint32_t i = 0; status == VKS_OK && i < count; i++)
        boxes[i] = s->found[from + i].box;
    if (status == VKS_OK)
        status = nms(boxes, scores, count, threshold, kept, &kept_count);
    if (status == VKS_OK)
        status = keep(s, from, kept, kept_count);
    vkr_free(boxes);
    vkr_free(kept);
    return status;
}

enum score { SCORE_IOU, SCORE_SMALL_CROP };

static vks_status suppress_by(struct search *s, uint32_t from, enum score kind, float threshold)
{
    float *scores;
    if (threshold < 0)
        return VKS_OK;
    VKS_TRY(vkr_alloc((size_t)(s->count - from) + 1, sizeof *scores, "scores", (void **)&scores));
    for (uint32_t i = from; i < s->count; i++) {
        const vks_region *r = &s->found[i].region;
        const float area = (float)(r->crop_x1 - r->crop_x0) * (float)(r->crop_y1 - r->crop_y0);
        scores[i - from] = kind == SCORE_IOU ? r->predicted_iou : 1 / area;
    }
    vks_status status = suppress(s, from, scores, threshold);
    vkr_free(scores);
    return status;
}

static vks_status search_part(struct search *s)
{
    const uint32_t from = s->count;
    uint32_t side = s->params.points_per_side;
    for (uint32_t i = 0; i < s->crop.layer; i++)
        side /= s->params.crop_point_divisor;
    vks_image part = s->crops > 1 ? s->whole : *s->image;
    if (s->crops > 1) {
        part.pixels = (const uint8_t *)part.pixels + ((size_t)s->crop.y0 * part.width + s->crop.x0) * 3;
        part.row_bytes = (size_t)part.width * 3;
        part.width = s->crop.x1 - s->crop.x0;
        part.height = s->crop.y1 - s->crop.y0;
    }
    VKS_TRY(vks_session_set_image(s->session, &part));
    if (side > 0)
        VKS_TRY(ask_all(s, side));
    return suppress_by(s, from, SCORE_IOU, s->params.nms_threshold);
}

/* ---- small regions -------------------------------------------------------------------------------------------- */

/* Tidies one mask; *clean: there was nothing to do. The box is that of the tidied mask either way. */
static vks_status tidy_one(struct search *s, struct found *f, bool *clean)
{
    const uint32_t width = s->image->width, height = s->image->height;
    bool holes, islands;
    runs_decode(f->runs, f->region.run_count, width, height, s->mask);
    VKS_TRY(tidy_mask(s->mask, width, height, s->params.least_area, true, &holes));
    VKS_TRY(tidy_mask(s->mask, width, height, s->params.least_area, false, &islands));
    *clean = !holes && !islands;
    vkr_free(f->runs);
    f->runs = NULL;
    VKS_TRY(runs_encode(s->mask, width, height, &f->runs, &f->region.run_count));
    uint32_t x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            if (s->mask[(size_t)y * width + x]) {
                x0 = x < x0 ? x : x0;
                x1 = x > x1 ? x : x1;
                y0 = y0 == UINT32_MAX ? y : y0;
                y1 = y;
            }
    if (x0 == UINT32_MAX)
        x0 = y0 = 0;
    f->box = (struct nms_box){ (float)x0, (float)y0, (float)x1, (float)y1 };
    if (!*clean) {
        f->region.x0 = x0;
        f->region.y0 = y0;
        f->region.x1 = x1;
        f->region.y1 = y1;
    }
    return VKS_OK;
}

/* Masks that needed no tidying are preferred to those that did. */
static vks_status tidy_all(struct search *s)
{
    const float a = s->params.nms_threshold, b = s->params.crop_nms_threshold;
    float *scores;
    VKS_TRY(vkr_alloc((size_t)s->count + 1, sizeof *scores, "scores", (void **)&scores));
    vks_status status = VKS_OK;
    for (uint32_t i = 0; status == VKS_OK && i < s->count; i++) {
        bool clean = false;
        status = tidy_one(s, &s->found[i], &clean);
        scores[i] = clean ? 1 : 0;
    }
    if (status == VKS_OK && (a >= 0 || b >= 0))
        status = suppress(s, 0, scores, a > b ? a : b);
    vkr_free(scores);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static vks_status check_params(const vks_auto_params *params, vks_auto_params *own)
{
    VKS_TRY(params_copy(own, sizeof *own, params, "vks_auto_params"));
    float *const floats[] = { &own->iou_threshold, &own->stability_threshold, &own->stability_offset,
                              &own->nms_threshold, &own->crop_nms_threshold,  &own->crop_overlap };
    static const float defaults[] = { 0.88f, 0.95f, 1, 0.7f, 0.7f, (float)(512.0 / 1500) };
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        VKS_REQUIRE(isfinite(*floats[i]), VKS_ERR_ARGUMENT, "vks_auto_params: a threshold is not finite");
        if (*floats[i] == 0)
            *floats[i] = defaults[i];
    }
    own->points_per_side = own->points_per_side ? own->points_per_side : 32;
    own->points_per_batch = own->points_per_batch ? own->points_per_batch : 64;
    own->crop_point_divisor = own->crop_point_divisor ? own->crop_point_divisor : 1;
    VKS_REQUIRE(own->points_per_side <= 1024 && own->points_per_batch <= 65536 && own->crop_layers <= GRID_LAYERS,
                VKS_ERR_ARGUMENT,
                "vks_auto_params: at most 1024 points a side, 65536 in a batch and %d crop layers are possible, not %u, %u "
                "and %u", GRID_LAYERS, own->points_per_side, own->points_per_batch, own->crop_layers);
    VKS_REQUIRE(own->crop_overlap > 0 && own->crop_overlap < 1, VKS_ERR_ARGUMENT,
                "vks_auto_params: parts cannot overlap by %g of the shorter side; a number below 1 is wanted",
                (double)own->crop_overlap);
    return VKS_OK;
}

static vks_status reserve(struct search *s)
{
    const size_t pixels = (size_t)s->image->width * s->image->height;
    VKS_TRY(vkr_alloc(pixels, sizeof *s->values, "a mask", (void **)&s->values));
    VKS_TRY(vkr_alloc(pixels, 1, "a mask", (void **)&s->mask));
    if (s->crops == 1)
        return VKS_OK;
    uint8_t *rgb;               /* one window for all parts, and 8 bits */
    VKS_TRY(vkr_alloc(pixels, 3, "the image", (void **)&rgb));
    s->whole = (vks_image){ .pixels = rgb, .type = VKS_PIXEL_U8, .width = s->image->width, .height = s->image->height,
                            .channels = 3 };
    return image_to_rgb(s->image, rgb);
}

static vks_status search_all(struct search *s)
{
    struct grid_crop *crops;
    s->crops = grid_crop_count(s->params.crop_layers);
    VKS_TRY(reserve(s));
    VKS_TRY(vkr_alloc(s->crops, sizeof *crops, "parts of the image", (void **)&crops));
    grid_crops(s->image->width, s->image->height, s->params.crop_layers, s->params.crop_overlap, crops);
    vks_status status = VKS_OK;
    for (s->crop_index = 0; status == VKS_OK && s->crop_index < s->crops; s->crop_index++) {
        s->crop = crops[s->crop_index];
        status = search_part(s);
    }
    vkr_free(crops);
    VKS_TRY(status);
    if (s->crops > 1)
        VKS_TRY(suppress_by(s, 0, SCORE_SMALL_CROP, s->params.crop_nms_threshold));
    return s->params.least_area > 0 ? tidy_all(s) : VKS_OK;
}

/* One block: struct, regions, runs. */
static vks_status gather(const struct search *s, vks_regions **out)
{
    size_t runs = 0;
    for (uint32_t i = 0; i < s->count; i++)
        runs += s->found[i].region.run_count;
    vks_regions *regions;
    VKS_TRY(vkr_alloc(1, sizeof *regions + s->count * sizeof(vks_region) + runs * sizeof(uint32_t), "the regions",
                      (void **)&regions));
    vks_region *region = (vks_region *)(regions + 1);
    uint32_t *next = (uint32_t *)(region + s->count);
    *regions = (vks_regions){ s->count, s->image->width, s->image->height, region };
    for (uint32_t i = 0; i < s->count; i++) {
        const struct found *f = &s->found[i];
        memcpy(next, f->runs, f->region.run_count * sizeof *next);
        region[i] = f->region;
        region[i].runs = next;
        region[i].area = (uint32_t)runs_area(next, f->region.run_count);
        next += f->region.run_count;
    }
    *out = regions;
    return VKS_OK;
}

vks_status vks_session_auto(vks_session *session, const vks_image *image, const vks_auto_params *params,
                            vks_regions **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_session_auto: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(session && image, VKS_ERR_ARGUMENT, "vks_session_auto: session and image must not be NULL");
    struct search s = { .session = session, .image = image };
    VKS_TRY(check_params(params, &s.params));
    VKS_TRY(image_validate(image));
    const struct family *family = session->model->network->family;
    if (!(family->accepts & VKS_ACCEPTS_POINT)) {
        char takers[160];
        family_takers(VKS_ACCEPTS_POINT, takers, sizeof takers);
        return vks_fail(VKS_ERR_UNSUPPORTED,
                        "automatic masks come from points, which the family %s does not take. Families that do: %s.",
                        family->name, takers);
    }
    vks_status status = search_all(&s);
    if (status == VKS_OK)
        status = gather(&s, out);
    if (s.crops > 1)
        session->ready = false;
    for (uint32_t i = 0; i < s.count; i++)
        vkr_free(s.found[i].runs);
    vkr_free(s.found);
    vkr_free(s.values);
    vkr_free(s.mask);
    vkr_free((void *)(uintptr_t)s.whole.pixels);
    return status;
}

void vks_regions_free(vks_regions **regions)
{
    if (!regions)
        return;
    vkr_free(*regions);
    *regions = NULL;
}

void vks_region_mask(const vks_regions *regions, uint32_t index, uint8_t *mask)
{
    const vks_region *region = &regions->region[index];
    runs_decode(region->runs, region->run_count, regions->width, regions->height, mask);
}
