/* prompt.c: checks in one pass over the hints, grouping in a second. */
#include "prompt/prompt.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct kind {
    const char *name;
    uint32_t bit;
} kinds[] = {
    [VKS_PROMPT_POINT] = { "point", VKS_ACCEPTS_POINT },
    [VKS_PROMPT_BOX] = { "box", VKS_ACCEPTS_BOX },
    [VKS_PROMPT_MASK] = { "mask", VKS_ACCEPTS_MASK },
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static vks_status unsupported(const struct prompt_frame *frame, size_t number, const struct kind *kind)
{
    char accepted[64] = "";
    for (uint32_t i = 0; i < KIND_COUNT; i++) {
        if (!(frame->accepts & kinds[i].bit))
            continue;
        size_t used = strlen(accepted);
        snprintf(accepted + used, sizeof accepted - used, "%s%s", used ? ", " : "", kinds[i].name);
    }
    if (frame->accepts & VKS_ACCEPTS_SUPPORT)
        snprintf(accepted, sizeof accepted, "examples (vks_session_set_support)");
    char takers[160] = "";
    if (frame->takers)
        frame->takers(kind->bit, takers, sizeof takers);
    return vks_fail(VKS_ERR_UNSUPPORTED,
                    "prompt %zu is a %s, which the family %s was not made for. It takes: %s.%s%s%s", number, kind->name,
                    frame->family, accepted, takers[0] ? " Families that take it: " : "", takers, takers[0] ? "." : "");
}

/* A hint may lie outside the image (a box that sticks out), but not so far that it must be a mistake of units. */
static vks_status check_coordinates(const struct prompt_frame *frame, size_t number, float x, float y)
{
    VKS_REQUIRE(isfinite(x) && isfinite(y), VKS_ERR_ARGUMENT,
                "prompt %zu: the coordinate (%g, %g) is not finite; give pixels of the original image", number,
                (double)x, (double)y);
    bool near = x >= -(float)frame->width && x <= 2 * (float)frame->width && y >= -(float)frame->height &&
                y <= 2 * (float)frame->height;
    VKS_REQUIRE(
        near, VKS_ERR_ARGUMENT,
        "prompt %zu: the coordinate (%g, %g) is far outside the image of %u x %u; give pixels of the original image",
        number, (double)x, (double)y, frame->width, frame->height);
    return VKS_OK;
}

static vks_status check_mask(const struct prompt_frame *frame, size_t number, const vks_prompt *prompt)
{
    VKS_REQUIRE(prompt->logits, VKS_ERR_ARGUMENT, "prompt %zu is a mask without logits; set vks_prompt.logits", number);
    VKS_REQUIRE(
        prompt->logits_width == frame->low && prompt->logits_height == frame->low, VKS_ERR_ARGUMENT,
        "prompt %zu: mask logits are %u x %u, but this model takes %u x %u; pass vks_masks.logits of an earlier "
        "prediction, not a mask of the image's size",
        number, prompt->logits_width, prompt->logits_height, frame->low, frame->low);
    for (size_t i = 0; i < (size_t)frame->low * frame->low; i++)
        VKS_REQUIRE(isfinite(prompt->logits[i]), VKS_ERR_ARGUMENT, "prompt %zu: mask logit %zu is not finite", number,
                    i);
    return VKS_OK;
}

static vks_status check(const struct prompt_frame *frame, const vks_prompt *prompt, size_t number, size_t count)
{
    VKS_REQUIRE((unsigned)prompt->kind < KIND_COUNT, VKS_ERR_ARGUMENT,
                "prompt %zu: %d is no vks_prompt_kind; use VKS_PROMPT_POINT, _BOX or _MASK", number, (int)prompt->kind);
    if (!(frame->accepts & kinds[prompt->kind].bit))
        return unsupported(frame, number, &kinds[prompt->kind]);
    VKS_REQUIRE(
        prompt->object < count, VKS_ERR_ARGUMENT,
        "prompt %zu belongs to object %u, but %zu prompts describe at most %zu objects; number objects 0, 1, 2, ... "
        "without gaps",
        number, prompt->object, count, count);
    if (prompt->kind == VKS_PROMPT_MASK)
        return check_mask(frame, number, prompt);
    VKS_TRY(check_coordinates(frame, number, prompt->x0, prompt->y0));
    if (prompt->kind == VKS_PROMPT_POINT) {
        VKS_REQUIRE(prompt->label == 0 || prompt->label == 1, VKS_ERR_ARGUMENT,
                    "prompt %zu: the label %d of a point must be 1 (foreground) or 0 (background)", number,
                    (int)prompt->label);
        return VKS_OK;
    }
    VKS_TRY(check_coordinates(frame, number, prompt->x1, prompt->y1));
    VKS_REQUIRE(prompt->x1 > prompt->x0 && prompt->y1 > prompt->y0, VKS_ERR_ARGUMENT,
                "prompt %zu: the box from (%g, %g) to (%g, %g) is empty; give its top-left corner first", number,
                (double)prompt->x0, (double)prompt->y0, (double)prompt->x1, (double)prompt->y1);
    return VKS_OK;
}

/* What each object has, and that none is missing or told twice. `count` is of points in all. */
static vks_status tally(const vks_prompt *prompts, size_t count, struct prompt_set *set, size_t *points)
{
    *points = 0;
    for (size_t i = 0; i < count; i++) {
        struct prompt_object *object = &set->objects[prompts[i].object];
        if (prompts[i].object >= set->count)
            set->count = prompts[i].object + 1;
        switch (prompts[i].kind) {
        case VKS_PROMPT_POINT:
            object->count++;
            *points += 1;
            break;
        case VKS_PROMPT_BOX:
            VKS_REQUIRE(!object->box, VKS_ERR_ARGUMENT,
                        "prompt %zu is a second box of object %u; give the second box another object number", i,
                        prompts[i].object);
            object->box = true;
            object->count += 2;
            *points += 2;
            break;
        case VKS_PROMPT_MASK:
            VKS_REQUIRE(!object->mask, VKS_ERR_ARGUMENT,
                        "prompt %zu is a second mask of object %u; give the second mask another object number", i,
                        prompts[i].object);
            object->mask = prompts[i].logits;
            break;
        }
    }
    for (uint32_t i = 0; i < set->count; i++)
        VKS_REQUIRE(count == 0 || set->objects[i].count > 0 || set->objects[i].mask, VKS_ERR_ARGUMENT,
                    "object %u has no prompt; number objects 0, 1, 2, ... without gaps", i);
    return VKS_OK;
}

static struct prompt_point scaled(const struct prompt_frame *frame, float x, float y, enum prompt_label label)
{
    if (frame->whole) {
        double ratio = (double)frame->whole / (frame->width > frame->height ? frame->width : frame->height);
        return (struct prompt_point){ trunc((double)x * ratio), trunc((double)y * ratio), label };
    }
    return (struct prompt_point){ (double)x * frame->resized_width / frame->width,
                                  (double)y * frame->resized_height / frame->height, label };
}

/* Points of an object lie side by side, its corners last; `filled[object]` counts the clicks placed. */
static void place(const struct prompt_frame *frame, const vks_prompt *prompts, size_t count, struct prompt_set *set,
                  uint32_t *filled)
{
    struct prompt_point *next = set->points;
    for (uint32_t i = 0; i < set->count; i++) {
        set->objects[i].points = next;
        next += set->objects[i].count;
    }
    for (size_t i = 0; i < count; i++) {
        struct prompt_object *object = &set->objects[prompts[i].object];
        struct prompt_point *points = set->points + (object->points - set->points);
        if (prompts[i].kind == VKS_PROMPT_POINT) {
            enum prompt_label label = prompts[i].label ? PROMPT_FOREGROUND : PROMPT_BACKGROUND;
            points[filled[prompts[i].object]++] = scaled(frame, prompts[i].x0, prompts[i].y0, label);
        } else if (prompts[i].kind == VKS_PROMPT_BOX) {
            points[object->count - 2] = scaled(frame, prompts[i].x0, prompts[i].y0, PROMPT_TOP_LEFT);
            points[object->count - 1] = scaled(frame, prompts[i].x1, prompts[i].y1, PROMPT_BOTTOM_RIGHT);
        }
    }
}

vks_status prompt_collect(const struct prompt_frame *frame, const vks_prompt *prompts, size_t count,
                          struct prompt_set *out)
{
    memset(out, 0, sizeof *out);
    VKS_REQUIRE(prompts || count == 0, VKS_ERR_ARGUMENT, "%zu prompts are announced, but the pointer to them is NULL",
                count);
    VKS_REQUIRE(count <= UINT32_MAX / 2, VKS_ERR_ARGUMENT, "%zu prompts are too many for one call", count);
    for (size_t i = 0; i < count; i++)
        VKS_TRY(check(frame, &prompts[i], i, count));
    VKS_TRY(vkr_alloc(count + 1, sizeof *out->objects, "prompts", (void **)&out->objects));
    out->count = 1;
    size_t points;
    VKS_TRY(tally(prompts, count, out, &points));
    VKS_TRY(vkr_alloc(points + 1, sizeof *out->points, "prompts", (void **)&out->points));
    uint32_t *filled;
    VKS_TRY(vkr_alloc(out->count, sizeof *filled, "prompts", (void **)&filled));
    place(frame, prompts, count, out, filled);
    vkr_free(filled);
    return VKS_OK;
}

void prompt_free(struct prompt_set *set)
{
    vkr_free(set->objects);
    vkr_free(set->points);
    memset(set, 0, sizeof *set);
}
