/* tune.c: which kernel is fastest here? Each candidate runs its call alone, at its real shape, with weights already packed;
 * the best of several runs counts, because whatever disturbs a run only makes it slower. Times are kept under the device's
 * key. One thread times at a time; the others go on with the static order. */
#include "api/tune.h"

#include "api/clock.h"
#include "base/mem.h"
#include "base/store.h"
#include "gpu/device.h"
#include "graph/params.h"
#include "graph/plan.h"
#include "graph/tuning.h"

#include <stdio.h>
#include <string.h>

enum { BUDGET_MS = 300, RUNS = 4 };

static const char *folder_of(const vks_context *context)
{
    return context->target.options.cache;
}

static void file_name(const vks_context *context, char name[64])
{
    snprintf(name, 64, "times-%016llx", (unsigned long long)vkr_device_key(context->device));
}

vks_status tune_open(vks_context *context)
{
    char name[64];
    void *text;
    size_t size;
    vkr_mutex_init(&context->tune_lock);
    context->tune_left_ms = BUDGET_MS;
    if (context->target.options.tune != VKR_TUNE_AUTO || context->target.caps.device_class == VKR_CLASS_CPU || !folder_of(context)[0])
        return VKS_OK;
    VKS_TRY(vkr_tuning_create(&context->target.tuning));
    file_name(context, name);
    if (!vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size))
        return VKS_OK;
    vks_status status = vkr_tuning_read(context->target.tuning, text);
    vkr_free(text);
    return status;
}

void tune_close(vks_context *context)
{
    vkr_tuning_destroy(&context->target.tuning);
    vkr_mutex_destroy(&context->tune_lock);
}

void tune_renew(vks_context *context)
{
    vkr_mutex_lock(&context->tune_lock);
    context->tune_left_ms = BUDGET_MS;
    vkr_mutex_unlock(&context->tune_lock);
}

/* ---- one candidate ---------------------------------------------------------------------------------------------- */

/* +-0.5 in a pattern: nothing that a device could take a short cut for. */
static vks_status read_weight(void *user, const char *name, const struct vkr_desc *desc, void *dst)
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

static vks_status build(vks_context *context, const struct vkr_question *question, const char *kernel, struct vkr_params *params,
                        struct vkr_plan **plan, struct vkr_desc *input)
{
    struct vkr_target target = context->target;
    struct vkr_graph *graph;
    target.tuning = NULL;
    target.options.dump[0] = '\0';
    target.options.force_count = 1;
    snprintf(target.options.force[0].shader, sizeof target.options.force[0].shader, "%.*s", (int)strcspn(question->call, " "),
             question->call);
    snprintf(target.options.force[0].variant, sizeof target.options.force[0].variant, "%s", kernel);
    VKS_TRY(vkr_graph_create(&target, &graph));
    struct vkr_tensor *x;
    vkr_graph_output(graph, question->alone(graph, question->data, &x), "y");
    *input = x->desc;
    vks_status status = vkr_plan_create(context->device, graph, params, plan);
    vkr_graph_destroy(&graph);
    return status;
}

/* What the host left in the arena may be no numbers; those are slow on some devices. */
static vks_status fill(struct vkr_plan *plan, const struct vkr_desc *input)
{
    size_t size = (size_t)vkr_bytes(input);
    void *data;
    VKS_TRY(vkr_alloc(1, size, "an operand", &data));
    vks_status status = read_weight(NULL, "x", input, data);
    if (status == VKS_OK)
        status = vkr_plan_write(plan, "x", data, size);
    vkr_free(data);
    return status;
}

/* Run 0 warms up, and counts only when it alone took all that was left. */
static vks_status best_of(struct vkr_plan *plan, double left_ms, double *best)
{
    double first = clock_ms();
    *best = 0;
    for (int i = 0; i <= RUNS && (i == 0 || clock_ms() - first < left_ms); i++) {
        double began = clock_ms();
        VKS_TRY(vkr_plan_run(plan, NULL));
        double wall = clock_ms() - began, device = vkr_plan_gpu_ms(plan), ms = device > 0 ? device : wall;
        if (ms > 0 && (i <= 1 || *best <= 0 || ms < *best))
            *best = ms;
    }
    return VKS_OK;
}

static vks_status time_candidate(vks_context *context, const struct vkr_question *question, const char *kernel, double *best)
{
    const struct vkr_params_source source = { read_weight, NULL };
    struct vkr_params *params;
    struct vkr_plan *plan = NULL;
    struct vkr_desc input;
    VKS_TRY(vkr_params_create(context->device, &source, &params));
    vks_status status = build(context, question, kernel, params, &plan, &input);
    if (status == VKS_OK)
        status = fill(plan, &input);
    if (status == VKS_OK)
        status = best_of(plan, context->tune_left_ms, best);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static void keep(const vks_context *context)
{
    char name[64], *text = NULL;
    file_name(context, name);
    if (vkr_tuning_text(context->target.tuning, &text) == VKS_OK)
        vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
    vkr_free(text);
}

/* Gives every candidate a time, while the budget lasts. */
static vks_status answer(vks_context *context, const struct vkr_question *question, bool *added)
{
    for (uint32_t i = 0; i < question->count && context->tune_left_ms > 0; i++) {
        const struct vkr_candidate *candidate = &question->candidates[i];
        double began = clock_ms(), ms = 0;
        if (candidate->ms != 0)
            continue;
        vks_status status = time_candidate(context, question, candidate->kernel, &ms);
        context->tune_left_ms -= clock_ms() - began;
        if (status == VKS_ERR_DEVICE_LOST)
            return status;
        vkr_log(&context->log, VKS_LOG_DEBUG, "%s: %s %.3f ms%s", question->call, candidate->kernel, ms, status ? ", could not run" : "");
        VKS_TRY(vkr_tuning_add(context->target.tuning, question->call, candidate->kernel, status == VKS_OK && ms > 0 ? ms : -1));
        *added = true;
    }
    return VKS_OK;
}

/* The dearest calls first: of what a budget can decide, they matter most. */
static bool next_open(struct vkr_tuning *tuning, struct vkr_question *out)
{
    struct vkr_question question;
    bool found = false;
    for (uint32_t i = 0; vkr_tuning_question(tuning, i, &question); i++) {
        double work = question.flops * question.asked;
        if (question.why == VKR_BY_TABLE && (!found || work > out->flops * out->asked)) {
            *out = question;
            found = true;
        }
    }
    return found;
}

static vks_status answer_all(vks_context *context)
{
    struct vkr_tuning *tuning = context->target.tuning;
    struct vkr_question question;
    bool added = false;
    vks_status status = VKS_OK;
    while (status == VKS_OK && context->tune_left_ms > 0 && next_open(tuning, &question))
        status = answer(context, &question, &added);
    if (added)
        keep(context);
    return status;
}

vks_status tune_answer(vks_context *context, bool *news)
{
    *news = false;
    uint32_t open = context->target.tuning ? vkr_tuning_open(context->target.tuning) : 0;
    if (open == 0)
        return VKS_OK;
    vkr_mutex_lock(&context->tune_lock);
    vks_status status = answer_all(context);
    vkr_mutex_unlock(&context->tune_lock);
    *news = vkr_tuning_open(context->target.tuning) < open;
    return status;
}
