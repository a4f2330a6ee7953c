/* weights_safetensors.c: .safetensors files that are right, and every way we know in which one can lie. */
//! test src_weights_safetensors
#include "weights_build.h"

static void reads_a_file(void **state)
{
    (void)state;
    struct bytes file = small_safetensors();
    struct weights *weights;
    float values[4];
    uint16_t halves[2];
    assert_ok(open_copy(file.data, file.size, &weights));
    assert_int_equal(weights_count(weights), 2);
    assert_string_equal(weights_format(weights), "safetensors");
    assert_string_equal(weights_meta(weights, "format"), "pt");
    assert_null(weights_meta(weights, "absent"));
    assert_string_equal(weights_at(weights, 0)->name, "a.w");
    assert_string_equal(weights_at(weights, 1)->name, "b");
    assert_ok(weights_read(weights, weights_find(weights, "a.w"), VKR_F32, values));
    assert_memory_equal(values, ((float[]){ 1, 2, 3, -4 }), sizeof values);
    assert_ok(weights_read(weights, weights_find(weights, "b"), VKR_F16, halves));
    assert_memory_equal(halves, ((uint16_t[]){ 0x4500, 0x3800 }), sizeof halves);
    weights_close(&weights);
    drop(&file);
}

/* Every element type: all bits set, and the value that must come out. */
static void reads_every_type(void **state)
{
    (void)state;
    static const struct { const char *name; unsigned size; uint64_t bits; float value; } types[] = {
        { "F64", 8, 0xbff8000000000000u, -1.5f }, { "F32", 4, 0xbfc00000u, -1.5f }, { "F16", 2, 0xbe00u, -1.5f },
        { "BF16", 2, 0xbfc0u, -1.5f }, { "I8", 1, 0xfdu, -3 }, { "U8", 1, 0xfdu, 253 }, { "I16", 2, 0xfffdu, -3 },
        { "I32", 4, 0xfffffffdu, -3 }, { "U32", 4, 0x80000000u, 2147483648.0f },
        { "I64", 8, 0xfffffffffffffffdu, -3 }, { "BOOL", 1, 1, 1 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[200];
        unsigned char data[17] = { 0 };                 /* one byte first: every tensor lies unaligned */
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"w\":{\"dtype\":\"%s\",\"shape\":[2,1],\"data_offsets\":[1,%u]}}", types[i].name,
                 1 + 2 * types[i].size);
        for (unsigned k = 0; k < 2 * types[i].size; k++)
            data[1 + k] = (unsigned char)(types[i].bits >> 8 * (k % types[i].size));
        struct bytes file = make_safetensors(header, data, 1 + 2 * types[i].size);
        struct weights *weights;
        float values[2];
        assert_ok(open_copy(file.data, file.size, &weights));
        assert_ok(weights_read(weights, weights_find(weights, "w"), VKR_F32, values));
        assert_true(values[0] == types[i].value && values[1] == types[i].value);
        weights_close(&weights);
        drop(&file);
    }
}

static void reads_odd_but_right_files(void **state)
{
    (void)state;
    static const struct { const char *header; size_t size; uint32_t count; } cases[] = {
        { "{}", 0, 0 },
        { "{\"__metadata__\":{}}", 0, 0 },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, 1 },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[0,4294967295],\"data_offsets\":[0,0]}}", 0, 1 },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
          "\"v\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,3],\"data_offsets\":[0,3],\"more\":null}}\n\t ", 3, 2 },
        { "{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1 },
        { "{\"gr\xc3\xb6\xc3\x9f" "e\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = make_safetensors(cases[i].header, "1234", cases[i].size);
        struct weights *weights;
        assert_ok(open_copy(file.data, file.size, &weights));
        assert_int_equal(weights_count(weights), cases[i].count);
        read_everything(weights);
        weights_close(&weights);
        drop(&file);
    }
}

#define TENSOR(type, shape, begin, end) \
    "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void refuses_lies(void **state)
{
    (void)state;
    static const struct { const char *header, *word; } cases[] = {
        { "", "no JSON" },
        { "[]", "no JSON" },
        { "{\"w\":1}", "no object" },
        { "{\"w\":[1,2]}", "no object" },
        { "{\"w\":" TENSOR("F32", "[2]", "0", "8") "} x", "no JSON" },
        { "{\"w\":" TENSOR("F32", "[2]", "0", "8"), "no JSON" },
        { "{\"w\":" TENSOR("F32", "[2]", "0", "8") ",\"w\":" TENSOR("F32", "[2]", "0", "8") "}", "duplicate" },
        { "{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "duplicate" },
        { "{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype" },
        { "{\"w\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype" },
        { "{\"w\":" TENSOR("F8_E4M3", "[8]", "0", "8") "}", "F8_E4M3" },
        { "{\"w\":" TENSOR("U16", "[4]", "0", "8") "}", "U16" },
        { "{\"w\":" TENSOR("f32", "[2]", "0", "8") "}", "f32" },
        { "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "shape" },
        { "{\"w\":" TENSOR("F32", "2", "0", "8") "}", "shape" },
        { "{\"w\":" TENSOR("F32", "[2.0]", "0", "8") "}", "shape" },
        { "{\"w\":" TENSOR("F32", "[-2]", "0", "8") "}", "shape" },
        { "{\"w\":" TENSOR("F32", "[\"2\"]", "0", "8") "}", "shape" },
        { "{\"w\":" TENSOR("F32", "[2,1,1,1,1,1]", "0", "8") "}", "5 dimensions" },
        { "{\"w\":" TENSOR("F32", "[4294967296]", "0", "8") "}", "4294967295" },
        { "{\"w\":" TENSOR("F32", "[99999999999999999999]", "0", "8") "}", "JSON" },
        { "{\"w\":" TENSOR("F32", "[4294967295,4294967295]", "0", "8") "}", "overflow" },
        { "{\"w\":" TENSOR("F32", "[4294967295,4294967295,4294967295]", "0", "8") "}", "overflow" },
        { "{\"w\":" TENSOR("F32", "[65536,65536,65536,65536]", "0", "8") "}", "overflow" },
        { "{\"w\":" TENSOR("F32", "[65536,65536,65536,65536,1]", "0", "0") "}", "overflow" },
        { "{\"w\":" TENSOR("F32", "[3]", "0", "8") "}", "needs 12" },
        { "{\"w\":" TENSOR("F16", "[2]", "0", "8") "}", "needs 4" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "data_offsets" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", "data_offsets" },
        { "{\"w\":" TENSOR("F32", "[2]", "-8", "0") "}", "data_offsets" },
        { "{\"w\":" TENSOR("F32", "[2]", "8", "0") "}", "ends before" },
        { "{\"w\":" TENSOR("F32", "[2]", "4", "12") "}", "ends at byte 12" },
        { "{\"w\":" TENSOR("F32", "[2]", "0", "9223372036854775807") "}", "ends at byte" },
        { "{\"w\":" TENSOR("F32", "[1]", "0", "4") "}", "belong to nothing" },
        { "{\"w\":" TENSOR("F32", "[1]", "4", "8") "}", "unused" },
        { "{\"v\":" TENSOR("F32", "[1]", "0", "4") ",\"w\":" TENSOR("F32", "[1]", "0", "4") "}", "overlaps" },
        { "{\"v\":" TENSOR("F32", "[2]", "0", "8") ",\"w\":" TENSOR("F32", "[1]", "4", "8") "}", "overlaps" },
        { "{\"v\":" TENSOR("U8", "[3]", "0", "3") ",\"w\":" TENSOR("F32", "[1]", "4", "8") "}", "unused" },
        { "{\"__metadata__\":7,\"w\":" TENSOR("F32", "[2]", "0", "8") "}", "__metadata__" },
        { "{\"__metadata__\":{\"a\":7},\"w\":" TENSOR("F32", "[2]", "0", "8") "}", "metadata" },
        { "{\"a\\u0007\":" TENSOR("F32", "[2]", "0", "8") "}", "unprintable" },
        { "{\"a\\u0000\":" TENSOR("F32", "[2]", "0", "8") "}", "JSON" },
        { "{\"\xff\xfe\":" TENSOR("F32", "[2]", "0", "8") "}", "JSON" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = make_safetensors(cases[i].header, "12345678", 8);
        struct weights *weights;
        assert_refused(VKS_ERR_MODEL, cases[i].word, open_copy(file.data, file.size, &weights));
        assert_null(weights);
        drop(&file);
    }
}

static void refuses_impossible_lengths(void **state)
{
    (void)state;
    static const uint64_t lengths[] = { 0, 1, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX, UINT64_MAX - 7 };
    struct bytes file = small_safetensors();
    struct weights *weights;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int k = 0; k < 8; k++)
            file.data[k] = (unsigned char)(lengths[i] >> 8 * k);
        assert_int_equal(open_copy(file.data, file.size, &weights), VKS_ERR_MODEL);
    }
    drop(&file);
    add_number(&file, (16u << 20) + 1, 8);              /* a header longer than we accept, though it is all there */
    file.data = realloc(file.data, 8 + (16u << 20) + 1);
    assert_non_null(file.data);
    memset(file.data + 8, ' ', (16u << 20) + 1);
    file.size += (16u << 20) + 1;
    file.data[8] = '{';
    assert_refused(VKS_ERR_MODEL, "more than", open_copy(file.data, file.size, &weights));
    drop(&file);
}

static void refuses_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *header = malloc(2 * DEPTH + 1);
    memset(header, '[', 2 * DEPTH);
    header[0] = '{', header[1] = '"', header[2] = '"', header[3] = ':', header[2 * DEPTH] = '\0';
    struct bytes file = make_safetensors(header, "", 0);
    struct weights *weights;
    assert_refused(VKS_ERR_MODEL, "JSON", open_copy(file.data, file.size, &weights));
    drop(&file);
    free(header);
}

static void survives_damage(void **state)
{
    (void)state;
    struct bytes file = small_safetensors();
    refuse_truncations(&file);
    try_changes(&file);
    drop(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file), cmocka_unit_test(reads_every_type), cmocka_unit_test(reads_odd_but_right_files),
        cmocka_unit_test(refuses_lies), cmocka_unit_test(refuses_impossible_lengths),
        cmocka_unit_test(refuses_deep_nesting), cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
