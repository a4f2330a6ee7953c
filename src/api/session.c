/* session.c: one image at a time: prepared on the host, encoded on the device, kept in the session's slots.
 * `ready` is true only while the slots hold the features of the image that `size` describes. */
#include "api/clock.h"
#include "api/handles.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/prepare.h"
#include "weights/sha256.h"

#include <stdio.h>
#include <string.h>

vks_status vks_session_create(vks_model *model, const vks_session_params *params, vks_session **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_session_create: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(model, VKS_ERR_ARGUMENT, "vks_session_create: model must not be NULL");
    VKS_REQUIRE(!model->network->family->label, VKS_ERR_UNSUPPORTED, "a model of the family %s takes a whole volume and no "
                "prompt: use vks_model_label, or `vkseg predict`", model->network->family->name);
    vks_session_params own;
    VKS_TRY(params_copy(&own, sizeof own, params, "vks_session_params"));
    vks_session *session;
    VKS_TRY(vkr_alloc(1, sizeof *session, "a session", (void **)&session));
    session->model = model_retain(model);
    session->progress = own.progress;
    session->user = own.user;
    const struct network *network = model->network;
    vks_status status = VKS_OK;
    for (uint32_t i = 0; status == VKS_OK && i < network->feature_count; i++)
        status = vkr_slot_create(model->context->device, network->features[i].name, network->features[i].desc,
                                 &session->slots[i]);
    if (status != VKS_OK)
        vks_session_destroy(&session);
    *out = session;
    return status;
}

void vks_session_destroy(vks_session **session)
{
    if (!session || !*session)
        return;
    vks_session *dead = *session;
    *session = NULL;
    stage_cache_clear(&dead->decode);
    vkr_plan_destroy(&dead->encode);
    for (uint32_t i = 0; i < FAMILY_FEATURES; i++)
        vkr_slot_destroy(&dead->slots[i]);
    session_clear_support(dead);
    vks_model_destroy(&dead->model);
    vkr_free(dead);
}

vks_status vks_session_timing(const vks_session *session, vks_timing *out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_timing: session and out must not be NULL");
    *out = session->timing;
    return VKS_OK;
}

void session_set_size(vks_session *session, uint32_t width, uint32_t height)
{
    session->size.width = width;
    session->size.height = height;
    prepare_size(&session->model->network->image, width, height, &session->size.resized_width,
                 &session->size.resized_height);
}

/* ---- progress ----------------------------------------------------------------------------------------------- */

/* What the stages before the encoder count for, by experience on software devices and GPUs alike: nearly nothing. */
static const double planning_begins = 0.02, encoding_begins = 0.05;

static vks_status report(vks_session *session, double fraction, const char *stage)
{
    VKS_REQUIRE(!session->progress || session->progress(session->user, fraction, stage) == 0, VKS_ERR_CANCELLED,
                "cancelled by the program while the image was encoded");
    return VKS_OK;
}

/* A wish to stop that comes with the last submission finds the run complete: it is remembered and honoured all the same. */
struct watch {
    vks_session *session;
    vks_status status;
};

static int report_encoding(void *user, double fraction)
{
    struct watch *watch = user;
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    watch->status = report(watch->session, encoding_begins + (1 - encoding_begins) * fraction, "encode");
    return watch->status != VKS_OK;
}

/* ---- image -------------------------------------------------------------------------------------------------- */

/* SHA-256 of width, height and channels (32 bits each, little endian) and the pixels as 8-bit rows. */
vks_status vks_image_sha256(const vks_image *image, char hex[65])
{
    struct image_reader reader;
    VKS_REQUIRE(image && hex, VKS_ERR_ARGUMENT, "vks_image_sha256: image and hex must not be NULL");
    VKS_TRY(image_validate(image));
    vks_status status = image_reader_open(image, &reader);
    if (status == VKS_OK) {
        const uint32_t shape[3] = { reader.width, reader.height, reader.channels };
        struct sha256 sha;
        sha256_begin(&sha);
        for (int i = 0; i < 12; i++) {
            unsigned char byte = (unsigned char)(shape[i / 4] >> (8 * (i % 4)));
            sha256_add(&sha, &byte, 1);
        }
        for (uint32_t y = 0; y < reader.height; y++)
            sha256_add(&sha, image_row(&reader, y), (size_t)reader.width * reader.channels);
        sha256_end(&sha, hex);
    }
    image_reader_close(&reader);
    return status;
}

static void build_encode(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const vks_session *session = user;
    const struct network *network = session->model->network;
    (void)key;
    const struct nn n = { graph, session->model->half };
    const struct support_set set = { session->support_count, session->support };
    if (network->family->support)
        network->family->encode_with(network, n, &set, session->slots);
    else
        network->family->encode(network, n, session->slots);
}

static vks_status make_encode_plan(vks_session *session)
{
    if (session->encode)
        return VKS_OK;
    const struct stage_builder builder = { build_encode, session, session->profile, session->keeps_layers };
    const struct stage_key key = { 0 };
    vks_context *context = session->model->context;
    vks_status status = stage_compile(context, session->model->params, &builder, key, &session->encode);
    if (status == VKS_ERR_DEVICE_MEMORY) {      /* decoders of an embedding that was set by hand may be in the way */
        stage_cache_clear(&session->decode);
        session->decoded = NULL;
        status = stage_compile(context, session->model->params, &builder, key, &session->encode);
    }
    return status;
}

static vks_status encode(vks_session *session, const struct prepared *prepared, struct clock_lap *lap)
{
    vks_stage_time *stages = session->stages;
    VKS_TRY(report(session, planning_begins, "plan"));
    VKS_TRY(make_encode_plan(session));
    clock_add_lap(lap, &stages[VKS_STAGE_PLAN]);
    VKS_TRY(report(session, encoding_begins, "encode"));
    size_t size = (size_t)prepared->side * prepared->side * 3 * sizeof(float);
    VKS_TRY(vkr_plan_write(session->encode, "pixels", prepared->pixels, size));
    clock_add_lap(lap, &stages[VKS_STAGE_UPLOAD]);
    struct watch watch = { session, VKS_OK };
    const struct vkr_progress progress = { report_encoding, &watch };
    VKS_TRY(stage_run(session->model->context, session->encode, "encode", session->progress ? &progress : NULL));
    clock_add_lap(lap, &stages[VKS_STAGE_ENCODE]);
    stages[VKS_STAGE_ENCODE].gpu_ms = vkr_plan_gpu_ms(session->encode);
    return watch.status;
}

vks_status vks_session_set_image(vks_session *session, const vks_image *image)
{
    VKS_REQUIRE(session && image, VKS_ERR_ARGUMENT, "vks_session_set_image: session and image must not be NULL");
    session->ready = false;
    VKS_REQUIRE(!session->model->network->family->support || session->support_count > 0, VKS_ERR_ARGUMENT,
                "the family %s is shown by examples what to segment; call vks_session_set_support first",
                session->model->network->family->name);
    VKS_TRY(image_validate(image));
    VKS_TRY(report(session, 0, "prepare"));
    double start = clock_ms();
    struct clock_lap lap = clock_start();
    memset(session->stages, 0, VKS_STAGE_PLAN_PROMPT * sizeof *session->stages);
    struct prepared prepared = { 0 };
    VKS_TRY(vks_image_sha256(image, session->image_sha256));
    VKS_TRY(prepare(&session->model->network->image, image, &prepared));
    double prepared_at = clock_ms();
    clock_add_lap(&lap, &session->stages[VKS_STAGE_PREPROCESS]);
    vks_status status = encode(session, &prepared, &lap);
    prepared_free(&prepared);
    VKS_TRY(status);
    session->timing.prepare_ms = prepared_at - start;
    session->timing.encode_ms = clock_ms() - prepared_at;
    session->timing.encode_gpu_ms = vkr_plan_gpu_ms(session->encode);
    session_set_size(session, image->width, image->height);
    VKS_TRY(report(session, 1, "encode"));
    session->ready = true;
    return VKS_OK;
}
