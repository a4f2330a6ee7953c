/* tune.c: kernels timed on the device at hand, as a GPU (caps=-cpu), and their times found again by another context. */
#include "tiny.h"

#include "api/handles.h"
#include "base/store.h"
#include "gpu/device.h"
#include "graph/params.h"
#include "ops.h"
#include "support/folder.h"
#include "vkseg/vkseg_measure.h"

#include <unistd.h>

enum { SIDE = 256 };

static vks_context *open_context(const char *rest)
{
    char options[300];
    vks_context *context = NULL;
    snprintf(options, sizeof options, "%s%scache=%s,%s", test_options(), *test_options() ? "," : "", test_folder, rest);    /* the last wins */
    const vks_context_params params = { .struct_size = sizeof params, .device = test_device(), .options = options };
    assert_ok(vks_context_create(&params, &context));
    return context;
}

static vks_status ones(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    (void)user;
    (void)name;
    for (uint64_t i = 0; i < vkr_numel(desc); i++)
        ((float *)dst)[i] = 1;
    return VKS_OK;
}

static void build(void *user, struct vkr_graph *graph, struct stage_key key)
{
    (void)user;
    (void)key;
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(2, SIDE, SIDE)), *w = vkr_graph_param(graph, "w", vkr_f32(2, SIDE, SIDE));
    vkr_graph_output(graph, vkr_matmul(graph, x, w, NULL, NULL, VKR_ACT_NONE), "y");
}

/* Compiles and runs one matmul through the stages' door; what it used is row 0 of the profile. */
static void run_matmul(vks_context *context)
{
    const struct vkr_params_source source = { ones, NULL };
    const struct stage_builder builder = { .build = build };
    static float x[SIDE * SIDE], y[SIDE * SIDE];
    struct vkr_params *params;
    struct vkr_plan *plan;
    for (int i = 0; i < SIDE * SIDE; i++)
        x[i] = (float)(i / SIDE);
    assert_ok(vkr_params_create(context->device, &source, &params));
    assert_ok(stage_compile(context, params, &builder, (struct stage_key){ 0 }, &plan));
    assert_ok(vkr_plan_write(plan, "x", x, sizeof x));
    assert_ok(vkr_plan_run(plan, NULL));
    assert_ok(vkr_plan_read(plan, "y", y, sizeof y));
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(y[i] == (float)(i / SIDE * SIDE));
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
}

/* Compiles `graph_of` through the stages' door and runs it once. */
static void run_graph(vks_context *context, void (*graph_of)(void *user, struct vkr_graph *graph, struct stage_key key))
{
    const struct vkr_params_source source = { ones, NULL };
    const struct stage_builder builder = { .build = graph_of };
    struct vkr_params *params;
    struct vkr_plan *plan;
    assert_ok(vkr_params_create(context->device, &source, &params));
    assert_ok(stage_compile(context, params, &builder, (struct stage_key){ 0 }, &plan));
    assert_ok(vkr_plan_run(plan, NULL));
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
}

static void build_conv(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const struct vkr_conv params = { .pad = { 0, 1, 1 } };
    (void)user;
    (void)key;
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(4, 1, 30, 32, 48)), *w = vkr_graph_param(graph, "w", vkr_f32(4, 48, 48, 3, 3));
    vkr_graph_output(graph, vkr_conv(graph, x, w, vkr_graph_param(graph, "b", vkr_f32(1, 48)), &params), "y");
}

static void build_attention(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const struct vkr_attention params = { .heads = 2, .head_dim = 64, .k_offset = 128, .v_offset = 256, .scale = 0.125f, .grid_h = 16,
                                          .grid_w = 16, .half = true };
    (void)user;
    (void)key;
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(3, 1, 256, 384));
    struct vkr_tensor *h = vkr_graph_param(graph, "h", vkr_f32(2, 31, 64)), *w = vkr_graph_param(graph, "w", vkr_f32(2, 31, 64));
    vkr_graph_output(graph, vkr_attention(graph, x, x, x, h, w, &params), "y");
}

static void times_name(const vks_context *context, char name[64])
{
    snprintf(name, 64, "times-%016llx", (unsigned long long)vkr_device_key(context->device));
}

static bool has_times(const vks_context *context)
{
    char name[64];
    void *data;
    size_t size;
    times_name(context, name);
    bool there = vkr_store_read(test_folder, name, vkr_device_key(context->device), &data, &size);
    free(data);
    return there;
}

/* Without a budget nothing is timed; how long a call takes here is not for a test to say, so it gets a large one. */
static void timed_then_cached(void **state)
{
    vks_choice first, second;
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=auto");
    assert_false(has_times(context));
    context->tune_left_ms = 0;
    run_matmul(context);
    assert_ok(vks_context_choice(context, 0, &first));
    assert_string_equal(first.reason, "table");
    assert_false(has_times(context));
    context->tune_left_ms = 60000;
    run_matmul(context);
    assert_ok(vks_context_choice(context, 0, &first));
    assert_string_equal(first.call, "matmul 1x256x256x256 f32");
    assert_string_equal(first.reason, "timed");
    assert_true(first.candidates == 3 && first.ms > 0);
    assert_true(strncmp(first.kernel, "matmul_tile.f32:", 16) == 0);
    assert_refused(VKS_ERR_ARGUMENT, "no choice 1", vks_context_choice(context, 1, &second));
    assert_true(has_times(context));
    vks_context_destroy(&context);

    context = open_context("caps=-cpu,tune=auto");
    context->tune_left_ms = 0;
    run_matmul(context);
    assert_ok(vks_context_choice(context, 0, &second));
    assert_string_equal(second.reason, "cached");
    assert_string_equal(second.kernel, first.kernel);
    vks_context_destroy(&context);
}

/* Every operator whose kernels have rivals, on the device itself. */
static void times_others(void **state)
{
    vks_choice choice;
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=auto");
    context->tune_left_ms = 120000;
    run_graph(context, build_conv);
    assert_ok(vks_context_choice(context, 0, &choice));
    assert_string_equal(choice.call, "conv 1024x48x48 3x3 f32");
    assert_string_equal(choice.reason, "timed");
    assert_true(choice.candidates == 2 && choice.ms > 0);
    run_graph(context, build_attention);
    if (vks_context_choice(context, 1, &choice) == VKS_OK) {
        assert_string_equal(choice.call, "attention 1x2x256x256x64 relative f16");
        assert_string_equal(choice.reason, "timed");
        assert_true(choice.candidates >= 2 && choice.ms > 0);
    } else {
        print_message("attention: no cooperative matrices here, so nothing to choose from\n");
    }
    vks_context_destroy(&context);
}

/* A call whose operands would not fit beside the model is left as it is, and everything goes on. */
static void too_large(void **state)
{
    vks_choice choice;
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=table");
    char name[64];
    times_name(context, name);
    vkr_store_remove(test_folder, name);
    vks_context_destroy(&context);
    context = open_context("caps=-cpu,tune=auto");
    context->target.options.max_memory = 65 << 20;      /* of the decisions alone: the device itself has no limit */
    context->tune_left_ms = 60000;
    run_matmul(context);
    assert_ok(vks_context_choice(context, 0, &choice));
    assert_string_equal(choice.reason, "memory");
    assert_true(choice.ms == 0 && context->tune_left_ms == 60000);
    vks_context_destroy(&context);
}

/* A file of something else counts as none, and is replaced. */
static void corrupt_file(void **state)
{
    char name[64], path[160];
    vks_choice choice;
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=table");
    times_name(context, name);
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    vks_context_destroy(&context);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("matmul 1x256x256x256 f32\tmatmul_tile.f32:64x64\t0.001\n", file);
    fclose(file);
    context = open_context("caps=-cpu,tune=auto");
    context->tune_left_ms = 60000;
    run_matmul(context);
    assert_ok(vks_context_choice(context, 0, &choice));
    assert_string_equal(choice.reason, "timed");
    assert_true(choice.ms != 0.001 && has_times(context));
    vks_context_destroy(&context);
}

/* The cpu class has nothing to choose; table and off time nothing. */
static void costs_nothing(void **state)
{
    static const char *const options[] = { "tune=auto", "caps=-cpu,tune=table", "caps=-cpu,tune=off" };
    vks_choice choice;
    (void)state;
    tiny_need();
    for (int i = 0; i < 3; i++) {
        vks_context *context = open_context(options[i]);
        bool cpu = context->target.caps.device_class == VKR_CLASS_CPU;
        if (i == 0 && !cpu) {
            vks_context_destroy(&context);
            continue;
        }
        char name[64];
        times_name(context, name);
        vkr_store_remove(test_folder, name);
        run_matmul(context);
        assert_null(context->target.tuning);
        assert_refused(VKS_ERR_ARGUMENT, "no choice", vks_context_choice(context, 0, &choice));
        assert_false(has_times(context));
        vks_context_destroy(&context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timed_then_cached),
        cmocka_unit_test(times_others),
        cmocka_unit_test(too_large),
        cmocka_unit_test(corrupt_file),
        cmocka_unit_test(costs_nothing),
    };
    return test_verdict(cmocka_run_group_tests_name("tune", tests, test_make_folder, test_remove_folder));
}
