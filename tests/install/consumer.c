/* consumer.c: a program that knows vkseg only as an installed package. It checks that the headers, both libraries and
 * their version fit together, and that a failure comes back as a status with a sentence. */
#include <vkseg/vkseg.h>
#include <vkseg/vkseg_io.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "consumer: %s (%s)\n", what, vks_last_error());
    return 1;
}

int main(void)
{
    if (strcmp(vks_version(), VKS_VERSION_STRING) != 0)
        return fail("header and library have different versions");

    vks_model_info info;
    if (vks_model_inspect("there-is-no-such-file.pth", NULL, &info) != VKS_ERR_NOT_FOUND || !*vks_last_error())
        return fail("a missing checkpoint is not NOT_FOUND with a sentence");

    vks_io_image image;
    if (vks_io_read_image("there-is-no-such-file.png", &image) != VKS_ERR_NOT_FOUND)
        return fail("a missing image is not NOT_FOUND");

    vks_device_info *devices = NULL;
    size_t count = 0;
    vks_status status = vks_devices_list(&devices, &count);
    if (status != VKS_OK && status != VKS_ERR_NO_DEVICE)
        return fail("the devices cannot be listed");
    for (size_t i = 0; i < count; i++)
        printf("%u: %s\n", devices[i].index, devices[i].name);
    vks_devices_free(&devices);
    printf("consumer: vkseg %s, %zu devices\n", vks_version(), count);
    return 0;
}
