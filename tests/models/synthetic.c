/* synthetic.c: generated models: the bytes of golden cases where name and seeds are equal, and every name opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/handles.h"
#include "base/mem.h"
#include "models/family.h"
#include "models/synthetic.h"

static struct weights *open_model(const char *name)
{
    struct weights *weights = NULL;
    if (synthetic_or_file(name, &weights) != VKS_OK)
        fail_msg("%s: %s", name, vks_last_error());
    return weights;
}

/* SHA-256 of all elements, tensors ascending by name, as published with the golden cases. */
static void check_bytes(const char *name, const char *expected)
{
    char hex[65];
    struct weights *weights = open_model(name);
    assert_int_equal(weights_sha256(weights, hex), VKS_OK);
    assert_string_equal(hex, expected);
    weights_close(&weights);
}

static void equals_golden_cases(void **state)
{
    (void)state;
    check_bytes("synthetic:sam_mini", "3724dcc8967e5e599af559eada129a23ace1e2974883982153d70628933e79bd");
    check_bytes("synthetic:sam_mini:107", "3724dcc8967e5e599af559eada129a23ace1e2974883982153d70628933e79bd");
    check_bytes("synthetic:medsam2", "38bb4788daceb918c963a6170d6169ff988b8a901c3709cb89157f6b8c79c352");
    check_bytes("synthetic:sam_vit_b:111", "6a8dbbd2b1b56663e658d1e26f40b592483f9207c54f6667716a78880e41205e");
}

/* What `vkseg info` calls GMAC is what the graph multiplies: also where padding is left out, and what is kept. */
static void check_work(const char *name, const struct network *network)
{
    const struct vkr_target desktop = { .caps = vkr_caps_desktop() };
    struct vkr_graph *graph = NULL;
    struct vkr_estimate estimate = { 0 };
    assert_int_equal(vkr_graph_create(&desktop, &graph), VKS_OK);
    network->family->encode(network, (struct nn){ graph, false }, NULL);
    assert_int_equal(vkr_plan_estimate(graph, &estimate), VKS_OK);
    vkr_graph_destroy(&graph);
    double counted = estimate.flops * 0.5e-9;
    printf("%s: %.2f GMAC said, %.2f in the graph\n", name, network->encoder_gmac, counted);
    if (!(counted > 0.99 * network->encoder_gmac && counted < 1.03 * network->encoder_gmac))
        fail_msg("%s: %.2f GMAC are said, the graph has %.2f", name, network->encoder_gmac, counted);
}

static void every_name_opens(void **state)
{
    static const char *const names[] = {
#define SYNTHETIC(name, family, encoder, decoder) #name,
#include "models/synthetic.def"
#undef SYNTHETIC
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[128];
        struct network *network = NULL;
        snprintf(text, sizeof text, "synthetic:%s:5", names[i]);
        struct weights *weights = open_model(text);
        if (family_open(weights, NULL, &network) != VKS_OK)
            fail_msg("%s: %s", text, vks_last_error());
        assert_string_equal(network->family->name, weights_meta(weights, "vkseg.family"));
        assert_string_equal(weights_format(weights), "synthetic");
        if (network->family->encode)
            check_work(text, network);
        for (int half = 0; half <= 1; half++) {     /* a desktop device can run it */
            const struct vkr_target desktop = { .caps = vkr_caps_desktop() };
            uint64_t bytes;
            assert_int_equal(model_estimate(network, &desktop, half, &bytes), VKS_OK);
            if (bytes < 1 << 20)
                fail_msg("%s cannot be planned for a desktop device: %s", text, vks_last_error());
        }
        family_close(&network);
        weights_close(&weights);
    }
}

/* For `vkseg bench`: a generated model of each family, and for one of them at least what its output must be. */
static void every_family_has_a_golden(void **state)
{
    static const struct { const char *name, *family, *seed; } models[] = {
#define SYNTHETIC(name, family, encoder, decoder) { "synthetic:" #name, #family, #encoder },
#include "models/synthetic.def"
#undef SYNTHETIC
    };
    static const struct { const char *name, *seed, *text; } goldens[] = {
#include "vkseg/bench_goldens.inc"
    };
    (void)state;
    for (uint32_t f = 0; family_at(f); f++) {
        int found = 0;
        for (size_t m = 0; m < sizeof models / sizeof *models; m++)
            for (size_t g = 0; g < sizeof goldens / sizeof *goldens; g++)
                found += strcmp(models[m].family, family_at(f)->name) == 0 &&
                         strcmp(models[m].name, goldens[g].name) == 0 && strcmp(models[m].seed, goldens[g].seed) == 0;
        if (!found)
            fail_msg("no generated model of the family %s has a golden", family_at(f)->name);
    }
    for (size_t g = 0; g < sizeof goldens / sizeof *goldens; g++) {
        int found = 0;
        for (size_t m = 0; m < sizeof models / sizeof *models; m++)
            found += strcmp(models[m].name, goldens[g].name) == 0 && strcmp(models[m].seed, goldens[g].seed) == 0;
        if (!found)
            fail_msg("the golden of %s is of no generated model", goldens[g].name);
    }
}

/* A tensor read as f16 is the f32 one, rounded; another seed gives other elements. */
static void reads_both_types(void **state)
{
    enum { COUNT = 144 * 48 };
    static float single[COUNT], other[COUNT];
    static uint16_t half[COUNT];
    (void)state;
    struct weights *weights = open_model("synthetic:sam_mini"), *second = open_model("synthetic:sam_mini:8");
    const struct weights_entry *entry = weights_find(weights, "image_encoder.blocks.1.attn.qkv.weight");
    assert_non_null(entry);
    assert_int_equal(vkr_numel(&entry->desc), COUNT);
    assert_int_equal(weights_read(weights, entry, VKR_F32, single), VKS_OK);
    assert_int_equal(weights_read(weights, entry, VKR_F16, half), VKS_OK);
    assert_int_equal(weights_read(second, weights_find(second, entry->name), VKR_F32, other), VKS_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(half[i], vkr_f32_to_f16(single[i]));
    assert_memory_not_equal(single, other, sizeof single);
    weights_release(weights, entry);
    weights_close(&weights);
    weights_close(&second);
}

static void refuses(void **state)
{
    static const struct { const char *name, *word; } wrong[] = {
        { "synthetic:", "there are sam_vit_b" },          { "synthetic:sam_vit_c", "there are sam_vit_b" },
        { "synthetic:sam_vit", "there are" },             { "synthetic:sam_mini:", "whole number" },
        { "synthetic:sam_mini:x", "whole number" },       { "synthetic:sam_mini:-1", "whole number" },
        { "synthetic:sam_mini:1:2", "whole number" },     { "synthetic:sam_mini:99999999999999999999", "whole number" },
    };
    struct weights *weights = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(synthetic_open(wrong[i].name, &weights), VKS_ERR_MODEL);
        assert_null(weights);
        if (!strstr(vks_last_error(), wrong[i].word))
            fail_msg("%s: \"%s\" is not in: %s", wrong[i].name, wrong[i].word, vks_last_error());
    }
    assert_true(synthetic_is("synthetic:a") && !synthetic_is("synthetic.pth"));
}

/* Out of memory at every allocation in turn: a status, nothing leaked, nothing half open. */
static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct weights *weights = NULL;
        vkr_mem_fail_at(n);
        vks_status status = synthetic_open("synthetic:sam_mini", &weights);
        vkr_mem_fail_at(0);
        if (status == VKS_OK) {
            assert_true(n > 10);
            weights_close(&weights);
            return;
        }
        assert_int_equal(status, VKS_ERR_HOST_MEMORY);
        assert_null(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_golden_cases), cmocka_unit_test(every_name_opens), cmocka_unit_test(every_family_has_a_golden),
        cmocka_unit_test(reads_both_types),
        cmocka_unit_test(refuses),             cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
