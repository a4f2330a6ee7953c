/* choices.c: which kernel a matmul, an attention or a convolution becomes on devices that are not here: presets of capabilities, no device. What a kernel
 * computes is tests/ops' business; what is chosen for whom is this file's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "graph/op.h"
#include "graph/program.h"
#include "ops.h"

/* The last dispatch of y = x [m, k] * w [n, k], and of what was folded into w; `dispatch` stays valid in `program`. */
static void lower_matmul(const struct vkr_caps *caps, uint32_t m, uint32_t n, uint32_t k, enum vkr_dtype weights,
                         struct vkr_graph **graph, struct vkr_program *program)
{
    struct vkr_target target = { .caps = *caps };
    struct vkr_desc w = { weights, 2, { n, k } };
    assert_int_equal(vkr_graph_create(&target, graph), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(*graph, "x", vkr_f32(2, m, k));
    struct vkr_tensor *y = vkr_matmul(*graph, x, vkr_graph_param(*graph, "w", w), NULL, NULL, VKR_ACT_NONE);
    vkr_graph_output(*graph, y, "y");
    assert_int_equal(vkr_graph_status(*graph), VKS_OK);
    vkr_fold(*graph);
    assert_int_equal(vkr_program_build(*graph, NULL, program), VKS_OK);
}

static struct vkr_dispatch choose(const struct vkr_caps *caps, uint32_t m, uint32_t n, uint32_t k, enum vkr_dtype weights)
{
    struct vkr_graph *graph;
    struct vkr_program program;
    lower_matmul(caps, m, n, k, weights, &graph, &program);
    struct vkr_dispatch last = program.steps[program.step_count - 1].dispatch;
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
    return last;
}

static void expect(const struct vkr_caps *caps, uint32_t m, uint32_t n, enum vkr_dtype weights, const char *shader)
{
    struct vkr_dispatch d = choose(caps, m, n, 768, weights);
    if (strcmp(d.shader, shader) != 0)
        fail_msg("%s, %u x %u: %s was chosen, not %s", caps->name, m, n, d.shader, shader);
}

static void test_families(void **state)
{
    (void)state;
    const struct vkr_caps minimum = vkr_caps_minimum(), lavapipe = vkr_caps_lavapipe(), phone = vkr_caps_phone();
    struct vkr_caps desktop = vkr_caps_desktop(), software = lavapipe;
    expect(&minimum, 4096, 768, VKR_F32, "matmul_tile");
    expect(&phone, 4096, 768, VKR_F16, "matmul_tile");
    expect(&lavapipe, 4096, 768, VKR_F32, "matmul_vec");
    bool built = vkr_variant_built("matmul_coopmat", "f16", NULL);
    expect(&desktop, 4096, 768, VKR_F16, built ? "matmul_coopmat" : "matmul_tile");
    expect(&desktop, 4096, 768, VKR_F32, "matmul_tile");             /* f32 weights are the exact path */
    expect(&desktop, 7, 768, VKR_F16, "matmul");                /* a decoder's few tokens fill no fragment */
    software.bits |= VKR_CAP_COOPMAT;                           /* recent lavapipe: it can, and is slow at it */
    software.coopmat_m = software.coopmat_n = software.coopmat_k = 8;
    expect(&software, 4096, 768, VKR_F16, "matmul_vec");
    desktop.bits &= ~(uint64_t)VKR_CAP_COOPMAT;
    expect(&desktop, 4096, 768, VKR_F16, "matmul_tile");
}

/* Attention of `tokens` tokens with heads of 64; `half`: operands may be rounded. */
static void expect_attention(const struct vkr_caps *caps, uint32_t tokens, bool half, const char *shader)
{
    struct vkr_target target = { .caps = *caps };
    const struct vkr_attention call = { .heads = 2, .head_dim = 64, .k_offset = 128, .v_offset = 256, .scale = 0.125f, .half = half };
    struct vkr_graph *graph;
    struct vkr_program program;
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(3, 1, tokens, 384));
    vkr_graph_output(graph, vkr_attention(graph, x, x, x, NULL, NULL, &call), "y");
    vkr_fold(graph);
    assert_int_equal(vkr_program_build(graph, NULL, &program), VKS_OK);
    const char *chosen = program.steps[program.step_count - 1].dispatch.shader;
    if (strcmp(chosen, shader) != 0)
        fail_msg("%s, %u tokens: %s was chosen, not %s", caps->name, tokens, chosen, shader);
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
}

static void test_attention(void **state)
{
    (void)state;
    const struct vkr_caps minimum = vkr_caps_minimum(), lavapipe = vkr_caps_lavapipe();
    struct vkr_caps desktop = vkr_caps_desktop();
    const char *matrices = vkr_variant_built("attention_coopmat", "plain", NULL) ? "attention_coopmat" : "attention";
    expect_attention(&minimum, 4096, true, "attention");
    expect_attention(&lavapipe, 4096, true, "attention_vec");
    expect_attention(&desktop, 4096, true, matrices);
    expect_attention(&desktop, 4096, false, "attention");
    expect_attention(&desktop, 7, true, "attention");
    desktop.subgroup_size = 8;                                  /* fewer lanes than a fragment has rows */
    expect_attention(&desktop, 4096, true, "attention");
}

/* A 7x7 convolution of stride 4 to 96 outputs: the first dispatch, unless it fills channels up. */
static void expect_conv(const struct vkr_caps *caps, uint32_t side, uint32_t channels, const char *shader)
{
    struct vkr_target target = { .caps = *caps };
    const struct vkr_conv params = { .stride = { 1, 4, 4 }, .pad = { 0, 3, 3 } };
    struct vkr_graph *graph;
    struct vkr_program program;
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(4, 1, side, side, channels));
    struct vkr_tensor *w = vkr_graph_param(graph, "w", vkr_f32(4, 96, channels, 7, 7));
    vkr_graph_output(graph, vkr_conv(graph, x, w, NULL, &params), "y");
    vkr_fold(graph);
    assert_int_equal(vkr_program_build(graph, NULL, &program), VKS_OK);
    const struct vkr_step *last = &program.steps[program.step_count - 1];
    const char *chosen = strcmp(last->dispatch.shader, "matmul_vec") == 0 ? last[-1].dispatch.shader : last->dispatch.shader;
    if (strcmp(chosen, shader) != 0)
        fail_msg("%s, %u x %u x %u: %s was chosen, not %s", caps->name, side, side, channels, chosen, shader);
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
}

static void test_conv(void **state)
{
    (void)state;
    const struct vkr_caps lavapipe = vkr_caps_lavapipe(), desktop = vkr_caps_desktop();
    struct vkr_caps small = lavapipe, few = lavapipe;
    small.max_binding = 9u << 20;                               /* the matrix of 128 x 128 patches has 9.5 MiB */
    few.max_texels = 622591;                                    /* and 622592 texels */
    expect_conv(&lavapipe, 512, 3, "conv_patches");
    expect_conv(&lavapipe, 512, 4, "conv_vec");
    expect_conv(&lavapipe, 512, 17, "conv_vec");
    expect_conv(&lavapipe, 511, 3, "conv_vec");                 /* no whole texels */
    expect_conv(&lavapipe, 2048, 3, "conv_vec");                /* 152 MiB */
    expect_conv(&small, 512, 3, "conv_vec");
    expect_conv(&few, 512, 3, "conv_vec");
    expect_conv(&desktop, 512, 3, "conv");
}

/* Tiles: large where there is work for a full device, small where not; none that the device has no shared memory for. */
static void test_tiles(void **state)
{
    (void)state;
    struct vkr_caps desktop = vkr_caps_desktop();
    if (!vkr_variant_built("matmul_coopmat", "f16", NULL))
        skip();
    struct vkr_dispatch big = choose(&desktop, 16384, 4096, 768, VKR_F16), few = choose(&desktop, 256, 256, 768, VKR_F16);
    assert_int_equal(big.constant_count, 8);
    assert_int_equal(big.constants[0], 256);                    /* eight subgroups */
    assert_int_equal(big.groups[0], 128);                       /* 128 x 128 outputs each */
    assert_int_equal(big.groups[1], 32);
    assert_int_equal(few.constants[0], 128);
    assert_int_equal(few.groups[0] * few.groups[1], 16);        /* 64 x 64 */
    desktop.max_shared = 16384;
    struct vkr_dispatch small = choose(&desktop, 16384, 4096, 768, VKR_F16);
    assert_string_equal(small.shader, "matmul_coopmat");
    assert_int_equal(small.groups[0], 256);
    desktop.max_shared = 8192;
    expect(&desktop, 16384, 4096, VKR_F16, "matmul");           /* within the minimum everywhere */
    desktop = vkr_caps_desktop();
    desktop.subgroup_size = 64;                                 /* AMD: half the fragments a lane, the same tile */
    assert_int_equal(choose(&desktop, 16384, 4096, 768, VKR_F16).constants[0], 512);
}

/* Workgroup scope waits until it has won on the device; forced, it is cut into its own tiles. */
static void test_workgroup_scope(void **state)
{
    (void)state;
    struct vkr_target target = { .caps = vkr_caps_desktop() };
    target.caps.bits |= VKR_CAP_COOPMAT2;
    if (!vkr_variant_built("matmul_coopmat2", "f16", NULL))
        skip();
    expect(&target.caps, 4096, 768, VKR_F16, "matmul_coopmat");
    assert_int_equal(vkr_options_parse(&target.options, "force=matmul:matmul_coopmat2.f16"), VKS_OK);
    struct vkr_graph *graph;
    struct vkr_program program;
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(2, 16384, 768));
    struct vkr_tensor *w = vkr_graph_param(graph, "w", (struct vkr_desc){ VKR_F16, 2, { 4096, 768 } });
    vkr_graph_output(graph, vkr_matmul(graph, x, w, NULL, NULL, VKR_ACT_NONE), "y");
    vkr_fold(graph);
    assert_int_equal(vkr_program_build(graph, NULL, &program), VKS_OK);
    const struct vkr_dispatch *d = &program.steps[program.step_count - 1].dispatch;
    assert_string_equal(d->shader, "matmul_coopmat2");
    assert_int_equal(d->groups[0] * d->constants[0], 16384);
    assert_int_equal(d->groups[1] * d->constants[1], 4096);
    vkr_program_destroy(&program);
    vkr_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_families), cmocka_unit_test(test_attention), cmocka_unit_test(test_conv),
                                        cmocka_unit_test(test_tiles), cmocka_unit_test(test_workgroup_scope) };
    return cmocka_run_group_tests_name("choices", tests, NULL, NULL);
}
