/* passes.c: the pure passes on made-up operators and random graphs: no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "graph/op.h"
#include "graph/plan.h"
#include "graph/program.h"

/* An operator of the test's own: any number of f32 inputs of one shape. It borrows the shader of `binary`, whose record
 * is checked like any other; nothing here is ever dispatched. */
struct mix_params { uint32_t salt, groups; };

static vks_status mix_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    (void)params;
    for (uint32_t i = 1; i < count; i++)
        VKS_REQUIRE(vkr_same_shape(&in[0], &in[i]), VKS_ERR_SHAPE, "mix: %s and %s differ", VKR_SHAPE(&in[0]), VKR_SHAPE(&in[i]));
    *out = in[0];
    return VKS_OK;
}

static vks_status mix_lower(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                            struct vkr_tensor *out)
{
    const struct mix_params *p = params;
    struct vkr_dispatch d = { .shader = "layer_norm", .variant = "f32", .args = &p->salt, .args_size = 4,
                              .groups = { p->groups ? p->groups : 1, 1, 1 }, .bind_count = count + 1, .writes = 1u << count };
    for (uint32_t i = 0; i < count; i++)
        d.bind[i] = in[i];
    d.bind[count] = out;
    return vkr_emit(lower, &d);
}

static const struct vkr_op mix = { "mix", sizeof(struct mix_params), mix_infer, mix_lower, NULL };

static struct vkr_tensor *add_mix(struct vkr_graph *g, struct vkr_tensor *const *in, uint32_t count, uint32_t salt)
{
    return vkr_graph_node(g, &mix, &(struct mix_params){ salt, 0 }, in, count);
}

static struct vkr_graph *new_graph(void)
{
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    struct vkr_graph *graph;
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    return graph;
}

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* A random graph of `count` nodes over tensors of three sizes; returns with one output. */
static struct vkr_graph *random_graph(uint32_t seed, uint32_t count)
{
    struct vkr_graph *g = new_graph();
    struct vkr_tensor *known[3][128];
    uint32_t known_count[3] = { 1, 1, 1 };
    for (uint32_t k = 0; k < 3; k++) {
        char name[8];
        snprintf(name, sizeof name, "in%u", k);
        known[k][0] = vkr_graph_input(g, name, vkr_f32(2, 17 + 40 * k, 113));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = next(&seed) >> 16 & 0xffff, size = k % 3;
        struct vkr_tensor *in[3];
        uint32_t n = 1 + (next(&seed) >> 16) % 3;
        for (uint32_t j = 0; j < n; j++)
            in[j] = known[size][(next(&seed) >> 8) % known_count[size]];
        known[size][known_count[size]++] = add_mix(g, in, n, i);
    }
    for (uint32_t k = 0; k < 3; k++) {
        char name[8];
        snprintf(name, sizeof name, "out%u", k);
        vkr_graph_output(g, known[k][known_count[k] - 1], name);
    }
    assert_int_equal(vkr_graph_status(g), VKS_OK);
    return g;
}

static bool bytes_meet(const struct vkr_place *a, const struct vkr_place *b)
{
    return a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

/* No two tensors that live at the same time share a byte; everything is aligned and inside; and no plan is larger than
 * giving each tensor its own place. */
static void test_planner_properties(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct vkr_graph *g = random_graph(seed, 5 + seed);
        struct vkr_program p;
        vkr_fold(g);
        assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
        uint64_t sum = 0, align = g->target.caps.align;
        for (uint32_t i = 0; i < p.place_count; i++) {
            if (p.places[i].space != VKR_SPACE_ARENA)
                continue;
            sum += (p.places[i].size + align - 1) / align * align;
            assert_int_equal(p.places[i].offset % align, 0);
            assert_true(p.places[i].offset + p.places[i].size <= p.arena_bytes);
            for (uint32_t k = 0; k < i; k++)
                if (p.places[k].space == VKR_SPACE_ARENA && p.places[i].first <= p.places[k].last &&
                    p.places[k].first <= p.places[i].last)
                    assert_false(bytes_meet(&p.places[i], &p.places[k]));
        }
        assert_true(p.arena_bytes <= sum);
        vkr_program_destroy(&p);
        vkr_graph_destroy(&g);
    }
}

/* Between two steps that touch the same bytes, one of them writing, there is always a barrier. */
static void test_schedule_covers_every_hazard(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct vkr_graph *g = random_graph(seed, 5 + seed);
        struct vkr_program p;
        vkr_fold(g);
        assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
        for (uint32_t s = 0; s < p.step_count; s++) {
            bool barrier_between = false;
            for (uint32_t q = s; q-- > 0;) {
                barrier_between = barrier_between || p.steps[q + 1].barrier;
                const struct vkr_dispatch *now = &p.steps[s].dispatch, *before = &p.steps[q].dispatch;
                for (uint32_t i = 0; i < now->bind_count; i++)
                    for (uint32_t k = 0; k < before->bind_count; k++)
                        if (((now->writes >> i | before->writes >> k) & 1u) &&
                            bytes_meet(&p.places[now->bind[i]->base->index], &p.places[before->bind[k]->base->index]))
                            assert_true(barrier_between);
            }
        }
        vkr_program_destroy(&p);
        vkr_graph_destroy(&g);
    }
}

static void test_guards_separate_tensors(void **state)
{
    (void)state;
    struct vkr_graph *g = random_graph(7, 30);
    struct vkr_program p;
    g->target.options.guard = 64;
    vkr_fold(g);
    assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
    for (uint32_t i = 0; i < p.place_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (p.places[i].space == VKR_SPACE_ARENA && p.places[k].space == VKR_SPACE_ARENA) {
                const struct vkr_place *a = &p.places[i], *b = &p.places[k];
                assert_true(a->offset >= b->offset + b->size + 64 || b->offset >= a->offset + a->size + 64);
            }
    vkr_program_destroy(&p);
    vkr_graph_destroy(&g);
}

/* Nodes on parameters alone are folded; what nothing needs is dead; equal nodes are one. */
static void test_fold_and_sharing(void **state)
{
    (void)state;
    struct vkr_graph *g = new_graph();
    struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(1, 8)), *w = vkr_graph_param(g, "w", vkr_f32(1, 8));
    struct vkr_tensor *packed = add_mix(g, &w, 1, 1);
    struct vkr_tensor *again = add_mix(g, &w, 1, 1), *other = add_mix(g, &w, 1, 2);
    struct vkr_tensor *y = add_mix(g, (struct vkr_tensor *[]){ x, packed }, 2, 3);
    struct vkr_tensor *dead = add_mix(g, &x, 1, 4);
    assert_ptr_equal(packed, again);
    assert_ptr_not_equal(packed, other);
    assert_ptr_equal(w, vkr_graph_param(g, "w", vkr_f32(1, 8)));
    vkr_graph_output(g, y, "y");
    struct vkr_program p;
    char name[256], name2[256];
    vkr_fold(g);
    assert_true(g->nodes[packed->producer].folded);
    assert_false(g->nodes[y->producer].folded);
    assert_false(g->nodes[dead->producer].live);
    assert_int_equal(vkr_fold_name(g, packed, name, sizeof name), VKS_OK);
    assert_int_equal(vkr_fold_name(g, other, name2, sizeof name2), VKS_OK);
    assert_string_not_equal(name, name2);
    assert_non_null(strstr(name, "w:f32[8]"));
    assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
    assert_int_equal(p.step_count, 1);
    assert_int_equal(p.places[packed->index].space, VKR_SPACE_PARAM);
    vkr_program_destroy(&p);
    assert_int_equal(vkr_program_build(g, packed, &p), VKS_OK);         /* the folding program */
    assert_int_equal(p.step_count, 1);
    assert_int_equal(p.places[packed->index].space, VKR_SPACE_PARAM);
    assert_int_equal(p.places[w->index].space, VKR_SPACE_ARENA);
    vkr_program_destroy(&p);
    vkr_graph_destroy(&g);
}

/* The first failure is the one reported, with the module path; everything after it is harmless. */
static void test_sticky_error(void **state)
{
    (void)state;
    struct vkr_graph *g = new_graph();
    struct vkr_tensor *a = vkr_graph_input(g, "a", vkr_f32(2, 3, 5)), *b = vkr_graph_input(g, "b", vkr_f32(2, 5, 3));
    vkr_graph_push(g, "blocks.%d", 3);
    vkr_graph_push(g, "attn");
    struct vkr_tensor *bad = add_mix(g, (struct vkr_tensor *[]){ a, b }, 2, 0);
    vkr_graph_pop(g);
    vkr_graph_pop(g);
    assert_non_null(bad);
    bad = vkr_reshape(g, add_mix(g, &bad, 1, 0), vkr_f32(1, 77));
    vkr_graph_output(g, bad, "y");
    vks_fail(VKS_ERR_INTERNAL, "something later");
    assert_int_equal(vkr_graph_status(g), VKS_ERR_SHAPE);
    assert_string_equal(vks_last_error(), "blocks.3.attn: mix: [3, 5] and [5, 3] differ");
    char *text = NULL;
    assert_int_equal(vkr_plan_print(g, &text), VKS_ERR_SHAPE);
    assert_null(text);
    vkr_graph_destroy(&g);
}

/* Limits are refused on plain data: groups, bindings, storage buffers, capabilities. */
static void test_limits(void **state)
{
    (void)state;
    struct { uint32_t groups, inputs; uint64_t max_binding; const char *word; } cases[] = {
        { 65536, 1, 1u << 27, "65536 workgroups" }, { 1, 1, 16, "one binding" }, { 1, 4, 1u << 27, "5 storage buffers" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vkr_target target = { .caps = vkr_caps_minimum() };
        struct vkr_graph *g;
        target.caps.max_binding = cases[i].max_binding;
        assert_int_equal(vkr_graph_create(&target, &g), VKS_OK);
        struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(1, 8)), *in[] = { x, x, x, x };
        vkr_graph_output(g, vkr_graph_node(g, &mix, &(struct mix_params){ 0, cases[i].groups }, in, cases[i].inputs), "y");
        char *text = NULL;
        assert_int_equal(vkr_plan_print(g, &text), VKS_ERR_UNSUPPORTED);
        assert_non_null(strstr(vks_last_error(), cases[i].word));
        vkr_graph_destroy(&g);
    }
}

static void test_submissions_are_bounded(void **state)
{
    (void)state;
    struct vkr_graph *g = random_graph(3, 60);
    struct vkr_program p;
    vkr_fold(g);
    g->target.options.serial = true;
    assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
    assert_int_equal(p.submissions, p.step_count);
    vkr_program_destroy(&p);
    g->target.options.serial = false;
    assert_int_equal(vkr_program_build(g, NULL, &p), VKS_OK);
    assert_int_equal(p.submissions, 1);
    vkr_program_destroy(&p);
    vkr_graph_destroy(&g);
}

static void test_spread(void **state)
{
    (void)state;
    struct vkr_caps (*const presets[])(void) = { vkr_caps_minimum, vkr_caps_lavapipe, vkr_caps_phone, vkr_caps_desktop };
    const uint64_t counts[] = { 1, 65535, 65536, 131070, 131071, 10000000 };
    for (size_t k = 0; k < 4; k++) {
        struct vkr_target target = { .caps = presets[k]() };
        const uint32_t *limit = target.caps.max_groups;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            uint32_t groups[3], rows[3] = { 7, 0, 0 };
            vkr_spread(&target, counts[i], groups);
            assert_true(groups[0] <= limit[0] && groups[1] <= limit[1] && groups[2] == 1);
            assert_true((uint64_t)groups[0] * groups[1] >= counts[i]);
            vkr_spread_rows(&target, counts[i], rows);
            assert_true(rows[0] == 7 && rows[1] <= limit[1] && rows[2] <= limit[2]);
            assert_true((uint64_t)rows[1] * rows[2] >= counts[i]);
        }
    }
}

/* Out of memory at every allocation of building and printing: a status, no leak. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct vkr_target target = { .caps = vkr_caps_desktop() };
        struct vkr_graph *g = NULL;
        char *text = NULL;
        vkr_mem_fail_at(n);
        vks_status status = vkr_graph_create(&target, &g);
        if (status == VKS_OK) {
            struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(1, 8));
            for (uint32_t i = 0; i < 40; i++)
                x = add_mix(g, &x, 1, i);
            vkr_graph_output(g, x, "y");
            status = vkr_plan_print(g, &text);
        }
        bool done = vkr_mem_calls() < n;
        vkr_mem_fail_at(0);
        assert_int_equal(status, done ? VKS_OK : VKS_ERR_HOST_MEMORY);
        vkr_free(text);
        vkr_graph_destroy(&g);
        if (done)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner_properties), cmocka_unit_test(test_schedule_covers_every_hazard),
        cmocka_unit_test(test_guards_separate_tensors), cmocka_unit_test(test_fold_and_sharing),
        cmocka_unit_test(test_sticky_error), cmocka_unit_test(test_limits), cmocka_unit_test(test_submissions_are_bounded),
        cmocka_unit_test(test_spread), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
