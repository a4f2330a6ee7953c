/* auto.c: automatic mask generation against the official generator (assets/golden/auto_mini, made by tools/python/auto.py)
 * and its pure parts: points, parts, runs, suppression, tidying; and layers of the encoder, with the same model. */
//! test models_auto timeout=300
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/npy.h"
#include "mask/nms.h"
#include "mask/runs.h"
#include "mask/tidy.h"
#include "prompt/grid.h"
#include "support/device.h"
#include "vkseg/vkseg.h"
#include "weights/synth.h"

#define FOLDER VKS_SOURCE_DIR "/assets/golden/auto_mini"

/* ---- against the official generator --------------------------------------------------------------------------- */

static vks_context *context;
static vks_model *model;
static vks_image image;
static void *pixels;
static json_t *document;

static int open_all(void **state)
{
    char path[] = "/tmp/vkseg_auto_XXXXXX", file[64];
    struct vkr_desc desc;
    (void)state;
    document = json_load_file(FOLDER "/cases.json", 0, NULL);
    if (!document || !mkdtemp(path) || vkr_npy_read(FOLDER "/input.npy", &desc, &pixels) != VKS_OK)
        return -1;
    image = (vks_image){ .pixels = pixels, .type = VKS_PIXEL_U8, .width = desc.dim[1], .height = desc.dim[0], .channels = 3 };
    snprintf(file, sizeof file, "%s/m.safetensors", path);
    const vks_context_params params = { .struct_size = sizeof params, .device = test_device(), .options = test_options() };
    const vks_model_params wish = { .struct_size = sizeof wish, .family = "sam", .precision = VKS_PRECISION_F32,
                                    .options = json_string_value(json_object_get(document, "options")) };
    vks_status status = synth_write(FOLDER "/weights.tsv", file);
    if (status == VKS_OK)
        status = vks_context_create(&params, &context);
    if (status == VKS_OK)
        status = vks_model_load(context, file, &wish, &model);
    remove(file);               /* mapped: the model lives on */
    rmdir(path);
    if (status != VKS_OK)
        print_error("%s\n", vks_last_error());
    return status == VKS_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    vks_model_destroy(&model);
    vks_context_destroy(&context);
    vkr_free(pixels);
    json_decref(document);
    return 0;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static vks_auto_params read_params(const json_t *p)
{
    return (vks_auto_params){ .struct_size = sizeof(vks_auto_params),
                              .points_per_side = (uint32_t)number(p, "points_per_side"),
                              .points_per_batch = (uint32_t)number(p, "points_per_batch"),
                              .iou_threshold = (float)number(p, "pred_iou_thresh"),
                              .stability_threshold = (float)number(p, "stability_score_thresh"),
                              .stability_offset = (float)number(p, "stability_score_offset"),
                              .nms_threshold = (float)number(p, "box_nms_thresh"),
                              .crop_layers = (uint32_t)number(p, "crop_n_layers"),
                              .crop_nms_threshold = (float)number(p, "crop_nms_thresh"),
                              .crop_overlap = (float)number(p, "crop_overlap_ratio"),
                              .crop_point_divisor = (uint32_t)number(p, "crop_n_points_downscale_factor"),
                              .least_area = (uint32_t)number(p, "min_mask_region_area") };
}

static void near(const char *what, double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s is %g, the official generator has %g", what, got, wanted);
}

static void compare_list(const char *what, const json_t *list, const double *got, size_t count, double tolerance)
{
    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        near(what, got[i], json_number_value(json_array_get(list, i)), tolerance);
}

/* At most this share of the image may differ: logits at the threshold fall to either side. */
static const double loose = 0.0005;

static void compare_runs(const vks_regions *regions, uint32_t index, const json_t *counts)
{
    size_t size = (size_t)regions->width * regions->height, n = json_array_size(counts), different = 0;
    uint8_t *got = vkr_calloc(size, 1), *wanted = vkr_calloc(size, 1);
    uint32_t *runs = vkr_calloc(n + 1, sizeof *runs);
    assert_true(got && wanted && runs);
    for (size_t i = 0; i < n; i++)
        runs[i] = (uint32_t)json_integer_value(json_array_get(counts, i));
    runs_decode(runs, (uint32_t)n, regions->width, regions->height, wanted);
    vks_region_mask(regions, index, got);
    for (size_t i = 0; i < size; i++)
        different += got[i] != wanted[i];
    near("the number of pixels that differ", (double)different, 0, loose * (double)size);
    vkr_free(got);
    vkr_free(wanted);
    vkr_free(runs);
}

static void compare_region(const vks_regions *regions, uint32_t index, const json_t *wanted)
{
    const vks_region *r = &regions->region[index];
    const json_t *segmentation = json_object_get(wanted, "segmentation");
    near("area", r->area, number(wanted, "area"), loose * regions->width * regions->height);
    near("predicted IoU", (double)r->predicted_iou, number(wanted, "predicted_iou"), 1e-3);
    near("stability", (double)r->stability, number(wanted, "stability_score"), 1e-3);
    compare_list("box", json_object_get(wanted, "bbox"),
                 (double[]){ r->x0, r->y0, (double)r->x1 - r->x0, (double)r->y1 - r->y0 }, 4, 0);
    compare_list("point", json_array_get(json_object_get(wanted, "point_coords"), 0),
                 (double[]){ (double)r->point_x, (double)r->point_y }, 2, 1e-4);
    compare_list("part", json_object_get(wanted, "crop_box"),
                 (double[]){ r->crop_x0, r->crop_y0, (double)r->crop_x1 - r->crop_x0, (double)r->crop_y1 - r->crop_y0 }, 4, 0);
    if (segmentation)
        compare_runs(regions, index, json_object_get(segmentation, "counts"));
}

static void equals_the_official_generator(void **state)
{
    size_t i, k;
    json_t *one, *wanted;
    vks_session *session = NULL;
    (void)state;
    assert_int_equal(vks_session_create(model, NULL, &session), VKS_OK);
    json_array_foreach(json_object_get(document, "cases"), i, one)
    {
        const vks_auto_params params = read_params(json_object_get(one, "params"));
        const json_t *masks = json_object_get(one, "masks");
        vks_regions *regions = NULL;
        if (vks_session_auto(session, &image, i == 0 ? NULL : &params, &regions) != VKS_OK)
            fail_msg("case %zu: %s", i, vks_last_error());
        print_message("case %zu: %u masks, the official generator has %zu\n", i, regions->count, json_array_size(masks));
        assert_int_equal(regions->count, json_array_size(masks));
        json_array_foreach((json_t *)(uintptr_t)masks, k, wanted) compare_region(regions, (uint32_t)k, wanted);
        vks_regions_free(&regions);
        assert_null(regions);
    }
    vks_session_destroy(&session);
}

static int stop_at_masks(void *user, double fraction, const char *stage)
{
    unsigned *calls = user;
    assert_true(fraction >= 0 && fraction <= 1);
    return strcmp(stage, "masks") == 0 && ++*calls == 2;
}

static void refuses_and_stops(void **state)
{
    unsigned calls = 0;
    const vks_session_params watch = { .struct_size = sizeof watch, .progress = stop_at_masks, .user = &calls };
    const vks_auto_params few = { .struct_size = sizeof few, .points_per_side = 3, .points_per_batch = 2 };
    const vks_auto_params deep = { .struct_size = sizeof deep, .crop_layers = 5 };
    const vks_auto_params odd = { .struct_size = sizeof odd, .crop_overlap = 2 };
    vks_regions *regions = NULL;
    vks_session *session = NULL;
    (void)state;
    assert_int_equal(vks_session_create(model, &watch, &session), VKS_OK);
    assert_int_equal(vks_session_auto(session, &image, &deep, &regions), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_session_auto(session, &image, &odd, &regions), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_session_auto(session, NULL, NULL, &regions), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_session_auto(session, &image, NULL, NULL), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_session_auto(session, &image, &few, &regions), VKS_ERR_CANCELLED);
    assert_int_equal(calls, 2);
    assert_null(regions);
    vks_session_destroy(&session);
}

/* Out of memory now and then while masks are gathered: a status, nothing leaked. */
static void survives_lack_of_memory(void **state)
{
    const vks_auto_params params = { .struct_size = sizeof params, .points_per_side = 2, .iou_threshold = -1,
                                     .stability_threshold = -1, .nms_threshold = 1.1f, .least_area = 5 };
    vks_session *session = NULL;
    (void)state;
    assert_int_equal(vks_session_create(model, NULL, &session), VKS_OK);
    vks_regions *regions = NULL;
    assert_int_equal(vks_session_auto(session, &image, &params, &regions), VKS_OK);
    assert_int_equal(regions->count, 12);
    vks_regions_free(&regions);
    for (uint64_t n = 1;; n += 7) {
        vkr_mem_fail_at(n);
        vks_status status = vks_session_auto(session, &image, &params, &regions);
        vkr_mem_fail_at(0);
        if (status == VKS_OK)
            break;
        assert_int_equal(status, VKS_ERR_HOST_MEMORY);
        assert_null(regions);
    }
    vks_regions_free(&regions);
    vks_session_destroy(&session);
}

/* ---- layers --------------------------------------------------------------------------------------------------- */

/* The last layer is the embedding, which has channels first; the session has the image afterwards. */
static void gives_layers(void **state)
{
    vks_session *session = NULL;
    vks_layer *layer = NULL;
    vks_embedding *embedding = NULL;
    vks_masks *masks = NULL;
    (void)state;
    assert_int_equal(vks_session_create(model, NULL, &session), VKS_OK);
    assert_int_equal(vks_session_layer(session, &image, "image_encoder.blocks.7", &layer), VKS_ERR_ARGUMENT);
    assert_null(layer);
    assert_non_null(strstr(vks_last_error(), "image_encoder.blocks.2"));
    assert_int_equal(vks_session_layer(session, &image, NULL, &layer), VKS_ERR_ARGUMENT);
    assert_int_equal(vks_session_layer(session, &image, "image_encoder.neck", &layer), VKS_OK);
    assert_string_equal(layer->name, "image_encoder.neck");
    assert_int_equal(layer->rank, 4);
    assert_true(layer->shape[0] == 1 && layer->shape[1] == 8 && layer->shape[2] == 8 && layer->shape[3] == 64);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(vks_session_get_embedding(session, &embedding), VKS_OK);
        for (size_t p = 0; p < 64; p++)
            for (size_t c = 0; c < 64; c++)
                assert_true(embedding->data[c * 64 + p] == layer->data[p * 64 + c]);
        vks_embedding_free(&embedding);
        assert_int_equal(vks_session_set_image(session, &image), VKS_OK);
    }
    const vks_prompt point = { .kind = VKS_PROMPT_POINT, .x0 = 50, .y0 = 50, .label = 1 };
    assert_int_equal(vks_session_predict(session, &point, 1, 0, &masks), VKS_OK);
    vks_masks_free(&masks);
    vks_layer_free(&layer);
    assert_null(layer);
    vks_session_destroy(&session);
}

/* ---- pure parts ----------------------------------------------------------------------------------------------- */

static void cuts_the_image(void **state)
{
    struct grid_crop crops[21];
    double x, y;
    (void)state;
    assert_int_equal(grid_crop_count(0), 1);
    assert_int_equal(grid_crop_count(2), 21);
    grid_crops(140, 96, 2, (float)(512.0 / 1500), crops);
    const struct grid_crop first = { 0, 0, 86, 64, 1 }, last = { 54, 32, 140, 96, 1 };
    assert_memory_equal(&crops[1], &first, sizeof first);   /* overlap 32: (32 + 140) / 2, (32 + 96) / 2 */
    assert_memory_equal(&crops[4], &last, sizeof last);
    for (uint32_t i = 0; i < 21; i++)
        assert_true(crops[i].x0 < crops[i].x1 && crops[i].x1 <= 140 && crops[i].y0 < crops[i].y1 && crops[i].y1 <= 96);
    grid_crops(1, 1, 2, 0.5f, crops);
    assert_true(crops[20].x0 < crops[20].x1 && crops[20].y0 < crops[20].y1);
    grid_point(1, 0, &x, &y);
    assert_true(x == 0.5 && y == 0.5);
    grid_point(4, 6, &x, &y);
    assert_true(fabs(x - 0.625) < 1e-15 && fabs(y - 0.375) < 1e-15);
}

static void turns_masks_into_runs(void **state)
{
    static const uint8_t mask[6] = { 1, 0, 1, 1, 1, 0 };    /* 2 rows of 3: columns 11, 01, 10 */
    static const uint32_t expected[] = { 0, 2, 1, 2, 1 };
    uint8_t back[6];
    uint32_t *runs, count;
    (void)state;
    assert_int_equal(runs_encode(mask, 3, 2, &runs, &count), VKS_OK);
    assert_int_equal(count, 5);
    assert_memory_equal(runs, expected, sizeof expected);
    assert_int_equal(runs_area(runs, count), 4);
    runs_decode(runs, count, 3, 2, back);
    assert_memory_equal(back, mask, 6);
    runs[4] = 1000;
    runs[1] = 1000;
    runs_decode(runs, count, 3, 2, back);                   /* hostile runs stay inside */
    vkr_free(runs);
}

static void keeps_the_better_box(void **state)
{
    static const struct nms_box boxes[] = { { 0, 0, 10, 10 }, { 1, 0, 11, 10 }, { 20, 20, 30, 30 }, { 0, 0, 10, 10 },
                                            { 5, 5, 5, 5 },   { 5, 5, 5, 5 } };
    static const float scores[] = { 0.5f, 0.9f, 0.1f, 0.5f, 0.3f, 0.3f };
    static const uint32_t expected[] = { 1, 4, 5, 2 }, all[] = { 1, 0, 3, 4, 5, 2 };
    uint32_t kept[6], count;
    (void)state;
    assert_int_equal(nms(boxes, scores, 6, 0.7f, kept, &count), VKS_OK);
    assert_int_equal(count, 4);
    assert_memory_equal(kept, expected, sizeof expected);
    assert_int_equal(nms(boxes, scores, 6, 1.1f, kept, &count), VKS_OK);
    assert_int_equal(count, 6);
    assert_memory_equal(kept, all, sizeof all);
}

static void tidies_masks(void **state)
{
    static const uint8_t mask[] = { 1, 1, 1, 1, 0, 0, 0,
                                    1, 0, 1, 1, 0, 1, 0,
                                    1, 1, 1, 1, 0, 0, 1 };  /* a hole of one, an island of two joined by a corner */
    uint8_t work[21];
    bool changed;
    (void)state;
    memcpy(work, mask, 21);
    assert_int_equal(tidy_mask(work, 7, 3, 2, true, &changed), VKS_OK);
    assert_true(changed && work[8] == 1);
    assert_int_equal(tidy_mask(work, 7, 3, 2, false, &changed), VKS_OK);
    assert_false(changed);
    assert_int_equal(tidy_mask(work, 7, 3, 3, false, &changed), VKS_OK);
    assert_true(changed && work[12] == 0 && work[20] == 0 && work[0] == 1);
    assert_int_equal(tidy_mask(work, 7, 3, 100, false, &changed), VKS_OK);
    assert_true(changed && work[0] == 1);                   /* the largest stays */
    memset(work, 0, 21);
    assert_int_equal(tidy_mask(work, 7, 3, 5, false, &changed), VKS_OK);
    assert_false(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_image),
        cmocka_unit_test(turns_masks_into_runs),
        cmocka_unit_test(keeps_the_better_box),
        cmocka_unit_test(tidies_masks),
        cmocka_unit_test(equals_the_official_generator),
        cmocka_unit_test(refuses_and_stops),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(gives_layers),
    };
    return test_verdict(cmocka_run_group_tests(tests, open_all, close_all));
}
