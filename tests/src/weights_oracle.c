/* weights_oracle.c: checkpoint files written by PyTorch and safetensors themselves (shared/oracle), against the values
 * in case.json. Skipped where the folder is absent; VKS_SHARED names it, else the path given to CMake. */
//! test src_weights_oracle
#include "weights_build.h"

#include "support/device.h"

#include <jansson.h>
#include <dirent.h>
#include <math.h>
#include <zlib.h>

static char root[512];
static json_t *description;

static const char *in_oracle(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/oracle/%s", root, name);
    return path;
}

static void compare_shape(const struct weights_entry *entry, const json_t *expected)
{
    static const char *const names[VKR_DTYPE_COUNT] = {
        [VKR_F32] = "float32", [VKR_F16] = "float16", [VKR_BF16] = "bfloat16", [VKR_F64] = "float64", [VKR_I8] = "int8",
        [VKR_U8] = "uint8", [VKR_I16] = "int16", [VKR_I32] = "int32", [VKR_I64] = "int64", [VKR_BOOL] = "bool",
    };
    const json_t *shape = json_object_get(expected, "shape"), *stride = json_object_get(expected, "stride");
    assert_string_equal(names[entry->desc.dtype], json_string_value(json_object_get(expected, "dtype")));
    assert_int_equal(entry->desc.rank, json_array_size(shape));
    for (uint32_t i = 0; i < entry->desc.rank; i++) {
        assert_int_equal(entry->desc.dim[i], json_integer_value(json_array_get(shape, i)));
        if (stride)
            assert_int_equal(entry->stride[i], json_integer_value(json_array_get(stride, i)));
    }
}

/* The crc32 of what weights_read gives, for types that it can give unchanged; otherwise of the bytes in the file. */
static void compare_crc(const struct weights *weights, const struct weights_entry *entry, const json_t *expected)
{
    char hex[9];
    enum vkr_dtype dtype = entry->desc.dtype;
    size_t size = (size_t)vkr_bytes(&entry->desc);
    unsigned char *copy = calloc(1, size + 1);
    assert_non_null(copy);
    if (dtype == VKR_F32 || dtype == VKR_F16)
        assert_ok(weights_read(weights, entry, dtype, copy));
    else
        memcpy(copy, entry->data, size);
    snprintf(hex, sizeof hex, "%08lx", crc32(0, copy, (unsigned)size));
    assert_string_equal(hex, json_string_value(json_object_get(expected, "crc32")));
    free(copy);
}

static void compare_tensor(const struct weights *weights, const struct weights_entry *entry, const json_t *expected)
{
    const json_t *values = json_object_get(expected, "values");
    float *got = calloc((size_t)vkr_numel(&entry->desc) + 1, sizeof *got);
    assert_non_null(got);
    compare_shape(entry, expected);
    assert_ok(weights_read(weights, entry, VKR_F32, got));
    for (size_t i = 0; i < json_array_size(values); i++)
        assert_true(got[i] == (float)json_number_value(json_array_get(values, i)));
    free(got);
    if (json_object_get(expected, "crc32"))
        compare_crc(weights, entry, expected);
}

/* `file` holds the described tensors, all of them or (without the views) the first `count`. */
static void compare_file(const char *file, const char *group, uint32_t count)
{
    char path[200];
    struct weights *weights;
    snprintf(path, sizeof path, "00b_checkpoint_formats/%s", file);
    assert_ok(weights_open(in_oracle(path), &weights));
    assert_int_equal(weights_count(weights), count);
    for (uint32_t i = 0; i < count; i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        const json_t *expected = json_object_get(json_object_get(description, group), entry->name);
        if (!expected)
            fail_msg("%s has an unexpected tensor %s", file, entry->name);
        compare_tensor(weights, entry, expected);
    }
    weights_close(&weights);
}

static void every_container(void **state)
{
    (void)state;
    static const char *const files[] = { "plain.pth", "plain_dict.pth", "parameters.pth", "wrapped_model_key.pth",
                                         "wrapped_state_dict_module_prefix.pth", "plain.safetensors",
                                         "reversed_no_metadata.safetensors" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        compare_file(files[i], "tensors", 14);
    compare_file("views.pth", "tensors", 20);
    compare_file("module_state_dict_with_metadata.pth", "module_state_dict", 7);
}

static void malformed_files(void **state)
{
    (void)state;
    DIR *folder = opendir(in_oracle("00b_checkpoint_formats"));
    assert_non_null(folder);
    unsigned count = 0;
    for (const struct dirent *item; (item = readdir(folder));) {
        char path[400];
        struct weights *weights;
        bool legacy = strcmp(item->d_name, "legacy_not_zip.pth") == 0;
        if (strncmp(item->d_name, "bad_", 4) != 0 && !legacy)
            continue;
        snprintf(path, sizeof path, "00b_checkpoint_formats/%s", item->d_name);
        assert_refused(VKS_ERR_MODEL, legacy ? "Re-save" : item->d_name, weights_open(in_oracle(path), &weights));
        assert_null(weights);
        print_message("%s\n", vks_last_error());
        count++;
    }
    closedir(folder);
    assert_true(count >= 11);
}

/* Both files of a case: the same names, shapes and bytes. */
static void compare_pair(const char *name)
{
    char path[200];
    struct weights *torch, *safe;
    snprintf(path, sizeof path, "%s/model.pth", name);
    assert_ok(weights_open(in_oracle(path), &torch));
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    assert_ok(weights_open(in_oracle(path), &safe));
    assert_int_equal(weights_count(torch), weights_count(safe));
    for (uint32_t i = 0; i < weights_count(torch); i++) {
        const struct weights_entry *a = weights_at(torch, i), *b = weights_at(safe, i);
        assert_string_equal(a->name, b->name);
        assert_true(a->desc.dtype == b->desc.dtype && vkr_same_shape(&a->desc, &b->desc));
        size_t size = (size_t)vkr_bytes(&a->desc);
        float *left = malloc(size + 1), *right = malloc(size + 1);
        assert_ok(weights_read(torch, a, VKR_F32, left));
        assert_ok(weights_read(safe, b, VKR_F32, right));
        assert_memory_equal(left, right, size);
        free(left);
        free(right);
    }
    weights_close(&torch);
    weights_close(&safe);
}

static void both_formats_agree(void **state)
{
    (void)state;
    compare_pair("01m_sam_mini");
    compare_pair("07a_universeg_small");
}

static void real_files_survive_damage(void **state)
{
    (void)state;
    static const char *const files[] = { "views.pth", "wrapped_model_key.pth", "plain.safetensors" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[200];
        snprintf(path, sizeof path, "00b_checkpoint_formats/%s", files[i]);
        FILE *file = fopen(in_oracle(path), "rb");
        assert_non_null(file);
        struct bytes bytes = { malloc(65536), 0 };
        bytes.size = fread(bytes.data, 1, 65536, file);
        fclose(file);
        refuse_truncations(&bytes);
        try_changes(&bytes);
        drop(&bytes);
    }
}

int main(void)
{
    const char *shared = getenv("VKS_SHARED");
    snprintf(root, sizeof root, "%s", shared && *shared ? shared : VKS_SHARED_DIR);
    description = json_load_file(in_oracle("00b_checkpoint_formats/case.json"), 0, NULL);
    if (!description) {
        printf("no %s: skipped\n", in_oracle("00b_checkpoint_formats/case.json"));
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container), cmocka_unit_test(malformed_files), cmocka_unit_test(both_formats_agree),
        cmocka_unit_test(real_files_survive_damage),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(description);
    return failed;
}
