/* lower.c: nodes become dispatch records; every record is checked against the device's limits here, before any device
 * is touched. */
#include "graph/program.h"
#include "base/spirv.h"

#include <stdio.h>
#include <string.h>

struct vkr_lower {
    struct vkr_program *program;
    uint32_t node;
    vks_status error;                                       /* of vkr_scratch, reported by the next vkr_emit */
};

const struct vkr_target *vkr_lower_target(const struct vkr_lower *lower)
{
    return &lower->program->graph->target;
}

struct vkr_tensor *vkr_scratch(struct vkr_lower *lower, const char *name, struct vkr_desc desc)
{
    struct vkr_graph *graph = lower->program->graph;
    char full[400];
    snprintf(full, sizeof full, "%s.%s", graph->nodes[lower->node].out->name, name);
    struct vkr_tensor *tensor = vkr_graph_tensor(graph, full, desc, VKR_TEMP);
    if (!tensor)
        lower->error = graph->error;
    return tensor;
}

/* As even a rectangle as the first limit allows. */
static void spread(uint64_t groups, uint64_t limit, uint32_t out[2])
{
    uint64_t outer = (groups + limit - 1) / limit;
    out[0] = (uint32_t)(outer ? (groups + outer - 1) / outer : groups);
    out[1] = (uint32_t)(outer ? outer : 1);
}

void vkr_spread(const struct vkr_target *target, uint64_t groups, uint32_t out[3])
{
    spread(groups, target->caps.max_groups[0], out);
    out[2] = 1;
}

void vkr_spread_rows(const struct vkr_target *target, uint64_t rows, uint32_t out[3])
{
    spread(rows, target->caps.max_groups[1], out + 1);
}

static vks_status check_bindings(const struct vkr_caps *caps, const struct vkr_dispatch *d)
{
    uint32_t storage = 0;
    VKS_REQUIRE(d->bind_count <= VKR_MAX_BIND, VKS_ERR_INTERNAL, "%s: %u bindings", d->shader, d->bind_count);
    for (uint32_t i = 0; i < d->bind_count; i++) {
        const struct vkr_tensor *tensor = d->bind[i];
        VKS_REQUIRE(tensor, VKS_ERR_INTERNAL, "%s: binding %u is missing", d->shader, i);
        uint64_t bytes = vkr_bytes(&tensor->desc);
        if (d->texels >> i & 1u) {
            uint64_t texel = 4 * vkr_dtype_size(tensor->desc.dtype);
            VKS_REQUIRE(!(d->images >> i & 1u) || tensor->desc.dtype == VKR_F32, VKS_ERR_INTERNAL, "%s: an image of %s",
                        d->shader, vkr_dtype_name(tensor->desc.dtype));
            VKS_REQUIRE(!(d->writes >> i & 1u) && bytes % texel == 0 && bytes / texel <= caps->max_texels, VKS_ERR_UNSUPPORTED,
                        "%s: %s %s cannot be a texel buffer (limit %llu texels)", d->shader, tensor->name,
                        VKR_SHAPE(&tensor->desc), (unsigned long long)caps->max_texels);
            continue;
        }
        storage++;
        VKS_REQUIRE(bytes <= caps->max_binding, VKS_ERR_UNSUPPORTED,
                    "%s: %s %s needs %llu MiB in one binding, the device allows %llu MiB", d->shader, tensor->name,
                    VKR_SHAPE(&tensor->desc), (unsigned long long)(bytes >> 20), (unsigned long long)(caps->max_binding >> 20));
    }
    VKS_REQUIRE(storage <= caps->max_storage_buffers, VKS_ERR_UNSUPPORTED, "%s: %u storage buffers, the device allows %u",
                d->shader, storage, caps->max_storage_buffers);
    return VKS_OK;
}

vks_status vkr_emit(struct vkr_lower *lower, const struct vkr_dispatch *d)
{
    struct vkr_program *program = lower->program;
    const struct vkr_caps *caps = &program->graph->target.caps;
    VKS_TRY(lower->error);
    int row = vkr_spirv_find(d->shader, d->variant);
    VKS_REQUIRE(row >= 0, VKS_ERR_UNSUPPORTED, "shader %s/%s was not built", d->shader, d->variant);
    uint64_t lacking = vkr_spirv_table[row].needs & ~caps->bits;
    VKS_REQUIRE(!lacking, VKS_ERR_UNSUPPORTED, "shader %s/%s needs %s", d->shader, d->variant,
                vkr_cap_name(lacking & (~lacking + 1)));
    VKS_REQUIRE(d->args_size <= VKR_MAX_ARGS && d->args_size <= caps->max_push && d->args_size % 4 == 0, VKS_ERR_INTERNAL,
                "%s: %u bytes of arguments", d->shader, d->args_size);
    for (int i = 0; i < 3; i++)
        VKS_REQUIRE(d->groups[i] && d->groups[i] <= caps->max_groups[i], VKS_ERR_UNSUPPORTED,
                    "%s: %u workgroups in dimension %d, the device allows %u", d->shader, d->groups[i], i, caps->max_groups[i]);
    VKS_TRY(check_bindings(caps, d));
    VKS_TRY(VKR_GROW(program->steps, program->step_capacity, program->step_count));
    struct vkr_step *step = &program->steps[program->step_count];
    *step = (struct vkr_step){ .dispatch = *d, .node = lower->node, .spirv = row };
    step->dispatch.shader = vkr_spirv_table[row].shader;        /* the caller's may not live as long as the record */
    step->dispatch.variant = vkr_spirv_table[row].variant;
    if (d->args_size) {
        void *args = vkr_arena_alloc(&program->arena, d->args_size);
        VKS_REQUIRE(args, VKS_ERR_HOST_MEMORY, "out of memory for a dispatch");
        memcpy(args, d->args, d->args_size);
        step->dispatch.args = args;
    }
    for (uint32_t i = 0; i < d->bind_count; i++)
        step->bytes += (double)vkr_bytes(&d->bind[i]->desc);
    program->step_count++;
    return VKS_OK;
}

static double node_flops(const struct vkr_node *node)
{
    struct vkr_desc in[VKR_MAX_INPUTS] = { 0 };
    for (uint32_t i = 0; i < node->count; i++)
        if (node->in[i])
            in[i] = node->in[i]->desc;
    return node->op->cost ? node->op->cost(node->params, in, node->count, &node->out->desc)
                          : (double)vkr_numel(&node->out->desc);
}

static vks_status lower_node(struct vkr_program *program, uint32_t index)
{
    const struct vkr_node *node = &program->graph->nodes[index];
    struct vkr_lower lower = { .program = program, .node = index };
    uint32_t first = program->step_count;
    vks_status status = node->op->lower(&lower, node->params, node->in, node->count, node->out);
    if (status != VKS_OK)
        return vks_fail(status, "%s: %s", node->out->name, vks_last_error());
    VKS_REQUIRE(program->step_count > first, VKS_ERR_INTERNAL, "%s dispatches nothing", node->out->name);
    struct vkr_step *last = &program->steps[program->step_count - 1];   /* preparatory dispatches come first */
    last->flops = node_flops(&program->graph->nodes[index]);
    program->flops += last->flops;
    return VKS_OK;
}

/* Marks the folded nodes `tensor` is made of. */
static void want(const struct vkr_graph *graph, const struct vkr_tensor *tensor, bool *wanted)
{
    int32_t producer = tensor->base->producer;
    if (producer < 0 || wanted[producer])
        return;
    wanted[producer] = true;
    for (uint32_t k = 0; k < graph->nodes[producer].count; k++)
        if (graph->nodes[producer].in[k])
            want(graph, graph->nodes[producer].in[k], wanted);
}

static vks_status lower_nodes(struct vkr_program *program, const struct vkr_tensor *result)
{
    struct vkr_graph *graph = program->graph;
    if (!result) {
        for (uint32_t i = 0; i < graph->node_count; i++)
            if (graph->nodes[i].live && !graph->nodes[i].folded)
                VKS_TRY(lower_node(program, i));
        return VKS_OK;
    }
    bool *wanted;
    VKS_TRY(vkr_alloc(graph->node_count, sizeof *wanted, "folding", (void **)&wanted));
    want(graph, result, wanted);
    vks_status status = VKS_OK;
    for (uint32_t i = 0; i < graph->node_count && status == VKS_OK; i++)
        if (wanted[i])
            status = lower_node(program, i);
    vkr_free(wanted);
    return status;
}

static enum vkr_space space_of(const struct vkr_graph *graph, const struct vkr_tensor *base, const struct vkr_tensor *result)
{
    if (result)
        return base == result->base ? VKR_SPACE_PARAM : VKR_SPACE_ARENA;
    if (base->kind == VKR_SLOT)
        return VKR_SPACE_SLOT;
    return vkr_fold_is_stored(graph, base) ? VKR_SPACE_PARAM : VKR_SPACE_ARENA;
}

static vks_status place_tensors(struct vkr_program *program, const struct vkr_tensor *result)
{
    struct vkr_graph *graph = program->graph;
    program->place_count = graph->tensor_count;
    if (graph->tensor_count == 0)
        return VKS_OK;
    VKS_TRY(vkr_alloc(graph->tensor_count, sizeof *program->places, "the memory plan", (void **)&program->places));
    for (uint32_t s = 0; s < program->step_count; s++)
        for (uint32_t b = 0; b < program->steps[s].dispatch.bind_count; b++) {
            const struct vkr_tensor *base = program->steps[s].dispatch.bind[b]->base;
            struct vkr_place *place = &program->places[base->index];
            if (place->space == VKR_SPACE_UNUSED) {
                *place = (struct vkr_place){ .space = space_of(graph, base, result), .first = (int32_t)s,
                                             .size = vkr_bytes(&base->desc) };
                if (base->kind == VKR_INPUT || (base->kind == VKR_PARAM && result))
                    place->first = -1;                              /* written before the first step */
            }
            place->last = base->output && !result ? INT32_MAX : (int32_t)s;
        }
    for (uint32_t i = 0; i < graph->tensor_count && !result; i++) { /* inputs must be writable even when unused */
        const struct vkr_tensor *base = graph->tensors[i]->base;
        if (base->kind == VKR_INPUT && program->places[base->index].space == VKR_SPACE_UNUSED)
            program->places[base->index] = (struct vkr_place){ .space = VKR_SPACE_ARENA, .first = -1,
                .last = base->output ? INT32_MAX : 0, .size = vkr_bytes(&base->desc) };
    }
    return VKS_OK;
}

vks_status vkr_program_build(struct vkr_graph *graph, const struct vkr_tensor *result, struct vkr_program *out)
{
    *out = (struct vkr_program){ .graph = graph };
    vks_status status = lower_nodes(out, result);
    if (status == VKS_OK)
        status = place_tensors(out, result);
    if (status == VKS_OK)
        status = vkr_planner(out);
    if (status == VKS_OK)
        vkr_schedule(out);
    else
        vkr_program_destroy(out);
    return status;
}

void vkr_program_destroy(struct vkr_program *program)
{
    vkr_free(program->steps);
    vkr_free(program->places);
    vkr_arena_destroy(&program->arena);
    *program = (struct vkr_program){ 0 };
}
