/* print.c: graph and plan as text; the memory estimate. All without a device. */
#include "base/spirv.h"
#include "graph/plan.h"
#include "graph/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text { char *bytes; size_t used, size; bool failed; };

static void VKR_PRINTF(2, 3) add(struct text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t count = length < (int)sizeof line ? (size_t)length : sizeof line - 1;
    if (text->failed || length < 0)
        return;
    if (text->used + count + 1 > text->size) {
        size_t wanted = (text->used + count + 1) * 2;
        char *grown = vkr_realloc(text->bytes, wanted);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->bytes = grown;
        text->size = wanted;
    }
    memcpy(text->bytes + text->used, line, count + 1);
    text->used += count;
}

static vks_status deliver(struct text *text, char **out)
{
    if (!text->failed && text->bytes) {
        *out = text->bytes;
        return VKS_OK;
    }
    vkr_free(text->bytes);
    return vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for a listing");
}

vks_status vkr_graph_print(struct vkr_graph *graph, char **out)
{
    struct text text = { 0 };
    VKS_TRY(vkr_graph_status(graph));
    vkr_fold(graph);
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct vkr_node *node = &graph->nodes[i];
        add(&text, "%s%s %s %s <-", node->folded ? "fold " : node->live ? "" : "dead ", node->out->name,
            vkr_dtype_name(node->out->desc.dtype), VKR_SHAPE(&node->out->desc));
        for (uint32_t k = 0; k < node->count; k++)
            add(&text, " %s%s", node->in[k] ? node->in[k]->name : "-", node->in[k] ? VKR_SHAPE(&node->in[k]->desc) : "");
        add(&text, "\n");
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        add(&text, "output %s = %s %s\n", graph->outputs[i].name, graph->outputs[i].tensor->name,
            VKR_SHAPE(&graph->outputs[i].tensor->desc));
    return deliver(&text, out);
}

static void print_step(struct text *text, const struct vkr_program *program, uint32_t index)
{
    static const char space[] = { '?', '@', '#', '$' };
    const struct vkr_step *step = &program->steps[index];
    const struct vkr_dispatch *d = &step->dispatch;
    if (step->submit)
        add(text, "== submit\n");
    if (step->barrier)
        add(text, "-- barrier\n");
    add(text, "%4u %s/%s [%u %u %u]", index, d->shader, d->variant, d->groups[0], d->groups[1], d->groups[2]);
    for (uint32_t b = 0; b < d->bind_count; b++) {
        const struct vkr_place *place = &program->places[d->bind[b]->base->index];
        add(text, " %s%s%c", (d->writes >> b & 1u) ? "->" : "", d->bind[b]->name, space[place->space]);
        if (place->space == VKR_SPACE_ARENA)
            add(text, "%llu", (unsigned long long)place->offset);
    }
    add(text, "\n");
}

vks_status vkr_plan_print(struct vkr_graph *graph, char **out)
{
    struct vkr_program program;
    struct text text = { 0 };
    VKS_TRY(vkr_graph_status(graph));
    vkr_fold(graph);
    VKS_TRY(vkr_program_build(graph, NULL, &program));
    for (uint32_t s = 0; s < program.step_count; s++)
        print_step(&text, &program, s);
    add(&text, "%u dispatches, %u barriers, %u submissions, arena %llu bytes, %.3f GFLOP\n", program.step_count, program.barriers,
        program.submissions, (unsigned long long)program.arena_bytes, program.flops * 1e-9);
    vkr_program_destroy(&program);
    return deliver(&text, out);
}

vks_status vkr_plan_estimate(struct vkr_graph *graph, struct vkr_estimate *out)
{
    struct vkr_program program;
    *out = (struct vkr_estimate){ 0 };
    VKS_TRY(vkr_graph_status(graph));
    vkr_fold(graph);
    VKS_TRY(vkr_program_build(graph, NULL, &program));
    out->arena = program.arena_bytes;
    out->flops = program.flops;
    for (uint32_t i = 0; i < program.place_count; i++) {
        if (program.places[i].space == VKR_SPACE_PARAM)
            out->params += program.places[i].size;
        if (program.places[i].space == VKR_SPACE_SLOT)
            out->slots += program.places[i].size;
    }
    vkr_program_destroy(&program);
    return VKS_OK;
}
