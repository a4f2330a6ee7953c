/* sam2_geometry.c: SAM 2.1 T, S, B+ and L at 1024 by their shapes alone, against what the package sam2 1.1.0 builds; and
 * blocks in bands of windows. Plans only: no device, no number of a weight is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/handles.h"
#include "base/mem.h"
#include "graph/plan.h"
#include "models/family.h"
#include "models/sam2_encoder.h"
#include "models/sam2_keys.h"
#include "models/synthetic.h"

/* `parameters` as the package counts them. It counts one vector more, which no published checkpoint uses, and not the
 * matrix of the positional encoding: 256 numbers each. */
static const struct variant {
    const char *model, *name;
    uint64_t parameters;
    uint32_t width, heads, background, stages[SAM2_STAGES];
    struct {
        uint32_t window, blocks;
    } runs[12];
} variants[] = {
    { "synthetic:sam2_hiera_t", "hiera_t", 38962498, 96, 1, 7, { 1, 2, 7, 2 },
      { { 8, 2 }, { 4, 2 }, { 14, 1 }, { 0, 1 }, { 14, 1 }, { 0, 1 }, { 14, 1 }, { 0, 1 }, { 14, 1 }, { 7, 1 } } },
    { "synthetic:sam2_hiera_s", "hiera_s", 46060354, 96, 1, 7, { 1, 2, 11, 2 },
      { { 8, 2 }, { 4, 2 }, { 14, 3 }, { 0, 1 }, { 14, 2 }, { 0, 1 }, { 14, 2 }, { 0, 1 }, { 14, 1 }, { 7, 1 } } },
    { "synthetic:sam2_hiera_b", "hiera_b+", 80850178, 112, 2, 14, { 2, 3, 16, 3 },
      { { 8, 3 }, { 4, 3 }, { 14, 6 }, { 0, 1 }, { 14, 3 }, { 0, 1 }, { 14, 3 }, { 0, 1 }, { 14, 1 }, { 7, 2 } } },
    { "synthetic:sam2_hiera_l", "hiera_l", 224446642, 144, 2, 7, { 2, 6, 36, 4 },
      { { 8, 3 }, { 4, 6 }, { 16, 14 }, { 0, 1 }, { 16, 9 }, { 0, 1 }, { 16, 9 }, { 0, 1 }, { 16, 1 }, { 8, 3 } } },
};

static void check(vks_status status, const char *what)
{
    if (status != VKS_OK)
        fail_msg("%s: %s", what, vks_last_error());
}

static void check_blocks(const struct variant *v, const struct weights *weights)
{
    struct schema schema = { .weights = weights, .key = sam2_key_published };
    const struct hyper hyper = { .weights = weights };
    struct sam2_encoder e;
    uint32_t block = 0;
    check(sam2_encoder_open(&e, &schema, &hyper, 1024), v->name);
    assert_int_equal(e.background[0], v->background);
    assert_int_equal(e.background[1], v->background);
    for (uint32_t i = 0; v->runs[i].blocks; i++)
        for (uint32_t n = 0; n < v->runs[i].blocks; n++)
            assert_int_equal(e.blocks[block++].window, v->runs[i].window);
    assert_int_equal(e.depth, block);
    block = 0;
    for (uint32_t stage = 0; stage < SAM2_STAGES; stage++)
        for (uint32_t n = 0; n < v->stages[stage]; n++, block++) {
            const struct sam2_block *b = &e.blocks[block];
            assert_int_equal(b->outputs, v->width << stage);
            assert_int_equal(b->hidden, 4 * b->outputs);
            assert_int_equal(b->heads, v->heads << stage);
            assert_int_equal(b->pool, stage > 0 && n == 0);
            assert_int_equal(b->last, n + 1 == v->stages[stage]);
        }
    assert_int_equal(e.depth, block);
    schema_free(&schema);
}

/* All stages can be planned for every kind of device: no binding, grid or variant is beyond its limits. */
static void check_presets(const struct variant *v, const struct network *network)
{
    static const struct preset {
        const char *name;
        struct vkr_caps (*make)(void);
    } presets[] = { { "minimum", vkr_caps_minimum },
                    { "lavapipe", vkr_caps_lavapipe },
                    { "phone", vkr_caps_phone },
                    { "desktop", vkr_caps_desktop } };
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        const struct vkr_target target = { .caps = presets[i].make() };
        uint64_t whole = 0, half = 0;
        check(model_estimate(network, &target, false, &whole), v->name);
        check(model_estimate(network, &target, true, &half), v->name);
        if (!whole || (half != 0) != ((target.caps.bits & VKR_CAP_F16) != 0))
            fail_msg("%s cannot be planned for %s: %s", v->name, presets[i].name, vks_last_error());
        assert_true(whole > 4 * v->parameters);
    }
}

static void is_as_published(void **state)
{
    const struct variant *v = *state;
    struct weights *weights = NULL;
    struct network *network = NULL;
    check(synthetic_or_file(v->model, &weights), v->model);
    check(family_open(weights, NULL, &network), v->model);
    assert_string_equal(network->family->name, "sam2");
    assert_string_equal(network->variant, v->name);
    assert_int_equal(network->parameters, v->parameters);
    assert_int_equal(network->image.side, 1024);
    assert_int_equal(network->grid, 64);
    assert_int_equal(network->channels, 256);
    assert_int_equal(network->low, 256);
    const uint32_t sides[3] = { 64, 256, 128 }, channels[3] = { 256, 32, 64 };
    for (uint32_t i = 0; i < 3; i++) {
        const struct vkr_desc *desc = &network->features[i].desc;
        assert_true(desc->dim[0] == sides[i] && desc->dim[1] == sides[i] && desc->dim[2] == channels[i]);
    }
    check_blocks(v, weights);
    check_presets(v, network);
    family_close(&network);
    weights_close(&weights);
}

/* Nodes whose name, the first word of their line, contains `part`. */
static uint32_t count_nodes(const char *text, const char *part)
{
    uint32_t count = 0;
    while (*text) {
        size_t name = strcspn(text, " \n");
        const char *found = strstr(text, part);
        count += found != NULL && found < text + name;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return count;
}

struct bands {
    const char *options;
    uint32_t attentions; /* one per band */
    uint64_t bytes;      /* of all tensors that a run makes */
};

static void plan_encoder(const struct weights *weights, struct bands *out)
{
    const struct vkr_target target = { .caps = vkr_caps_lavapipe() };
    const struct family_wish wish = { .options = out->options };
    struct vkr_estimate estimate = { 0 };
    struct network *network = NULL;
    struct vkr_graph *graph = NULL;
    char *text = NULL;
    check(family_open(weights, &wish, &network), out->options);
    check(vkr_graph_create(&target, &graph), out->options);
    network->family->encode(network, (struct nn){ graph, false }, NULL);
    check(vkr_plan_estimate(graph, &estimate), out->options);
    check(vkr_graph_print(graph, &text), out->options);
    out->attentions = count_nodes(text, ".attn.attention.");
    out->bytes = estimate.arena;
    vkr_free(text);
    vkr_graph_destroy(&graph);
    family_close(&network);
}

/* T has 12 blocks. At 1024 only the projection of the second, 144 MiB, is larger than a binding must be: two bands. In
 * bands of 16 MiB: the first (96 MiB) 8, the second 16, the third (36 MiB) 4, the fourth (72 MiB) 8, and not those whose
 * windows of 14 do not divide the grid of 64 or that attend globally. */
static void bands_of_windows(void **state)
{
    struct bands plans[] = { { .options = "image_size=512" },
                             { .options = "image_size=1024" },
                             { .options = "image_size=1024,band_kib=16384" } };
    struct weights *weights = NULL;
    (void)state;
    check(synthetic_or_file("synthetic:sam2_hiera_t", &weights), "synthetic:sam2_hiera_t");
    for (int i = 0; i < 3; i++) {
        plan_encoder(weights, &plans[i]);
        print_message("%s: %u bands, %llu MiB\n", plans[i].options, plans[i].attentions,
                      (unsigned long long)(plans[i].bytes >> 20));
    }
    assert_int_equal(plans[0].attentions, 12);
    assert_int_equal(plans[1].attentions, 13);
    assert_int_equal(plans[2].attentions, 8 + 16 + 4 + 8 + 8);
    assert_true(plans[2].bytes < plans[1].bytes * 3 / 5);
    weights_close(&weights);
}

static void refuses(void **state)
{
    static const char *const wrong[] = { "band_kib=0", "band_kib=131073", "band_kib=x" };
    struct weights *weights = NULL;
    (void)state;
    check(synthetic_or_file("synthetic:sam2_hiera_t", &weights), "synthetic");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct family_wish wish = { .options = wrong[i] };
        struct network *network = NULL;
        assert_int_equal(family_open(weights, &wish, &network), VKS_ERR_ARGUMENT);
        assert_non_null(strstr(vks_last_error(), "band_kib"));
        assert_null(network);
    }
    weights_close(&weights);
}

int main(void)
{
    enum { COUNT = sizeof variants / sizeof *variants };
    struct CMUnitTest tests[COUNT + 2];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){ variants[i].name, is_as_published, NULL, NULL, (void *)(size_t)&variants[i] };
    tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(bands_of_windows);
    tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(refuses);
    return cmocka_run_group_tests_name("sam2_geometry", tests, NULL, NULL);
}
