/* golden.c: models against goldens, block by block by module path, with weights in f32 and in f16. Every array of a
 * case is compared exactly once or is said to be an input; a case whose array nothing compares fails. The toy is our
 * own (assets/golden, made by tools/python/golden.py); the oracle's cases are made by the models' official code
 * (../shared/oracle, or the folder that VKS_SHARED names) and skip without it. */
//! test models_toy toy
//! test models_toy_minimum toy caps=minimum
//! test models_toy_tile toy caps=-vec8
//! test models_oracle oracle label=slow
//! test models_oracle_vit_b_f32 03_sam_vit_b_1024 sam f32 label=slow timeout=900
//! test models_oracle_vit_b_f16 03_sam_vit_b_1024 sam f16 label=slow timeout=900
//! test models_oracle_medsam_vit_b_f32 03_sam_vit_b_1024 medsam f32 label=slow timeout=900
//! test models_oracle_medsam2_f32 08_medsam2_tiny_512 medsam2 f32 label=slow timeout=900
//! test models_oracle_medsam2_f16 08_medsam2_tiny_512 medsam2 f16 label=slow timeout=900
//! test models_oracle_medsam2_absent_f32 08b_medsam2_absent medsam2 f32 label=slow timeout=900
//! test models_oracle_medsam2_absent_f16 08b_medsam2_absent medsam2 f16 label=slow timeout=900
//! test models_oracle_medsam_vit_b_f16 03_sam_vit_b_1024 medsam f16 label=slow timeout=900
//! test models_oracle_mobile_sam_f32 05_mobilesam_1024 mobile_sam f32 label=slow timeout=900
//! test models_oracle_mobile_sam_f16 05_mobilesam_1024 mobile_sam f16 label=slow timeout=900
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/device.h"
#include "vksegdev/golden.h"

struct job {
    const char *name, *family; /* family NULL: the case's own */
    vks_precision precision;
    const char *model_options; /* NULL: the case's own */
};

/* The first three blocks in four bands of windows each, as blocks are at 1024; and all that the case says. */
static const char banded[] = "image_size=128,window_spec=8+4+6+4,global_blocks=3,band_kib=64";

#define BOTH(name, family)                                                                                             \
    { name, family, VKS_PRECISION_F32, NULL },                                                                         \
    {                                                                                                                  \
        name, family, VKS_PRECISION_F16, NULL                                                                          \
    }
static const struct job toys[] = { BOTH("sam_toy", "sam"), BOTH("sam_toy", "medsam"),
                                   BOTH("universeg_toy", NULL), BOTH("sam2_toy", NULL), BOTH("sam2_objects_toy", NULL),
                                   BOTH("mobile_sam_toy", NULL),
                                   BOTH("lite_medsam_toy", NULL), BOTH("sam_med2d_toy", NULL),
                                   BOTH("sam_med2d_plain_toy", NULL),
                                   { "sam2_toy", NULL, VKS_PRECISION_F32, banded },
                                   { "sam2_toy", NULL, VKS_PRECISION_F16, banded } };
static const struct job oracle[] = {
    BOTH("01_sam_tiny_w8", NULL),      BOTH("01m_sam_mini", NULL),         BOTH("01x_sam_mini_stress", NULL),
    BOTH("02a_sam_tiny_w7_pad", NULL), BOTH("02b_sam_tiny_w14_pad", NULL), BOTH("04_medsam_small", NULL),
    BOTH("06_sam_med2d_small", NULL),
    BOTH("07a_universeg_small", NULL), BOTH("07b_universeg_v1", NULL),
};

enum { TOYS = sizeof toys / sizeof *toys, ORACLE = sizeof oracle / sizeof *oracle, MOST_TESTS = (TOYS > ORACLE ? TOYS : ORACLE) + 2 };

static char root[900];
static struct golden_summary total;
static unsigned cases_run, cases_skipped;

static void run_case(void **state)
{
    const struct job *job = *state;
    char folder[1024];
    struct golden_summary s;
    snprintf(folder, sizeof folder, "%s/%s", root, job->name);
    if (access(folder, R_OK) != 0 || (job->precision == VKS_PRECISION_F16 && !test_device_has_f16())) {
        print_message("%s: skipped, %s\n", job->name, access(folder, R_OK) ? "the goldens are absent" : "no f16 here");
        cases_skipped++;
        skip();
    }
    const struct args args = { .family = job->family,
                               .precision = job->precision,
                               .device = test_device(),
                               .options = test_options(),
                               .model_options = job->model_options };
    if (golden_run(&args, folder, false, &s) != VKS_OK)
        fail_msg("%s: %s", job->name, vks_last_error());
    print_message(
        "%s, weights in %s: %u of %u arrays within tolerance, %u inputs, %u of the other half; worst %.2f of its "
        "tolerance (%s)\n",
        job->name, s.half ? "f16" : "f32", s.within, s.arrays, s.given, s.elsewhere, s.worst, s.worst_name);
    assert_int_equal(s.half, job->precision == VKS_PRECISION_F16);
    assert_int_equal(s.forgotten, 0);
    assert_int_equal(s.outside, 0);
    assert_int_equal(s.within + s.given + s.elsewhere, s.arrays);
    assert_true(s.within > 0);
    cases_run++;
    total.within += s.within;
}

/* What the comparison is worth: with the wrong number of heads, or another window, it must fail, and only behind them.
 */
static void wrong_models_are_seen(void **state)
{
    (void)state;
    static const char *const wrong[] = { "decoder_heads=4", "window_size=4" };
    uint32_t within[2];
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/%s", root, toys[0].name);
    for (int i = 0; i < 2; i++) {
        struct golden_summary s;
        const struct args args = { .precision = VKS_PRECISION_F32,
                                   .device = test_device(),
                                   .options = test_options(),
                                   .model_options = wrong[i] };
        print_message("with %s, these must fail:\n", wrong[i]);
        if (golden_run(&args, folder, false, &s) != VKS_OK)
            fail_msg("%s", vks_last_error());
        assert_true(s.outside > 5);
        within[i] = s.within;
    }
    assert_true(within[0] > within[1] && within[1] > 5); /* the encoder is right; its first steps are right */
}

static int run(const struct job *list, size_t count, bool self_check)
{
    struct CMUnitTest tests[MOST_TESTS];
    char names[MOST_TESTS][80];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s%s%s %s%s", list[i].name, list[i].family ? " " : "",
                 list[i].family ? list[i].family : "", list[i].precision == VKS_PRECISION_F16 ? "f16" : "f32",
                 list[i].model_options == banded ? " in bands" : "");
        tests[i] = (struct CMUnitTest){ names[i], run_case, NULL, NULL, (void *)(size_t)&list[i] };
    }
    if (self_check)
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(wrong_models_are_seen);
    return _cmocka_run_group_tests("models", tests, count, NULL, NULL);
}

/* toy [OPTIONS] | oracle | CASE FAMILY PRECISION */
int main(int argc, char **argv)
{
    const char *shared = getenv("VKS_SHARED"), *what = argc > 1 ? argv[1] : "toy";
    bool toy = strcmp(what, "toy") == 0;
    struct job one = { 0 };
    int failed;
    snprintf(root, sizeof root, "%s/%s",
             toy      ? VKS_SOURCE_DIR
             : shared ? shared
                      : VKS_SHARED_DIR,
             toy ? "assets/golden" : "oracle");
    if (toy && argc > 2)
        setenv("VKS_TEST_OPTIONS", argv[2], 1);
    if (argc == 4)
        one = (struct job){ what, argv[2], strcmp(argv[3], "f16") == 0 ? VKS_PRECISION_F16 : VKS_PRECISION_F32, NULL };
    if (one.name)
        failed = run(&one, 1, false);
    else
        failed = toy ? run(toys, TOYS, true) : run(oracle, ORACLE, false);
    printf("models: %u cases ran with %u arrays within tolerance, %u cases skipped\n", cases_run, total.within,
           cases_skipped);
    return !failed && cases_run == 0 && cases_skipped > 0 ? TEST_SKIPPED : test_verdict(failed);
}
