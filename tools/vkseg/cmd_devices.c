/* cmd_devices.c: which devices there are and what each can do. Prints all, also those that cannot be used, and why. */
#include "commands.h"

#include "message.h"
#include "report.h"

#include <stdio.h>

const struct option devices_options[] = {
    { "json", 0, NULL, 0, "Print one JSON document instead of a table." },
    { 0 },
};

static void print_table(const vks_device_info *devices, size_t count)
{
    printf("%2s  %-10s  %9s  %s\n", "-d", "class", "memory", "device");
    for (size_t i = 0; i < count; i++) {
        const vks_device_info *device = &devices[i];
        printf("%2u  %-10s  %5.1f GiB  %s\n", device->index, device->device_class,
               (double)device->memory / (1024.0 * 1024.0 * 1024.0), device->name);
        printf("%27sdriver: %s\n", "", device->driver);
        if (device->usable)
            printf("%27scan: %s\n", "", *device->capabilities ? device->capabilities : "the base set only");
        else
            printf("%27snot usable: %s\n", "", device->reason);
    }
}

static int list_devices(int is_json)
{
    vks_device_info *devices = NULL;
    size_t count = 0, usable = 0;
    vks_status status = vks_devices_list(&devices, &count);
    if (status)
        return fail_status(status, STAGE_DEVICE, NULL);
    for (size_t i = 0; i < count; i++)
        usable += devices[i].usable != 0;
    int code = 0;
    if (is_json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, describe_device(&devices[i]));
        code = print_json(json_pack("{s:i, s:o}", "schema", 1, "devices", list));
    } else if (count) {
        print_table(devices, count);
    }
    vks_devices_free(&devices);
    if (!code && !usable)
        code = fail(NO_DEVICE, "Install the driver of your GPU, or software Vulkan (package mesa-vulkan-drivers).",
                    count ? "none of these devices can be used." : "there is no Vulkan device on this machine.");
    return code;
}

int cmd_devices(int count, char **words)
{
    struct args args;
    int code = args_parse(count, words, "devices", devices_options, &args);
    if (!code && args.wants_help)
        code = help_print("devices");
    else if (!code) {
        code = args_expect_words(&args, 0, "devices", "vkseg devices [--json]");
        if (!code)
            code = list_devices(args_count(&args, "json"));
    }
    args_free(&args);
    return code;
}
