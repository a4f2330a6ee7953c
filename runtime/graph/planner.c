/* planner.c: greedy by size, best fit. Two tensors may share bytes only when no step lies in both lifetimes. */
#include "graph/program.h"

#include <stdlib.h>

struct item { uint32_t tensor; uint64_t size; };

static int larger_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->tensor < y->tensor ? -1 : 1;          /* a total order: plans are reproducible */
}

static int by_offset(const void *a, const void *b)
{
    const struct vkr_place *x = *(struct vkr_place *const *)a, *y = *(struct vkr_place *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

/* The tightest gap between the placed tensors that live at the same time; else behind the last of them. */
static uint64_t find_gap(struct vkr_place *const *busy, uint32_t count, uint64_t size, uint64_t align, uint64_t guard)
{
    uint64_t end = 0, best = UINT64_MAX, best_room = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (busy[i]->offset > end) {
            uint64_t room = busy[i]->offset - end;
            if (room >= size && room < best_room) {
                best = end;
                best_room = room;
            }
        }
        uint64_t after = round_up(busy[i]->offset + busy[i]->size + guard, align);
        end = after > end ? after : end;
    }
    return best != UINT64_MAX ? best : end;
}

vks_status vkr_planner(struct vkr_program *program)
{
    const struct vkr_target *target = &program->graph->target;
    uint64_t align = target->caps.align ? target->caps.align : 256, guard = target->options.guard;
    struct item *items = NULL;
    struct vkr_place **placed = NULL, **busy = NULL;
    uint32_t count = 0;
    if (program->place_count == 0)
        return VKS_OK;
    vks_status status = vkr_alloc(program->place_count, sizeof *items, "the memory plan", (void **)&items);
    if (status == VKS_OK)
        status = vkr_alloc(program->place_count, sizeof *placed, "the memory plan", (void **)&placed);
    if (status == VKS_OK)
        status = vkr_alloc(program->place_count, sizeof *busy, "the memory plan", (void **)&busy);
    if (status == VKS_OK) {
        for (uint32_t i = 0; i < program->place_count; i++)
            if (program->places[i].space == VKR_SPACE_ARENA)
                items[count++] = (struct item){ i, program->places[i].size };
        qsort(items, count, sizeof *items, larger_first);
        for (uint32_t i = 0; i < count; i++) {
            struct vkr_place *place = &program->places[items[i].tensor];
            uint32_t live = 0;
            for (uint32_t k = 0; k < i; k++)
                if (guard || (placed[k]->first <= place->last && place->first <= placed[k]->last))
                    busy[live++] = placed[k];
            qsort(busy, live, sizeof *busy, by_offset);
            place->offset = find_gap(busy, live, round_up(place->size + guard, align), align, guard);
            placed[i] = place;
            uint64_t end = round_up(place->offset + place->size + guard, align);
            program->arena_bytes = end > program->arena_bytes ? end : program->arena_bytes;
        }
    }
    vkr_free(items);
    vkr_free(placed);
    vkr_free(busy);
    return status;
}
