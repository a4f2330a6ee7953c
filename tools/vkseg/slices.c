/* slices.c: propagation by boxes, as LiteMedSAM's reference does it: from the prompted slice to both ends, each slice
 * prompted by the box around the mask before plus a margin. Within slices the user named (--slice A:B) an empty mask
 * falls back to the user's own box, as there; without them the object's end is not known, so an empty mask ends it, and
 * so does a mask that grew to more than three times the one before.
 */
#include "slices.h"

#include "interrupt.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GROWTH = 3, LEAST_GROWN = 64 };
static const uint64_t MOST_KEPT = 1u << 30; /* bytes of embeddings */

struct frame {
    const uint8_t *mask; /* points into `masks` */
    vks_masks *masks;
    uint64_t area;
    uint32_t box[4];
};

/* ---- the session's slice ---- */

int slices_progress(void *user, double fraction, const char *stage)
{
    struct slices *slices = user;
    (void)stage;
    return progress_update(NULL, (slices->done + fraction) / (slices->expected ? slices->expected : 1), slices->stage);
}

vks_status slices_image(const struct slices *slices, uint32_t slice, void *buffer, vks_image *image)
{
    vks_status status = vks_volume_slice(slices->volume, slices->cut->axis, slice, buffer, image);
    image->window_width = slices->window->width;
    image->window_centre = slices->window->level;
    return status;
}

static vks_status feeder_image(void *user, uint32_t slice, void *buffer, vks_image *image)
{
    return slices_image(user, slice, buffer, image);
}

static int feeder_watch(void *user, double fraction)
{
    return slices_progress(user, fraction, NULL);
}

/* Keeps the embedding for the other objects, within bounds. */
static void keep(struct slices *slices, uint32_t slice, vks_embedding *embedding)
{
    if (slices->hints->objects < 2 || slices->kept_bytes >= MOST_KEPT) {
        vks_embedding_free(&embedding);
        return;
    }
    slices->kept[slice] = embedding;
    slices->kept_bytes += 4ull * embedding->channels * embedding->height * embedding->width;
    for (uint32_t i = 0; i < embedding->more_count; i++) {
        const vks_feature_map *map = &embedding->more[i];
        slices->kept_bytes += 4ull * map->channels * map->height * map->width;
    }
}

static vks_status feed(struct slices *slices, uint32_t slice)
{
    vks_embedding *embedding = slices->kept[slice];
    int was_encoded = 0, was_kept = embedding != NULL;
    slices->reused += (uint32_t)was_kept;
    vks_status status = was_kept ? VKS_OK : feeder_take(slices->feeder, slice, &embedding, &was_encoded);
    slices->is_feeders = status != VKS_OK;
    slices->encoded += (uint32_t)was_encoded;
    if (status)
        return status;
    status = vks_session_set_embedding(slices->run->session, embedding);
    if (!was_kept)
        keep(slices, slice, embedding);
    return status;
}

/* Sets the session to a slice. `next`: the slice that will be wanted after it, -1: nobody knows. */
static vks_status take_slice(struct slices *slices, uint32_t slice, int64_t next)
{
    vks_image image;
    vks_status status = VKS_OK;
    if (slices->current != (int64_t)slice) {
        slices->current = -1;
        if (slices->feeder) {
            status = feed(slices, slice);
        } else {
            status = slices_image(slices, slice, slices->buffer, &image);
            if (!status)
                status = vks_session_set_image(slices->run->session, &image);
            slices->encoded += !status;
        }
        if (status)
            return status;
        slices->current = slice;
    }
    if (slices->feeder && next >= 0 && !slices->kept[next])
        feeder_ahead(slices->feeder, (uint32_t)next);
    return VKS_OK;
}

/* ---- one mask ---- */

static void frame_free(struct frame *frame)
{
    vks_masks_free(&frame->masks);
    *frame = (struct frame){ 0 };
}

static vks_status predict(struct slices *slices, uint32_t slice, int64_t next, const vks_prompt *prompts, size_t count,
                          struct frame *out)
{
    *out = (struct frame){ 0 };
    vks_status status = take_slice(slices, slice, next);
    if (!status)
        status = vks_session_predict(slices->run->session, prompts, count, 0, &out->masks);
    if (status)
        return status;
    out->mask = out->masks->mask;
    for (uint32_t y = 0; y < out->masks->height; y++) {
        for (uint32_t x = 0; x < out->masks->width; x++) {
            if (!out->mask[(size_t)y * out->masks->width + x])
                continue;
            uint32_t *box = out->box;
            if (!out->area)
                box[0] = box[2] = x, box[1] = y;
            box[0] = x < box[0] ? x : box[0];
            box[2] = x > box[2] ? x : box[2];
            box[3] = y;
            out->area++;
        }
    }
    return VKS_OK;
}

int slices_accept(struct slices *slices, uint32_t object, uint32_t slice, const uint8_t *mask, float iou,
                  int is_prompted)
{
    uint64_t area = 0;
    if (slices->count == slices->capacity) {
        size_t capacity = slices->capacity ? 2 * slices->capacity : 64;
        struct slice_result *grown = realloc(slices->results, capacity * sizeof *grown);
        if (!grown)
            return fail(NO_MEMORY, NULL, "no memory for the results.");
        slices->results = grown;
        slices->capacity = capacity;
    }
    for (uint32_t y = 0; y < slices->cut->height; y++) {
        for (uint32_t x = 0; x < slices->cut->width; x++) {
            if (!mask[(size_t)y * slices->cut->width + x])
                continue;
            uint16_t *label =
                &slices->labels[vks_volume_slice_index(slices->volume->size, slices->cut->axis, slice, x, y)];
            *label = *label > object + 1 ? *label : (uint16_t)(object + 1);
            area++;
        }
    }
    slices->results[slices->count++] = (struct slice_result){ object, slice, iou, area, is_prompted };
    slices->done++;
    return 0;
}

static int accept(struct slices *slices, uint32_t object, uint32_t slice, const struct frame *frame, int is_prompted)
{
    return slices_accept(slices, object, slice, frame->mask, frame->masks->iou[0], is_prompted);
}

/* ---- outwards ---- */

/* Three pixels of a 256-pixel model (LiteMedSAM), five of a 1024-pixel one (MedSAM's 3D example), in the image's. */
static void margin(const struct slices *slices, float *x, float *y)
{
    const vks_model_info *info = &slices->run->info;
    float pixels = info->image_size <= 256 ? 3 : 5, side = (float)info->image_size;
    uint32_t longest = slices->cut->width > slices->cut->height ? slices->cut->width : slices->cut->height;
    int stretches = strcmp(info->family, "medsam") == 0;
    *x = pixels * (float)(stretches ? slices->cut->width : longest) / side;
    *y = pixels * (float)(stretches ? slices->cut->height : longest) / side;
}

static vks_prompt box_around(const struct slices *slices, const uint32_t box[4])
{
    float x, y;
    margin(slices, &x, &y);
    return (vks_prompt){ .kind = VKS_PROMPT_BOX,
                         .x0 = fmaxf((float)box[0] - x, 0),
                         .y0 = fmaxf((float)box[1] - y, 0),
                         .x1 = fminf((float)box[2] + x, (float)slices->cut->width - 1),
                         .y1 = fminf((float)box[3] + y, (float)slices->cut->height - 1) };
}

/* From the mask on `from` towards `to`, which is included. */
struct walk {
    uint32_t object, from, to;
    int64_t afterwards;    /* the slice that is looked at when `to` is done, -1: nobody knows */
    int is_named;          /* the user said how far: an empty mask does not end it */
    uint32_t box[4];       /* around the mask before */
    uint64_t area;         /* of the mask before */
    const vks_prompt *own; /* the user's box on the slice it began from, NULL if there is none */
};

static vks_status step(struct slices *slices, struct walk *walk, uint32_t slice, int *goes_on, int *code)
{
    int is_named = walk->is_named;
    vks_prompt prompt = walk->area ? box_around(slices, walk->box) : *walk->own;
    struct frame frame;
    prompt.object = 0;
    int64_t next = slice == walk->to ? walk->afterwards : walk->to > slice ? (int64_t)slice + 1 : (int64_t)slice - 1;
    vks_status status = predict(slices, slice, next, &prompt, 1, &frame);
    if (status)
        return status;
    int has_burst = walk->area && frame.area > LEAST_GROWN && frame.area > MOST_GROWTH * walk->area;
    if (!is_named && (has_burst || !frame.area)) {
        if (has_burst)
            note("object %u: stopped before slice %u, where the mask would grow from %llu to %llu pixels; --slice A:B "
                 "goes on",
                 walk->object + 1, slice, (unsigned long long)walk->area, (unsigned long long)frame.area);
        *goes_on = 0;
    } else {
        *code = accept(slices, walk->object, slice, &frame, 0);
        walk->area = frame.area;
        memcpy(walk->box, frame.box, sizeof walk->box);
        *goes_on = !*code && (frame.area || (is_named && walk->own));
    }
    frame_free(&frame);
    return VKS_OK;
}

static vks_status walk_to(struct slices *slices, struct walk walk, int *code)
{
    int goes_on = walk.area || (walk.is_named && walk.own);
    for (int64_t at = walk.from; goes_on && at != (int64_t)walk.to;) {
        at += walk.to > walk.from ? 1 : -1;
        vks_status status = step(slices, &walk, (uint32_t)at, &goes_on, code);
        if (status || interrupt_code())
            return status;
    }
    return VKS_OK;
}

/* ---- one object ---- */

/* The next slice with a prompt of `object` after `slice` (-1: the first); -1 when there is none. */
static int64_t next_key(const struct hints *hints, uint32_t object, int64_t slice)
{
    int64_t best = -1;
    for (size_t i = 0; i < hints->count; i++) {
        int64_t key = hints->slices[i];
        if (hints->prompts[i].object == object && key > slice && (best < 0 || key < best))
            best = key;
    }
    return best;
}

/* The prompts of an object on one slice, as object 0. */
static size_t gather(const struct hints *hints, uint32_t object, int64_t slice, vks_prompt *out, const vks_prompt **box)
{
    size_t count = 0;
    *box = NULL;
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->prompts[i].object != object || hints->slices[i] != slice)
            continue;
        out[count] = hints->prompts[i];
        out[count++].object = 0;
        if (hints->prompts[i].kind == VKS_PROMPT_BOX)
            *box = &hints->prompts[i];
    }
    return count;
}

/* The slices an object may be on; non-zero when the user said so. */
static int reach(const struct slices *slices, uint32_t object, uint32_t *first, uint32_t *last)
{
    struct extent extent = hints_extent(slices->hints, object);
    const struct cut *cut = slices->cut;
    int is_said = extent.first >= 0;
    *first = is_said && (uint32_t)extent.first > cut->first ? (uint32_t)extent.first : cut->first;
    *last = is_said && (uint32_t)extent.last < cut->last ? (uint32_t)extent.last : cut->last;
    return is_said || cut->is_range;
}

/* Slices between two prompted ones go to the nearer. */
static vks_status run_key(struct slices *slices, uint32_t object, int64_t before, int64_t key, vks_prompt *prompts,
                          int *code)
{
    struct frame frame;
    const vks_prompt *own;
    uint32_t first, last;
    int is_named = reach(slices, object, &first, &last);
    size_t count = gather(slices->hints, object, key, prompts, &own);
    int64_t after = next_key(slices->hints, object, key);
    uint32_t end = after < 0 ? last : (uint32_t)((key + after) / 2);
    uint32_t begin = before < 0 ? first : (uint32_t)((before + key) / 2 + 1);
    int64_t back = begin < key ? key - 1 : after;
    int64_t next = !slices->does_propagate ? after : key < end ? key + 1 : back;
    vks_status status = predict(slices, (uint32_t)key, next, prompts, count, &frame);
    if (!status)
        *code = accept(slices, object, (uint32_t)key, &frame, 1);
    struct walk walk = { .object = object, .from = (uint32_t)key, .area = frame.area, .own = own };
    walk.is_named = is_named;
    walk.to = end;
    walk.afterwards = back;
    memcpy(walk.box, frame.box, sizeof walk.box);
    frame_free(&frame);
    if (status || *code || !slices->does_propagate)
        return status;
    status = walk_to(slices, walk, code);
    walk.to = begin;
    walk.afterwards = after;
    if (!status && !*code && !interrupt_code() && walk.to <= key)
        status = walk_to(slices, walk, code);
    return status;
}

static vks_status run_objects(struct slices *slices, vks_prompt *prompts, int *code)
{
    for (uint32_t object = 0; object < slices->hints->objects; object++) {
        snprintf(slices->stage, sizeof slices->stage, "object %u", object + 1);
        int64_t before = -1;
        for (int64_t key = next_key(slices->hints, object, -1); key >= 0;) {
            vks_status status = run_key(slices, object, before, key, prompts, code);
            if (status || *code || interrupt_code())
                return status;
            before = key;
            key = next_key(slices->hints, object, key);
        }
    }
    return VKS_OK;
}

static uint32_t count_expected(const struct slices *slices)
{
    uint32_t count = 0;
    for (uint32_t object = 0; object < slices->hints->objects; object++) {
        uint32_t first, last;
        reach(slices, object, &first, &last);
        for (int64_t key = next_key(slices->hints, object, -1); key >= 0 && !slices->does_propagate;
             key = next_key(slices->hints, object, key))
            count++;
        count += slices->does_propagate ? last - first + 1 : 0;
    }
    return count;
}

int slices_run(struct slices *slices)
{
    size_t bytes = 4 * (size_t)slices->cut->width * slices->cut->height * slices->volume->channels;
    vks_prompt *prompts = malloc(slices->hints->count * sizeof *prompts);
    slices->buffer = malloc(bytes);
    slices->kept = calloc(slices->cut->count, sizeof(vks_embedding *));
    slices->current = -1;
    if (!prompts || !slices->buffer || !slices->kept) {
        free(prompts);
        return fail(NO_MEMORY, NULL, "no memory for the slices.");
    }
    slices->expected = count_expected(slices);
    vks_session_params params = { .struct_size = sizeof params, .progress = slices_progress, .user = slices };
    vks_status status = VKS_OK;
    int code = 0;
    if (!slices->has_memory)
        status = vks_session_create(slices->run->model, &params, &slices->run->session);
    if (!status && !slices->has_memory && slices->run->info.reusable) {
        const struct feeder_params feeder = { .model = slices->run->model,
                                              .shelf = slices->shelf,
                                              .buffer_bytes = bytes,
                                              .image = feeder_image,
                                              .watch = feeder_watch,
                                              .user = slices };
        code = feeder_open(&feeder, &slices->feeder);
    }
    progress_begin(slices->settings->progress, slices->settings->is_quiet);
    if (!status && !code)
        status = slices->has_memory ? slices_run_memory(slices, &code) : run_objects(slices, prompts, &code);
    progress_clear();
    free(prompts);
    slices->was_stopped = interrupt_code() != 0;
    if (slices->was_stopped)
        code = 0;
    else if (status && slices->is_feeders)
        code = fail_sentence(status, STAGE_RUN, NULL, feeder_error(slices->feeder));
    else if (status)
        code = fail_status(status, STAGE_RUN, NULL);
    feeder_close(&slices->feeder);
    if (!slices->has_memory)
        shelf_warn(slices->shelf);
    return code;
}

void slices_close(struct slices *slices)
{
    feeder_close(&slices->feeder);
    for (uint32_t i = 0; slices->kept && i < slices->cut->count; i++)
        vks_embedding_free(&slices->kept[i]);
    free(slices->kept);
    free(slices->buffer);
    free(slices->results);
    free(slices->labels);
}
