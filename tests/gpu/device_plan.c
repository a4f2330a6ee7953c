/* device_plan.c: choosing a device on fabricated lists; no GPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gpu/device_plan.h"

enum { API_1_0 = 1u << 22, API_1_1 = 1u << 22 | 1u << 12 };

static struct vkr_device_entry entry(struct vkr_caps caps, const char *name, uint64_t heap, bool usable)
{
    struct vkr_device_entry e = { .caps = caps, .usable = usable };
    snprintf(e.caps.name, sizeof e.caps.name, "%s", name);
    e.caps.heap = heap;
    if (!usable)
        snprintf(e.reason, sizeof e.reason, "made up");
    return e;
}

static void test_ranking(void **state)
{
    (void)state;
    struct vkr_device_entry list[] = {
        entry(vkr_caps_lavapipe(), "llvmpipe", 2, true), entry(vkr_caps_desktop(), "old", 4, true),
        entry(vkr_caps_desktop(), "broken", 99, false), entry(vkr_caps_desktop(), "big", 8, true),
        entry(vkr_caps_phone(), "phone", 8, true),
    };
    uint32_t order[5];
    const uint32_t expected[] = { 3, 1, 4, 0, 2 };
    vkr_rank_devices(list, 5, order);
    assert_memory_equal(order, expected, sizeof expected);
}

static void test_matching(void **state)
{
    (void)state;
    struct vkr_device_entry list[] = {
        entry(vkr_caps_desktop(), "NVIDIA Something", 8, true), entry(vkr_caps_lavapipe(), "llvmpipe (LLVM 15)", 2, true),
        entry(vkr_caps_desktop(), "Broken Card", 8, false),
    };
    list[1].caps.uuid[0] = 0xab;
    const struct { const char *which; vks_status status; uint32_t index; } cases[] = {
        { NULL, VKS_OK, 0 }, { "auto", VKS_OK, 0 }, { "", VKS_OK, 0 }, { "1", VKS_OK, 1 }, { "cpu", VKS_OK, 1 },
        { "name:nvidia", VKS_OK, 0 }, { "name:LLVM", VKS_OK, 1 }, { "uuid:ab00", VKS_OK, 1 }, { "2", VKS_ERR_NO_DEVICE, 0 },
        { "3", VKS_ERR_NO_DEVICE, 0 }, { "name:amd", VKS_ERR_NO_DEVICE, 0 }, { "name:broken", VKS_ERR_NO_DEVICE, 0 },
        { "gpu", VKS_ERR_ARGUMENT, 0 }, { "1x", VKS_ERR_ARGUMENT, 0 }, { "99999999999999999999", VKS_ERR_NO_DEVICE, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t index = 99;
        assert_int_equal(vkr_match_device(list, 3, cases[i].which, &index), cases[i].status);
        if (cases[i].status == VKS_OK)
            assert_int_equal(index, cases[i].index);
        else
            assert_true(strlen(vks_last_error()) > 10);
    }
    uint32_t index;
    assert_int_equal(vkr_match_device(list, 0, NULL, &index), VKS_ERR_NO_DEVICE);
}

static void test_queue(void **state)
{
    (void)state;
    const struct vkr_queue_family families[] = { { false, true, 1 }, { true, true, 4 }, { true, false, 2 } };
    assert_int_equal(vkr_pick_queue(families, 3, VKR_CLASS_DISCRETE), 2);
    assert_int_equal(vkr_pick_queue(families, 3, VKR_CLASS_INTEGRATED), 1);
    assert_int_equal(vkr_pick_queue(families, 1, VKR_CLASS_DISCRETE), UINT32_MAX);
}

static void test_judgement(void **state)
{
    (void)state;
    const struct vkr_queue_family compute = { true, true, 1 }, graphics = { false, true, 1 };
    struct vkr_device_entry e = { .caps = vkr_caps_minimum() };
    vkr_judge_device(&e, API_1_1, &compute, 1);
    assert_true(e.usable);
    vkr_judge_device(&e, API_1_0, &compute, 1);
    assert_false(e.usable);
    assert_non_null(strstr(e.reason, "1.1"));
    vkr_judge_device(&e, API_1_1, &graphics, 1);
    assert_non_null(strstr(e.reason, "queue"));
    e.caps.max_shared = 1024;
    vkr_judge_device(&e, API_1_1, &compute, 1);
    assert_non_null(strstr(e.reason, "limits"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranking), cmocka_unit_test(test_matching), cmocka_unit_test(test_queue),
        cmocka_unit_test(test_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
