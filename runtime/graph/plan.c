/* plan.c: a graph, compiled: arena, recorded commands, and the names by which the host reaches tensors. */
#include "graph/plan.h"

#include "base/mem.h"
#include "base/spirv.h"
#include "gpu/device.h"
#include "gpu/memory.h"
#include "graph/params_data.h"
#include "graph/program.h"
#include "graph/record.h"
#include "graph/slot_data.h"

#include <stdio.h>
#include <string.h>

/* A tensor the host may reach, after the graph is gone. */
struct reach {
    const char *name;
    struct vkr_desc desc;
    struct vkr_buffer *buffer;          /* the arena or a slot's */
    uint64_t offset;
    bool readable;
};

struct row { const char *node, *shader, *variant; double flops, bytes; };

struct vkr_plan {
    struct vkr_device *device;
    struct vkr_arena names;
    struct vkr_buffer *arena;
    struct vkr_commands *commands;
    struct reach *inputs, *outputs, *marks;
    uint32_t input_count, output_count, mark_count, row_count;
    struct row *rows;                   /* per dispatch, for profiles */
    double *submission_ms;              /* estimated, cumulative, for progress */
    uint32_t submission_count;
    double flops, work_ms, gpu_ms;
    struct reach *guarded;              /* arena tensors in order, with options.guard */
    uint32_t guarded_count;
};

enum { SENTINEL = 0xa5 };

struct context { struct vkr_plan *plan; struct vkr_graph *graph; struct vkr_params *params; };

static vks_status resolve(void *user, const struct vkr_tensor *base, struct vkr_buffer **buffer, uint64_t *offset)
{
    struct context *context = user;
    if (base->kind == VKR_SLOT) {
        *buffer = base->slot->buffer;
        *offset = 0;
        return VKS_OK;
    }
    VKS_REQUIRE(context->params, VKS_ERR_INTERNAL, "%s: a graph with parameters needs a store", base->name);
    return vkr_params_resolve(context->params, context->graph, base, buffer, offset);
}

static vks_status reach_for(struct context *c, const struct vkr_program *program, const char *name,
                            const struct vkr_tensor *tensor, struct reach *out)
{
    const struct vkr_tensor *base = tensor->base;
    *out = (struct reach){ .name = vkr_arena_strdup(&c->plan->names, name), .desc = tensor->desc, .buffer = c->plan->arena };
    VKS_REQUIRE(out->name, VKS_ERR_HOST_MEMORY, "out of memory for a tensor name");
    if (base->index >= program->place_count)
        return VKS_OK;
    const struct vkr_place *place = &program->places[base->index];
    out->offset = place->offset;
    out->readable = base->output || place->space == VKR_SPACE_SLOT;
    if (place->space == VKR_SPACE_SLOT || place->space == VKR_SPACE_PARAM)
        return resolve(c, base, &out->buffer, &out->offset);
    out->readable = out->readable && place->space == VKR_SPACE_ARENA;
    return VKS_OK;
}

static vks_status list_names(struct context *c, const struct vkr_program *program)
{
    struct vkr_plan *plan = c->plan;
    const struct vkr_graph *graph = c->graph;
    VKS_TRY(vkr_alloc(graph->tensor_count + 1, sizeof *plan->inputs, "plan inputs", (void **)&plan->inputs));
    VKS_TRY(vkr_alloc(graph->output_count + 1, sizeof *plan->outputs, "plan outputs", (void **)&plan->outputs));
    VKS_TRY(vkr_alloc(graph->mark_count + 1, sizeof *plan->marks, "plan marks", (void **)&plan->marks));
    for (uint32_t i = 0; i < program->place_count; i++) {
        const struct vkr_tensor *tensor = graph->tensors[i];
        if (tensor->kind == VKR_INPUT && tensor->base == tensor)
            VKS_TRY(reach_for(c, program, tensor->name, tensor, &plan->inputs[plan->input_count++]));
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        VKS_TRY(reach_for(c, program, graph->outputs[i].name, graph->outputs[i].tensor, &plan->outputs[plan->output_count++]));
    for (uint32_t i = 0; i < graph->mark_count; i++)
        VKS_TRY(reach_for(c, program, graph->marks[i].name, graph->marks[i].tensor, &plan->marks[plan->mark_count++]));
    return VKS_OK;
}

static vks_status list_steps(struct vkr_plan *plan, const struct vkr_program *program)
{
    VKS_TRY(vkr_alloc(program->step_count, sizeof *plan->rows, "the profile", (void **)&plan->rows));
    VKS_TRY(vkr_alloc(program->submissions, sizeof *plan->submission_ms, "the profile", (void **)&plan->submission_ms));
    double flops = 0, bytes = 0;
    for (uint32_t s = 0; s < program->step_count; s++) {
        const struct vkr_step *step = &program->steps[s];
        const struct vkr_spirv *spirv = &vkr_spirv_table[step->spirv];
        const char *node = vkr_arena_strdup(&plan->names, program->graph->nodes[step->node].out->name);
        VKS_REQUIRE(node, VKS_ERR_HOST_MEMORY, "out of memory for the profile");
        plan->rows[plan->row_count++] = (struct row){ node, spirv->shader, spirv->variant, step->flops, step->bytes };
        if (s == 0 || step->submit)
            plan->submission_count++;
        flops += step->flops;
        bytes += step->bytes;
        plan->submission_ms[plan->submission_count - 1] = flops + bytes * 2;      /* progress counts work, roughly */
    }
    plan->flops = program->flops;
    plan->work_ms = plan->submission_ms[plan->submission_count - 1];
    return VKS_OK;
}

static int by_offset(const struct reach *a, const struct reach *b)
{
    return a->offset < b->offset ? -1 : 1;
}

static vks_status lay_guards(struct vkr_plan *plan, const struct vkr_program *program)
{
    VKS_TRY(vkr_alloc(program->place_count, sizeof *plan->guarded, "guards", (void **)&plan->guarded));
    for (uint32_t i = 0; i < program->place_count; i++) {
        const struct vkr_tensor *tensor = program->graph->tensors[i];
        if (program->places[i].space != VKR_SPACE_ARENA)
            continue;
        struct reach guard = { vkr_arena_strdup(&plan->names, tensor->name), tensor->desc, plan->arena,
                               program->places[i].offset, true };
        VKS_REQUIRE(guard.name, VKS_ERR_HOST_MEMORY, "out of memory for guards");
        uint32_t at = plan->guarded_count++;
        for (; at > 0 && by_offset(&guard, &plan->guarded[at - 1]) < 0; at--)
            plan->guarded[at] = plan->guarded[at - 1];
        plan->guarded[at] = guard;
    }
    void *fill;
    VKS_TRY(vkr_alloc(1, program->arena_bytes, "guards", &fill));
    memset(fill, SENTINEL, program->arena_bytes);
    vks_status status = vkr_upload(plan->device, plan->arena, 0, fill, program->arena_bytes);
    vkr_free(fill);
    return status;
}

static vks_status compile(struct context *c, struct vkr_program *program)
{
    struct vkr_plan *plan = c->plan;
    struct vkr_resolver resolver = { resolve, c };
    const struct vkr_options *options = &c->graph->target.options;
    VKS_REQUIRE(c->graph->output_count > 0 || program->step_count > 0, VKS_ERR_INTERNAL, "a graph without outputs");
    VKS_TRY(vkr_buffer_create(plan->device, program->arena_bytes, VKR_MEMORY_DEVICE, "the activations", &plan->arena));
    if (options->guard && program->arena_bytes)
        VKS_TRY(lay_guards(plan, program));
    if (program->step_count > 0) {              /* an output may be an input as it is */
        VKS_TRY(vkr_record(plan->device, program, plan->arena, &resolver, options->profile, &plan->commands));
        VKS_TRY(list_steps(plan, program));
    }
    return list_names(c, program);
}

vks_status vkr_plan_create(struct vkr_device *device, struct vkr_graph *graph, struct vkr_params *params, struct vkr_plan **out)
{
    struct vkr_program program;
    *out = NULL;
    VKS_TRY(vkr_graph_status(graph));
    vkr_fold(graph);
    VKS_TRY(vkr_program_build(graph, NULL, &program));
    uint32_t before = vkr_validation_messages();
    vks_status status = vkr_alloc(1, sizeof **out, "a plan", (void **)out);
    if (status == VKS_OK) {
        struct context context = { *out, graph, params };
        (*out)->device = vkr_device_retain(device);
        status = compile(&context, &program);
    }
    vkr_program_destroy(&program);
    if (status == VKS_OK && vkr_validation_messages() != before)
        status = vks_fail(VKS_ERR_CHECK, "the validation layer complained while a plan was recorded");
    if (status != VKS_OK)
        vkr_plan_destroy(out);
    return status;
}

void vkr_plan_destroy(struct vkr_plan **plan)
{
    struct vkr_plan *p = *plan;
    *plan = NULL;
    if (!p)
        return;
    vkr_commands_destroy(&p->commands);         /* waits: nothing below is in use afterwards */
    vkr_buffer_destroy(&p->arena);
    vkr_free(p->inputs);
    vkr_free(p->outputs);
    vkr_free(p->marks);
    vkr_free(p->rows);
    vkr_free(p->submission_ms);
    vkr_free(p->guarded);
    vkr_arena_destroy(&p->names);
    vkr_device_release(&p->device);
    vkr_free(p);
}

static vks_status find(const struct reach *list, uint32_t count, const char *kind, const char *name, size_t size,
                       const struct reach **out)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) {
            VKS_REQUIRE(size == vkr_bytes(&list[i].desc), VKS_ERR_INTERNAL, "%s %s has shape %s, %zu bytes were given", kind,
                        name, VKR_SHAPE(&list[i].desc), size);
            *out = &list[i];
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_INTERNAL, "the plan has no %s called %s", kind, name);
}

vks_status vkr_plan_write(struct vkr_plan *plan, const char *input, const void *data, size_t size)
{
    const struct reach *reach;
    VKS_TRY(find(plan->inputs, plan->input_count, "input", input, size, &reach));
    return vkr_upload(plan->device, reach->buffer, reach->offset, data, size);
}

static vks_status read_reach(struct vkr_plan *plan, const struct reach *reach, void *data, size_t size)
{
    VKS_REQUIRE(reach->readable, VKS_ERR_INTERNAL, "%s is not kept after a run", reach->name);
    return vkr_download(plan->device, reach->buffer, reach->offset, data, size);
}

vks_status vkr_plan_read(struct vkr_plan *plan, const char *output, void *data, size_t size)
{
    const struct reach *reach;
    VKS_TRY(find(plan->outputs, plan->output_count, "output", output, size, &reach));
    return read_reach(plan, reach, data, size);
}

struct watch { const struct vkr_plan *plan; const struct vkr_progress *progress; };

static int on_submission(void *user, uint32_t finished)
{
    const struct watch *watch = user;
    return watch->progress->call(watch->progress->user, watch->plan->submission_ms[finished - 1] / watch->plan->work_ms);
}

vks_status vkr_plan_run(struct vkr_plan *plan, const struct vkr_progress *progress)
{
    struct watch watch = { plan, progress };
    uint32_t before = vkr_validation_messages();
    bool watched = progress && progress->call;
    if (!plan->commands)
        return VKS_OK;
    VKS_TRY(vkr_commands_run(plan->commands, watched ? on_submission : NULL, &watch));
    plan->gpu_ms = vkr_commands_ms(plan->commands);
    VKS_REQUIRE(vkr_validation_messages() == before, VKS_ERR_CHECK, "the validation layer complained during a run");
    return VKS_OK;
}

uint64_t vkr_plan_bytes(const struct vkr_plan *plan)
{
    return vkr_buffer_size(plan->arena);
}

double vkr_plan_flops(const struct vkr_plan *plan)
{
    return plan->flops;
}

double vkr_plan_gpu_ms(const struct vkr_plan *plan)
{
    return plan->gpu_ms;
}

uint32_t vkr_plan_mark_count(const struct vkr_plan *plan)
{
    return plan->mark_count;
}

const char *vkr_plan_mark(const struct vkr_plan *plan, uint32_t index, struct vkr_desc *desc)
{
    *desc = plan->marks[index].desc;
    return plan->marks[index].name;
}

vks_status vkr_plan_mark_read(struct vkr_plan *plan, uint32_t index, void *data, size_t size)
{
    VKS_REQUIRE(index < plan->mark_count && size == vkr_bytes(&plan->marks[index].desc), VKS_ERR_INTERNAL, "no such mark");
    return read_reach(plan, &plan->marks[index], data, size);
}

bool vkr_plan_profile(const struct vkr_plan *plan, uint32_t index, struct vkr_profile_row *out)
{
    if (index >= plan->row_count)
        return false;
    const struct row *row = &plan->rows[index];
    *out = (struct vkr_profile_row){ row->node, row->shader, row->variant, vkr_commands_dispatch_ms(plan->commands, index),
                                     row->flops, row->bytes };
    return true;
}

vks_status vkr_plan_check_guards(struct vkr_plan *plan)
{
    unsigned char *bytes;
    uint64_t size = vkr_buffer_size(plan->arena);
    VKS_REQUIRE(plan->guarded, VKS_ERR_INTERNAL, "the plan was made without guards");
    VKS_TRY(vkr_alloc(1, size, "guards", (void **)&bytes));
    vks_status status = vkr_download(plan->device, plan->arena, 0, bytes, size);
    for (uint32_t i = 0; i < plan->guarded_count && status == VKS_OK; i++) {
        uint64_t at = plan->guarded[i].offset + vkr_bytes(&plan->guarded[i].desc);
        uint64_t end = i + 1 < plan->guarded_count ? plan->guarded[i + 1].offset : size;
        for (; at < end && status == VKS_OK; at++)
            if (bytes[at] != SENTINEL)
                status = vks_fail(VKS_ERR_CHECK, "%s: a byte %llu behind its end was written", plan->guarded[i].name,
                    (unsigned long long)(at - plan->guarded[i].offset - vkr_bytes(&plan->guarded[i].desc)));
    }
    vkr_free(bytes);
    return status;
}
