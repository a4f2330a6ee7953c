/* weights.c: the table of tensors itself: what is no checkpoint, names, conversion of views, mapping, hash, and what
 * happens when memory runs out at any moment. */
//! test src_weights
#include "weights_build.h"

#include "base/mem.h"
#include "weights/mapping.h"
#include "weights/sha256.h"
#include "weights/sha256_blocks.h"

#include <jansson.h>

static char folder[256];

static const char *in_folder(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void strangers_are_named(void **state)
{
    (void)state;
    struct weights *weights;
    static const struct { const char *text; size_t size; const char *word; } cases[] = {
        { "", 0, "empty" },
        { "PK", 2, "too few" },
        { "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.", 21, "Re-save" },
        { "\x80\x04K\x01.  ", 7, "bare pickle" },
        { "\x89HDF\r\n\x1a\n........", 16, "HDF5" },
        { "GGUF............", 16, "GGUF" },
        { "version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull" },
        { "<!DOCTYPE html><html>", 21, "web page" },
        { "<html><body></body></html>", 26, "web page" },
        { "\x1f\x8b\x08......................", 25, "gzip" },
        { "neither this nor that, just text", 32, "neither" },
        { "12345678", 8, "too few" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(VKS_ERR_MODEL, cases[i].word, open_copy(cases[i].text, cases[i].size, &weights));
    assert_refused(VKS_ERR_NOT_FOUND, "no-such-file", weights_open(in_folder("no-such-file"), &weights));
    assert_refused(VKS_ERR_NOT_FOUND, "folder", weights_open(folder, &weights));
    write_file(in_folder("empty"), "", 0);
    assert_refused(VKS_ERR_MODEL, "empty", weights_open(in_folder("empty"), &weights));
    assert_null(weights);
    weights_close(&weights);
}

static void a_length_may_begin_like_a_magic(void **state)
{
    (void)state;
    char header[129] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}";
    memset(header + strlen(header), ' ', 128 - strlen(header));        /* length 0x80, as a pickle begins */
    struct bytes file = make_safetensors(header, "x", 1);
    struct weights *weights;
    assert_int_equal(file.data[0], 0x80);
    assert_ok(open_copy(file.data, file.size, &weights));
    weights_close(&weights);
    drop(&file);
}

static void common_prefixes_go(void **state)
{
    (void)state;
    static const struct { const char *first, *second, *shown; } cases[] = {
        { "module.a", "module.b", "a" }, { "module.a", "other.b", "module.a" },
        { "model.module.a", "model.module.b", "a" }, { "model.a", "model.b", "model.a" },
        { "_orig_mod.module.a", "_orig_mod.module.b", "a" }, { "module.", "module.b", "module." },
        { "module.module.a", "module.module.b", "a" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[400];
        snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", cases[i].first, cases[i].second);
        struct bytes file = make_safetensors(header, "xy", 2);
        struct weights *weights;
        assert_ok(open_copy(file.data, file.size, &weights));
        assert_string_equal(weights_at(weights, 0)->name, cases[i].shown);
        assert_non_null(weights_find(weights, cases[i].shown));
        assert_null(weights_find(weights, "nothing"));
        assert_null(weights_at(weights, 2));
        weights_close(&weights);
        drop(&file);
    }
}

/* Views of one storage of 16 floats whose bits are 0x03020100, 0x07060504, ... */
static void views_become_dense(void **state)
{
    (void)state;
    static const struct { unsigned rank; int64_t offset, shape[5], stride[5]; } views[] = {
        { 1, 0, { 16 }, { 1 } }, { 2, 0, { 4, 4 }, { 1, 4 } }, { 2, 3, { 2, 3 }, { 6, 2 } },
        { 2, 1, { 3, 5 }, { 0, 1 } }, { 5, 0, { 2, 2, 1, 2, 2 }, { 8, 4, 77, 2, 1 } },
        { 5, 0, { 2, 2, 2, 2, 1 }, { 1, 2, 4, 8, 0 } }, { 0, 15, { 0 }, { 0 } }, { 3, 2, { 1, 1, 1 }, { 9, 9, 9 } },
        { 1, 4, { 700 }, { 0 } }, { 2, 0, { 0, 4 }, { 4, 1 } }, { 3, 0, { 2, 3, 2 }, { 2, 4, 1 } },
    };
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        struct bytes pickle = { NULL, 0 };
        add(&pickle, "\x80\x02}", 3);
        p_text(&pickle, "w");
        p_tensor(&pickle, "FloatStorage", "1", 16, views[v].offset, views[v].rank, views[v].shape, views[v].stride);
        add_string(&pickle, "s.");
        struct bytes file = make_torch(&pickle);
        struct weights *weights;
        assert_ok(open_copy(file.data, file.size, &weights));
        const struct weights_entry *entry = weights_find(weights, "w");
        size_t count = (size_t)vkr_numel(&entry->desc);
        uint32_t *dense = malloc(count * 4 + 1);
        assert_ok(weights_read(weights, entry, VKR_F32, dense));
        for (size_t i = 0; i < count; i++) {
            size_t rest = i, element = (size_t)views[v].offset;
            for (unsigned axis = views[v].rank; axis-- > 0;) {
                element += rest % (size_t)views[v].shape[axis] * (size_t)views[v].stride[axis];
                rest /= (size_t)views[v].shape[axis];
            }
            assert_int_equal(dense[i], 0x03020100u + 0x04040404u * element);
        }
        assert_refused(VKS_ERR_UNSUPPORTED, "f64", weights_read(weights, entry, VKR_F64, dense));
        free(dense);
        weights_close(&weights);
        drop(&pickle);
        drop(&file);
    }
}

static void mapped_and_read_files_agree(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    float *values = malloc(COUNT * sizeof *values), *back = malloc(COUNT * sizeof *values);
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i;
    struct bytes file = make_safetensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[40000],"
                                         "\"data_offsets\":[0,160000]}}", values, COUNT * sizeof *values);
    write_file(in_folder("big"), file.data, file.size);
    struct mapping mapped, read;
    assert_ok(mapping_open(in_folder("big"), &mapped));
    assert_ok(mapping_open_read(in_folder("big"), &read));
    assert_true(mapped.mapped && !read.mapped);
    assert_int_equal(mapped.size, read.size);
    assert_memory_equal(mapped.bytes, read.bytes, file.size);
    mapping_release(&read, read.bytes, read.size);
    assert_memory_equal(read.bytes, file.data, file.size);
    mapping_close(&mapped);
    mapping_close(&read);
    struct weights *weights;
    assert_ok(weights_open(in_folder("big"), &weights));
    for (int round = 0; round < 2; round++) {                           /* released pages come back */
        assert_ok(weights_read(weights, weights_at(weights, 0), VKR_F32, back));
        assert_memory_equal(back, values, COUNT * sizeof *values);
        weights_release(weights, weights_at(weights, 0));
    }
    char hex[65];
    assert_ok(weights_sha256(weights, hex));
    struct sha256 sha;
    char expected[65];
    sha256_begin(&sha);
    for (size_t i = 0; i < file.size; i += 37)                          /* in uneven pieces */
        sha256_add(&sha, file.data + i, file.size - i < 37 ? file.size - i : 37);
    sha256_end(&sha, expected);
    assert_string_equal(hex, expected);
    weights_close(&weights);
    drop(&file);
    free(values);
    free(back);
}

static void sha256_both_ways(void **state)
{
    (void)state;
    if (!sha256_x86_runs())
        skip();
    unsigned char data[5 * 64];
    uint32_t one[8], two[8];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 151 + i / 64 * 7);
    for (uint32_t i = 0; i < 8; i++)
        one[i] = two[i] = 0x9e3779b9u * (i + 1);
    sha256_portable(one, data, 5);
    sha256_x86(two, data, 5);
    assert_memory_equal(one, two, sizeof one);
}

/* FIPS 180-4 examples and the million a's of NIST. */
static void sha256_vectors(void **state)
{
    (void)state;
    static const struct { const char *text, *hex; } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    struct sha256 sha;
    char hex[65];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sha256_begin(&sha);
        sha256_add(&sha, cases[i].text, strlen(cases[i].text));
        sha256_end(&sha, hex);
        assert_string_equal(hex, cases[i].hex);
    }
    sha256_begin(&sha);
    for (int i = 0; i < 1000000; i++)
        sha256_add(&sha, "a", 1);
    sha256_end(&sha, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every allocation in turn fails: the status says so, and nothing leaks (under AddressSanitizer). jansson takes some of
 * its own failures for a fault of the text; then the sentence speaks of JSON. */
static void fail_each(const struct bytes *file, const char *path)
{
    struct weights *weights;
    uint64_t failures = 0;
    for (uint64_t n = 1;; n++) {
        vkr_mem_fail_at(n);
        vks_status status = path ? weights_open(path, &weights) : weights_open_memory(file->data, file->size, &weights);
        bool reached = vkr_mem_calls() >= n;
        vkr_mem_fail_at(0);
        if (!reached) {
            assert_int_equal(status, VKS_OK);
            weights_close(&weights);
            break;
        }
        failures++;
        bool told = status == VKS_ERR_HOST_MEMORY && strstr(vks_last_error(), "memory");
        if (weights || !(told || (status == VKS_ERR_MODEL && strstr(vks_last_error(), "no JSON object"))))
            fail_msg("allocation %llu: %s: %s", (unsigned long long)n, vks_status_name(status), vks_last_error());
    }
    assert_true(failures > 4);
}

static void *json_allocate(size_t size)
{
    return vkr_calloc(1, size);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct bytes files[] = { small_safetensors(), small_torch() };
    json_set_alloc_funcs(json_allocate, vkr_free);                      /* the JSON library fails, too */
    for (int i = 0; i < 2; i++) {
        write_file(in_folder("small"), files[i].data, files[i].size);
        fail_each(&files[i], NULL);
        fail_each(&files[i], in_folder("small"));
        drop(&files[i]);
    }
    json_set_alloc_funcs(malloc, free);
    struct mapping mapping;
    vkr_mem_fail_at(1);
    assert_refused(VKS_ERR_HOST_MEMORY, "memory", mapping_open_read(in_folder("small"), &mapping));
    vkr_mem_fail_at(0);
}

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    static const char *const names[] = { "empty", "big", "small" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_named), cmocka_unit_test(a_length_may_begin_like_a_magic),
        cmocka_unit_test(common_prefixes_go), cmocka_unit_test(views_become_dense),
        cmocka_unit_test(mapped_and_read_files_agree), cmocka_unit_test(sha256_vectors), cmocka_unit_test(sha256_both_ways),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
