/* slices_memory.c: propagation by the model's own memory. All hints first, then every object from its hints to the last
 * slice, then, with that forgotten, to the first. A slice between two prompted ones goes to the nearer, the one before
 * when they are equally near.
 */
#include "slices.h"

#include "interrupt.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>

struct memory {
    struct slices *slices;
    vks_tracker *tracker;
    vks_prompt *prompts; /* room for all */
    uint32_t *number;    /* [objects]: the tracker's, in the order in which objects appear; UINT32_MAX before */
    uint32_t known;
    int64_t current;
};

static vks_status take_slice(struct memory *memory, uint32_t slice)
{
    struct slices *slices = memory->slices;
    vks_image image;
    if (memory->current == (int64_t)slice)
        return VKS_OK;
    memory->current = -1;
    vks_status status = slices_image(slices, slice, slices->buffer, &image);
    if (!status)
        status = vks_tracker_set_slice(memory->tracker, slice - slices->cut->first, &image);
    slices->encoded += !status;
    if (!status)
        memory->current = slice;
    return status;
}

/* ---- hints ---- */

static size_t gather(struct memory *memory, uint32_t slice)
{
    const struct hints *hints = memory->slices->hints;
    size_t count = 0;
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->slices[i] != (int32_t)slice)
            continue;
        uint32_t *number = &memory->number[hints->prompts[i].object];
        if (*number == UINT32_MAX)
            *number = memory->known++;
        memory->prompts[count] = hints->prompts[i];
        memory->prompts[count++].object = *number;
    }
    return count;
}

static vks_status prompt_all(struct memory *memory, int64_t *first, int64_t *last)
{
    const struct cut *cut = memory->slices->cut;
    *first = *last = -1;
    for (uint32_t slice = cut->first; slice <= cut->last && !interrupt_code(); slice++) {
        size_t count = gather(memory, slice);
        vks_masks *masks = NULL;
        if (!count)
            continue;
        vks_status status = take_slice(memory, slice);
        if (!status)
            status = vks_tracker_prompt(memory->tracker, memory->prompts, count, &masks);
        vks_masks_free(&masks);
        if (status)
            return status;
        *first = *first < 0 ? slice : *first;
        *last = slice;
    }
    return VKS_OK;
}

/* ---- following ---- */

/* The prompted slice nearest to `slice`. */
static uint32_t nearest(const struct hints *hints, uint32_t object, uint32_t slice)
{
    int64_t best = -1, least = 0;
    for (size_t i = 0; i < hints->count; i++) {
        int64_t key = hints->slices[i], distance = key < (int64_t)slice ? slice - key : key - slice;
        if (hints->prompts[i].object != object)
            continue;
        if (best < 0 || distance < least || (distance == least && key < best)) {
            best = key;
            least = distance;
        }
    }
    return (uint32_t)best;
}

static int accept_all(struct memory *memory, uint32_t slice, int backwards, const vks_masks *masks)
{
    struct slices *slices = memory->slices;
    size_t pixels = (size_t)masks->width * masks->height;
    for (uint32_t object = 0; object < slices->hints->objects; object++) {
        uint32_t key = nearest(slices->hints, object, slice), number = memory->number[object];
        struct extent extent = hints_extent(slices->hints, object);
        if (backwards != (key > slice))
            continue;
        if (extent.first >= 0 && ((int64_t)slice < extent.first || (int64_t)slice > extent.last))
            continue;
        int code =
            slices_accept(slices, object, slice, masks->mask + number * pixels, masks->iou[number], key == slice);
        if (code)
            return code;
    }
    return 0;
}

static vks_status follow(struct memory *memory, int64_t from, int64_t to, int backwards, int *code)
{
    for (int64_t slice = from; backwards ? slice >= to : slice <= to; slice += backwards ? -1 : 1) {
        vks_masks *masks = NULL;
        vks_status status = take_slice(memory, (uint32_t)slice);
        if (!status)
            status = vks_tracker_follow(memory->tracker, backwards, &masks);
        if (!status)
            *code = accept_all(memory, (uint32_t)slice, backwards, masks);
        vks_masks_free(&masks);
        if (status || *code || interrupt_code())
            return status;
    }
    return VKS_OK;
}

static vks_status run(struct memory *memory, int *code)
{
    const struct cut *cut = memory->slices->cut;
    int64_t first, last;
    vks_status status = prompt_all(memory, &first, &last);
    if (!status && !interrupt_code())
        status = follow(memory, first, cut->last, 0, code);
    if (!status && !*code)
        status = vks_tracker_forget(memory->tracker);
    if (!status && !*code && !interrupt_code())
        status = follow(memory, last, cut->first, 1, code);
    return status;
}

vks_status slices_run_memory(struct slices *slices, int *code)
{
    struct memory memory = { .slices = slices, .current = -1 };
    memory.prompts = malloc(slices->hints->count * sizeof *memory.prompts);
    memory.number = malloc(slices->hints->objects * sizeof *memory.number);
    if (!memory.prompts || !memory.number) {
        free(memory.prompts);
        free(memory.number);
        *code = fail(NO_MEMORY, NULL, "no memory for the prompts.");
        return VKS_OK;
    }
    for (uint32_t i = 0; i < slices->hints->objects; i++)
        memory.number[i] = UINT32_MAX;
    snprintf(slices->stage, sizeof slices->stage, "memory");
    vks_session_params params = { .struct_size = sizeof params, .progress = slices_progress, .user = slices };
    vks_status status =
        vks_tracker_create(slices->run->model, &params, slices->cut->last - slices->cut->first + 1, &memory.tracker);
    if (!status)
        status = run(&memory, code);
    vks_tracker_destroy(&memory.tracker);
    free(memory.prompts);
    free(memory.number);
    return status;
}
