/* main.c: every operator's cases in every variant this device can run, forced; every rejection; and, last, that each
 * variant was met by some case. `test_ops WORD` runs the tests whose name contains WORD; `test_ops --slow` adds the real
 * model shapes; `--minimum` runs on the least that Vulkan 1.1 promises. */
//! test ops timeout=900
//! test ops_minimum --minimum timeout=900
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/device.h"
#include "support/harness.h"
#include "support/op_suites.h"

enum { MAX_CHOICES = 32 };

static struct vkr_device *device;
static uint32_t met[OP_SUITES][MAX_CHOICES];       /* how many cases ran each choice */

struct job { uint32_t suite; const struct op_case *test; const struct op_rejection *rejection; int choice; };

static void run_case(void **state)
{
    const struct job *job = *state;
    const struct op_suite *suite = op_suites[job->suite];
    uint32_t ran = 0, failed = 0;
    for (uint32_t i = 0; i < suite->choice_count || (i == 0 && !suite->choices); i++) {
        const struct vkr_choice *choice = suite->choices ? &suite->choices[i] : NULL;
        enum harness_result outcome = harness_run(device, suite, job->test, choice, NULL);
        if (outcome == HARNESS_FAILED) {
            printf("  in %s.%s\n", choice ? choice->shader : "own", choice ? choice->variant : "choice");
            failed++;
        }
        ran += outcome != HARNESS_NOT_HERE;
        met[job->suite][i] += outcome != HARNESS_NOT_HERE;
    }
    assert_int_equal(failed, 0);
    assert_int_equal(vkr_validation_messages(), 0);
    if (ran == 0)
        skip();                                 /* such as 16-bit weights on a device without them */
}

static void run_rejection(void **state)
{
    const struct job *job = *state;
    struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    assert_int_equal(harness_reject(&target, op_suites[job->suite], job->rejection), HARNESS_PASSED);
}

/* A variant no case can reach is untested code. */
static void was_met(void **state)
{
    const struct job *job = *state;
    const struct vkr_choice *choice = &op_suites[job->suite]->choices[job->choice];
    const struct vkr_caps *caps = vkr_device_caps(device);
    uint64_t needs = 0;
    bool built = vkr_variant_built(choice->shader, choice->variant, &needs);
    if (!built || (needs & ~caps->bits))
        skip();
    assert_true(met[job->suite][job->choice] > 0);
}

struct list { struct CMUnitTest tests[2048]; struct job jobs[2048]; char names[2048][160]; uint32_t count; };

static void add(struct list *list, const char *filter, CMUnitTestFunction call, struct job job, const char *kind, const char *name)
{
    uint32_t i = list->count;
    snprintf(list->names[i], sizeof list->names[i], "%s/%s%s", op_suites[job.suite]->name, kind, name);
    if ((filter && !strstr(list->names[i], filter)) || i + 1 >= 2048)
        return;
    list->jobs[i] = job;
    list->tests[i] = (struct CMUnitTest){ list->names[i], call, NULL, NULL, &list->jobs[i] };
    list->count++;
}

int main(int argc, char **argv)
{
    static struct list list;
    bool slow = argc > 1 && strcmp(argv[1], "--slow") == 0, minimum = argc > 1 && strcmp(argv[1], "--minimum") == 0;
    const char *filter = argc > 1 && !slow && !minimum ? argv[1] : NULL;
    if (minimum)
        setenv("VKS_TEST_OPTIONS", "caps=minimum", 1);
    device = harness_open();
    if (!device)
        return 77;
    for (uint32_t s = 0; s < OP_SUITES; s++) {
        for (uint32_t i = 0; i < op_suites[s]->case_count; i++)
            if (!op_suites[s]->cases[i].only_chosen && (slow || !op_suites[s]->cases[i].slow))
                add(&list, filter, run_case, (struct job){ .suite = s, .test = &op_suites[s]->cases[i] }, "", op_suites[s]->cases[i].name);
        for (uint32_t i = 0; i < op_suites[s]->rejection_count; i++)
            add(&list, filter, run_rejection, (struct job){ .suite = s, .rejection = &op_suites[s]->rejections[i] }, "refuses ",
                op_suites[s]->rejections[i].name);
        for (uint32_t i = 0; i < op_suites[s]->choice_count && !filter; i++) {
            char name[80];
            snprintf(name, sizeof name, "%s.%s", op_suites[s]->choices[i].shader, op_suites[s]->choices[i].variant);
            add(&list, filter, was_met, (struct job){ .suite = s, .choice = (int)i }, "some case runs ", name);
        }
    }
    int failed = _cmocka_run_group_tests("ops", list.tests, list.count, NULL, NULL);
    vkr_device_release(&device);
    return test_verdict(failed);
}
