/* tuning.c: which kernel is used because of what was timed: made-up times, devices that are not here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "graph/program.h"
#include "graph/tuning.h"
#include "ops.h"

static void test_decision(void **state)
{
    (void)state;
    struct vkr_candidate c[] = { { "low.a", 0, 2.0 }, { "low.b", 0, 1.0 }, { "high.a", 2, 0.99 } };
    assert_int_equal(vkr_tuning_decide(c, 3), 1);               /* a higher tier must gain more than one per cent */
    c[2].ms = 0.9;
    assert_int_equal(vkr_tuning_decide(c, 3), 2);
    c[0].ms = 0;                                                /* while one is not timed, the table's */
    assert_int_equal(vkr_tuning_decide(c, 3), 0);
    c[0].ms = -1;                                               /* one that cannot run loses */
    assert_int_equal(vkr_tuning_decide(c, 3), 2);
    c[1].ms = c[2].ms = -1;
    assert_int_equal(vkr_tuning_decide(c, 3), 0);
    struct vkr_candidate first[] = { { "high.a", 3, 1.0 }, { "low.a", 0, 1.0 } };
    assert_int_equal(vkr_tuning_decide(first, 2), 1);           /* whatever the order of the list */
    struct vkr_candidate within[] = { { "low.a", 0, 1.0 }, { "low.b", 0, 0.999 } };
    assert_int_equal(vkr_tuning_decide(within, 2), 1);          /* within a tier the faster, however little */
}

static struct vkr_dispatch lower(struct vkr_target *target, uint32_t m, uint32_t n)
{
    struct vkr_graph *graph;
    struct vkr_program program;
    assert_int_equal(vkr_graph_create(target, &graph), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(2, m, 768));
    vkr_graph_output(graph, vkr_matmul(graph, x, vkr_graph_param(graph, "w", vkr_f32(2, n, 768)), NULL, NULL, VKR_ACT_NONE), "y");
    assert_int_equal(vkr_graph_status(graph), VKS_OK);
    vkr_fold(graph);
    assert_int_equal(vkr_program_build(graph, NULL, &program), VKS_OK);
    struct vkr_dispatch last = program.steps[program.step_count - 1].dispatch;
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
    return last;
}

/* A matmul asks, gets the table's tile until all of its tiles have a time, and the fastest then. */
static void test_question(void **state)
{
    (void)state;
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    struct vkr_question q;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    struct vkr_dispatch table = lower(&target, 4096, 768);
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    assert_false(vkr_tuning_question(target.tuning, 1, &q));
    assert_string_equal(q.call, "matmul 1x4096x768x768 f32");
    assert_int_equal(q.count, 3);
    assert_int_equal(q.why, VKR_BY_TABLE);
    assert_int_equal(vkr_tuning_open(target.tuning), 1);
    static const char *const kernels[] = { "matmul_tile.f32:128x128", "matmul_tile.f32:64x128", "matmul_tile.f32:64x64" };
    static const double times[] = { 3, 1, 2 };
    for (int i = 0; i < 3; i++) {
        struct vkr_dispatch now = lower(&target, 4096, 768);
        assert_memory_equal(now.constants, table.constants, sizeof now.constants);
        assert_int_equal(vkr_tuning_add(target.tuning, q.call, kernels[i], times[i]), VKS_OK);
    }
    struct vkr_dispatch best = lower(&target, 3000, 768);       /* of the same class of shapes */
    assert_string_equal(best.shader, "matmul_tile");
    assert_int_equal(best.constants[1], 64);
    assert_int_equal(best.constants[2], 128);
    assert_int_equal(vkr_tuning_open(target.tuning), 0);
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    assert_int_equal(q.why, VKR_BY_TIMING);
    assert_int_equal(q.asked, 5);
    assert_int_equal(vkr_options_parse(&target.options, "force=matmul:matmul_tile.f32:64x64"), VKS_OK);
    assert_int_equal(lower(&target, 4096, 768).constants[2], 64);       /* what is forced asks nothing */
    target.options.force_count = 0;
    assert_int_equal(vkr_options_parse(&target.options, "ban=matmul_tile.f32:64x128"), VKS_OK);
    assert_int_equal(lower(&target, 4096, 768).constants[2], 64);       /* the fastest of those that are left */
    vkr_tuning_destroy(&target.tuning);
}

/* ---- every operator with rivals -------------------------------------------------------------------------------- */

static void build_conv(struct vkr_graph *graph)
{
    const struct vkr_conv params = { .stride = { 1, 2, 2 }, .pad = { 1, 1, 1 } };
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(4, 1, 128, 128, 96));
    struct vkr_tensor *w = vkr_graph_param(graph, "w", (struct vkr_desc){ VKR_F16, 4, { 192, 96, 3, 3 } });
    vkr_graph_output(graph, vkr_conv(graph, x, w, vkr_graph_param(graph, "b", vkr_f32(1, 192)), &params), "y");
}

static void build_conv_deep(struct vkr_graph *graph)
{
    const struct vkr_conv params = { .pad = { 2, 2, 2 }, .dilation = { 2, 2, 2 } };
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(5, 1, 16, 32, 32, 32));
    struct vkr_tensor *w = vkr_graph_param(graph, "w", vkr_f32(5, 32, 32, 3, 3, 3));
    vkr_graph_output(graph, vkr_conv(graph, x, w, NULL, &params), "y");
}

static void build_conv_transpose(struct vkr_graph *graph)
{
    const struct vkr_conv params = { .stride = { 1, 2, 2 }, .pad = { 0, 1, 1 } };
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(4, 1, 60, 64, 64));
    struct vkr_tensor *w = vkr_graph_param(graph, "w", vkr_f32(4, 64, 32, 4, 4));
    vkr_graph_output(graph, vkr_conv_transpose(graph, x, w, NULL, &params), "y");
}

static void build_attention(struct vkr_graph *graph)
{
    const struct vkr_attention call = { .heads = 12, .head_dim = 64, .k_offset = 768, .v_offset = 1536, .scale = 0.125f, .grid_h = 14,
                                        .grid_w = 14, .half = true };
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(3, 25, 196, 2304));
    struct vkr_tensor *h = vkr_graph_param(graph, "h", vkr_f32(2, 27, 64)), *w = vkr_graph_param(graph, "w", vkr_f32(2, 27, 64));
    vkr_graph_output(graph, vkr_attention(graph, x, x, x, h, w, &call), "y");
}

static void build_attention_across(struct vkr_graph *graph)
{
    const struct vkr_attention call = { .heads = 8, .head_dim = 32, .scale = 0.1f, .half = true };
    struct vkr_tensor *q = vkr_graph_input(graph, "q", vkr_f32(3, 1, 4096, 256)), *k = vkr_graph_input(graph, "k", vkr_f32(3, 1, 100, 256));
    struct vkr_tensor *v = vkr_graph_input(graph, "v", vkr_f32(3, 1, 100, 256)), *b = vkr_graph_param(graph, "b", vkr_f32(3, 8, 4096, 100));
    vkr_graph_output(graph, vkr_attention_biased(graph, q, k, v, b, &call), "y");
}

static void build_attention_exact(struct vkr_graph *graph)
{
    const struct vkr_attention call = { .heads = 8, .head_dim = 32, .scale = 0.1f };
    struct vkr_tensor *q = vkr_graph_input(graph, "q", vkr_f32(3, 1, 4096, 256));
    vkr_graph_output(graph, vkr_attention(graph, q, q, q, NULL, NULL, &call), "y");
}

struct rivals {
    void (*build)(struct vkr_graph *graph);
    const char *call, *kernels[8];
};

/* Issued again for the kernel `forced`, the call becomes that kernel: in a graph that needs no device. */
static struct vkr_dispatch lower_alone(const struct vkr_target *desktop, const struct vkr_question *q, const char *forced, uint32_t turn)
{
    struct vkr_target target = *desktop;
    struct vkr_tensor *in[VKR_MAX_INPUTS] = { 0 };
    struct vkr_graph *graph;
    struct vkr_program program;
    char option[160];
    target.tuning = NULL;
    target.options.force_turn = turn;
    snprintf(option, sizeof option, "force=%.*s:%s", (int)strcspn(q->call, " "), q->call, forced);
    assert_int_equal(vkr_options_parse(&target.options, option), VKS_OK);
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    for (uint32_t i = 0; i < VKR_MAX_INPUTS; i++) {
        char name[8];
        snprintf(name, sizeof name, "in%u", i);
        if (q->operands[i].dtype != VKR_NONE)
            in[i] = q->weights >> i & 1u ? vkr_graph_param(graph, name, q->operands[i]) : vkr_graph_input(graph, name, q->operands[i]);
    }
    vkr_graph_output(graph, q->alone(graph, q->data, in), "y");
    vkr_fold(graph);
    if (vkr_graph_status(graph) != VKS_OK || vkr_program_build(graph, NULL, &program) != VKS_OK)
        fail_msg("%s, %s: %s", q->call, forced, vks_last_error());
    struct vkr_dispatch last = program.steps[program.step_count - 1].dispatch;
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
    return last;
}

/* Who is asked about, and that each of them can be had by itself; attention with matrices of a workgroup's own cut. */
static void test_rivals(void **state)
{
    static const struct rivals all[] = {
        { build_conv, "conv 4096x192x96 3x3 stride 2x2 f16", { "conv.f16", "conv_direct.f16" } },
        { build_conv_deep, "conv 16384x32x32 3x3x3 dilation 2x2x2 f32", { "conv.f32", "conv_direct.f32" } },
        { build_conv_transpose, "conv_transpose 4096x32x64 4x4 stride 2x2 f32",
          { "conv_transpose_columns.f32", "conv_transpose.f32" } },
        { build_attention, "attention 32x12x256x256x64 relative f16",
          { "attention_coopmat.plain:4x64", "attention_coopmat.plain:4x32", "attention_coopmat.plain:2x64", "attention_coopmat.plain:2x32",
            "attention.d64" } },
        { build_attention_across, "attention 1x8x4096x128x32 biased f16",
          { "attention_coopmat.plain:4x64", "attention_coopmat.plain:4x32", "attention_coopmat.plain:2x64", "attention_coopmat.plain:2x32",
            "attention.d64" } },
    };
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    bool matrices = vkr_variant_built("attention_coopmat", "plain", NULL);
    (void)state;
    for (size_t c = 0; c < sizeof all / sizeof *all; c++) {
        struct vkr_graph *graph;
        struct vkr_question q;
        uint32_t count = 0;
        if (!matrices && strncmp(all[c].call, "attention", 9) == 0)
            continue;
        assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
        assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
        all[c].build(graph);
        assert_int_equal(vkr_graph_status(graph), VKS_OK);
        vkr_graph_destroy(&graph);
        assert_true(vkr_tuning_question(target.tuning, 0, &q));
        assert_string_equal(q.call, all[c].call);
        for (; all[c].kernels[count]; count++) {
            assert_string_equal(q.candidates[count].kernel, all[c].kernels[count]);
            struct vkr_dispatch d = lower_alone(&target, &q, q.candidates[count].kernel, 0);
            assert_int_equal(strncmp(d.shader, all[c].kernels[count], strcspn(all[c].kernels[count], ".")), 0);
            const char *cut = strchr(all[c].kernels[count], ':');
            if (!cut)
                continue;
            assert_int_equal(d.constants[4] * 100 + d.constants[5], (cut[1] - '0') * 100 + atoi(cut + 3));
            d = lower_alone(&target, &q, "attention_coopmat.plain", 4 + count);         /* by turns, as the self-test does */
            assert_int_equal(d.constants[4] * 100 + d.constants[5], (cut[1] - '0') * 100 + atoi(cut + 3));
        }
        assert_int_equal(q.count, count);
        vkr_tuning_destroy(&target.tuning);
    }
}

/* Exact attention has one kernel on a GPU, and asks nothing; a call that takes too much memory stays with the table. */
static void test_left(void **state)
{
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    struct vkr_question q;
    struct vkr_graph *graph;
    (void)state;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    build_attention_exact(graph);
    assert_false(vkr_tuning_question(target.tuning, 0, &q));
    build_conv(graph);
    assert_int_equal(vkr_tuning_open(target.tuning), 1);
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    vkr_tuning_leave(target.tuning, "another call");
    assert_int_equal(vkr_tuning_open(target.tuning), 1);
    vkr_tuning_leave(target.tuning, q.call);
    assert_int_equal(vkr_tuning_open(target.tuning), 0);
    assert_int_equal(vkr_tuning_add(target.tuning, q.call, q.candidates[0].kernel, 1), VKS_OK);
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    assert_int_equal(q.why, VKR_BY_SIZE);
    assert_int_equal(vkr_tuning_add(target.tuning, q.call, q.candidates[1].kernel, 0.5), VKS_OK);   /* known all the same */
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    assert_int_equal(q.why, VKR_BY_TIMING);
    assert_int_equal(q.chosen, 1);
    vkr_graph_destroy(&graph);
    vkr_tuning_destroy(&target.tuning);
}

/* What died while it was timed is no candidate, and is chosen all the same where nothing else can run. */
static void test_avoided(void **state)
{
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    struct vkr_question q;
    (void)state;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    vkr_options_avoid(&target.options, "matmul_tile.f32:128x128");
    vkr_options_avoid(&target.options, "matmul_tile.f32:128x128");
    assert_int_equal(target.options.avoid_count, 1);
    assert_int_equal(lower(&target, 4096, 768).constants[1], 64);
    assert_true(vkr_tuning_question(target.tuning, 0, &q));
    assert_int_equal(q.count, 2);
    vkr_options_avoid(&target.options, "matmul_tile.f32");
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul");
    vkr_options_avoid(&target.options, "matmul.f32");
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul_tile");
    vkr_options_ban(&target.options, "matmul_tile.f32");                /* wrong is wrong */
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul");
    assert_int_equal(vkr_options_parse(&target.options, "force=matmul:matmul_tile.f32:128x128"), VKS_OK);
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul_tile");
    vkr_tuning_destroy(&target.tuning);
}

/* Little is tried first, to learn the device's rate; then the dearest call that the budget allows. */
static void test_next(void **state)
{
    (void)state;
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    struct vkr_question q;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    assert_false(vkr_tuning_next(target.tuning, 300, &q));
    lower(&target, 512, 768);                           /* 0.6 GFLOP */
    lower(&target, 4096, 768);                          /* 4.8 */
    lower(&target, 16384, 768);                         /* 19.3 */
    lower(&target, 4096, 1536);                         /* 9.7, three times */
    lower(&target, 4096, 1536);
    lower(&target, 4096, 1536);
    assert_false(vkr_tuning_next(target.tuning, 0, &q));
    assert_true(vkr_tuning_next(target.tuning, 300, &q));
    assert_string_equal(q.call, "matmul 1x512x768x768 f32");
    assert_int_equal(vkr_tuning_add(target.tuning, q.call, q.candidates[0].kernel, 1), VKS_OK);    /* 0.6 TFLOP/s */
    assert_true(vkr_tuning_next(target.tuning, 300, &q));
    assert_string_equal(q.call, "matmul 1x4096x1536x768 f32");
    assert_true(vkr_tuning_next(target.tuning, 20, &q));        /* 32 and 64 ms for two runs of the dearer ones */
    assert_string_equal(q.call, "matmul 1x4096x768x768 f32");
    assert_true(vkr_tuning_next(target.tuning, 3, &q));
    assert_string_equal(q.call, "matmul 1x512x768x768 f32");
    assert_false(vkr_tuning_next(target.tuning, 1.9, &q));
    assert_int_equal(vkr_tuning_add(target.tuning, q.call, q.candidates[1].kernel, 0.1), VKS_OK);
    assert_true(vkr_tuning_next(target.tuning, 20, &q));        /* six times as fast as it looked at first */
    assert_string_equal(q.call, "matmul 1x4096x1536x768 f32");
    assert_int_equal(vkr_tuning_add(target.tuning, q.call, q.candidates[0].kernel, 50), VKS_OK);
    assert_true(vkr_tuning_next(target.tuning, 20, &q));        /* what is known of a call counts, not the rate */
    assert_string_equal(q.call, "matmul 1x16384x768x768 f32");
    vkr_tuning_destroy(&target.tuning);
}

static void see(void *user, const struct vkr_decision *decision)
{
    char *text = user;
    snprintf(text, 300, "%s|%s|%s|%s|%d|%u|%g", decision->op, decision->call, decision->kernel, decision->aside, (int)decision->why,
             decision->candidates, decision->ms);
}

/* What a witness is told. */
static void test_witness(void **state)
{
    char text[300];
    const struct vkr_witness witness = { see, text };
    struct vkr_target target = { .caps = vkr_caps_desktop(), .witness = &witness };
    (void)state;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    lower(&target, 4096, 768);
    assert_string_equal(text, "matmul|matmul 1x4096x768x768 f32|matmul_tile.f32:64x128||0|4|0");
    vkr_options_avoid(&target.options, "matmul_tile.f32:64x128");
    static const char *const kernels[] = { "matmul_tile.f32:128x128", "matmul_tile.f32:64x64" };
    for (int i = 0; i < 2; i++)
        assert_int_equal(vkr_tuning_add(target.tuning, "matmul 1x4096x768x768 f32", kernels[i], 3 - i), VKS_OK);
    lower(&target, 4096, 768);
    assert_string_equal(text, "matmul|matmul 1x4096x768x768 f32|matmul_tile.f32:64x64|matmul_tile.f32:64x128|2|3|2");
    target.options.tune = VKR_TUNE_OFF;
    vkr_options_ban(&target.options, "matmul_tile.f32");
    lower(&target, 4096, 768);
    assert_string_equal(text, "matmul|matmul 1x4096x768x768 f32|matmul.f32|matmul_tile.f32:64x128|5|1|0");
    assert_int_equal(vkr_options_parse(&target.options, "force=matmul:matmul.f32"), VKS_OK);
    lower(&target, 4096, 768);
    assert_string_equal(text, "matmul|matmul 1x4096x768x768 f32|matmul.f32||4|1|0");
    vkr_tuning_destroy(&target.tuning);
}

/* The cpu class has one kernel, little work nothing to gain, and tune=off asks nobody. */
static void test_no_question(void **state)
{
    (void)state;
    struct vkr_target target = { .caps = vkr_caps_lavapipe() };
    struct vkr_question q;
    assert_int_equal(vkr_tuning_create(&target.tuning), VKS_OK);
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul_vec");
    target.caps = vkr_caps_desktop();
    lower(&target, 16, 64);
    target.options.tune = VKR_TUNE_OFF;
    assert_string_equal(lower(&target, 4096, 768).shader, "matmul_tile");
    assert_false(vkr_tuning_question(target.tuning, 0, &q));
    vkr_tuning_destroy(&target.tuning);
}

/* Off: of those that could be used the one that needs no optional unit. */
static void test_off(void **state)
{
    (void)state;
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    const struct vkr_choice list[] = { { "matmul_coopmat", "f16", VKR_CAP_COOPMAT, false, NULL }, { "matmul", "f32", 0, false, NULL } };
    uint32_t chosen;
    if (!vkr_variant_built("matmul_coopmat", "f16", NULL))
        skip();
    assert_int_equal(vkr_choose(&target, "matmul", list, 2, NULL, &chosen), VKS_OK);
    assert_int_equal(chosen, 0);
    target.options.tune = VKR_TUNE_OFF;
    assert_int_equal(vkr_choose(&target, "matmul", list, 2, NULL, &chosen), VKS_OK);
    assert_int_equal(chosen, 1);
}

static void test_text(void **state)
{
    (void)state;
    struct vkr_tuning *first, *second;
    char *text, *again;
    assert_int_equal(vkr_tuning_create(&first), VKS_OK);
    assert_int_equal(vkr_tuning_create(&second), VKS_OK);
    assert_int_equal(vkr_tuning_add(first, "matmul 1x64x64x64 f32", "a.b:64x64", 0.125), VKS_OK);
    assert_int_equal(vkr_tuning_add(first, "matmul 1x64x64x64 f32", "a.b:64x128", -1), VKS_OK);     /* tried again next time */
    assert_int_equal(vkr_tuning_text(first, &text), VKS_OK);
    assert_string_equal(text, "matmul 1x64x64x64 f32\ta.b:64x64\t0.125\n");
    assert_int_equal(vkr_tuning_read(second, text), VKS_OK);
    assert_int_equal(vkr_tuning_text(second, &again), VKS_OK);
    assert_string_equal(text, again);
    vkr_free(again);
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *const bad[] = { "", "\n\n", "word", "a\tb", "a\tb\t", "a\tb\tnan", "a\tb\t-1", "a\tb\t0", "a\tb\t1e999", "a\tb\t1x",
                                "\tb\t1", "a\t\t1", "a\tb\t1\t2", long_name };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vkr_tuning_read(second, bad[i]), VKS_OK);
    assert_int_equal(vkr_tuning_text(second, &again), VKS_OK);
    assert_string_equal(text, again);
    vkr_free(again);
    vkr_free(text);
    vkr_tuning_destroy(&second);
    vkr_tuning_destroy(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decision), cmocka_unit_test(test_question), cmocka_unit_test(test_no_question),
        cmocka_unit_test(test_rivals), cmocka_unit_test(test_left), cmocka_unit_test(test_avoided), cmocka_unit_test(test_next), cmocka_unit_test(test_witness),
        cmocka_unit_test(test_off), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
