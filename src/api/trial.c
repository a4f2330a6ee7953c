/* trial.c: a call alone in a graph: operands of the right shapes filled with made-up numbers, its weights packed at load as in
 * the model. The best run counts, because whatever disturbs a run only makes it slower. */
#include "api/trial.h"

#include "api/clock.h"
#include "base/mem.h"
#include "gpu/device.h"
#include "graph/params.h"
#include "graph/plan.h"
#include "graph/tuning.h"

#include <stdio.h>
#include <string.h>

/* RUNS after the one that warms up. FAR: a candidate so many times slower than another needs no second run. */
enum { RUNS = 4, FAR = 3 };

/* Operands are held once as they are and once as a kernel wants them; results are seldom larger. Weights take whole slabs of a
 * parameter store. */
enum { COPIES = 3, SLAB_MIB = 64, LARGEST_MIB = 512 };

bool trial_fits(const vks_context *context, const struct vkr_question *question)
{
    uint64_t bytes = question->weights ? (uint64_t)SLAB_MIB << 20 : 0, limit = context->target.options.max_memory, held = 0, most = 0;
    for (uint32_t i = 0; i < VKR_MAX_INPUTS; i++)
        if (question->operands[i].dtype != VKR_NONE)
            bytes += vkr_bytes(&question->operands[i]) * COPIES;
    vkr_device_memory_now(context->device, &held, &most);
    return bytes <= (uint64_t)LARGEST_MIB << 20 && (!limit || (held < limit && bytes <= limit - held));
}

/* +-0.5 in a pattern: nothing that a device could take a short cut for. */
static vks_status read_operand(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    (void)user;
    (void)name;
    uint64_t count = vkr_numel(desc);
    for (uint64_t i = 0; i < count; i++) {
        bool negative = (i * 2654435761u >> 16 & 1) != 0;
        if (desc->dtype == VKR_F16)
            ((uint16_t *)dst)[i] = negative ? 0xb800 : 0x3800;
        else
            ((float *)dst)[i] = negative ? -0.5f : 0.5f;
    }
    return VKS_OK;
}

static const char *operand_name(uint32_t index)
{
    static const char *const names[VKR_MAX_INPUTS] = { "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7" };
    return names[index];
}

static vks_status build(vks_context *context, const struct vkr_question *question, const char *kernel, struct vkr_params *params,
                        struct vkr_plan **plan)
{
    struct vkr_target target = context->target;
    struct vkr_tensor *in[VKR_MAX_INPUTS] = { 0 };
    struct vkr_graph *graph;
    target.tuning = NULL;
    target.witness = NULL;
    target.options.dump[0] = '\0';
    target.options.force_count = 1;
    snprintf(target.options.force[0].shader, sizeof target.options.force[0].shader, "%.*s", (int)strcspn(question->call, " "),
             question->call);
    snprintf(target.options.force[0].variant, sizeof target.options.force[0].variant, "%s", kernel);
    VKS_TRY(vkr_graph_create(&target, &graph));
    for (uint32_t i = 0; i < VKR_MAX_INPUTS; i++) {
        const struct vkr_desc *desc = &question->operands[i];
        if (desc->dtype != VKR_NONE)
            in[i] = question->weights >> i & 1u ? vkr_graph_param(graph, operand_name(i), *desc)
                                                : vkr_graph_input(graph, operand_name(i), *desc);
    }
    vkr_graph_output(graph, question->alone(graph, question->data, in), "y");
    vks_status status = vkr_plan_create(context->device, graph, params, plan);
    vkr_graph_destroy(&graph);
    return status;
}

/* What the host left in the arena may be no numbers; those are slow on some devices. */
static vks_status fill(struct vkr_plan *plan, const struct vkr_question *question)
{
    vks_status status = VKS_OK;
    for (uint32_t i = 0; i < VKR_MAX_INPUTS && status == VKS_OK; i++) {
        const struct vkr_desc *desc = &question->operands[i];
        void *data;
        if (desc->dtype == VKR_NONE || (question->weights >> i & 1u))
            continue;
        VKS_TRY(vkr_alloc(1, (size_t)vkr_bytes(desc), "an operand", &data));
        status = read_operand(NULL, operand_name(i), desc, data);
        if (status == VKS_OK)
            status = vkr_plan_write(plan, operand_name(i), data, (size_t)vkr_bytes(desc));
        vkr_free(data);
    }
    return status;
}

/* Run 0 warms up, and counts only when it alone took all that was left or was hopeless. */
static vks_status best_of(struct vkr_plan *plan, double left_ms, double best_ms, double *best)
{
    double first = clock_ms();
    *best = 0;
    for (int i = 0; i <= RUNS && (i == 0 || clock_ms() - first < left_ms); i++) {
        double began = clock_ms();
        VKS_TRY(vkr_plan_run(plan, NULL));
        double wall = clock_ms() - began, device = vkr_plan_gpu_ms(plan), ms = device > 0 ? device : wall;
        if (ms > 0 && (i <= 1 || *best <= 0 || ms < *best))
            *best = ms;
        if (best_ms > 0 && *best > FAR * best_ms && (i > 0 || *best > FAR * FAR * best_ms))
            break;
    }
    return VKS_OK;
}

vks_status trial_run(vks_context *context, const struct vkr_question *question, const char *kernel, double left_ms, double best_ms,
                     double *ms)
{
    const struct vkr_params_source source = { read_operand, NULL };
    struct vkr_params *params;
    struct vkr_plan *plan = NULL;
    *ms = 0;
    VKS_TRY(vkr_params_create(context->device, &source, &params));
    vks_status status = build(context, question, kernel, params, &plan);
    if (status == VKS_OK)
        status = fill(plan, question);
    if (status == VKS_OK)
        status = best_of(plan, left_ms, best_ms, ms);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    return status;
}
