/* measure.c: what a session says of its last run: stages, kernels, memory; and the device's best rates. */
#include "tiny.h"

#include "vkseg/vkseg_measure.h"

struct journey {
    vks_context *context;
    vks_model *model;
    vks_session *session;
};

static void begin(struct journey *j)
{
    const vks_model_params precision = { .struct_size = sizeof precision, .precision = VKS_PRECISION_F32 };
    tiny_need();
    assert_ok(tiny_context(&j->context));
    assert_ok(vks_model_load(j->context, "synthetic:sam_mini", &precision, &j->model));
    assert_ok(vks_session_create(j->model, NULL, &j->session));
}

static void end(struct journey *j)
{
    vks_session_destroy(&j->session);
    vks_model_destroy(&j->model);
    vks_context_destroy(&j->context);
}

static void run(struct journey *j)
{
    uint8_t pixels[TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH * 3];
    const vks_image image = tiny_image(pixels);
    const vks_prompt box = { .kind = VKS_PROMPT_BOX, .x0 = 5, .y0 = 5, .x1 = 30, .y1 = 20 };
    vks_masks *masks = NULL;
    assert_ok(vks_session_set_image(j->session, &image));
    assert_ok(vks_session_predict(j->session, &box, 1, 0, &masks));
    vks_masks_free(&masks);
}

static vks_stage_time time_of(struct journey *j, vks_stage stage)
{
    vks_stage_time time;
    assert_ok(vks_session_stage(j->session, stage, &time));
    assert_true(time.wall_ms >= 0 && time.cpu_ms >= 0 && time.gpu_ms >= 0);
    return time;
}

static void tells_stages(void **state)
{
    struct journey j = { 0 };
    (void)state;
    begin(&j);
    for (int i = 0; i < VKS_STAGE_COUNT; i++)
        assert_true(time_of(&j, (vks_stage)i).wall_ms == 0);
    run(&j);
    const double plan = time_of(&j, VKS_STAGE_PLAN).wall_ms;
    assert_true(time_of(&j, VKS_STAGE_ENCODE).wall_ms > 0 && time_of(&j, VKS_STAGE_DECODE).wall_ms > 0);
    assert_true(plan > 0 && time_of(&j, VKS_STAGE_PLAN_PROMPT).wall_ms > 0 && time_of(&j, VKS_STAGE_FINISH).wall_ms > 0);
    run(&j);                            /* plans are there already */
    assert_true(time_of(&j, VKS_STAGE_PLAN).wall_ms < plan / 2);
    vks_stage_time time;
    assert_refused(VKS_ERR_ARGUMENT, "no stage 8", vks_session_stage(j.session, VKS_STAGE_COUNT, &time));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_stage(NULL, VKS_STAGE_PLAN, &time));
    assert_string_equal(vks_stage_name(VKS_STAGE_ENCODE), "encode");
    assert_string_equal(vks_stage_name(VKS_STAGE_COUNT), "?");
    assert_true(vks_model_precision(j.model) == VKS_PRECISION_F32 && vks_model_precision(NULL) == VKS_PRECISION_AUTO);
    end(&j);
}

/* All kernels of a stage; the sum of their times. */
static double kernels(struct journey *j, vks_stage stage, double *flops)
{
    double ms = 0;
    vks_kernel kernel;
    size_t count = 0;
    for (*flops = 0; vks_session_kernel(j->session, stage, count, &kernel) == VKS_OK; count++) {
        assert_true(kernel.ms >= 0 && kernel.bytes > 0 && *kernel.node && *kernel.shader && *kernel.variant);
        ms += kernel.ms;
        *flops += kernel.flops;
    }
    assert_true(count > 10);
    return ms;
}

static void tells_kernels(void **state)
{
    struct journey j = { 0 };
    vks_kernel kernel;
    vks_model_info info;
    double flops;
    (void)state;
    begin(&j);
    assert_refused(VKS_ERR_ARGUMENT, "has not run", vks_session_kernel(j.session, VKS_STAGE_ENCODE, 0, &kernel));
    run(&j);
    assert_true(kernels(&j, VKS_STAGE_ENCODE, &flops) == 0);
    assert_ok(vks_model_get_info(j.model, &info));
    assert_true(flops > 1.5e9 * info.encoder_gmac && flops < 3e9 * info.encoder_gmac);
    assert_ok(vks_session_set_profile(j.session, 1));
    assert_refused(VKS_ERR_ARGUMENT, "has not run", vks_session_kernel(j.session, VKS_STAGE_DECODE, 0, &kernel));
    run(&j);
    const double stage = time_of(&j, VKS_STAGE_ENCODE).gpu_ms, sum = kernels(&j, VKS_STAGE_ENCODE, &flops);
    assert_true(stage == 0 || (sum > 0.5 * stage && sum < 1.001 * stage));
    kernels(&j, VKS_STAGE_DECODE, &flops);
    assert_refused(VKS_ERR_ARGUMENT, "no kernels", vks_session_kernel(j.session, VKS_STAGE_FINISH, 0, &kernel));
    assert_refused(VKS_ERR_ARGUMENT, "no kernel 99999", vks_session_kernel(j.session, VKS_STAGE_ENCODE, 99999, &kernel));
    end(&j);
}

static void tells_memory(void **state)
{
    struct journey j = { 0 };
    vks_memory memory;
    (void)state;
    begin(&j);
    run(&j);
    assert_ok(vks_session_memory(j.session, &memory));
    assert_true(memory.features == 8 * 8 * 64 * sizeof(float));
    assert_true(memory.weights > 4 * 300000 && memory.activations > 0);
    assert_true(memory.now >= memory.weights + memory.activations + memory.features && memory.peak >= memory.now);
    end(&j);
}

static void measures_the_device(void **state)
{
    struct journey j = { 0 };
    vks_rates rates;
    (void)state;
    begin(&j);
    assert_ok(vks_context_measure(j.context, &rates));
    assert_true(rates.f32_gflops > 0.1 && rates.read_gbs > 0.05 && rates.copy_gbs > 0.05);
    assert_true(rates.f16_gflops >= 0 && rates.matrix_gflops >= 0);
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_context_measure(j.context, NULL));
    end(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_stages),
        cmocka_unit_test(tells_kernels),
        cmocka_unit_test(tells_memory),
        cmocka_unit_test(measures_the_device),
    };
    return test_verdict(cmocka_run_group_tests_name("measure", tests, NULL, NULL));
}
