/* cmd_doctor.c: known answers of every kernel variant and what they are used for, on each device or on one. */
#include "commands.h"

#include "interrupt.h"
#include "message.h"
#include "report.h"
#include "run.h"
#include "vkseg/vkseg_measure.h"

#include <stdio.h>
#include <string.h>

static const char *const USAGE = "vkseg doctor [-d DEVICE] [--json]";

const struct option doctor_options[] = {
    { "device", 'd', "DEVICE", 0, "Only this one, as `vkseg devices` numbers them. Default: every usable device." },
    { "op", 0, "NAME", 0, "Only the kernels of one operator, such as matmul." },
    { "json", 0, NULL, 0, "Print one JSON document instead of a table." },
    { "quiet", 'q', NULL, 0, "Print no remarks." },
    { "verbose", 'v', NULL, 1, "Also the kernels that a device cannot run, and why." },
    { 0 },
};

struct doctor {
    int is_json;
    json_t *checks, *choices;
    size_t right, wrong, absent;
    const vks_device_info *heading; /* to be printed before the first kernel; NULL once it is */
};

static int take(void *user, const vks_check *check)
{
    static const char *const names[] = { "right", "wrong", "absent" };
    struct doctor *doctor = user;
    size_t *const counts[] = { &doctor->right, &doctor->wrong, &doctor->absent };
    ++*counts[check->verdict];
    if (doctor->heading && !doctor->is_json)
        printf("%s (%s)\n", doctor->heading->name, doctor->heading->driver);
    doctor->heading = NULL;
    if (doctor->is_json)
        json_array_append_new(doctor->checks,
                              json_pack("{s:s, s:s, s:s, s:I, s:f, s:s}", "operator", check->op, "kernel",
                                        check->kernel, "verdict", names[check->verdict], "cases",
                                        (json_int_t)check->cases, "worst", check->worst, "detail", check->detail));
    else if (check->verdict != VKS_CHECK_ABSENT || message_verbosity())
        printf("  %-16s %-32s %3u cases  %-6s %5.1f %% of the tolerance  %s\n", check->op, check->kernel, check->cases,
               names[check->verdict], 100 * check->worst, check->detail);
    fflush(stdout);
    return interrupt_code() != 0;
}

static int take_usage(void *user, const vks_usage *usage)
{
    struct doctor *doctor = user;
    char why[128];
    if (doctor->is_json) {
        json_array_append_new(doctor->choices,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:s}", "operator", usage->op,
                                        "example", usage->example, "call", usage->call, "kernel", usage->kernel, "by",
                                        usage->reason, "candidates", (json_int_t)usage->candidates, "ms", usage->ms,
                                        "set_aside", usage->aside, "set_aside_by", usage->aside_reason));
        return interrupt_code() != 0;
    }
    int used = snprintf(why, sizeof why, "%s", usage->reason);
    if (usage->ms > 0)
        used += snprintf(why + used, sizeof why - (size_t)used, ", %.3f ms, best of %u", usage->ms, usage->candidates);
    if (usage->aside[0])
        snprintf(why + used, sizeof why - (size_t)used, "; not %s: %s", usage->aside, usage->aside_reason);
    printf("  %-16s %-38s %-32s %s\n", usage->op, usage->example, usage->kernel[0] ? usage->kernel : "-", why);
    return interrupt_code() != 0;
}

/* Known answers first: what is wrong is chosen no more, but by contexts that are opened afterwards. */
static vks_status list_choices(const vks_context_params *params, const char *op, struct doctor *doctor)
{
    vks_context *context = NULL;
    vks_status status = vks_context_create(params, &context);
    if (status == VKS_OK && !doctor->is_json)
        printf("  what they are used for:\n");
    if (status == VKS_OK)
        status = vks_context_usage(context, op, take_usage, doctor);
    vks_context_destroy(&context);
    return status;
}

/* One device by its number or by what -d says. */
static int check_device(const char *which, const char *op, struct doctor *doctor, json_t *devices)
{
    const vks_context_params params = { .struct_size = sizeof params,
                                        .device = which,
                                        .use_environment = 1,
                                        .log_level = VKS_LOG_WARNING,
                                        .log = log_line };
    vks_context *context = NULL;
    vks_device_info info;
    vks_status status = vks_context_create(&params, &context);
    if (status)
        return fail_status(status, STAGE_DEVICE, NULL);
    vks_context_device(context, &info);
    doctor->heading = &info;
    doctor->checks = json_array();
    doctor->choices = json_array();
    status = vks_context_check(context, op, take, doctor);
    doctor->heading = NULL;
    vks_context_destroy(&context);
    if (status == VKS_OK)
        status = list_choices(&params, op, doctor);
    json_array_append_new(devices, json_pack("{s:o, s:o, s:o}", "device", describe_device(&info), "checks",
                                             doctor->checks, "choices", doctor->choices));
    if (interrupt_code())
        return interrupt_report();
    return status ? fail_status(status, STAGE_DEVICE, NULL) : 0;
}

static int check_all(const char *op, struct doctor *doctor, json_t *devices)
{
    vks_device_info *list = NULL;
    size_t count = 0, usable = 0;
    vks_status status = vks_devices_list(&list, &count);
    if (status)
        return fail_status(status, STAGE_DEVICE, NULL);
    int code = 0;
    for (size_t i = 0; i < count && !code; i++) {
        char which[40];
        snprintf(which, sizeof which, "uuid:%s", list[i].uuid);
        usable += list[i].usable != 0;
        if (list[i].usable)
            code = check_device(which, op, doctor, devices);
        else
            note("%s is not usable: %s", list[i].name, list[i].reason);
    }
    vks_devices_free(&list);
    if (!code && !usable)
        code = fail(NO_DEVICE, "Install the driver of your GPU, or software Vulkan (package mesa-vulkan-drivers).",
                    "there is no usable Vulkan device on this machine.");
    return code;
}

static int examine(const struct args *args)
{
    struct doctor doctor = { .is_json = args_count(args, "json") };
    const char *device = args_value(args, "device"), *op = args_value(args, "op");
    int code = args_expect_words(args, 0, "doctor", USAGE);
    if (code)
        return code;
    message_level(args_count(args, "quiet"), args_count(args, "verbose"));
    interrupt_install();
    json_t *devices = json_array();
    code = device ? check_device(device, op, &doctor, devices) : check_all(op, &doctor, devices);
    if (!code && doctor.is_json)
        code =
            print_json(json_pack("{s:s, s:i, s:O}", "schema", "vkseg.doctor", "schema_version", 1, "devices", devices));
    else if (!code)
        printf("%zu kernels right, %zu wrong, %zu not for these devices\n", doctor.right, doctor.wrong, doctor.absent);
    json_decref(devices);
    if (!code && doctor.wrong)
        code = fail(CHECK_FAILED,
                    "They are set aside on that device from now on. Please report this with the driver's version.",
                    "%zu kernels gave wrong results.", doctor.wrong);
    return code;
}

int cmd_doctor(int count, char **words)
{
    struct args args;
    int code = args_parse(count, words, "doctor", doctor_options, &args);
    if (!code && args.wants_help)
        code = help_print("doctor");
    else if (!code)
        code = examine(&args);
    args_free(&args);
    return code;
}
