/* matmul_cells.c: a matmul that keeps the maxima of 2 x 2 cells is a matmul and a max pooling after it, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/dtype.h"
#include "base/mem.h"
#include "graph/plan.h"
#include "ops.h"
#include "support/device.h"
#include "support/harness.h"

enum { MOST = 1 << 18 };

static struct vkr_device *device;

static void fill(float *data, uint64_t count, uint64_t state)
{
    for (uint64_t i = 0; i < count; i++)
        data[i] = (float)harness_random(&state);
}

static vks_status read_param(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    static float values[MOST];
    (void)user;
    assert_true(vkr_numel(desc) <= MOST);
    fill(values, vkr_numel(desc), strlen(name));
    return vkr_convert(dst, desc->dtype, values, VKR_F32, (size_t)vkr_numel(desc));
}

struct scene { const char *name; uint32_t height, width, inputs, outputs; bool half, has_bias, fuses; };

static struct vkr_tensor *pooled(struct vkr_graph *g, const struct scene *s, struct vkr_tensor *x,
                                 struct vkr_tensor *zero)
{
    const struct vkr_pool halves = { .kind = VKR_POOL_MAX, .window = { 1, 2, 2 }, .stride = { 1, 2, 2 } };
    struct vkr_desc weight = vkr_f32(2, s->outputs, s->inputs);
    weight.dtype = s->half ? VKR_F16 : VKR_F32;
    struct vkr_tensor *w = vkr_graph_param(g, "weight", weight);
    struct vkr_tensor *bias = s->has_bias ? vkr_graph_param(g, "bias", vkr_f32(1, s->outputs)) : NULL;
    struct vkr_tensor *y = vkr_matmul(g, x, w, bias, NULL, VKR_ACT_NONE);
    return vkr_pool(g, zero ? vkr_add(g, y, zero) : y, &halves);
}

/* The plan of one pooling says whether the matmul did it. */
static void check_plan(const struct vkr_target *target, const struct scene *s)
{
    struct vkr_graph *g = NULL;
    char *text = NULL;
    assert_int_equal(vkr_graph_create(target, &g), VKS_OK);
    struct vkr_tensor *x = vkr_graph_input(g, "x", vkr_f32(4, 1, s->height, s->width, s->inputs));
    vkr_graph_output(g, pooled(g, s, x, NULL), "y");
    assert_int_equal(vkr_plan_print(g, &text), VKS_OK);
    const bool fuses = s->fuses && strstr(text, "matmul_vec/") != NULL;
    assert_int_equal(fuses, strstr(text, "_cells") != NULL);
    assert_int_equal(fuses, strstr(text, "pool/") == NULL && strstr(text, "pool_halve_vec/") == NULL);
    vkr_free(text);
    vkr_graph_destroy(&g);
}

static void same_bits(void **state)
{
    const struct scene *s = *state;
    const struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    static float x[MOST], zeros[MOST], fused[MOST], apart[MOST];
    const uint64_t count = (uint64_t)s->height * s->width * s->inputs;
    const uint64_t results = (uint64_t)(s->height / 2) * (s->width / 2) * s->outputs;
    struct vkr_params *params = NULL;
    struct vkr_plan *plan = NULL;
    struct vkr_graph *g = NULL;
    if (s->half && !(target.caps.bits & VKR_CAP_F16))
        skip();
    assert_true(count <= MOST && results <= MOST);
    check_plan(&target, s);
    assert_int_equal(vkr_graph_create(&target, &g), VKS_OK);
    struct vkr_tensor *in = vkr_graph_input(g, "x", vkr_f32(4, 1, s->height, s->width, s->inputs));
    struct vkr_tensor *zero = vkr_graph_input(g, "zero", vkr_f32(1, s->outputs));
    vkr_graph_output(g, pooled(g, s, in, NULL), "fused");
    vkr_graph_output(g, pooled(g, s, in, zero), "apart");
    assert_int_equal(vkr_params_create(device, &(struct vkr_params_source){ read_param, NULL }, &params), VKS_OK);
    if (vkr_plan_create(device, g, params, &plan) != VKS_OK)
        fail_msg("%s", vks_last_error());
    fill(x, count, 5);
    assert_int_equal(vkr_plan_write(plan, "x", x, count * sizeof *x), VKS_OK);
    assert_int_equal(vkr_plan_write(plan, "zero", zeros, s->outputs * sizeof *zeros), VKS_OK);
    assert_int_equal(vkr_plan_run(plan, NULL), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, "fused", fused, results * sizeof *fused), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, "apart", apart, results * sizeof *apart), VKS_OK);
    for (uint64_t i = 0; i < results; i++)
        if (!(fused[i] - apart[i] == 0))
            fail_msg("element %llu: %g fused, %g apart", (unsigned long long)i, (double)fused[i], (double)apart[i]);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    vkr_graph_destroy(&g);
    assert_int_equal(vkr_validation_messages(), 0);
}

int main(void)
{
    static struct scene scenes[] = {
        { "tails of rows and columns", 10, 14, 24, 36, false, true, true },
        { "16-bit weights", 12, 10, 40, 64, true, true, true },
        { "no bias, one row of cells", 2, 66, 8, 4, false, false, true },
        { "x in row panels", 8, 10, 1024, 36, false, true, true },
        { "several blocks of rows", 16, 14, 1000, 68, false, true, true },
        { "an odd side", 9, 14, 24, 36, false, true, false },
        { "too few rows", 4, 6, 24, 36, false, true, false },
    };
    enum { SCENES = sizeof scenes / sizeof scenes[0] };
    struct CMUnitTest tests[SCENES];
    device = harness_open();
    if (!device)
        return TEST_SKIPPED;
    for (int i = 0; i < SCENES; i++)
        tests[i] = (struct CMUnitTest){ scenes[i].name, same_bits, NULL, NULL, &scenes[i] };
    int failed = cmocka_run_group_tests_name("matmul of cells", tests, NULL, NULL);
    vkr_device_release(&device);
    return test_verdict(failed);
}
