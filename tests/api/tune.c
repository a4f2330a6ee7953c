/* tune.c: kernels timed on the device at hand, as a GPU (caps=-cpu), and their times found again by another context. */
#include "tiny.h"

#include "api/handles.h"
#include "base/store.h"
#include "gpu/device.h"
#include "graph/params.h"
#include "ops.h"
#include "support/folder.h"
#include "vkseg/vkseg_measure.h"

#include <signal.h>
#include <sys/wait.h>
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

/* The kept file of that kind holds `word`. */
static bool is_kept(uint64_t key, const char *kind, const char *word)
{
    char name[64];
    void *data = NULL;
    size_t size;
    snprintf(name, sizeof name, "%s-%016llx", kind, (unsigned long long)key);
    bool there = vkr_store_read(test_folder, name, key, &data, &size) && strstr(data, word);
    free(data);
    return there;
}

static bool has_times(const vks_context *context)
{
    return is_kept(vkr_device_key(context->device), "times", "");
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
    assert_true(choice.ms == 0 && context->tune_left_ms > 59000);
    vks_context_destroy(&context);
}

/* ---- what dies while it is timed -------------------------------------------------------------------------------- */

/* Seconds for a candidate here. */
static void build_heavy(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const struct vkr_conv params = { .pad = { 0, 1, 1 } };
    (void)user;
    (void)key;
    struct vkr_tensor *x = vkr_graph_input(graph, "x", vkr_f32(4, 1, 128, 128, 256));
    vkr_graph_output(graph, vkr_conv(graph, x, vkr_graph_param(graph, "w", vkr_f32(4, 256, 256, 3, 3)), NULL, &params), "y");
}

/* The other process of is_killed: times until it is killed. */
static int time_for_long(const char *folder)
{
    snprintf(test_folder, sizeof test_folder, "%s", folder);
    vks_context *context = open_context("caps=-cpu,tune=auto");
    context->tune_left_ms = 1e9;
    run_graph(context, build_heavy);
    vks_context_destroy(&context);
    return 0;
}

/* A kernel that is set aside, by the name that the verdict has. */
static void expect_avoided(const char *kernel)
{
    vks_choice choice;
    vks_context *context = open_context("caps=-cpu,tune=auto");
    assert_int_equal(context->target.options.avoid_count, 1);
    assert_string_equal(context->target.options.avoid[0], kernel);
    context->tune_left_ms = 60000;
    run_graph(context, build_conv);                     /* with the other kernel, without a question */
    assert_refused(VKS_ERR_ARGUMENT, "no choice", vks_context_choice(context, 0, &choice));
    vks_context_destroy(&context);
}

static void keep_verdicts(const char *text, uint64_t key)
{
    char name[64];
    snprintf(name, sizeof name, "kernels-%016llx", (unsigned long long)key);
    assert_true(vkr_store_write(test_folder, name, key, text, strlen(text)));
}

static void is_killed(void **state)
{
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=auto");
    uint64_t key = vkr_device_key(context->device);
    vks_context_destroy(&context);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "test_api_tune", "timing", test_folder, (char *)NULL);
        _exit(127);
    }
    int ended = 0;
    for (int i = 0; i < 6000 && !is_kept(key, "trying", " conv.f32 died") && waitpid(child, &ended, WNOHANG) == 0; i++)
        usleep(10000);
    assert_true(is_kept(key, "trying", " conv.f32 died"));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &ended, 0), child);
    for (int again = 0; again < 2; again++) {
        expect_avoided("conv.f32");
        assert_false(is_kept(key, "trying", ""));
    }
    assert_true(is_kept(key, "kernels", "conv.f32 died"));
    keep_verdicts("", key);
}

/* The process outlives the device. */
static void loses_device(void **state)
{
    const struct vkr_params_source source = { ones, NULL };
    const struct stage_builder builder = { .build = build_conv };
    struct vkr_params *params;
    struct vkr_plan *plan;
    (void)state;
    tiny_need();
    char name[64];
    vks_context *context = open_context("caps=-cpu,tune=auto");
    uint64_t key = vkr_device_key(context->device);
    times_name(context, name);
    vkr_store_remove(test_folder, name);
    vks_context_destroy(&context);
    context = open_context("caps=-cpu,tune=auto");
    context->tune_left_ms = 60000;
    assert_ok(vkr_params_create(context->device, &source, &params));
    vkr_vulkan_fail_at(4, 3);
    vks_status status = stage_compile(context, params, &builder, (struct stage_key){ 0 }, &plan);
    vkr_vulkan_fail_at(0, 0);
    assert_int_equal(status, VKS_ERR_DEVICE_LOST);
    assert_null(plan);
    vkr_params_destroy(&params);
    vks_context_destroy(&context);
    assert_false(is_kept(key, "trying", ""));
    expect_avoided("conv.f32");
    keep_verdicts("conv.f32 died\nconv.f32 right\n", key);        /* as after vkseg doctor */
    context = open_context("caps=-cpu,tune=auto");
    assert_int_equal(context->target.options.avoid_count, 0);
    vks_context_destroy(&context);
}

static int see_nothing(void *user, const vks_check *check)
{
    (void)user;
    (void)check;
    return 0;
}

/* A cut that died may be tried again once the doctor has found its kernel right. */
static void doctor_lifts(void **state)
{
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=table");
    uint64_t key = vkr_device_key(context->device);
    keep_verdicts("argmax.f32:2x2 died\nargmaxes.f32:2x2 died\n", key);
    assert_ok(vks_context_check(context, "argmax", see_nothing, NULL));
    vks_context_destroy(&context);
    context = open_context("caps=-cpu,tune=table");
    assert_int_equal(context->target.options.avoid_count, 1);
    assert_string_equal(context->target.options.avoid[0], "argmaxes.f32:2x2");
    vks_context_destroy(&context);
    keep_verdicts("", key);
}

/* ---- what is used, and why -------------------------------------------------------------------------------------- */

struct report { vks_usage all[40]; uint32_t count; int stop; };

static int note_usage(void *user, const vks_usage *usage)
{
    struct report *report = user;
    assert_true(report->count < 40);
    report->all[report->count++] = *usage;
    return report->stop;
}

static const vks_usage *find_usage(const struct report *report, const char *example)
{
    for (uint32_t i = 0; i < report->count; i++)
        if (strcmp(report->all[i].example, example) == 0)
            return &report->all[i];
    fail_msg("no call \"%s\" is listed", example);
    return NULL;
}

static void says_what_is_used(void **state)
{
    static struct report report;
    (void)state;
    tiny_need();
    vks_context *context = open_context("caps=-cpu,tune=table");
    uint64_t key = vkr_device_key(context->device);
    vks_context_destroy(&context);
    keep_verdicts("conv.f32 died\nmatmul_tile.f32 wrong\nlayer_norm.f32 right\nmatmul_tile.f32:64x64 died\n", key);
    context = open_context("caps=-cpu,tune=table");
    assert_ok(vks_context_usage(context, NULL, note_usage, &report));
    assert_true(report.count >= 16);                    /* every operator, at least once */
    for (uint32_t i = 0; i < report.count; i++)
        assert_true(report.all[i].kernel[0] && report.all[i].candidates > 0);
    const vks_usage *neck = find_usage(&report, "SAM neck 3x3"), *mlp = find_usage(&report, "ViT-B mlp of 4096 tokens");
    assert_string_equal(neck->op, "conv");
    assert_string_equal(neck->call, "conv 4096x256x256 3x3 f32");
    assert_string_equal(neck->kernel, "conv_direct.f32");
    assert_string_equal(neck->reason, "table");
    assert_string_equal(neck->aside, "conv.f32");
    assert_string_equal(neck->aside_reason, "quarantine");
    assert_string_equal(mlp->kernel, "matmul.f32");
    assert_string_equal(mlp->aside, "matmul_tile.f32:128x128");
    assert_string_equal(mlp->aside_reason, "self-test");
    const vks_usage *norm = find_usage(&report, "ViT-B tokens");
    assert_string_equal(norm->kernel, "layer_norm.f32");
    assert_true(norm->aside[0] == '\0' && norm->aside_reason[0] == '\0' && norm->candidates == 1);
    assert_string_equal(find_usage(&report, "SAM patch embedding")->op, "matmul");
    report.count = 0;
    report.stop = 1;
    assert_refused(VKS_ERR_CANCELLED, "cancelled", vks_context_usage(context, "conv", note_usage, &report));
    assert_int_equal(report.count, 1);
    assert_refused(VKS_ERR_ARGUMENT, "no operator", vks_context_usage(context, "nothing", note_usage, &report));
    vks_context_destroy(&context);
    keep_verdicts("", key);
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

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "timing") == 0)
        return time_for_long(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timed_then_cached),
        cmocka_unit_test(times_others),
        cmocka_unit_test(too_large),
        cmocka_unit_test(is_killed),
        cmocka_unit_test(loses_device),
        cmocka_unit_test(doctor_lifts),
        cmocka_unit_test(says_what_is_used),
        cmocka_unit_test(corrupt_file),
        cmocka_unit_test(costs_nothing),
    };
    return test_verdict(cmocka_run_group_tests_name("tune", tests, test_make_folder, test_remove_folder));
}
