/* tracker.c: objects through a stack, on a generated MedSAM2 at 64 x 64: what must agree agrees bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/generated.h"
#include "support/device.h"
#include "vkseg/vkseg.h"

enum { SLICES = 4, SIDE = 40 };

static vks_context *context;
static vks_model *model;
static uint8_t pixels[SLICES][SIDE * SIDE];

static int begin(void **state)
{
    (void)state;
    for (int s = 0; s < SLICES; s++)
        paint_disc(pixels[s], SIDE, 18 + s, 20 - s);
    return open_generated(&context, &model);
}

static int end(void **state)
{
    (void)state;
    vks_model_destroy(&model);
    vks_context_destroy(&context);
    return 0;
}

static vks_tracker *open_tracker(void)
{
    vks_tracker *tracker = NULL;
    assert_int_equal(vks_tracker_create(model, NULL, SLICES, &tracker), VKS_OK);
    return tracker;
}

static void set(vks_tracker *tracker, uint32_t slice)
{
    const vks_image image = {
        .pixels = pixels[slice], .type = VKS_PIXEL_U8, .width = SIDE, .height = SIDE, .channels = 1
    };
    assert_int_equal(vks_tracker_set_slice(tracker, slice, &image), VKS_OK);
}

static vks_masks *hint(vks_tracker *tracker, const vks_prompt *prompts, size_t count)
{
    vks_masks *masks = NULL;
    if (vks_tracker_prompt(tracker, prompts, count, &masks) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return masks;
}

static vks_masks *follow(vks_tracker *tracker, uint32_t slice, int backwards)
{
    vks_masks *masks = NULL;
    set(tracker, slice);
    if (vks_tracker_follow(tracker, backwards, &masks) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return masks;
}

static int same(const vks_masks *a, uint32_t object_a, const vks_masks *b, uint32_t object_b)
{
    size_t each = (size_t)a->logits_width * a->logits_height;
    return memcmp(a->logits + object_a * each, b->logits + object_b * each, each * sizeof(float)) == 0;
}

static const vks_prompt box = { .kind = VKS_PROMPT_BOX, .x0 = 8, .y0 = 10, .x1 = 30, .y1 = 31 };
static const vks_prompt click = { .kind = VKS_PROMPT_POINT, .object = 1, .x0 = 20, .y0 = 18, .label = 1 };

/* Two objects in one tracker are what each is alone, in both directions; forgetting brings back the first state. */
static void objects_do_not_meet(void **state)
{
    (void)state;
    vks_tracker *both = open_tracker(), *alone = open_tracker();
    vks_prompt prompts[2] = { box, click };
    set(both, 1);
    set(alone, 1);
    vks_masks *first = hint(both, prompts, 2), *other = hint(alone, &box, 1);
    assert_int_equal(first->objects, 2);
    assert_true(same(first, 0, other, 0));
    vks_masks_free(&first);
    vks_masks_free(&other);
    vks_masks *results[2];
    for (int round = 0; round < 2; round++) {
        vks_masks *a2 = follow(both, 2, 0), *a3 = follow(both, 3, 0);
        vks_masks *b2 = follow(alone, 2, 0), *b3 = follow(alone, 3, 0);
        assert_int_equal(a3->objects, 2);
        assert_true(same(a2, 0, b2, 0) && same(a3, 0, b3, 0) && !same(a3, 0, a3, 1));
        results[round] = a3;
        vks_masks_free(&a2);
        vks_masks_free(&b2);
        vks_masks_free(&b3);
        assert_int_equal(vks_tracker_forget(both), VKS_OK);
        vks_masks *back = follow(both, 0, 1);
        assert_int_equal(back->objects, 2);
        vks_masks_free(&back);
        assert_int_equal(vks_tracker_forget(both), VKS_OK);
        assert_int_equal(vks_tracker_forget(alone), VKS_OK);
    }
    assert_true(same(results[0], 0, results[1], 0) && same(results[0], 1, results[1], 1));
    vks_masks_free(&results[0]);
    vks_masks_free(&results[1]);
    vks_tracker_destroy(&both);
    vks_tracker_destroy(&alone);
}

/* A correction changes its slice and those behind it, and neither following nor forgetting undoes it. */
static void corrections_hold(void **state)
{
    (void)state;
    vks_tracker *tracker = open_tracker();
    const vks_prompt fix = { .kind = VKS_PROMPT_POINT, .x0 = 33, .y0 = 8, .label = 1 };
    set(tracker, 0);
    vks_masks *start = hint(tracker, &box, 1);
    vks_masks *before1 = follow(tracker, 1, 0), *before2 = follow(tracker, 2, 0);
    set(tracker, 1);
    vks_masks *fixed = hint(tracker, &fix, 1);
    vks_masks *after1 = follow(tracker, 1, 0), *after2 = follow(tracker, 2, 0);
    assert_true(!same(before1, 0, fixed, 0) && same(fixed, 0, after1, 0) && !same(before2, 0, after2, 0));
    assert_int_equal(vks_tracker_forget(tracker), VKS_OK);
    vks_masks *kept1 = follow(tracker, 1, 0), *kept2 = follow(tracker, 2, 0);
    assert_true(same(fixed, 0, kept1, 0) && same(after2, 0, kept2, 0));
    vks_masks *const all[] = { start, before1, before2, fixed, after1, after2, kept1, kept2 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vks_masks_free(&(vks_masks *){ all[i] });
    vks_tracker_destroy(&tracker);
}

/* A mask is taken as it is; an empty one is an object that is not there; before its first hint nothing is followed. */
static void masks_as_hints(void **state)
{
    (void)state;
    vks_tracker *tracker = open_tracker();
    float mask[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        mask[i] = i % SIDE > 10 && i % SIDE < 26 && i / SIDE > 8 && i / SIDE < 30;
    vks_prompt prompt = { .kind = VKS_PROMPT_MASK, .logits = mask, .logits_width = SIDE, .logits_height = SIDE };
    set(tracker, 2);
    vks_masks *taken = hint(tracker, &prompt, 1);
    int differing = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        differing += taken->mask[i] != (mask[i] > 0);
    assert_in_range(differing, 0, SIDE * 4);
    vks_masks_free(&taken);
    vks_masks *early = follow(tracker, 1, 0);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(early->mask[i], 0);
    vks_masks_free(&early);
    memset(mask, 0, sizeof mask);
    set(tracker, 2);
    vks_masks *empty = hint(tracker, &prompt, 1);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(empty->mask[i], 0);
    vks_masks_free(&empty);
    vks_tracker_destroy(&tracker);
}

static void refuses(void **state)
{
    (void)state;
    vks_tracker *tracker = open_tracker(), *none = NULL;
    vks_masks *masks = NULL;
    vks_prompt prompts[2] = { box, click };
    const float logits[4] = { 0 };
    const vks_prompt small = { .kind = VKS_PROMPT_MASK, .logits = logits, .logits_width = 2, .logits_height = 2 };
    assert_int_equal(vks_tracker_create(model, NULL, 0, &none), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_tracker_follow(tracker, 0, &masks), VKS_ERR_ARGUMENT); /* no slice */
    set(tracker, 0);
    assert_int_equal(vks_tracker_follow(tracker, 0, &masks), VKS_ERR_ARGUMENT); /* no object */
    assert_int_equal(vks_tracker_prompt(tracker, prompts, 0, &masks), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_tracker_prompt(tracker, &click, 1, &masks), VKS_ERR_ARGUMENT); /* object 1 before object 0 */
    assert_int_equal(vks_tracker_prompt(tracker, &small, 1, &masks), VKS_ERR_ARGUMENT);
    assert_null(masks);
    vks_tracker_destroy(&tracker);
    vks_model *plain = NULL;
    assert_int_equal(vks_model_load(context, "synthetic:sam_mini", NULL, &plain), VKS_OK);
    assert_int_equal(vks_tracker_create(plain, NULL, 3, &none), VKS_ERR_UNSUPPORTED);
    assert_non_null(strstr(vks_last_error(), "medsam2"));
    vks_model_destroy(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_do_not_meet),
        cmocka_unit_test(corrections_hold),
        cmocka_unit_test(masks_as_hints),
        cmocka_unit_test(refuses),
    };
    return test_verdict(cmocka_run_group_tests(tests, begin, end));
}
