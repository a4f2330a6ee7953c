/* weights_synth.c: the generator of synthetic checkpoints: its test vectors, bad tables, and the tables of
 * shared/oracle (all of them with the argument "all"), whose every crc32 must come out. */
//! test src_weights_synth
//! test src_weights_synth_all all label=slow
#include "weights_build.h"

#include "base/mem.h"
#include "weights/sha256.h"
#include "weights/synth.h"

#include <jansson.h>
#include <locale.h>

static char folder[256], root[512];
static bool every_table;

static const char *in_folder(const char *name)
{
    static char paths[4][400];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* oracle/README.md, "Weight generator" */
static void vectors(void **state)
{
    (void)state;
    static const uint32_t half[] = { 0x3e7e8a3c, 0xbe67cc24, 0xbecbed7a, 0x3e0687d4 };
    static const uint32_t norm[] = { 0x3f93172b, 0x3f5d3afb, 0x3f42d25b, 0x3f8a16fd };
    float values[4], all[1000], pieces[1000];
    synth_fill("image_encoder.pos_embed", 7, 0, 0, 0.5f, 4, values);
    assert_memory_equal(values, half, sizeof half);
    synth_fill("image_encoder.pos_embed", 7, 0, 1, 0.3f, 4, values);
    assert_memory_equal(values, norm, sizeof norm);
    synth_fill("x", UINT64_MAX, 0, -2, 3, 1000, all);
    for (size_t at = 0, size = 1; at < 1000; at += size, size = size * 2 % 37)
        synth_fill("x", UINT64_MAX, at, -2, 3, at + size < 1000 ? size : 1000 - at, pieces + at);
    assert_memory_equal(all, pieces, sizeof all);
    for (int i = 0; i < 1000; i++)
        assert_true(all[i] >= -5 && all[i] < 1);
}

#define HEAD "#name\tdtype\tshape\tseed\tc\ta\tcrc32\tfirst\tlast\n"
#define BIAS "image_encoder.blocks.0.attn.proj.bias\tF32\t48\t107\t0.0\t0.2\tda230c1d\t-0.015230942\t0.04502621"
#define TRACKED "bn.num_batches_tracked\tI64\tscalar\t131\t0.0\t0.0\t6522df69\t0\t0\n"

static void writes_a_table(void **state)
{
    (void)state;
    static const char *const tables[] = { HEAD TRACKED BIAS "\n", TRACKED BIAS, HEAD TRACKED "#\n" BIAS "\r\n" };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct weights *weights;
        float values[48];
        write_file(in_folder("table"), tables[i], strlen(tables[i]));
        assert_ok(synth_write(in_folder("table"), in_folder("out")));
        assert_ok(weights_open(in_folder("out"), &weights));
        assert_int_equal(weights_count(weights), 2);
        assert_string_equal(weights_meta(weights, "origin"), "synthetic");
        const struct weights_entry *tracked = weights_at(weights, 0), *bias = weights_at(weights, 1);
        assert_true(tracked->desc.dtype == VKR_I64 && tracked->desc.rank == 0 && bias->desc.dim[0] == 48);
        assert_ok(weights_read(weights, bias, VKR_F32, values));
        assert_true(values[0] == -0.015230942f && values[47] == 0.04502621f);
        weights_close(&weights);
    }
}

static void refuses_bad_tables(void **state)
{
    (void)state;
    static const struct { vks_status status; const char *text, *word; } cases[] = {
        { VKS_ERR_CORRUPT, HEAD, "no tensor" },
        { VKS_ERR_CORRUPT, HEAD "\n", "line 2" },
        { VKS_ERR_CORRUPT, HEAD TRACKED "one\ttwo\n", "line 3" },
        { VKS_ERR_CORRUPT, BIAS "\tmore\n", "line 1" },
        { VKS_ERR_CORRUPT, BIAS "\n" BIAS "\n", "proj.bias is not behind" },
        { VKS_ERR_CORRUPT, BIAS "\n" TRACKED, "line 2" },
        { VKS_ERR_CORRUPT, "\tF32\t1\t1\t0\t1\t00000000\t0\t0\n", "name" },
        { VKS_ERR_CORRUPT, "a\"b\tF32\t1\t1\t0\t1\t00000000\t0\t0\n", "name" },
        { VKS_ERR_CORRUPT, "a b\tF32\t1\t1\t0\t1\t00000000\t0\t0\n", "name" },
        { VKS_ERR_CORRUPT, "\xc3\xa4\tF32\t1\t1\t0\t1\t00000000\t0\t0\n", "name" },
        { VKS_ERR_CORRUPT, "a\tF16\t1\t1\t0\t1\t00000000\t0\t0\n", "element type" },
        { VKS_ERR_CORRUPT, "a\tF32\t\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t1,,2\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t0\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t-1\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t4294967296\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t1,1,1,1,1,1\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t65536,65536,65536,65536\t1\t0\t1\t00000000\t0\t0\n", "shape" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t18446744073709551616\t0\t1\t00000000\t0\t0\n", "seed" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t\t0\t1\t00000000\t0\t0\n", "seed" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0,5\t1\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\tnan\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t1e\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t1e99\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t1.2.3\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t.\t00000000\t0\t0\n", "no number" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t1\t0000000\t0\t0\n", "crc32" },
        { VKS_ERR_CORRUPT, "a\tF32\t1\t1\t0\t1\t0000000g\t0\t0\n", "crc32" },
        { VKS_ERR_CHECK, "a\tF32\t1\t1\t0\t1\t00000000\t0\t0\n", "line 1 of the table: a has the crc32" },
        { VKS_ERR_CHECK, BIAS "\n" "z\tI64\t3\t1\t0\t1\t6522df69\t0\t0\n", "line 2 of the table: z has the crc32" },
    };
    remove(in_folder("out"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(in_folder("table"), cases[i].text, strlen(cases[i].text));
        assert_refused(cases[i].status, cases[i].word, synth_write(in_folder("table"), in_folder("out")));
        assert_int_not_equal(access(in_folder("out"), F_OK), 0);        /* no half-written file, whatever its name */
    }
    char *line = malloc(70000);
    memset(line, 'a', 70000);
    write_file(in_folder("table"), line, 70000);
    assert_refused(VKS_ERR_CORRUPT, "too long", synth_write(in_folder("table"), in_folder("out")));
    free(line);
    write_file(in_folder("table"), "a\0b", 3);
    assert_refused(VKS_ERR_CORRUPT, "no text", synth_write(in_folder("table"), in_folder("out")));
    assert_refused(VKS_ERR_NOT_FOUND, "absent", synth_write(in_folder("absent"), in_folder("out")));
    write_file(in_folder("table"), BIAS, strlen(BIAS));
    assert_refused(VKS_ERR_OUTPUT, "no/such", synth_write(in_folder("table"), in_folder("no/such")));
    assert_refused(VKS_ERR_OUTPUT, "cannot replace", synth_write(in_folder("table"), folder));
    for (uint64_t n = 1;; n++) {
        vkr_mem_fail_at(n);
        vks_status status = synth_write(in_folder("table"), in_folder("out"));
        bool reached = vkr_mem_calls() >= n;
        vkr_mem_fail_at(0);
        assert_int_equal(status, reached ? VKS_ERR_HOST_MEMORY : VKS_OK);
        if (!reached)
            break;
    }
}

/* The decimal comma of the application's language must not change a table. */
static void ignores_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found) {
        print_message("no locale with a decimal comma is installed: skipped\n");
        skip();
    }
    write_file(in_folder("table"), BIAS, strlen(BIAS));
    assert_ok(synth_write(in_folder("table"), in_folder("out")));
    setlocale(LC_ALL, "C");
}

/* The SHA-256 of all tensors' bytes in the order of the table, which is that of the file. */
static void check_sha256(const char *table, const char *expected)
{
    struct weights *weights;
    struct sha256 sha;
    char hex[65];
    assert_ok(weights_open(in_folder("out"), &weights));
    sha256_begin(&sha);
    for (uint32_t i = 0; i < weights_count(weights); i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        sha256_add(&sha, entry->data, (size_t)vkr_bytes(&entry->desc));
        weights_release(weights, entry);
    }
    sha256_end(&sha, hex);
    print_message("%s: %u tensors, %s\n", table, weights_count(weights), hex);
    assert_string_equal(hex, expected);
    weights_close(&weights);
}

static void tables_of_the_oracle(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "01m_sam_mini", "01x_sam_mini_stress", "07a_universeg_small", "07b_universeg_v1", "05_mobilesam_1024",
        "01_sam_tiny_w8", "02a_sam_tiny_w7_pad", "02b_sam_tiny_w14_pad", "04_medsam_small", "06_sam_med2d_small",
        "08_medsam2_tiny_512", "08b_medsam2_absent", "03_sam_vit_b_1024",
    };
    for (size_t i = 0; i < (every_table ? sizeof cases / sizeof *cases : 5); i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/oracle/%s/case.json", root, cases[i]);
        json_t *description = json_load_file(path, 0, NULL);
        if (!description) {
            print_message("no %s: skipped\n", path);
            skip();
        }
        snprintf(path, sizeof path, "%s/oracle/%s/weights.tsv", root, cases[i]);
        assert_ok(synth_write(path, in_folder("out")));
        check_sha256(cases[i], json_string_value(json_object_get(json_object_get(description, "weights"),
                                                                 "sha256_sorted_concat")));
        json_decref(description);
    }
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
    remove(in_folder("table"));
    remove(in_folder("out"));
    return rmdir(folder);               /* fails if a temporary file was left behind */
}

int main(int count, char **arguments)
{
    const char *shared = getenv("VKS_SHARED");
    every_table = count > 1 && strcmp(arguments[1], "all") == 0;
    snprintf(root, sizeof root, "%s", shared && *shared ? shared : VKS_SHARED_DIR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors), cmocka_unit_test(writes_a_table), cmocka_unit_test(refuses_bad_tables),
        cmocka_unit_test(ignores_the_locale), cmocka_unit_test(tables_of_the_oracle),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
