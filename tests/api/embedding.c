/* embedding.c: embeddings of several maps, on a generated MedSAM2 at 64 x 64: out of a session, through a file and back,
 * to the last bit; maps that are not the decoder's, and damaged files, are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/generated.h"
#include "support/device.h"
#include "vkseg/vkseg_io.h"

enum { SIDE = 40 };

static vks_context *context;
static vks_model *model;
static uint8_t pixels[2][SIDE * SIDE];
static const char *const path = "api_embedding.safetensors";

static int begin(void **state)
{
    (void)state;
    for (int s = 0; s < 2; s++)
        paint_disc(pixels[s], SIDE, 18 + 9 * s, 20 - 5 * s);
    return open_generated(&context, &model);
}

static int end(void **state)
{
    (void)state;
    remove(path);
    vks_model_destroy(&model);
    vks_context_destroy(&context);
    return 0;
}

static void ok(vks_status status)
{
    if (status != VKS_OK)
        fail_msg("%s", vks_last_error());
}

static void refused(vks_status code, const char *words, vks_status status)
{
    assert_int_equal(status, code);
    if (!strstr(vks_last_error(), words))
        fail_msg("\"%s\" does not say \"%s\"", vks_last_error(), words);
}

static vks_session *open_session(void)
{
    vks_session *session = NULL;
    ok(vks_session_create(model, NULL, &session));
    return session;
}

static void set_image(vks_session *session, int which)
{
    const vks_image image = {
        .pixels = pixels[which], .type = VKS_PIXEL_U8, .width = SIDE, .height = SIDE, .channels = 1
    };
    ok(vks_session_set_image(session, &image));
}

static vks_embedding *get(vks_session *session)
{
    vks_embedding *embedding = NULL;
    ok(vks_session_get_embedding(session, &embedding));
    return embedding;
}

static vks_masks *predict(vks_session *session, uint32_t flags)
{
    const vks_prompt prompts[] = { { .kind = VKS_PROMPT_BOX, .x0 = 8, .y0 = 10, .x1 = 30, .y1 = 31 },
                                   { .kind = VKS_PROMPT_POINT, .object = 1, .x0 = 20, .y0 = 18, .label = 1 } };
    vks_masks *masks = NULL;
    ok(vks_session_predict(session, prompts, 2, flags, &masks));
    return masks;
}

static int same(const vks_masks *a, const vks_masks *b)
{
    size_t count = (size_t)a->objects * a->masks_per_object;
    return memcmp(a->logits, b->logits, count * a->logits_width * a->logits_height * sizeof(float)) == 0 &&
           memcmp(a->iou, b->iou, count * sizeof(float)) == 0 &&
           memcmp(a->mask, b->mask, count * a->width * a->height) == 0;
}

/* `session` decodes what `expected` was decoded from. */
static void decodes(vks_session *session, uint32_t flags, const vks_masks *expected, int is_same)
{
    vks_masks *masks = predict(session, flags);
    assert_int_equal(same(masks, expected), is_same);
    vks_masks_free(&masks);
}

static void comes_back_bit_for_bit(void **state)
{
    (void)state;
    vks_session *session = open_session(), *other = open_session();
    vks_embedding *read = NULL;
    set_image(session, 0);
    vks_embedding *kept = get(session);
    assert_int_equal(kept->more_count, 2);
    assert_string_equal(kept->more[0].name, "high_0");
    assert_true(kept->more[0].channels == kept->channels / 8 && kept->more[0].height == 4 * kept->height);
    assert_string_equal(kept->more[1].name, "high_1");
    assert_true(kept->more[1].channels == kept->channels / 4 && kept->more[1].width == 2 * kept->width);
    ok(vks_io_write_embedding(path, kept, 1));
    ok(vks_io_read_embedding(path, &read));
    for (uint32_t flags = 0; flags <= VKS_PREDICT_MULTIMASK; flags++) {
        vks_masks *expected = predict(session, flags);
        set_image(other, 1);
        decodes(other, flags, expected, 0);
        ok(vks_session_set_embedding(other, kept));
        decodes(other, flags, expected, 1);
        set_image(other, 1);
        ok(vks_session_set_embedding(other, read));
        decodes(other, flags, expected, 1);
        vks_masks_free(&expected);
    }
    vks_embedding *again = get(other);
    for (uint32_t i = 0; i < 2; i++)
        assert_memory_equal(kept->more[i].data, again->more[i].data,
                            sizeof(float) * kept->more[i].channels * kept->more[i].height * kept->more[i].width);
    assert_string_equal(again->image_sha256, kept->image_sha256);
    vks_embedding_free(&again);
    vks_embedding_free(&read);
    vks_embedding_free(&kept);
    vks_session_destroy(&session);
    vks_session_destroy(&other);
}

/* The maps of one image with the others of another give masks of neither. */
static void every_map_counts(void **state)
{
    (void)state;
    vks_session *session = open_session();
    set_image(session, 1);
    vks_embedding *other = get(session);
    set_image(session, 0);
    vks_embedding *kept = get(session);
    vks_masks *expected = predict(session, 0);
    for (uint32_t i = 0; i < 2; i++) {
        vks_feature_map more[2] = { kept->more[0], kept->more[1] };
        vks_embedding mixed = *kept;
        more[i] = other->more[i];
        mixed.more = more;
        ok(vks_session_set_embedding(session, &mixed));
        decodes(session, 0, expected, 0);
    }
    vks_masks_free(&expected);
    vks_embedding_free(&other);
    vks_embedding_free(&kept);
    vks_session_destroy(&session);
}

static void refuses_other_maps(void **state)
{
    (void)state;
    vks_session *session = open_session();
    vks_masks *masks = NULL;
    set_image(session, 0);
    vks_embedding *kept = get(session);
    vks_feature_map more[2] = { kept->more[0], kept->more[1] };
    vks_embedding wrong = *kept;
    wrong.more_count = 0;
    refused(VKS_ERR_ARGUMENT, "holds 1 maps, the decoder of a medsam2 model reads 3",
            vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "no image", vks_session_predict(session, NULL, 0, 0, &masks));
    wrong = *kept;
    wrong.more = NULL;
    refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "list", vks_io_write_embedding(path, &wrong, 1));
    wrong.more = more;
    more[0] = kept->more[1];
    refused(VKS_ERR_ARGUMENT, "map \"high_1\" is", vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "two maps", vks_io_write_embedding(path, &wrong, 1));
    more[0] = kept->more[0];
    more[1].width--;
    refused(VKS_ERR_ARGUMENT, "the model's \"high_1\" is", vks_session_set_embedding(session, &wrong));
    more[1] = kept->more[1];
    more[1].data = NULL;
    refused(VKS_ERR_ARGUMENT, "NULL", vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "empty", vks_io_write_embedding(path, &wrong, 1));
    more[1] = kept->more[1];
    memset(more[1].name, 'x', sizeof more[1].name);
    refused(VKS_ERR_ARGUMENT, "does not end", vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "does not end", vks_io_write_embedding(path, &wrong, 1));
    wrong = *kept;
    strcpy(wrong.family, "sam2");
    refused(VKS_ERR_ARGUMENT, "made by family \"sam2\", the model is of family \"medsam2\"",
            vks_session_set_embedding(session, &wrong));
    wrong = *kept;
    wrong.struct_size = 0;
    refused(VKS_ERR_ARGUMENT, "struct_size", vks_session_set_embedding(session, &wrong));
    refused(VKS_ERR_ARGUMENT, "struct_size", vks_io_write_embedding(path, &wrong, 1));
    vks_embedding_free(&kept);
    vks_session_destroy(&session);
}

/* ---- files ---- */

static void write_file(const char *tensors, size_t bytes)
{
    char header[2048];
    static const float data[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    int length = snprintf(header, sizeof header,
                          "{\"__metadata__\":{\"format\":\"vkseg embedding 1\",\"family\":\"sam\",\"model_sha256\":\"\","
                          "\"image_sha256\":\"\",\"image_width\":\"7\",\"image_height\":\"5\"},%s}",
                          tensors);
    const unsigned char prefix[8] = { (unsigned char)length, (unsigned char)(length >> 8) };
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(prefix, 1, 8, file);
    fwrite(header, 1, (size_t)length, file);
    fwrite(data, 1, bytes, file);
    assert_int_equal(fclose(file), 0);
}

#define TENSOR(name, shape, place) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" place "]}"

static void reads_files(void **state)
{
    (void)state;
    vks_embedding *read = NULL;
    write_file(TENSOR("embedding", "2,1,3", "0,24"), 24);
    ok(vks_io_read_embedding(path, &read));
    assert_true(read->channels == 2 && read->height == 1 && read->width == 3 && read->more_count == 0 && !read->more);
    assert_true(read->image_width == 7 && read->image_height == 5 && read->data[5] == 6);
    vks_embedding_free(&read);
    write_file(TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,2,2", "24,40"), 40);
    ok(vks_io_read_embedding(path, &read));
    assert_int_equal(read->more_count, 1);
    assert_string_equal(read->more->name, "high");
    assert_true(read->more->height == 2 && read->more->data[0] == 7 && read->more->data[3] == 10);
    vks_embedding_free(&read);
}

static void refuses_damaged_files(void **state)
{
    static const struct {
        const char *tensors, *words;
        size_t bytes;
    } cases[] = {
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,2,2", "24,40"), "size its header says", 36 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,2,2", "24,40"), "size its header says", 44 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,2,2", "20,36"), "\"high\" does not fit", 36 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,2,2", "24,44"), "\"high\" does not fit", 44 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "60000,60000,2", "24,44"), "does not fit", 44 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("high", "1,0,2", "24,24"), "dimension of 0", 24 },
        { TENSOR("embedding", "2,1,3", "0,24") ",\"high\":7", "\"high\" is not F32", 24 },
        { TENSOR("high", "1,2,2", "0,16") "," TENSOR("embedding", "2,1,3", "16,40"), "its first tensor", 40 },
        { TENSOR("embedding", "2,1,3", "0,24") "," TENSOR("a name of more than thirty-one letters", "1,1,1", "24,28"),
          "name is too long", 28 },
        { TENSOR("high", "1,2,2", "0,16"), "no embedding that vkseg wrote", 16 },
    };
    (void)state;
    vks_embedding *read = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(cases[i].tensors, cases[i].bytes);
        refused(VKS_ERR_CORRUPT, cases[i].words, vks_io_read_embedding(path, &read));
        assert_null(read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),
        cmocka_unit_test(every_map_counts),
        cmocka_unit_test(refuses_other_maps),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(refuses_damaged_files),
    };
    return test_verdict(cmocka_run_group_tests(tests, begin, end));
}
