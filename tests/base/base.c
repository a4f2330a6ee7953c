/* base.c: the storey without Vulkan: conversions, sizes, options, capability masks, .npy, arenas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/options.h"

/* Every finite half survives the way to float and back; floats between two halves go to the nearer, ties to even. */
static void test_half_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float value = vkr_f16_to_f32((uint16_t)bits);
        if (isnan(value))
            assert_true(isnan(vkr_f16_to_f32(vkr_f32_to_f16(value))));
        else
            assert_int_equal(vkr_f32_to_f16(value), bits);
    }
    assert_int_equal(vkr_f32_to_f16(65519.99f), 0x7bff);
    assert_int_equal(vkr_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(vkr_f32_to_f16(-1e9f), 0xfc00);
    assert_int_equal(vkr_f32_to_f16(2.9802322e-8f), 0);         /* half of the smallest: ties to even */
    assert_int_equal(vkr_f32_to_f16(2.9802326e-8f), 1);
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {            /* midpoints go to the even neighbour */
        float middle = (vkr_f16_to_f32((uint16_t)bits) + vkr_f16_to_f32((uint16_t)(bits + 1))) / 2;
        assert_int_equal(vkr_f32_to_f16(middle), bits + (bits & 1));
    }
}

static void test_convert(void **state)
{
    (void)state;
    const double doubles[] = { 1.5, -2.25 };
    const int64_t longs[] = { -3, 12345 };
    const uint16_t brains[] = { 0x3f80, 0xc000 };
    float out[2];
    assert_int_equal(vkr_convert(out, VKR_F32, doubles, VKR_F64, 2), VKS_OK);
    assert_true(out[0] == 1.5f && out[1] == -2.25f);
    assert_int_equal(vkr_convert(out, VKR_F32, longs, VKR_I64, 2), VKS_OK);
    assert_true(out[0] == -3 && out[1] == 12345);
    assert_int_equal(vkr_convert(out, VKR_F32, brains, VKR_BF16, 2), VKS_OK);
    assert_true(out[0] == 1 && out[1] == -2);
    assert_int_equal(vkr_convert(out, VKR_I32, doubles, VKR_F64, 2), VKS_ERR_UNSUPPORTED);
}

static void test_checked_sizes(void **state)
{
    size_t out;
    (void)state;
    assert_true(vkr_mul(3, 5, &out) && out == 15);
    assert_false(vkr_mul(SIZE_MAX, 2, &out));
    assert_false(vkr_add_size(SIZE_MAX, 1, &out));
    assert_true(vkr_mul(0, SIZE_MAX, &out) && out == 0);
}

static void test_options(void **state)
{
    (void)state;
    struct vkr_options options = { 0 };
    assert_int_equal(vkr_options_parse(&options, "caps=-f16-coopmat,force=matmul:f32,profile=1,max_memory=1.5G"), VKS_OK);
    assert_string_equal(options.caps, "-f16-coopmat");
    assert_string_equal(vkr_options_forced(&options, "matmul"), "f32");
    assert_null(vkr_options_forced(&options, "conv"));
    assert_true(options.profile);
    assert_int_equal(options.max_memory, 3ull << 29);
    static const char *const bad[] = { "nonsense", "what=1", "profile=yes", "force=matmul", "max_memory=3X", "caps=f16",
                                       "caps=-nothing", "max_memory=-1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vkr_options_parse(&options, bad[i]), VKS_ERR_ARGUMENT);
        assert_true(strlen(vks_last_error()) > 10);
    }
    assert_int_equal(vkr_options_parse(&options, NULL), VKS_OK);
}

static void test_caps(void **state)
{
    (void)state;
    struct vkr_caps caps = vkr_caps_desktop();
    struct vkr_caps software = vkr_caps_lavapipe();
    assert_int_equal(vkr_caps_mask(&software, "-cpu-f16"), VKS_OK);
    assert_int_equal(software.device_class, VKR_CLASS_INTEGRATED);
    assert_false(software.bits & (VKR_CAP_VEC8 | VKR_CAP_F16));
    assert_int_equal(vkr_caps_mask(&caps, "-coopmat-f16"), VKS_OK);
    assert_false(caps.bits & (VKR_CAP_COOPMAT | VKR_CAP_F16));
    assert_true(caps.bits & VKR_CAP_SHUFFLE);
    assert_int_equal(vkr_caps_mask(&caps, "minimum"), VKS_OK);
    assert_int_equal(caps.max_storage_buffers, 4);
    assert_int_equal(caps.bits & ~(uint64_t)VKR_CAP_TIMESTAMP, 0);
    for (uint32_t bit = 0; bit < 8; bit++)          /* every bit has a name and comes back from it */
        assert_int_equal(vkr_cap_bit(vkr_cap_name(1ull << bit)), 1ull << bit);
}

static void test_npy_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/vkr_npy_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    const float data[6] = { 1, 2, 3, -4, 5.5f, 1e-30f };
    struct vkr_desc desc = vkr_f32(3, 1, 2, 3), read;
    void *back;
    assert_int_equal(vkr_npy_write(path, &desc, data), VKS_OK);
    assert_int_equal(vkr_npy_read(path, &read, &back), VKS_OK);
    assert_true(vkr_same_shape(&desc, &read));
    assert_memory_equal(back, data, sizeof data);
    vkr_free(back);
    remove(path);
    assert_int_equal(vkr_npy_read(path, &read, &back), VKS_ERR_NOT_FOUND);
}

/* Truncated at every byte, and lying about its shape: a status each time, never more memory than the file has. */
static void test_npy_malformed(void **state)
{
    (void)state;
    char file[256];
    int length = snprintf(file, sizeof file, "\x93NUMPY%c%c%c%c{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", 1,
                          0, 118, 0);
    memset(file + length, ' ', 128 - (size_t)length);
    memset(file + 128, 1, 16);
    struct vkr_desc desc;
    void *data;
    assert_int_equal(vkr_npy_parse(file, 144, &desc, &data), VKS_OK);
    vkr_free(data);
    for (size_t size = 0; size < 144; size++)
        assert_int_equal(vkr_npy_parse(file, size, &desc, &data), VKS_ERR_CORRUPT);
    memcpy(strstr(file + 10, "(2, 2)"), "(9999)", 6);
    assert_int_equal(vkr_npy_parse(file, 144, &desc, &data), VKS_ERR_CORRUPT);
}

static void test_arena_and_growth(void **state)
{
    (void)state;
    struct vkr_arena arena = { 0 };
    for (int i = 1; i < 3000; i++) {
        unsigned char *block = vkr_arena_alloc(&arena, (size_t)i);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_int_equal(block[0], 0);
        memset(block, 0xff, (size_t)i);
    }
    vkr_arena_destroy(&arena);
    int *items = NULL;
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(VKR_GROW(items, capacity, i), VKS_OK);
        items[i] = (int)i;
    }
    assert_int_equal(items[999], 999);
    vkr_free(items);
}

static void test_failure_injection(void **state)
{
    (void)state;
    void *block;
    vkr_mem_fail_at(2);
    assert_int_equal(vkr_alloc(1, 8, "the first", &block), VKS_OK);
    vkr_free(block);
    assert_int_equal(vkr_alloc(1, 8, "the second", &block), VKS_ERR_HOST_MEMORY);
    assert_non_null(strstr(vks_last_error(), "the second"));
    assert_int_equal(vkr_mem_calls(), 2);
    vkr_mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_round_trip), cmocka_unit_test(test_convert), cmocka_unit_test(test_checked_sizes),
        cmocka_unit_test(test_options), cmocka_unit_test(test_caps), cmocka_unit_test(test_npy_round_trip),
        cmocka_unit_test(test_npy_malformed), cmocka_unit_test(test_arena_and_growth), cmocka_unit_test(test_failure_injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
