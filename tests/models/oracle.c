/* oracle.c: models against goldens of their official code (../shared/oracle), block by block by module path, with
 * weights in f32 and in f16. Every array of a case is compared exactly once or is said to be an input; a case whose
 * array nothing compares fails. VKS_SHARED names the folder; without it every case skips. */
//! test models_oracle
//! test models_oracle_vit_b_f32 03_sam_vit_b_1024 sam f32 label=slow timeout=900
//! test models_oracle_vit_b_f16 03_sam_vit_b_1024 sam f16 label=slow timeout=900
//! test models_oracle_medsam_vit_b_f32 03_sam_vit_b_1024 medsam f32 label=slow timeout=900
//! test models_oracle_medsam_vit_b_f16 03_sam_vit_b_1024 medsam f16 label=slow timeout=900
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
};

static const struct job jobs[] = {
    { "01_sam_tiny_w8", NULL, VKS_PRECISION_F32 },       { "01_sam_tiny_w8", NULL, VKS_PRECISION_F16 },
    { "01m_sam_mini", NULL, VKS_PRECISION_F32 },         { "01m_sam_mini", NULL, VKS_PRECISION_F16 },
    { "01x_sam_mini_stress", NULL, VKS_PRECISION_F32 },  { "01x_sam_mini_stress", NULL, VKS_PRECISION_F16 },
    { "02a_sam_tiny_w7_pad", NULL, VKS_PRECISION_F32 },  { "02a_sam_tiny_w7_pad", NULL, VKS_PRECISION_F16 },
    { "02b_sam_tiny_w14_pad", NULL, VKS_PRECISION_F32 }, { "02b_sam_tiny_w14_pad", NULL, VKS_PRECISION_F16 },
    { "04_medsam_small", NULL, VKS_PRECISION_F32 },      { "04_medsam_small", NULL, VKS_PRECISION_F16 },
};

enum { JOBS = sizeof jobs / sizeof *jobs };

static char root[900];
static struct golden_summary total;
static unsigned cases_run, cases_skipped;

static void run_case(void **state)
{
    const struct job *job = *state;
    char folder[1024];
    struct golden_summary s;
    snprintf(folder, sizeof folder, "%s/oracle/%s", root, job->name);
    if (access(folder, R_OK) != 0 || (job->precision == VKS_PRECISION_F16 && !test_device_has_f16())) {
        print_message("%s: skipped, %s\n", job->name, access(folder, R_OK) ? "the goldens are absent" : "no f16 here");
        cases_skipped++;
        skip();
    }
    const struct args args = {
        .family = job->family, .precision = job->precision, .device = test_device(), .options = test_options()
    };
    if (golden_run(&args, folder, &s) != VKS_OK)
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

static int run(const struct job *list, size_t count)
{
    struct CMUnitTest tests[JOBS];
    char names[JOBS][80];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s%s%s %s", list[i].name, list[i].family ? " " : "",
                 list[i].family ? list[i].family : "", list[i].precision == VKS_PRECISION_F16 ? "f16" : "f32");
        tests[i] = (struct CMUnitTest){ names[i], run_case, NULL, NULL, (void *)(size_t)&list[i] };
    }
    return _cmocka_run_group_tests("models against their official code", tests, count, NULL, NULL);
}

int main(int argc, char **argv)
{
    const char *shared = getenv("VKS_SHARED");
    snprintf(root, sizeof root, "%s", shared ? shared : VKS_SHARED_DIR);
    struct job one = { 0 };
    if (argc == 4)
        one = (struct job){ argv[1], argv[2], strcmp(argv[3], "f16") == 0 ? VKS_PRECISION_F16 : VKS_PRECISION_F32 };
    int failed = argc == 4 ? run(&one, 1) : run(jobs, JOBS);
    printf("oracle models: %u cases ran with %u arrays within tolerance, %u cases skipped\n", cases_run, total.within,
           cases_skipped);
    return test_verdict(failed);
}
