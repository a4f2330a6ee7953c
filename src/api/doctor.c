/* doctor.c: does every kernel variant compute what it should on this device? Each runs the cases of its operator's suite
 * (tests/ops, references in double). What was found is kept in the cache folder under the device's key; a variant that is
 * wrong, or that took the driver down while it was tried, is set aside from then on: vkr_choose passes it over. */
#include "api/doctor.h"

#include "api/clock.h"
#include "base/mem.h"
#include "base/store.h"
#include "gpu/device.h"
#include "support/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <process.h>
#  define getpid _getpid
#else
#  include <signal.h>
#  include <unistd.h>
#endif

static const struct op_suite *const suites[] = {
#define OP(name) &op_suite_##name,
#include "ops.def"
#undef OP
};

enum { TEXT = 64 * 1024, LINE = 128 };

/* ---- what is known, as text: a line "SHADER.VARIANT VERDICT" each ------------------------------------------------ */

static void file_name(const vks_context *context, const char *kind, char name[64])
{
    snprintf(name, 64, "%s-%016llx", kind, (unsigned long long)vkr_device_key(context->device));
}

static const char *folder_of(const vks_context *context)
{
    return context->target.options.cache;
}

/* "" when nothing is known; vkr_free()d by the caller, NULL when memory is out. */
static char *read_verdicts(const vks_context *context)
{
    char name[64];
    void *text;
    size_t size;
    file_name(context, "kernels", name);
    return vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size) ? text : vkr_strdup("");
}

/* The verdict on a kernel; "" when it is not known. */
static void find_verdict(const char *text, const char *kernel, char verdict[16])
{
    char line_kernel[LINE], line_verdict[16];
    verdict[0] = '\0';
    for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : "")
        if (sscanf(text, "%127s %15s", line_kernel, line_verdict) == 2 && strcmp(line_kernel, kernel) == 0)
            snprintf(verdict, 16, "%s", line_verdict);
}

/* Later lines overrule earlier ones; the file stays short because it is begun anew once it is long. */
static void add_verdict(const vks_context *context, const char *kernel, const char *verdict)
{
    char name[64], *known = read_verdicts(context);
    size_t length = known ? strlen(known) : 0;
    char *text = known ? vkr_calloc(1, length + LINE + 32) : NULL;
    if (text) {
        snprintf(text, length + LINE + 32, "%s%s %s\n", length < TEXT ? known : "", kernel, verdict);
        file_name(context, "kernels", name);
        vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
    }
    vkr_free(text);
    vkr_free(known);
}

/* ---- quarantine: a marker that only a crash leaves behind ---------------------------------------------------------- */

static void set_marker(const vks_context *context, const char *kernel)
{
    char name[64], text[LINE + 32];
    snprintf(text, sizeof text, "%ld %s", (long)getpid(), kernel);
    file_name(context, "trying", name);
    vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
}

static void clear_marker(const vks_context *context)
{
    char name[64];
    file_name(context, "trying", name);
    vkr_store_remove(folder_of(context), name);
}

static bool is_running(long process)
{
#if defined(_WIN32)
    (void)process;
    return false;
#else
    return process > 0 && (kill((pid_t)process, 0) == 0 || errno != ESRCH);
#endif
}

/* A marker of a process that is gone: what it tried took it down. */
static void read_marker(const vks_context *context)
{
    char name[64], kernel[LINE];
    void *text = NULL;
    size_t size;
    long process;
    file_name(context, "trying", name);
    if (!vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size))
        return;
    if (sscanf(text, "%ld %127s", &process, kernel) == 2 && !is_running(process)) {
        add_verdict(context, kernel, "crashed");
        clear_marker(context);
        vkr_log(&context->log, VKS_LOG_WARNING, "the kernel %s ended an earlier run on %s; it is set aside (vkseg doctor tries again)",
                kernel, context->target.caps.name);
    }
    vkr_free(text);
}

void doctor_apply(vks_context *context)
{
    char kernel[LINE], verdict[16], latest[16];
    struct vkr_options *options = &context->target.options;
    if (!folder_of(context)[0])
        return;
    read_marker(context);
    char *known = read_verdicts(context);
    for (const char *at = known; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : "") {
        if (sscanf(at, "%127s %15s", kernel, verdict) != 2 || strlen(kernel) >= sizeof options->ban[0])
            continue;
        find_verdict(known, kernel, latest);
        if (strcmp(latest, "right") != 0 && !vkr_options_banned(options, kernel) && options->ban_count < VKR_MAX_BANNED)
            snprintf(options->ban[options->ban_count++], sizeof options->ban[0], "%s", kernel);
    }
    vkr_free(known);
}

/* ---- known answers ------------------------------------------------------------------------------------------------- */

/* All short cases of one variant. */
static void run_cases(vks_context *context, const struct op_suite *suite, const struct vkr_choice *choice, vks_check *check)
{
    check->verdict = VKS_CHECK_RIGHT;
    for (uint32_t i = 0; i < suite->case_count && check->verdict == VKS_CHECK_RIGHT; i++) {
        if (suite->cases[i].slow)
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
    set_marker(context, kernel);
    harness_say = ignore_line;
    run_cases(context, suite, choice, check);
    harness_say = NULL;
    clear_marker(context);
    if (check->cases == 0)
        check->verdict = VKS_CHECK_ABSENT;
    else
        add_verdict(context, kernel, check->verdict == VKS_CHECK_RIGHT ? "right" : "wrong");
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
    char *known = folder_of(context)[0] ? read_verdicts(context) : NULL;
    for (size_t s = 0; known && s < sizeof suites / sizeof *suites; s++) {
        for (uint32_t i = 0; suites[s]->choices && i < suites[s]->choice_count && clock_ms() - began < BUDGET_MS; i++) {
            const struct vkr_choice *choice = &suites[s]->choices[i];
            snprintf(kernel, sizeof kernel, "%s.%s", choice->shader, choice->variant);
            find_verdict(known, kernel, verdict);
            if (!is_special(choice) || verdict[0])
                continue;
            check_variant(context, suites[s], choice, &check);
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
    for (size_t s = 0; s < sizeof suites / sizeof *suites; s++) {
        if (op && strcmp(op, suites[s]->name) != 0)
            continue;
        found = true;
        for (uint32_t i = 0; suites[s]->choices && i < suites[s]->choice_count; i++) {
            check_variant(context, suites[s], &suites[s]->choices[i], &check);
            VKS_REQUIRE(each(user, &check) == 0, VKS_ERR_CANCELLED, "cancelled by the program between two kernels");
        }
    }
    VKS_REQUIRE(found, VKS_ERR_ARGUMENT, "there is no operator called \"%.40s\"", op);
    return VKS_OK;
}
