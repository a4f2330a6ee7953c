/* store.c: what a store gives back is whole and of the right key, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/store.h"
#include "support/folder.h"

static void gives_back(void **state)
{
    char folder[128];
    void *data;
    size_t size;
    (void)state;
    snprintf(folder, sizeof folder, "%s/deep/er", test_folder);
    assert_false(vkr_store_read(folder, "a", 7, &data, &size));
    assert_true(vkr_store_write(folder, "a", 7, "hello", 5));
    assert_true(vkr_store_read(folder, "a", 7, &data, &size));
    assert_int_equal(size, 5);
    assert_string_equal(data, "hello");         /* a zero byte behind it */
    vkr_free(data);
    assert_true(vkr_store_write(folder, "a", 7, "", 0));
    assert_true(vkr_store_read(folder, "a", 7, &data, &size));
    assert_int_equal(size, 0);
    vkr_free(data);
    assert_false(vkr_store_read(folder, "a", 8, &data, &size));
    assert_null(data);
    vkr_store_remove(folder, "a");
    vkr_store_remove(folder, "never there");
    assert_false(vkr_store_read(folder, "a", 7, &data, &size));
}

static size_t slurp(const char *path, unsigned char bytes[256])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, 256, file);
    fclose(file);
    return size;
}

static void spill(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Every bit flipped, every length shorter, and one byte more. */
static void refuses_what_is_damaged(void **state)
{
    unsigned char whole[256], damaged[256];
    char path[128];
    void *data;
    size_t size;
    (void)state;
    assert_true(vkr_store_write(test_folder, "b", 1, "some bytes", 10));
    snprintf(path, sizeof path, "%s/b", test_folder);
    size_t length = slurp(path, whole);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        memcpy(damaged, whole, length);
        damaged[bit / 8] ^= (unsigned char)(1u << bit % 8);
        spill(path, damaged, length);
        assert_false(vkr_store_read(test_folder, "b", 1, &data, &size));
        assert_null(data);
    }
    for (size_t cut = 0; cut < length; cut++) {
        spill(path, whole, cut);
        assert_false(vkr_store_read(test_folder, "b", 1, &data, &size));
    }
    whole[length] = 0;
    spill(path, whole, length + 1);
    assert_false(vkr_store_read(test_folder, "b", 1, &data, &size));
    spill(path, whole, length);
    assert_true(vkr_store_read(test_folder, "b", 1, &data, &size));
    vkr_free(data);
}

static void survives_bad_places(void **state)
{
    char long_name[2000];
    void *data;
    size_t size;
    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_false(vkr_store_write("", "a", 1, "x", 1));
    assert_false(vkr_store_read("", "a", 1, &data, &size));
    assert_false(vkr_store_write(test_folder, long_name, 1, "x", 1));
    assert_false(vkr_store_write("/dev/null/x", "a", 1, "x", 1));
    assert_true(vkr_store_write(test_folder, "file", 1, "x", 1));
    snprintf(long_name, sizeof long_name, "%s/file", test_folder);
    assert_false(vkr_store_write(long_name, "a", 1, "x", 1));    /* a file where a folder should be */
}

static void hashes(void **state)
{
    (void)state;
    assert_true(vkr_hash(VKR_HASH, "a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(vkr_hash_text(VKR_HASH, "ab") != vkr_hash_text(vkr_hash_text(VKR_HASH, "a"), "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back),
        cmocka_unit_test(refuses_what_is_damaged),
        cmocka_unit_test(survives_bad_places),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests_name("store", tests, test_make_folder, test_remove_folder);
}
