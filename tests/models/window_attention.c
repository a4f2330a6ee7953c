/* window_attention.c: attention that reads windows from their grid, and stores them there, is attention of windows that were
 * cut, bit for bit; where keys beyond the grid are weighed as one, to a rounding or two. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "graph/plan.h"
#include "ops.h"
#include "support/device.h"
#include "support/harness.h"

enum { HEADS = 2, WIDTH = 12, INNER = HEADS * WIDTH, BATCH = 2, MOST = 4096 * 16 };

static struct vkr_device *device;

static void fill(float *data, uint64_t count, uint64_t state)
{
    for (uint64_t i = 0; i < count; i++)
        data[i] = (float)harness_random(&state);
}

static vks_status read_param(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    (void)user;
    fill(dst, vkr_numel(desc), strlen(name));
    return VKS_OK;
}

struct scene { uint32_t height, width, size; bool has_fill, relative, pools; uint32_t less; bool biased; };

/* Of the queries and the result, which is put back on a grid that is smaller by `less`. */
static void sides_of(const struct scene *s, uint32_t *height, uint32_t *width, uint32_t *size)
{
    *height = s->pools ? s->height / 2 : s->height;
    *width = s->pools ? s->width / 2 : s->width;
    *size = s->pools ? s->size / 2 : s->size;
}

/* What is added is zero: it keeps attention from seeing that these were windows. */
static struct vkr_tensor *hidden(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *zero)
{
    return vkr_add(g, x, zero);
}

static struct vkr_tensor *attend(struct vkr_graph *g, struct vkr_tensor *q, struct vkr_tensor *kv, struct vkr_tensor *rel_h,
                                 struct vkr_tensor *rel_w, struct vkr_tensor *bias, const struct vkr_attention *a)
{
    return bias ? vkr_attention_biased(g, q, kv, kv, bias, a) : vkr_attention(g, q, kv, kv, rel_h, rel_w, a);
}

static void build(struct vkr_graph *g, const struct scene *s)
{
    const struct vkr_attention a = { .heads = HEADS, .head_dim = WIDTH, .q_offset = 0, .k_offset = INNER, .v_offset = 2 * INNER,
                                     .scale = 0.3f, .grid_h = s->size, .grid_w = s->size };
    struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(4, BATCH, s->height, s->width, 3 * INNER));
    struct vkr_tensor *zero = vkr_graph_input(g, "zero", vkr_f32(1, 3 * INNER));
    struct vkr_tensor *bias = s->has_fill ? vkr_graph_param(g, "fill", vkr_f32(1, 3 * INNER)) : NULL;
    struct vkr_tensor *all = vkr_window(g, x, bias, s->size), *q = all, *rel_h = NULL, *rel_w = NULL;
    if (s->relative) {
        rel_h = vkr_graph_param(g, "rel_h", vkr_f32(2, 2 * s->size - 1, WIDTH));
        rel_w = vkr_graph_param(g, "rel_w.", vkr_f32(2, 2 * s->size - 1, WIDTH));
    }
    if (s->pools) {     /* queries of half the grid, with a fill of their own */
        const struct vkr_pool pool = { .kind = VKR_POOL_MAX, .window = { 1, 2, 2 }, .stride = { 1, 2, 2 } };
        q = vkr_window(g, vkr_pool(g, x, &pool), vkr_graph_param(g, "other fill", vkr_f32(1, 3 * INNER)), s->size / 2);
    }
    uint32_t height, width, size;
    sides_of(s, &height, &width, &size);
    struct vkr_tensor *weights = NULL;
    if (s->biased)
        weights = vkr_graph_param(g, "weights", vkr_f32(3, HEADS, size * size, s->size * s->size));
    struct vkr_tensor *seen = attend(g, q, all, rel_h, rel_w, weights, &a);
    vkr_graph_output(g, seen, "seen");
    vkr_graph_output(g, vkr_unwindow(g, seen, BATCH, height - s->less, width - s->less, size), "back");
    struct vkr_tensor *cut = hidden(g, all, zero);
    vkr_graph_output(g, attend(g, s->pools ? hidden(g, q, zero) : cut, cut, rel_h, rel_w, weights, &a), "cut");
}

/* What results may differ by. */
static float slack_of(const struct scene *s)
{
    const bool pads = s->height % s->size || s->width % s->size;
    return pads && !s->relative ? 4e-7f : 0;
}

/* Nobody cuts windows where attention can read them, nor puts them back: without "cut" the plan has no such dispatch. Queries
 * whose result is not put back are cut. */
static void check_plan(const struct vkr_target *target, const struct scene *s)
{
    struct vkr_graph *g = NULL;
    char *text = NULL;
    assert_int_equal(vkr_graph_create(target, &g), VKS_OK);
    const struct vkr_attention a = { .heads = HEADS, .head_dim = WIDTH, .k_offset = INNER, .v_offset = 2 * INNER, .scale = 1 };
    struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(4, BATCH, s->height, s->width, 3 * INNER));
    struct vkr_tensor *all = vkr_window(g, x, NULL, s->size);
    struct vkr_tensor *y = vkr_attention(g, all, all, all, NULL, NULL, &a);
    vkr_graph_output(g, vkr_unwindow(g, y, BATCH, s->height - s->less, s->width - s->less, s->size), "back");
    assert_int_equal(vkr_plan_print(g, &text), VKS_OK);
    const bool reads = strstr(text, "attention_vec/") != NULL;
    assert_int_equal(reads && s->less == 0, strstr(text, "window/part") == NULL);
    assert_int_equal(reads && s->less == 0, strstr(text, "window/unpart") == NULL);
    vkr_free(text);
    vkr_graph_destroy(&g);
}

/* `back` is the rows of `cut` that lie on their grid. */
static void check_back(const struct scene *s, const float *back, const float *cut)
{
    uint32_t height, width, size;
    sides_of(s, &height, &width, &size);
    const uint32_t down = (height + size - 1) / size, across = (width + size - 1) / size;
    height -= s->less;
    width -= s->less;
    for (uint32_t i = 0; i < BATCH * height * width; i++) {
        const uint32_t x = i % width, y = i / width % height, image = i / width / height;
        const uint32_t window = (image * down + y / size) * across + x / size;
        const float *row = cut + ((uint64_t)(window * size + y % size) * size + x % size) * INNER;
        for (uint32_t c = 0; c < INNER; c++)
            if (!(fabsf(back[i * INNER + c] - row[c]) <= slack_of(s)))
                fail_msg("image %u, row %u, column %u, channel %u: %g put back, %g cut", image, y, x, c,
                         (double)back[i * INNER + c], (double)row[c]);
    }
}

static void same_bits(void **state)
{
    const struct scene *s = *state;
    const struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    struct vkr_params *params = NULL;
    struct vkr_plan *plan = NULL;
    struct vkr_graph *g = NULL;
    static float x[MOST], seen[MOST], cut[MOST], back[MOST];
    const uint64_t count = (uint64_t)BATCH * s->height * s->width * 3 * INNER;
    uint32_t side, height, width;
    sides_of(s, &height, &width, &side);
    const uint64_t results = (uint64_t)BATCH * ((height + side - 1) / side) * ((width + side - 1) / side) * side * side * INNER;
    assert_true(count <= MOST && results <= MOST);
    check_plan(&target, s);
    assert_int_equal(vkr_graph_create(&target, &g), VKS_OK);
    build(g, s);
    assert_int_equal(vkr_params_create(device, &(struct vkr_params_source){ read_param, NULL }, &params), VKS_OK);
    if (vkr_plan_create(device, g, params, &plan) != VKS_OK)
        fail_msg("%s", vks_last_error());
    fill(x, count, 5);
    assert_int_equal(vkr_plan_write(plan, "x", x, count * sizeof *x), VKS_OK);
    memset(cut, 0, sizeof cut);
    assert_int_equal(vkr_plan_write(plan, "zero", cut, 3 * INNER * sizeof *cut), VKS_OK);
    assert_int_equal(vkr_plan_run(plan, NULL), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, "seen", seen, results * sizeof *seen), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, "cut", cut, results * sizeof *cut), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, "back", back, (uint64_t)BATCH * (height - s->less) * (width - s->less) * INNER * sizeof *back), VKS_OK);
    check_back(s, back, cut);
    for (uint64_t i = 0; i < results; i++)
        if (!(fabsf(seen[i] - cut[i]) <= slack_of(s)))
            fail_msg("element %llu: %g seen, %g cut", (unsigned long long)i, (double)seen[i], (double)cut[i]);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    vkr_graph_destroy(&g);
    assert_int_equal(vkr_validation_messages(), 0);
}

int main(void)
{
    static struct scene scenes[] = {
        { 8, 12, 4, true, false, false, 0, false },     { 7, 10, 4, true, false, false, 0, false },
        { 7, 10, 4, false, false, false, 0, false },    { 9, 5, 7, true, true, false, 0, false },
        { 8, 12, 4, true, false, true, 0, false },      { 10, 6, 4, true, false, true, 0, false },
        { 10, 18, 14, false, true, false, 0, false },   { 7, 10, 4, true, false, false, 1, false },
        { 8, 12, 4, true, false, false, 0, true },      { 9, 10, 7, true, false, false, 0, true },
        { 9, 10, 7, false, false, false, 0, true },     { 10, 6, 4, true, false, true, 0, true },
    };
    static const char *const names[] = { "whole windows", "padded with a fill", "padded with zeros", "padded, relative positions",
                                         "pooled queries", "pooled queries, padded", "larger windows", "back on a smaller grid", "biased",
                                         "biased, padded with a fill", "biased, padded with zeros", "biased, pooled, padded" };
    enum { COUNT = sizeof scenes / sizeof *scenes };
    struct CMUnitTest tests[COUNT];
    device = harness_open();
    if (!device)
        return 77;
    for (int i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){ names[i], same_bits, NULL, NULL, &scenes[i] };
    int failed = cmocka_run_group_tests_name("window attention", tests, NULL, NULL);
    vkr_device_release(&device);
    return test_verdict(failed);
}
