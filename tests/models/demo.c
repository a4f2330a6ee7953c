/* demo.c: the bundled model on the bundled images: a box and a point from the known label give the labelled object. What
 * this guards is the whole way from PNG to mask with trained weights; how good the model is, its card says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "support/device.h"
#include "vkseg/vkseg_io.h"

/* The largest object of each picture (tools/demo-model/generate.py --bundle) and the Dice that its box must reach; and
 * for one, a point in the middle of a smaller object. */
static const struct picture {
    const char *name;
    uint8_t label;
    double box;
    uint8_t small;
    float x, y;
    double point;
} pictures[] = {
    { "ct_slice", 18, 0.94, 25, 129, 183, 0.94 },
    { "mr_slice", 1, 0.92, 0, 0, 0, 0 },
    { "ultrasound", 2, 0.89, 0, 0, 0, 0 },
    { "cells", 21, 0.95, 0, 0, 0, 0 },
};

static vks_context *context;
static vks_model *model;
static vks_session *session;

static void ok(vks_status status)
{
    if (status != VKS_OK)
        fail_msg("%s", vks_last_error());
}

static void read_picture(const char *name, const char *ending, vks_io_image *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/assets/images/%s%s.png", VKS_SOURCE_DIR, name, ending);
    ok(vks_io_read_image(path, out));
}

/* The outermost pixels of the label, as a box prompt. */
static vks_prompt box_of(const vks_image *label, uint8_t number)
{
    vks_prompt box = { .kind = VKS_PROMPT_BOX, .x0 = 1e9f, .y0 = 1e9f, .x1 = -1, .y1 = -1 };
    const uint8_t *pixels = label->pixels;
    for (uint32_t y = 0; y < label->height; y++)
        for (uint32_t x = 0; x < label->width; x++) {
            if (pixels[(size_t)y * label->width + x] != number)
                continue;
            box.x0 = (float)x < box.x0 ? (float)x : box.x0;
            box.x1 = (float)x > box.x1 ? (float)x : box.x1;
            box.y0 = (float)y < box.y0 ? (float)y : box.y0;
            box.y1 = (float)y > box.y1 ? (float)y : box.y1;
        }
    return box;
}

static double dice(const uint8_t *mask, const vks_image *label, uint8_t number)
{
    const uint8_t *pixels = label->pixels;
    double both = 0, sum = 0;
    for (size_t i = 0; i < (size_t)label->width * label->height; i++) {
        both += mask[i] && pixels[i] == number;
        sum += mask[i] + (pixels[i] == number);
    }
    return 2 * both / sum;
}

static void segments(void **state)
{
    const struct picture *picture = *state;
    vks_io_image image = { 0 }, label = { 0 };
    vks_masks *masks = NULL;
    read_picture(picture->name, "", &image);
    read_picture(picture->name, "_label", &label);
    assert_int_equal(label.view.type, VKS_PIXEL_U8);
    assert_int_equal(label.view.channels, 1);
    assert_int_equal(label.view.width, image.view.width);
    const vks_prompt prompts[2] = {
        box_of(&label.view, picture->label),
        { .kind = VKS_PROMPT_POINT, .object = 1, .x0 = picture->x, .y0 = picture->y, .label = 1 },
    };
    ok(vks_session_set_image(session, &image.view));
    ok(vks_session_predict(session, prompts, picture->small ? 2 : 1, 0, &masks));
    double got = dice(masks->mask, &label.view, picture->label);
    print_message("%s: Dice %.3f with a box (predicted IoU %.2f)\n", picture->name, got, (double)masks->iou[0]);
    assert_true(got >= picture->box);
    if (picture->small) {
        got = dice(masks->mask + (size_t)masks->width * masks->height, &label.view, picture->small);
        print_message("%s: Dice %.3f with a point (predicted IoU %.2f)\n", picture->name, got, (double)masks->iou[1]);
        assert_true(got >= picture->point);
    }
    vks_masks_free(&masks);
    vks_io_image_free(&label);
    vks_io_image_free(&image);
}

static int open_model(void **state)
{
    (void)state;
    const vks_context_params params = { .struct_size = sizeof params, .device = test_device(), .options = test_options() };
    ok(vks_context_create(&params, &context));
    ok(vks_model_load(context, VKS_SOURCE_DIR "/assets/demo/vkseg-demo.safetensors", NULL, &model));
    ok(vks_session_create(model, NULL, &session));
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    vks_session_destroy(&session);
    vks_model_destroy(&model);
    vks_context_destroy(&context);
    return 0;
}

int main(void)
{
    enum { COUNT = sizeof pictures / sizeof *pictures };
    struct CMUnitTest tests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){ pictures[i].name, segments, NULL, NULL, (void *)(size_t)&pictures[i] };
    return test_verdict(_cmocka_run_group_tests("demo", tests, COUNT, open_model, close_model));
}
