/* journey.c: sessions from an image to masks, on the toy checkpoint: kinds of pixels and prompts, several objects, kept
 * embeddings, cancelling, threads, and every misuse of a session. */
#include "tiny.h"

#include "vkseg/vkseg_io.h"

#include <math.h>
#include <pthread.h>

struct fixture {
    vks_context *context;
    vks_model *model;
    vks_session *session;
    uint8_t pixels[TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH * 3];
    vks_image image;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    f->image = tiny_image(f->pixels);
    if (!tiny_usable())
        return 0;
    assert_ok(tiny_context(&f->context));
    assert_ok(tiny_load(f->context, &f->model));
    assert_ok(vks_session_create(f->model, NULL, &f->session));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vks_session_destroy(&f->session);
    vks_model_destroy(&f->model);
    vks_context_destroy(&f->context);
    free(f);
    return 0;
}

static const vks_prompt point = { .kind = VKS_PROMPT_POINT, .x0 = 20, .y0 = 18, .label = 1 };
static const vks_prompt box = { .kind = VKS_PROMPT_BOX, .x0 = 8, .y0 = 6, .x1 = 33, .y1 = 30 };

static void test_repeatable(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    struct tiny_result first, second;
    assert_ok(tiny_predict(f->session, &first));
    assert_ok(tiny_decode(f->session, &second));
    assert_memory_equal(&first, &second, sizeof first);
    assert_ok(tiny_predict(f->session, &second));
    assert_memory_equal(&first, &second, sizeof first);
    assert_true(isfinite(first.iou));
    assert_true(first.foreground > 0 && first.foreground < TINY_IMAGE_WIDTH * TINY_IMAGE_HEIGHT);
    vks_timing timing;
    assert_ok(vks_session_timing(f->session, &timing));
    assert_true(timing.prepare_ms > 0 && timing.encode_ms > 0 && timing.decode_ms > 0 && timing.finish_ms > 0);
    uint64_t now, peak;
    assert_ok(vks_context_memory(f->context, &now, &peak));
    assert_true(now > 0 && peak >= now);
}

/* Grey, RGBA, padded rows and 16 bits that mean the same picture give the same masks. */
static void test_pixels(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    enum { W = TINY_IMAGE_WIDTH, H = TINY_IMAGE_HEIGHT, ROW = W * 4 + 12 };
    static uint8_t grey[H * W], rgb[H * W * 3], rgba[H * ROW];
    static uint16_t wide[H * W];
    for (int i = 0; i < H * W; i++) {
        grey[i] = f->pixels[3 * i];
        wide[i] = (uint16_t)(grey[i] + 1000);
        memset(&rgb[3 * i], grey[i], 3);
        uint8_t *pixel = &rgba[(i / W) * ROW + (i % W) * 4];
        memset(pixel, grey[i], 3);
        pixel[3] = (uint8_t)i;
    }
    const vks_image images[] = {
        { .pixels = rgb, .type = VKS_PIXEL_U8, .width = W, .height = H, .channels = 3 },
        { .pixels = grey, .type = VKS_PIXEL_U8, .width = W, .height = H, .channels = 1 },
        { .pixels = rgba, .type = VKS_PIXEL_U8, .width = W, .height = H, .channels = 4, .row_bytes = ROW },
        { .pixels = wide, .type = VKS_PIXEL_U16, .width = W, .height = H, .channels = 1, .window_centre = 1127.5f,
          .window_width = 255 },
    };
    struct tiny_result first = { 0 }, other;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        assert_ok(vks_session_set_image(f->session, &images[i]));
        assert_ok(tiny_decode(f->session, i == 0 ? &first : &other));
        if (i > 0)
            assert_memory_equal(&first, &other, sizeof first);
    }
}

static void compare_logits(const float *a, const float *b)
{
    for (int i = 0; i < TINY_LOW * TINY_LOW; i++)
        if (fabsf(a[i] - b[i]) > 1e-3f)
            fail_msg("logit %d: %g and %g", i, (double)a[i], (double)b[i]);
}

/* Many objects of unequal structure in one call equal each of them alone. */
static void test_objects(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    enum { OBJECTS = 37, LOW = TINY_LOW * TINY_LOW };
    vks_prompt prompts[OBJECTS * 2];
    size_t count = 0;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (i % 3 != 1) {
            prompts[count] = point;
            prompts[count].object = i;
            prompts[count++].x0 = (float)i;
        }
        if (i % 3 != 0) {
            prompts[count] = box;
            prompts[count].object = i;
            prompts[count++].x0 = (float)i * 0.5f;
        }
    }
    assert_ok(vks_session_set_image(f->session, &f->image));
    vks_masks *all = NULL, *single = NULL;
    assert_ok(vks_session_predict(f->session, prompts, count, VKS_PREDICT_MULTIMASK, &all));
    assert_int_equal(all->objects, OBJECTS);
    assert_int_equal(all->masks_per_object, 3);
    for (uint32_t i = 0; i < OBJECTS; i += 5) {
        vks_prompt own[2];
        size_t owned = 0;
        for (size_t p = 0; p < count; p++) {
            if (prompts[p].object == i) {
                own[owned] = prompts[p];
                own[owned++].object = 0;
            }
        }
        assert_ok(vks_session_predict(f->session, own, owned, VKS_PREDICT_MULTIMASK, &single));
        assert_int_equal(single->objects, 1);
        for (int k = 0; k < 3; k++) {
            compare_logits(single->logits + k * LOW, all->logits + (i * 3 + (uint32_t)k) * LOW);
            assert_true(fabsf(single->iou[k] - all->iou[i * 3 + (uint32_t)k]) < 1e-4f);
        }
        vks_masks_free(&single);
    }
    vks_masks_free(&all);
    assert_null(all);
}

/* No prompt at all, and the logits of one answer as the mask prompt of the next. */
static void test_masks(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    vks_masks *first = NULL, *second = NULL;
    assert_ok(vks_session_set_image(f->session, &f->image));
    assert_ok(vks_session_predict(f->session, NULL, 0, 0, &first));
    assert_int_equal(first->objects, 1);
    vks_masks_free(&first);
    assert_ok(vks_session_predict(f->session, &point, 1, 0, &first));
    const vks_prompt prompts[] = { point,
                                   { .kind = VKS_PROMPT_MASK,
                                     .logits = first->logits,
                                     .logits_width = first->logits_width,
                                     .logits_height = first->logits_height } };
    assert_ok(vks_session_predict(f->session, prompts, 2, 0, &second));
    int differs = 0;
    for (int i = 0; i < TINY_LOW * TINY_LOW; i++)
        differs |= first->logits[i] != second->logits[i];
    assert_true(differs);
    vks_masks_free(&first);
    vks_masks_free(&second);
    vks_masks_free(&second);
    vks_masks_free(NULL);
}

static void test_embedding(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    struct tiny_result expected, result;
    vks_embedding *kept = NULL, *read = NULL;
    vks_session *other = NULL;
    assert_refused(VKS_ERR_ARGUMENT, "image", vks_session_get_embedding(f->session, &kept));
    assert_ok(tiny_predict(f->session, &expected));
    assert_ok(vks_session_get_embedding(f->session, &kept));
    assert_string_equal(kept->family, "sam");
    assert_int_equal(kept->channels, TINY_DECODER);
    assert_int_equal(kept->height, TINY_GRID);
    assert_int_equal(kept->image_width, TINY_IMAGE_WIDTH);
    assert_int_equal(kept->image_height, TINY_IMAGE_HEIGHT);
    char sha256[65];
    assert_ok(vks_image_sha256(&f->image, sha256));
    assert_string_equal(kept->image_sha256, sha256);
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_image_sha256(NULL, sha256));
    assert_ok(vks_session_create(f->model, NULL, &other));
    assert_ok(vks_session_set_embedding(other, kept));
    assert_ok(tiny_decode(other, &result));
    assert_memory_equal(&expected, &result, sizeof result);
    const char *path = "journey_embedding.safetensors";
    assert_ok(vks_io_write_embedding(path, kept, 1));
    assert_ok(vks_io_read_embedding(path, &read));
    assert_string_equal(read->image_sha256, kept->image_sha256);
    assert_memory_equal(read->data, kept->data, sizeof(float) * TINY_DECODER * TINY_GRID * TINY_GRID);
    vks_session_destroy(&other);
    assert_ok(vks_session_create(f->model, NULL, &other));
    assert_ok(vks_session_set_embedding(other, read));
    assert_ok(tiny_decode(other, &result));
    assert_memory_equal(&expected, &result, sizeof result);
    remove(path);

    vks_embedding wrong = *kept;
    wrong.channels++;
    assert_refused(VKS_ERR_ARGUMENT, "embedding", vks_session_set_embedding(other, &wrong));
    wrong = *kept;
    strcpy(wrong.family, "medsam");
    assert_refused(VKS_ERR_ARGUMENT, "medsam", vks_session_set_embedding(other, &wrong));
    wrong = *kept;
    wrong.image_width = 0;
    assert_refused(VKS_ERR_ARGUMENT, "image", vks_session_set_embedding(other, &wrong));
    wrong = *kept;
    wrong.data = NULL;
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_embedding(other, &wrong));
    vks_embedding_free(&read);
    vks_embedding_free(&kept);
    assert_null(kept);
    vks_embedding_free(NULL);
    vks_session_destroy(&other);
}

struct watcher {
    int calls, stop_at;
    double last;
};

static int watch(void *user, double fraction, const char *stage)
{
    struct watcher *watcher = user;
    assert_non_null(stage);
    assert_true(fraction >= watcher->last && fraction <= 1.0);
    watcher->last = fraction;
    return ++watcher->calls == watcher->stop_at;
}

/* Cancelling at every call of the callback; the session then has no image, and can be used again. */
static void test_cancel(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    struct watcher watcher = { 0 };
    const vks_session_params params = { .struct_size = sizeof params, .progress = watch, .user = &watcher };
    vks_session *session = NULL;
    struct tiny_result expected, result;
    assert_ok(tiny_predict(f->session, &expected));
    assert_ok(vks_session_create(f->model, &params, &session));
    assert_ok(vks_session_set_image(session, &f->image));
    int calls = watcher.calls;
    assert_true(calls > 0);
    for (int stop = 1; stop <= calls; stop++) {
        vks_masks *masks = NULL;
        watcher = (struct watcher){ .stop_at = stop };
        assert_int_equal(vks_session_set_image(session, &f->image), VKS_ERR_CANCELLED);
        assert_refused(VKS_ERR_ARGUMENT, "image", vks_session_predict(session, &point, 1, 0, &masks));
        assert_null(masks);
    }
    watcher = (struct watcher){ 0 };
    assert_ok(tiny_predict(session, &result));
    assert_memory_equal(&expected, &result, sizeof result);
    vks_session_destroy(&session);
}

static void test_image_misuse(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    vks_image image = f->image;
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_image(NULL, &image));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_image(f->session, NULL));
    assert_ok(vks_session_set_image(f->session, &image));
    image.pixels = NULL;
    assert_refused(VKS_ERR_ARGUMENT, "", vks_session_set_image(f->session, &image));
    vks_masks *masks = NULL;        /* a failed call leaves the session without an image */
    vks_session *none = NULL;
    assert_refused(VKS_ERR_ARGUMENT, "image", vks_session_predict(f->session, &point, 1, 0, &masks));
    const vks_image bad[] = {
        { .pixels = f->pixels, .width = 0, .height = 4, .channels = 3 },
        { .pixels = f->pixels, .width = 4, .height = 40000, .channels = 3 },
        { .pixels = f->pixels, .width = 4, .height = 4, .channels = 2 },
        { .pixels = f->pixels, .width = 4, .height = 4, .channels = 3, .row_bytes = 11 },
        { .pixels = f->pixels, .width = 4, .height = 4, .channels = 3, .type = (vks_pixel_type)77 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(VKS_ERR_ARGUMENT, "", vks_session_set_image(f->session, &bad[i]));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_create(NULL, NULL, &none));
    assert_null(none);
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_create(f->model, NULL, NULL));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_timing(NULL, NULL));
}

static void test_prompt_misuse(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    const float logits[4] = { 0 };
    const vks_prompt bad[] = {
        { .kind = VKS_PROMPT_POINT, .x0 = NAN, .y0 = 1, .label = 1 },
        { .kind = VKS_PROMPT_POINT, .x0 = INFINITY, .y0 = 1, .label = 1 },
        { .kind = VKS_PROMPT_POINT, .x0 = 1e6f, .y0 = 1, .label = 1 },
        { .kind = VKS_PROMPT_POINT, .x0 = 1, .y0 = 1, .label = 7 },
        { .kind = VKS_PROMPT_POINT, .x0 = 1, .y0 = 1, .label = 1, .object = 3 },
        { .kind = VKS_PROMPT_POINT, .x0 = 1, .y0 = 1, .label = 1, .object = 4000000000u },
        { .kind = VKS_PROMPT_BOX, .x0 = 9, .y0 = 9, .x1 = 3, .y1 = 12 },
        { .kind = VKS_PROMPT_BOX, .x0 = 9, .y0 = 9, .x1 = 9, .y1 = 9 },
        { .kind = VKS_PROMPT_MASK },
        { .kind = VKS_PROMPT_MASK, .logits = logits, .logits_width = 2, .logits_height = 2 },
        { .kind = (vks_prompt_kind)9 },
    };
    vks_masks *masks = (vks_masks *)1;
    assert_refused(VKS_ERR_ARGUMENT, "image", vks_session_predict(f->session, &point, 1, 0, &masks));
    assert_null(masks);
    assert_ok(vks_session_set_image(f->session, &f->image));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vks_status status = vks_session_predict(f->session, &bad[i], 1, 0, &masks);
        if (status != VKS_ERR_ARGUMENT || masks)
            fail_msg("prompt %zu: %s: %s", i, vks_status_name(status), vks_last_error());
    }
    const vks_prompt boxes[] = { box, box };
    assert_refused(VKS_ERR_ARGUMENT, "box", vks_session_predict(f->session, boxes, 2, 0, &masks));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_predict(f->session, NULL, 2, 0, &masks));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_predict(f->session, &point, 1, 0, NULL));
    assert_refused(VKS_ERR_ARGUMENT, "flags", vks_session_predict(f->session, &point, 1, 64, &masks));
    assert_ok(vks_session_predict(f->session, &point, 1, 0, &masks));      /* a bad prompt spoils nothing */
    vks_masks_free(&masks);
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

struct worker {
    pthread_t thread;
    vks_model *model;           /* shared; NULL: the thread opens its own context */
    vks_status status;
    struct tiny_result result;
};

static vks_status work(struct worker *worker)
{
    vks_context *context = NULL;
    vks_model *model = NULL;
    vks_session *session = NULL;
    vks_status status = VKS_OK;
    if (!worker->model)
        status = tiny_context(&context);
    if (status == VKS_OK && !worker->model)
        status = tiny_load(context, &model);
    if (status == VKS_OK)
        status = vks_session_create(worker->model ? worker->model : model, NULL, &session);
    for (int i = 0; i < 3 && status == VKS_OK; i++)
        status = tiny_predict(session, &worker->result);
    vks_context_destroy(&context);
    vks_model_destroy(&model);
    vks_session_destroy(&session);
    return status;
}

static void *work_thread(void *user)
{
    struct worker *worker = user;
    worker->status = work(worker);
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    struct tiny_result expected;
    assert_ok(tiny_predict(f->session, &expected));
    for (int shared = 0; shared < 2; shared++) {
        struct worker workers[2] = { 0 };
        for (int i = 0; i < 2; i++) {
            workers[i].model = shared ? f->model : NULL;
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work_thread, &workers[i]), 0);
        }
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(workers[i].status, VKS_OK);
            assert_memory_equal(&workers[i].result, &expected, sizeof expected);
        }
    }
}

#define JOURNEY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNEY(test_repeatable), JOURNEY(test_pixels),       JOURNEY(test_objects),
        JOURNEY(test_masks),      JOURNEY(test_embedding),    JOURNEY(test_cancel),
        JOURNEY(test_image_misuse), JOURNEY(test_prompt_misuse), JOURNEY(test_threads),
    };
    return test_verdict(cmocka_run_group_tests_name("journey", tests, NULL, NULL));
}
