/* token_attention.c: attention between tokens and an image without projections of the image is nn_attention's function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "graph/plan.h"
#include "nn/nn.h"
#include "support/device.h"
#include "support/harness.h"

enum { CHANNELS = 48, POSITIONS = 200 };

static struct vkr_device *device;

/* Weights and biases of a size that tells scores and outputs apart, from their names. */
static vks_status read_param(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    uint64_t state = 7;
    float *out = dst;
    (void)user;
    for (const char *at = name; *at; at++)
        state = state * 31 + (unsigned char)*at;
    assert_int_equal(desc->dtype, VKR_F32);
    for (uint64_t i = 0; i < vkr_numel(desc); i++)
        out[i] = (float)(0.4 * harness_random(&state));
    return VKS_OK;
}

static void write_input(struct vkr_plan *plan, const char *name, uint64_t count, uint64_t state)
{
    float *data = malloc(count * sizeof *data);
    assert_non_null(data);
    for (uint64_t i = 0; i < count; i++)
        data[i] = (float)(2 * harness_random(&state));
    assert_int_equal(vkr_plan_write(plan, name, data, count * sizeof *data), VKS_OK);
    free(data);
}

static void compare(struct vkr_plan *plan, const char *one, const char *other, uint64_t count)
{
    float *a = malloc(count * sizeof *a), *b = malloc(count * sizeof *b), largest = 0, worst = 0;
    assert_true(a && b);
    assert_int_equal(vkr_plan_read(plan, one, a, count * sizeof *a), VKS_OK);
    assert_int_equal(vkr_plan_read(plan, other, b, count * sizeof *b), VKS_OK);
    for (uint64_t i = 0; i < count; i++) {
        largest = fmaxf(largest, fabsf(a[i]));
        worst = fmaxf(worst, fabsf(a[i] - b[i]));
    }
    if (!(largest > 0.1f && worst <= 2e-5f * largest))
        fail_msg("%s and %s differ by %g of at most %g", one, other, (double)worst, (double)largest);
    free(a);
    free(b);
}

/* Both ways in one graph, with the same parameters. */
static void both_ways(uint32_t batch, uint32_t tokens, uint32_t heads, uint32_t inner)
{
    const struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    const struct nn_attention attention = { heads, inner, CHANNELS };
    struct vkr_params *params = NULL;
    struct vkr_plan *plan = NULL;
    struct vkr_graph *g = NULL;
    assert_int_equal(vkr_graph_create(&target, &g), VKS_OK);
    const struct nn n = { g, false };
    struct vkr_tensor *q = vkr_graph_input(g, "q", vkr_f32(3, batch, tokens, CHANNELS));
    struct vkr_tensor *k = vkr_graph_input(g, "k", vkr_f32(3, batch, POSITIONS, CHANNELS));
    struct vkr_tensor *v = vkr_graph_input(g, "v", vkr_f32(3, batch, POSITIONS, CHANNELS));
    vkr_graph_output(g, nn_attention(n, "a", q, k, v, &attention, q), "token");
    vkr_graph_output(g, nn_tokens_to_image(n, "a", q, k, v, &attention, q), "token, joined");
    vkr_graph_output(g, nn_attention(n, "b", k, q, q, &attention, v), "image");
    vkr_graph_output(g, nn_image_to_tokens(n, "b", k, q, q, &attention, v), "image, joined");
    assert_int_equal(vkr_params_create(device, &(struct vkr_params_source){ read_param, NULL }, &params), VKS_OK);
    if (vkr_plan_create(device, g, params, &plan) != VKS_OK)
        fail_msg("%s", vks_last_error());
    write_input(plan, "q", (uint64_t)batch * tokens * CHANNELS, 1);
    write_input(plan, "k", (uint64_t)batch * POSITIONS * CHANNELS, 2);
    write_input(plan, "v", (uint64_t)batch * POSITIONS * CHANNELS, 3);
    assert_int_equal(vkr_plan_run(plan, NULL), VKS_OK);
    compare(plan, "token", "token, joined", (uint64_t)batch * tokens * CHANNELS);
    compare(plan, "image", "image, joined", (uint64_t)batch * POSITIONS * CHANNELS);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    vkr_graph_destroy(&g);
    assert_int_equal(vkr_validation_messages(), 0);
}

static void of_one_object(void **state)
{
    (void)state;
    both_ways(1, 3, 4, 24);
    both_ways(1, 5, 2, 24);
    both_ways(1, 7, 1, 12);
}

static void of_several_objects(void **state)
{
    (void)state;
    both_ways(3, 3, 4, 24);
}

/* Where it pays: few tokens, an image of their own, a device with the kernel. */
static void where_it_pays(void **state)
{
    struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    const struct nn_attention attention = { 8, 128, 256 };
    struct vkr_graph *g = NULL;
    (void)state;
    assert_int_equal(vkr_graph_create(&target, &g), VKS_OK);
    const struct nn n = { g, false };
    struct vkr_tensor *few = vkr_graph_input(g, "few", vkr_f32(3, 1, 7, 256));
    struct vkr_tensor *many = vkr_graph_input(g, "many", vkr_f32(3, 1, 16, 256));
    struct vkr_tensor *objects = vkr_graph_input(g, "objects", vkr_f32(3, 9, 7, 256));
    struct vkr_tensor *image = vkr_graph_input(g, "image", vkr_f32(3, 1, 4096, 256));
    struct vkr_tensor *vast = vkr_graph_input(g, "vast", vkr_f32(3, 1, 144 * 144, 256));
    const bool fast = vkr_weighted_sum_is_fast(g, 1, 4096, 56, 256);
    assert_int_equal(nn_tokens_pay(n, few, image, &attention), fast);
    assert_false(nn_tokens_pay(n, many, image, &attention));
    assert_false(nn_tokens_pay(n, objects, image, &attention));
    assert_false(nn_tokens_pay(n, few, vast, &attention));      /* beyond what the softmax over positions takes */
    vkr_graph_destroy(&g);
}

int main(void)
{
    device = harness_open();
    if (!device)
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_object), cmocka_unit_test(of_several_objects), cmocka_unit_test(where_it_pays),
    };
    int failed = cmocka_run_group_tests_name("token attention", tests, NULL, NULL);
    vkr_device_release(&device);
    return test_verdict(failed);
}
