/* support.c: sessions that are shown what to segment: examples stay for all images, replace earlier ones, and every
 * misuse has its sentence. The network is UniverSeg's with random weights on small squares. */
#include "tiny.h"

enum { SHOWN = 5 };             /* more than are in work at once */

struct fixture {
    vks_context *context;
    vks_model *model;
    vks_session *session;
    uint8_t pixels[TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH * 3];
    uint8_t masks[SHOWN][TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH];
    vks_example examples[SHOWN];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    const vks_image image = tiny_image(f->pixels);
    for (int i = 0; i < SHOWN; i++) {
        for (int k = 0; k < TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH; k++)
            f->masks[i][k] = f->pixels[3 * k] > 60 + 30 * i;
        f->examples[i].image = f->examples[i].mask = image;
        f->examples[i].mask.pixels = f->masks[i];
        f->examples[i].mask.channels = 1;
    }
    if (!tiny_usable())
        return 0;
    const vks_model_params params = { .struct_size = sizeof params,
                                      .options = "image_size=32",
                                      .precision = VKS_PRECISION_F32 };
    assert_ok(tiny_context(&f->context));
    assert_ok(vks_model_load(f->context, "synthetic:universeg", &params, &f->model));
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

static vks_masks *segment(vks_session *session, const vks_image *image)
{
    vks_masks *masks = NULL;
    assert_ok(vks_session_set_image(session, image));
    assert_ok(vks_session_predict(session, NULL, 0, 0, &masks));
    assert_int_equal(masks->objects, 1);
    assert_int_equal(masks->masks_per_object, 1);
    assert_int_equal(masks->width, TINY_IMAGE_WIDTH);
    assert_int_equal(masks->logits_width, 32);
    assert_null(masks->iou);
    return masks;
}

static void assert_logits(const vks_masks *a, const vks_masks *b, int same)
{
    size_t size = (size_t)a->logits_width * a->logits_height * sizeof(float);
    assert_int_equal(memcmp(a->logits, b->logits, size) == 0, same);
}

static void test_examples_stay(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    vks_image other = f->examples[0].image;
    other.height--;
    assert_ok(vks_session_set_support(f->session, f->examples, SHOWN));
    vks_masks *first = segment(f->session, &f->examples[0].image);
    vks_masks *second = segment(f->session, &other);
    vks_masks *again = segment(f->session, &f->examples[0].image);
    assert_logits(first, again, 1);
    assert_logits(first, second, 0);
    vks_masks_free(&second);
    vks_masks_free(&again);
    /* Other examples, another answer; the first ones again, the first answer. */
    assert_ok(vks_session_set_support(f->session, f->examples + 1, 2));
    again = segment(f->session, &f->examples[0].image);
    assert_logits(first, again, 0);
    vks_masks_free(&again);
    assert_ok(vks_session_set_support(f->session, f->examples, SHOWN));
    again = segment(f->session, &f->examples[0].image);
    assert_logits(first, again, 1);
    vks_masks_free(&again);
    vks_masks_free(&first);
}

static void test_misuse(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    vks_masks *masks = NULL;
    vks_example bad[2] = { f->examples[0], f->examples[1] };
    const vks_prompt point = { .kind = VKS_PROMPT_POINT, .x0 = 20, .y0 = 18, .label = 1 };
    assert_ok(vks_session_set_support(f->session, f->examples, SHOWN));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_support(f->session, NULL, 1));
    assert_refused(VKS_ERR_ARGUMENT, "1 to 256", vks_session_set_support(f->session, f->examples, 0));
    assert_ok(vks_session_set_image(f->session, &f->examples[0].image));
    assert_refused(VKS_ERR_UNSUPPORTED, "set_support", vks_session_predict(f->session, &point, 1, 0, &masks));
    bad[1].mask.width--;
    assert_refused(VKS_ERR_ARGUMENT, "example 1", vks_session_set_support(f->session, bad, 2));
    /* A failure leaves neither examples nor image. */
    assert_refused(VKS_ERR_ARGUMENT, "no image", vks_session_predict(f->session, NULL, 0, 0, &masks));
    assert_refused(VKS_ERR_ARGUMENT, "set_support", vks_session_set_image(f->session, &f->examples[0].image));
    bad[1] = f->examples[1];
    bad[1].mask.channels = 3;
    assert_refused(VKS_ERR_ARGUMENT, "one 8-bit channel", vks_session_set_support(f->session, bad, 2));
    bad[1] = f->examples[1];
    bad[1].image.pixels = NULL;
    assert_refused(VKS_ERR_ARGUMENT, "example 1", vks_session_set_support(f->session, bad, 2));
}

static void test_promptable(void **state)
{
    struct fixture *f = *state;
    tiny_need();
    vks_model *sam = NULL;
    vks_session *session = NULL;
    assert_ok(tiny_load(f->context, &sam));
    assert_ok(vks_session_create(sam, NULL, &session));
    assert_refused(VKS_ERR_UNSUPPORTED, "takes prompts", vks_session_set_support(session, f->examples, SHOWN));
    vks_session_destroy(&session);
    vks_model_destroy(&sam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_examples_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_promptable, setup, teardown),
    };
    return test_verdict(cmocka_run_group_tests_name("api support", tests, NULL, NULL));
}
