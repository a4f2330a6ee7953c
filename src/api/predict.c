/* predict.c: prompts to masks. Objects of equal prompt structure (tokens, mask or not) share a decoder call, at most
 * BATCH of them; nothing is padded, so an object's result does not depend on its neighbours' prompts. */
#include "api/clock.h"
#include "api/handles.h"
#include "base/mem.h"
#include "mask/choose.h"
#include "mask/finish.h"
#include "prompt/prompt.h"

#include <string.h>

enum { BATCH = 16 };

/* ---- results ------------------------------------------------------------------------------------------------ */

/* `pixels_wanted`: with room for masks of the image's size. */
vks_status predict_result_create(const vks_session *session, uint32_t objects, bool multimask, bool pixels_wanted,
                                 struct predict_result **out)
{
    const struct network *network = session->model->network;
    const struct finish_size *size = &session->size;
    bool candidates = multimask && network->masks > 1;
    uint32_t per_object = candidates ? network->masks - 1 : 1;
    size_t count, floats, pixels, bytes;
    bool fits = vkr_mul(objects, per_object, &count) && vkr_mul(count, (size_t)network->low * network->low + 1, &floats) &&
                vkr_mul(floats, sizeof(float), &floats) && vkr_mul(count, pixels_wanted ? (size_t)size->width * size->height : 0, &pixels) &&
                vkr_add_size(floats, pixels, &bytes) && vkr_add_size(bytes, sizeof **out, &bytes);
    VKS_REQUIRE(fits && count <= UINT32_MAX, VKS_ERR_HOST_MEMORY, "%u masks of %u x %u pixels are beyond reason", objects,
                size->width, size->height);
    struct predict_result *result;
    VKS_TRY(vkr_alloc(1, bytes, "the masks", (void **)&result));
    result->first = candidates ? 1 : 0;
    result->iou = (float *)(result + 1);
    result->logits = result->iou + count;
    result->mask = pixels_wanted ? (uint8_t *)(result->logits + count * network->low * network->low) : NULL;
    result->masks = (vks_masks){ .objects = objects,
                                 .masks_per_object = per_object,
                                 .width = size->width,
                                 .height = size->height,
                                 .mask = result->mask,
                                 .iou = network->unscored ? NULL : result->iou,
                                 .logits_width = network->low,
                                 .logits_height = network->low,
                                 .logits = result->logits };
    *out = result;
    return VKS_OK;
}

void vks_masks_free(vks_masks **masks)
{
    if (!masks)
        return;
    vkr_free(*masks);           /* the first member of its block */
    *masks = NULL;
}

/* ---- decoding ----------------------------------------------------------------------------------------------- */

struct batch {
    struct stage_key key;
    uint32_t object[BATCH];
};

struct decoding {
    vks_session *session;
    const struct prompt_set *set;
    struct predict_result *result;
    bool *done;                 /* [objects] */
    float *buffer;              /* of one call: the larger of its inputs and outputs */
    size_t buffer_floats;
};

void session_build_decode(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const vks_session *session = user;
    const struct network *network = session->model->network;
    const struct decode_shape shape = { key.objects, key.tokens, key.mask, (enum decode_source)key.source };
    network->family->decode(network, (struct nn){ graph, session->model->half }, session->slots, &shape);
}

static uint32_t count_tokens(const struct decoding *d, uint32_t object)
{
    const struct network *network = d->session->model->network;
    return network->family->tokens(network, &d->set->objects[object]);
}

/* The first object not done and those like it; false when all are done. */
static bool next_batch(struct decoding *d, struct batch *batch)
{
    *batch = (struct batch){ 0 };
    for (uint32_t i = 0; i < d->set->count && batch->key.objects < BATCH; i++) {
        if (d->done[i])
            continue;
        uint32_t tokens = count_tokens(d, i);
        bool mask = d->set->objects[i].mask != NULL;
        if (batch->key.objects == 0) {
            batch->key.tokens = tokens;
            batch->key.mask = mask;
        }
        if (tokens == batch->key.tokens && mask == batch->key.mask) {
            batch->object[batch->key.objects++] = i;
            d->done[i] = true;
        }
    }
    return batch->key.objects > 0;
}

static vks_status reserve(struct decoding *d, size_t floats)
{
    if (floats <= d->buffer_floats)
        return VKS_OK;
    vkr_free(d->buffer);
    d->buffer_floats = 0;
    VKS_TRY(vkr_alloc(floats, sizeof(float), "a decoder call", (void **)&d->buffer));
    d->buffer_floats = floats;
    return VKS_OK;
}

static vks_status write_sparse(struct decoding *d, const struct batch *batch, struct vkr_plan *plan)
{
    const struct network *network = d->session->model->network;
    size_t each, total;
    VKS_REQUIRE(vkr_mul(batch->key.tokens, network->channels, &each) && vkr_mul(each, batch->key.objects, &total),
                VKS_ERR_HOST_MEMORY, "%u prompts for one object are beyond reason", batch->key.tokens);
    VKS_TRY(reserve(d, total));
    for (uint32_t i = 0; i < batch->key.objects; i++)
        network->family->embed(network, &d->set->objects[batch->object[i]], d->buffer + i * each);
    return vkr_plan_write(plan, "sparse", d->buffer, total * sizeof(float));
}

static vks_status write_masks(struct decoding *d, const struct batch *batch, struct vkr_plan *plan)
{
    const struct network *network = d->session->model->network;
    size_t each = (size_t)network->low * network->low;
    VKS_TRY(reserve(d, each * batch->key.objects));
    for (uint32_t i = 0; i < batch->key.objects; i++) {
        memcpy(d->buffer + i * each, d->set->objects[batch->object[i]].mask, each * sizeof(float));
        mask_limit(d->buffer + i * each, each, network->mask_limit);
    }
    return vkr_plan_write(plan, "mask", d->buffer, each * batch->key.objects * sizeof(float));
}

/* Reads "masks" and "iou" of every object of the batch and copies the wanted masks to their objects' places. */
static vks_status read_masks(struct decoding *d, const struct batch *batch, struct vkr_plan *plan)
{
    const struct network *network = d->session->model->network;
    const uint32_t made = network->masks, wanted = d->result->masks.masks_per_object;
    const size_t each = (size_t)network->low * network->low, all = (size_t)made * batch->key.objects;
    VKS_TRY(reserve(d, all * each + all));
    float *iou = d->buffer + all * each;
    VKS_TRY(vkr_plan_read(plan, "masks", d->buffer, all * each * sizeof(float)));
    memset(iou, 0, all * sizeof *iou);
    if (!network->unscored)
        VKS_TRY(vkr_plan_read(plan, "iou", iou, all * sizeof(float)));
    for (uint32_t i = 0; i < batch->key.objects; i++) {
        const float *masks = d->buffer + i * (size_t)made * each, *scores = iou + i * (size_t)made;
        uint32_t first = d->result->first;
        if (first == 0 && !d->result->plain)
            first = mask_single(&network->stability, masks, scores, made, each);
        const size_t to = (size_t)batch->object[i] * wanted;
        memcpy(d->result->logits + to * each, masks + first * each, wanted * each * sizeof(float));
        memcpy(d->result->iou + to, scores + first, wanted * sizeof(float));
    }
    return VKS_OK;
}

static vks_status decode_batch(struct decoding *d, const struct batch *batch)
{
    vks_session *session = d->session;
    const struct stage_builder builder = { session_build_decode, session, session->profile, false };
    vks_stage_time *stages = session->stages;
    struct clock_lap lap = clock_start();
    struct vkr_plan *plan;
    session->decoded = NULL;
    VKS_TRY(stage_plan(&session->decode, session->model->context, session->model->params, &builder, batch->key, &plan));
    session->decoded = plan;
    clock_add_lap(&lap, &stages[VKS_STAGE_PLAN_PROMPT]);
    if (batch->key.tokens > 0)
        VKS_TRY(write_sparse(d, batch, plan));
    if (batch->key.mask)
        VKS_TRY(write_masks(d, batch, plan));
    VKS_TRY(stage_run(session->model->context, plan, "decode", NULL));
    clock_add_lap(&lap, &stages[VKS_STAGE_DECODE]);
    VKS_TRY(read_masks(d, batch, plan));
    clock_add_lap(&lap, &stages[VKS_STAGE_DOWNLOAD]);
    session->timing.decode_gpu_ms += vkr_plan_gpu_ms(plan);
    stages[VKS_STAGE_DECODE].gpu_ms += vkr_plan_gpu_ms(plan);
    return VKS_OK;
}

static vks_status decode(vks_session *session, const struct prompt_set *set, struct predict_result *result)
{
    struct decoding d = { .session = session, .set = set, .result = result };
    struct batch batch;
    double start = clock_ms();
    session->timing.decode_gpu_ms = 0;
    memset(&session->stages[VKS_STAGE_PLAN_PROMPT], 0,
           (VKS_STAGE_COUNT - VKS_STAGE_PLAN_PROMPT) * sizeof *session->stages);
    vks_status status = vkr_alloc(set->count, sizeof *d.done, "a decoder call", (void **)&d.done);
    while (status == VKS_OK && next_batch(&d, &batch))
        status = decode_batch(&d, &batch);
    vkr_free(d.buffer);
    vkr_free(d.done);
    session->timing.decode_ms = clock_ms() - start;
    return status;
}

static vks_status finish(vks_session *session, struct predict_result *result)
{
    const struct network *network = session->model->network;
    double start = clock_ms();
    struct clock_lap lap = clock_start();
    VKS_TRY(finish_masks(&network->finish, &session->size, result->logits,
                         result->masks.objects * result->masks.masks_per_object, network->low, network->low, result->mask));
    session->timing.finish_ms = clock_ms() - start;
    clock_add_lap(&lap, &session->stages[VKS_STAGE_FINISH]);
    return VKS_OK;
}

static vks_status predict(vks_session *session, const struct prompt_set *set, uint32_t flags, bool pixels,
                          vks_masks **out)
{
    struct predict_result *result = NULL;
    VKS_TRY(predict_result_create(session, set->count, (flags & VKS_PREDICT_MULTIMASK) != 0, pixels, &result));
    result->plain = (flags & VKS_PREDICT_FIRST) != 0;
    vks_masks *masks = &result->masks;
    vks_status status = decode(session, set, result);
    if (status == VKS_OK && pixels)
        status = finish(session, result);
    if (status != VKS_OK)
        vks_masks_free(&masks);
    *out = masks;
    return status;
}

static vks_status predict_prompts(vks_session *session, const vks_prompt *prompts, size_t count, uint32_t flags,
                                  bool pixels, vks_masks **out)
{
    VKS_REQUIRE(session && (prompts || count == 0), VKS_ERR_ARGUMENT,
                "vks_session_predict: session must not be NULL, nor prompts when there are any");
    VKS_REQUIRE((flags & ~(uint32_t)(VKS_PREDICT_MULTIMASK | VKS_PREDICT_FIRST)) == 0, VKS_ERR_ARGUMENT,
                "vks_session_predict: flags %#x hold a bit this version does not know", flags);
    VKS_REQUIRE(session->ready, VKS_ERR_ARGUMENT, "no image is set; call vks_session_set_image first");
    const struct network *network = session->model->network;
    const struct prompt_frame frame = { .family = network->family->name,
                                        .accepts = network->family->accepts,
                                        .takers = family_takers,
                                        .width = session->size.width,
                                        .height = session->size.height,
                                        .resized_width = session->size.resized_width,
                                        .resized_height = session->size.resized_height,
                                        .low = network->low,
                                        .whole = network->whole_prompts ? network->image.side : 0 };
    struct prompt_set set = { 0 };
    vks_status status = prompt_collect(&frame, prompts, count, &set);
    if (status == VKS_OK)
        status = predict(session, &set, flags, pixels, out);
    prompt_free(&set);
    return status;
}

vks_status predict_logits(vks_session *session, const vks_prompt *prompts, size_t count, uint32_t flags, vks_masks **out)
{
    return predict_prompts(session, prompts, count, flags, false, out);
}

vks_status vks_session_predict(vks_session *session, const vks_prompt *prompts, size_t count, uint32_t flags, vks_masks **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_session_predict: out must not be NULL");
    *out = NULL;
    return predict_prompts(session, prompts, count, flags, true, out);
}
