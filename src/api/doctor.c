/* doctor.c: does every kernel variant compute what it should on this device? Each runs the cases of its operator's suite
 * (tests/ops, references in double). What was found is kept (verdicts.h); a variant that is wrong, or that took the driver down
 * while it was tried, is set aside from then on: vkr_choose passes it over. */
#include "api/doctor.h"

#include "api/clock.h"
#include "api/verdicts.h"
#include "base/mem.h"
#include "support/harness.h"
#include "support/op_suites.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 128 };

/* ---- known answers ------------------------------------------------------------------------------------------------- */

/* All short cases of one variant. */
static void run_cases(vks_context *context, const struct op_suite *suite, const struct vkr_choice *choice, vks_check *check)
{
    check->verdict = VKS_CHECK_RIGHT;
    for (uint32_t i = 0; i < suite->case_count && check->verdict == VKS_CHECK_RIGHT; i++) {
        if (suite->cases[i].slow || suite->cases[i].only_chosen)
            continue;
        enum harness_result result = harness_run(context->device, suite, &suite->cases[i], choice, &check->worst);
        check->cases += result != HARNESS_NOT_HERE;
        if (result == HARNESS_FAILED) {
            check->verdict = VKS_CHECK_WRONG;
            snprintf(check->detail, sizeof check->detail, "case \"%.100s\"", suite->cases[i].name);
        }
    }
}

static void ignore_line(const char *line)
{
    (void)line;
}

static void check_variant(vks_context *context, const struct op_suite *suite, const struct vkr_choice *choice, vks_check *check)
{
    uint64_t needs = 0;
    char kernel[LINE];
    snprintf(kernel, sizeof kernel, "%s.%s", choice->shader, choice->variant);
    *check = (vks_check){ .verdict = VKS_CHECK_ABSENT };
    snprintf(check->op, sizeof check->op, "%s", suite->name);
    snprintf(check->kernel, sizeof check->kernel, "%.63s", kernel);
    if (!vkr_variant_built(choice->shader, choice->variant, &needs)) {
        snprintf(check->detail, sizeof check->detail, "this build has no such kernel");
        return;
    }
    uint64_t lacking = needs & ~context->target.caps.bits;
    if (lacking) {
        snprintf(check->detail, sizeof check->detail, "the device lacks %s", vkr_cap_name(lacking & (~lacking + 1)));
        return;
    }
    verdicts_try(context, kernel, "crashed");
    harness_say = ignore_line;
    run_cases(context, suite, choice, check);
    harness_say = NULL;
    verdicts_tried(context);
    if (check->cases == 0)
        check->verdict = VKS_CHECK_ABSENT;
    else
        verdicts_add(context, kernel, check->verdict == VKS_CHECK_RIGHT ? "right" : "wrong");
}

/* Kernels that need something of the device; a base kernel has nothing to be replaced by. */
static bool is_special(const struct vkr_choice *choice)
{
    return choice->needs != 0;
}

void doctor_check_new(vks_context *context)
{
    enum { BUDGET_MS = 5000 };
    double began = clock_ms();
    char verdict[16], kernel[LINE];
    vks_check check;
    char *known = verdicts_read(context);
    for (size_t s = 0; known && s < OP_SUITES; s++) {
        for (uint32_t i = 0; op_suites[s]->choices && i < op_suites[s]->choice_count && clock_ms() - began < BUDGET_MS; i++) {
            const struct vkr_choice *choice = &op_suites[s]->choices[i];
            snprintf(kernel, sizeof kernel, "%s.%s", choice->shader, choice->variant);
            verdicts_find(known, kernel, verdict);
            if (!is_special(choice) || verdict[0])
                continue;
            check_variant(context, op_suites[s], choice, &check);
            if (check.verdict == VKS_CHECK_WRONG)
                vkr_log(&context->log, VKS_LOG_WARNING, "the kernel %s is wrong on %s (%s); it is set aside", kernel,
                        context->target.caps.name, check.detail);
        }
    }
    vkr_free(known);
}

vks_status vks_context_check(vks_context *context, const char *op, int (*each)(void *user, const vks_check *check), void *user)
{
    VKS_REQUIRE(context && each, VKS_ERR_ARGUMENT, "vks_context_check: context and each must not be NULL");
    bool found = false;
    vks_check check;
    for (size_t s = 0; s < OP_SUITES; s++) {
        if (op && strcmp(op, op_suites[s]->name) != 0)
            continue;
        found = true;
        for (uint32_t i = 0; op_suites[s]->choices && i < op_suites[s]->choice_count; i++) {
            check_variant(context, op_suites[s], &op_suites[s]->choices[i], &check);
            if (check.verdict == VKS_CHECK_RIGHT)
                verdicts_lift(context, check.kernel);
            VKS_REQUIRE(each(user, &check) == 0, VKS_ERR_CANCELLED, "cancelled by the program between two kernels");
        }
    }
    VKS_REQUIRE(found, VKS_ERR_ARGUMENT, "there is no operator called \"%.40s\"", op);
    return VKS_OK;
}
