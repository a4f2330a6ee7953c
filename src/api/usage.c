/* usage.c: which kernel each operator becomes on this device, and why: calls of the size that models make (the real shapes of
 * tests/ops) are built and lowered as models' are, and whoever chooses is watched. Nothing but what is timed runs. */
#include "api/handles.h"
#include "api/tune.h"
#include "api/verdicts.h"
#include "base/mem.h"
#include "graph/plan.h"
#include "graph/tuning.h"
#include "support/harness.h"
#include "support/op_suites.h"

#include <stdio.h>
#include <string.h>

/* The decision that a call is about: its own operator's last; else the first, which is its builder's. */
struct seen {
    const char *op;
    vks_usage *usage;
    const char *verdicts;
};

/* Why is that kernel set aside? A verdict is on it as a whole or on this cut. */
static const char *reason_aside(const char *verdicts, const char *kernel)
{
    char verdict[16], whole[VKR_KERNEL_NAME];
    verdicts_find(verdicts, kernel, verdict);
    if (!verdict[0]) {
        snprintf(whole, sizeof whole, "%.*s", (int)strcspn(kernel, ":"), kernel);
        verdicts_find(verdicts, whole, verdict);
    }
    return strcmp(verdict, "wrong") == 0 ? "self-test" : verdict[0] && strcmp(verdict, "right") != 0 ? "quarantine" : "options";
}

static void see(void *user, const struct vkr_decision *decision)
{
    struct seen *seen = user;
    vks_usage *usage = seen->usage;
    if (usage->kernel[0] && strcmp(decision->op, seen->op) != 0)
        return;
    usage->candidates = decision->candidates;
    usage->ms = decision->ms;
    snprintf(usage->op, sizeof usage->op, "%s", decision->op);
    snprintf(usage->call, sizeof usage->call, "%s", decision->call);
    snprintf(usage->kernel, sizeof usage->kernel, "%s", decision->kernel);
    snprintf(usage->reason, sizeof usage->reason, "%s", vkr_reason_name(decision->why));
    snprintf(usage->aside, sizeof usage->aside, "%s", decision->aside);
    snprintf(usage->aside_reason, sizeof usage->aside_reason, "%s", decision->aside[0] ? reason_aside(seen->verdicts, decision->aside) : "");
}

/* Builds and lowers it. usage NULL: only for what the graph asks to be timed. */
static vks_status look(const vks_context *context, const struct op_suite *suite, const struct op_case *test, const char *verdicts,
                       vks_usage *usage)
{
    struct seen seen = { suite->name, usage, verdicts };
    const struct vkr_witness witness = { see, &seen };
    struct vkr_target target = context->target;
    struct vkr_estimate estimate;
    struct vkr_graph *graph;
    target.witness = usage ? &witness : NULL;
    VKS_TRY(harness_build(&target, suite, test, &graph));
    vks_status status = usage ? vkr_plan_estimate(graph, &estimate) : VKS_OK;
    vkr_graph_destroy(&graph);
    return status;
}

/* Calls of the size that models make; of operators that have none of those, the last. */
static bool is_shown(const vks_context *context, const struct op_suite *suite, uint32_t index)
{
    const struct op_case *test = &suite->cases[index];
    bool has_real = false;
    for (uint32_t i = 0; i < suite->case_count; i++)
        has_real = has_real || suite->cases[i].slow || suite->cases[i].only_chosen;
    for (uint32_t i = 0; i < test->count; i++)
        if (test->in[i].desc.dtype == VKR_F16 && !(context->target.caps.bits & VKR_CAP_F16))
            return false;
    return has_real ? test->slow || test->only_chosen : index + 1 == suite->case_count;
}

static vks_status time_all(vks_context *context, const char *op)
{
    enum { BUDGET_MS = 3000 };
    bool news;
    for (size_t s = 0; s < OP_SUITES; s++)
        for (uint32_t i = 0; i < op_suites[s]->case_count && (!op || strcmp(op, op_suites[s]->name) == 0); i++)
            if (is_shown(context, op_suites[s], i)) {
                vks_status status = look(context, op_suites[s], &op_suites[s]->cases[i], NULL, NULL);
                VKS_REQUIRE(status != VKS_ERR_HOST_MEMORY, status, "out of memory for the choice of kernels");
            }
    tune_renew(context, BUDGET_MS);
    return tune_answer(context, &news);
}

/* A call that cannot be lowered here has no kernel; its sentence says why. */
static vks_status show(const vks_context *context, const struct op_suite *suite, const struct op_case *test, const char *verdicts,
                       vks_usage *usage)
{
    *usage = (vks_usage){ .ms = 0 };
    vks_status status = look(context, suite, test, verdicts, usage);
    if (status != VKS_OK && status != VKS_ERR_UNSUPPORTED)
        return status;
    if (status == VKS_ERR_UNSUPPORTED)
        *usage = (vks_usage){ .reason = "none" };
    if (!usage->op[0])
        snprintf(usage->op, sizeof usage->op, "%s", suite->name);
    snprintf(usage->example, sizeof usage->example, "%s", test->name);
    return VKS_OK;
}

vks_status vks_context_usage(vks_context *context, const char *op, int (*each)(void *user, const vks_usage *usage), void *user)
{
    VKS_REQUIRE(context && each, VKS_ERR_ARGUMENT, "vks_context_usage: context and each must not be NULL");
    vks_usage usage;
    bool found = false;
    if (context->target.tuning)
        VKS_TRY(time_all(context, op));
    char *verdicts = verdicts_read(context);
    vks_status status = VKS_OK;
    for (size_t s = 0; s < OP_SUITES && status == VKS_OK; s++) {
        if (op && strcmp(op, op_suites[s]->name) != 0)
            continue;
        found = true;
        for (uint32_t i = 0; i < op_suites[s]->case_count && status == VKS_OK; i++) {
            if (!is_shown(context, op_suites[s], i))
                continue;
            status = show(context, op_suites[s], &op_suites[s]->cases[i], verdicts, &usage);
            if (status == VKS_OK && each(user, &usage) != 0)
                status = vks_fail(VKS_ERR_CANCELLED, "cancelled by the program between two operators");
        }
    }
    vkr_free(verdicts);
    VKS_REQUIRE(found, VKS_ERR_ARGUMENT, "there is no operator called \"%.40s\"", op);
    return status;
}
