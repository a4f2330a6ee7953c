/* harness_open.c: the device that operator tests run on. */
#include "support/harness.h"

#include "support/device.h"

#include <stdio.h>

static void print_log(void *user, vks_log_level level, const char *message)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", message);
}

struct vkr_device *harness_open(void)
{
    struct vkr_options options = { 0 };
    struct vkr_log log = { print_log, NULL, VKS_LOG_WARNING };
    struct vkr_device *device = NULL;
    const char *which = test_device();
    if (vkr_options_parse(&options, test_options()) != VKS_OK || vkr_device_open(which, &options, &log, &device) != VKS_OK)
        printf("no device: %s\n", vks_last_error());
    return device;
}
