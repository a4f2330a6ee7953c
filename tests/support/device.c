/* device.c: device and options of the tests, found out once. */
#include "support/device.h"

#include "gpu/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool known, f16;
    const char *device;
    char options[256];
} found;

static bool try(const char *device, bool validate)
{
    const char *wish = getenv("VKS_TEST_OPTIONS");
    struct vkr_options options = { 0 };
    struct vkr_device *open = NULL;
    snprintf(found.options, sizeof found.options, "%s%s%s", wish ? wish : "", wish && *wish && validate ? "," : "",
             validate ? "validate=1" : "");
    if (vkr_options_parse(&options, found.options) != VKS_OK ||
        vkr_device_open(device, &options, NULL, &open) != VKS_OK)
        return false;
    found.device = device;
    found.f16 = (vkr_device_caps(open)->bits & VKR_CAP_F16) != 0;
    printf("device: %s, %s, validation %s\n", vkr_device_caps(open)->name, vkr_device_caps(open)->driver,
           validate ? "on" : "OFF");
    vkr_device_release(&open);
    return true;
}

static void find(void)
{
    const char *wish = getenv("VKS_TEST_VALIDATE"), *device = getenv("VKS_TEST_DEVICE");
    bool validate = !wish || strcmp(wish, "0") != 0;
    if (found.known)
        return;
    found.known = true;
    if (try(device ? device : "cpu", validate) || (!device && try(NULL, validate)))
        return;
    if (!(validate && !wish && (try(device ? device : "cpu", false) || (!device && try(NULL, false)))))
        printf("no device: %s\n", vks_last_error());
}

const char *test_device(void)
{
    find();
    return found.device;
}

const char *test_options(void)
{
    find();
    return found.options;
}

bool test_device_has_f16(void)
{
    find();
    return found.f16;
}

int test_verdict(int failed)
{
    unsigned messages = vkr_validation_messages();
    if (messages)
        printf("the validation layer gave %u messages\n", messages);
    return failed || messages ? 1 : 0;
}
