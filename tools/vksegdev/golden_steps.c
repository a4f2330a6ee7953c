/* golden_steps.c: several objects through a stack in the order of the case's steps: hints on a slice, or slices that are
 * followed. Nothing is forgotten between two steps, as in the reference. */
#include "golden.h"

#include "api/follow.h"

#include <stdio.h>

enum { MOST_HINTS = 16 };

struct course {
    struct golden *golden;
    const struct golden_slices *slices;
    vks_tracker *tracker;
    size_t step; /* of the case, from 0 */
};

static vks_status set_slice(const struct course *course, uint32_t slice)
{
    const struct golden_slices *s = course->slices;
    VKS_REQUIRE(slice < s->count, VKS_ERR_CORRUPT, "case.json: frame %u is not of the stack", slice);
    const vks_image image = { .pixels = s->pixels + (size_t)slice * s->height * s->width,
                              .type = VKS_PIXEL_U8,
                              .width = s->width,
                              .height = s->height,
                              .channels = 1 };
    return vks_tracker_set_slice(course->tracker, slice, &image);
}

/* What the slice left behind of an object. */
static vks_status compare_object(const struct course *course, uint32_t slice, uint32_t object)
{
    struct golden *golden = course->golden;
    const struct network *network = golden->model->network;
    const uint32_t shape[3] = { network->low, network->low, 1 };
    const struct bank_entry *entry = &course->tracker->banks[object].entries[slice];
    char name[64];
    VKS_REQUIRE(entry->known, VKS_ERR_CHECK, "step %zu left nothing of object %u on slice %u", course->step, object,
                slice);
    snprintf(name, sizeof name, "s%zu_f%u_o%u_obj_ptr", course->step, slice, object);
    VKS_TRY(golden_compare(golden, name, "obj_ptr", entry->pointer, network->channels, false));
    snprintf(name, sizeof name, "s%zu_f%u_o%u_lowres", course->step, slice, object);
    return golden_compare_grid(golden, name, "logits", entry->logits, shape, true);
}

static float number(const json_t *list, size_t index)
{
    return (float)json_number_value(json_array_get(list, index));
}

static size_t read_hints(json_t *list, vks_prompt prompts[MOST_HINTS])
{
    json_t *hint;
    size_t i, count = 0;
    json_array_foreach(list, i, hint)
    {
        const json_t *box = json_object_get(hint, "box"), *labels = json_object_get(hint, "labels");
        uint32_t object = (uint32_t)json_integer_value(json_object_get(hint, "object"));
        json_t *points = json_object_get(hint, "points"), *point;
        size_t k;
        if (box && count < MOST_HINTS)
            prompts[count++] = (vks_prompt){ .kind = VKS_PROMPT_BOX,
                                             .object = object,
                                             .x0 = number(box, 0),
                                             .y0 = number(box, 1),
                                             .x1 = number(box, 2),
                                             .y1 = number(box, 3) };
        json_array_foreach(points, k, point)
        {
            if (count < MOST_HINTS)
                prompts[count++] = (vks_prompt){ .kind = VKS_PROMPT_POINT,
                                                 .object = object,
                                                 .x0 = number(point, 0),
                                                 .y0 = number(point, 1),
                                                 .label = (int32_t)number(labels, k) };
        }
    }
    return count;
}

/* All hints of a slice in one call, as a program would give them. */
static vks_status give_hints(const struct course *course, const json_t *step)
{
    json_t *list = json_object_get(step, "hints"), *hint;
    uint32_t slice = (uint32_t)json_integer_value(json_object_get(step, "frame"));
    vks_prompt prompts[MOST_HINTS];
    vks_masks *masks = NULL;
    size_t i, count = read_hints(list, prompts);
    VKS_TRY(set_slice(course, slice));
    vks_status status = vks_tracker_prompt(course->tracker, prompts, count, &masks);
    vks_masks_free(&masks);
    VKS_TRY(status);
    json_array_foreach(list, i, hint)
    {
        VKS_TRY(compare_object(course, slice, (uint32_t)json_integer_value(json_object_get(hint, "object"))));
    }
    return VKS_OK;
}

static vks_status follow(const struct course *course, const json_t *step)
{
    json_t *order = json_object_get(step, "follow"), *item;
    int backwards = json_is_true(json_object_get(step, "reverse"));
    size_t i;
    json_array_foreach(order, i, item)
    {
        uint32_t slice = (uint32_t)json_integer_value(item);
        vks_masks *masks = NULL;
        VKS_TRY(set_slice(course, slice));
        vks_status status = vks_tracker_follow(course->tracker, backwards, &masks);
        vks_masks_free(&masks);
        VKS_TRY(status);
        for (uint32_t k = 0; k < course->tracker->objects; k++)
            VKS_TRY(compare_object(course, slice, k));
    }
    return VKS_OK;
}

vks_status golden_steps(struct golden *golden, const struct golden_slices *slices)
{
    struct course course = { .golden = golden, .slices = slices };
    json_t *steps = json_object_get(golden->json, "steps"), *step;
    vks_status status = VKS_OK;
    if (!steps)
        return VKS_OK;
    VKS_TRY(vks_tracker_create(golden->model, NULL, slices->count, &course.tracker));
    json_array_foreach(steps, course.step, step)
    {
        if (status == VKS_OK)
            status = (json_object_get(step, "hints") ? give_hints : follow)(&course, step);
    }
    vks_tracker_destroy(&course.tracker);
    return status;
}
