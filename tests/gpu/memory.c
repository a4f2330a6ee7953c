/* memory.c: buffers and copies on the real device, with and without unified memory; limits; failing calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gpu/device.h"
#include "gpu/device_data.h"
#include "gpu/memory.h"
#include "support/device.h"

static vks_status round_trip(struct vkr_device *device, size_t size)
{
    struct vkr_buffer *buffer = NULL;
    unsigned char *data = malloc(size), *back = calloc(1, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * 31 + i / 251);
    vks_status status = vkr_buffer_create(device, size + 8, VKR_MEMORY_DEVICE, "a test", &buffer);
    if (status == VKS_OK)
        status = vkr_upload(device, buffer, 8, data, size);
    if (status == VKS_OK)
        status = vkr_download(device, buffer, 8, back, size);
    if (status == VKS_OK)
        assert_memory_equal(data, back, size);
    vkr_buffer_destroy(&buffer);
    free(data);
    free(back);
    return status;
}

static struct vkr_device *open_device(const char *options_text)
{
    struct vkr_options options = { 0 };
    struct vkr_device *device = NULL;
    assert_int_equal(vkr_options_parse(&options, test_options()), VKS_OK);
    assert_int_equal(vkr_options_parse(&options, options_text), VKS_OK);
    if (vkr_device_open(test_device(), &options, NULL, &device) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return device;
}

static void test_copies(void **state)
{
    (void)state;
    struct vkr_device *device = open_device(NULL);
    uint64_t now, peak;
    assert_int_equal(round_trip(device, 1000003), VKS_OK);
    device->caps.unified = false;                           /* the staging road, on devices that would not take it */
    assert_int_equal(round_trip(device, (40u << 20) + 12), VKS_OK);
    vkr_device_memory_now(device, &now, &peak);
    assert_in_range(peak, 40u << 20, 80u << 20);
    vkr_device_release(&device);
    assert_null(device);
}

static void test_limits(void **state)
{
    (void)state;
    struct vkr_device *device = open_device("max_memory=1M");
    struct vkr_buffer *buffer = NULL;
    assert_int_equal(vkr_buffer_create(device, 2u << 20, VKR_MEMORY_DEVICE, "a big thing", &buffer), VKS_ERR_DEVICE_MEMORY);
    assert_null(buffer);
    assert_non_null(strstr(vks_last_error(), "a big thing needs 2 MiB"));
    assert_int_equal(vkr_buffer_create(device, 1u << 19, VKR_MEMORY_DEVICE, "a small thing", &buffer), VKS_OK);
    assert_int_equal(vkr_upload(device, buffer, 1u << 19, "x", 1), VKS_ERR_INTERNAL);
    vkr_buffer_destroy(&buffer);
    uint64_t now, peak;
    vkr_device_memory_now(device, &now, &peak);
    assert_int_equal(now, 0);
    vkr_device_release(&device);
}

/* Every fallible Vulkan call on the way fails once, in three ways: a status each time, and nothing is left behind. */
static void test_failing_calls(void **state)
{
    (void)state;
    static const vks_status expected[] = { VKS_OK, VKS_ERR_HOST_MEMORY, VKS_ERR_DEVICE_MEMORY, VKS_ERR_DEVICE_LOST };
    for (int kind = 1; kind <= 3; kind++)
        for (uint64_t n = 1;; n++) {
            struct vkr_device *device = NULL;
            vkr_vulkan_fail_at(n, kind);
            vks_status status = vkr_device_open(test_device(), NULL, NULL, &device);
            if (status == VKS_OK) {
                device->caps.unified = false;
                status = round_trip(device, 100000);
            }
            bool done = vkr_vulkan_calls() < n;
            vkr_vulkan_fail_at(0, 0);
            vkr_device_release(&device);
            if (done) {
                assert_int_equal(status, VKS_OK);
                assert_true(n > 10);
                break;
            }
            assert_int_equal(status, expected[kind]);
            assert_non_null(strstr(vks_last_error(), "Vulkan: "));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies), cmocka_unit_test(test_limits), cmocka_unit_test(test_failing_calls),
    };
    return test_verdict(cmocka_run_group_tests(tests, NULL, NULL));
}
