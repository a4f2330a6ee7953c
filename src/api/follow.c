/* follow.c: stages of a tracker. Everything between two stages that is small is decided on the host. */
#include "api/follow.h"

#include "base/mem.h"
#include "mask/choose.h"
#include "mask/finish.h"

#include <math.h>
#include <string.h>

vks_status follow_reserve(vks_tracker *tracker, size_t floats)
{
    if (floats <= tracker->buffer_floats)
        return VKS_OK;
    vkr_free(tracker->buffer);
    tracker->buffer = NULL;
    tracker->buffer_floats = 0;
    VKS_TRY(vkr_alloc(floats, sizeof(float), "a tracker's buffer", (void **)&tracker->buffer));
    tracker->buffer_floats = floats;
    return VKS_OK;
}

/* ---- recall ------------------------------------------------------------------------------------------------- */

static void build_recall(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const vks_session *session = user;
    const struct network *network = session->model->network;
    const struct recall_shape shape = { key.objects, key.tokens };
    network->family->recall(network, (struct nn){ graph, session->model->half }, session->slots, &shape);
}

/* The plan of `key` alone. */
static vks_status only_plan(vks_tracker *tracker, struct stage_cache *cache, const struct stage_builder *builder,
                            struct stage_key key, struct vkr_plan **out)
{
    const struct stage_key *held = &cache->entries[0].key;
    if (cache->entries[0].plan && (held->objects != key.objects || held->tokens != key.tokens))
        stage_cache_clear(cache);
    const vks_model *model = tracker->session->model;
    return stage_plan(cache, model->context, model->params, builder, key, out);
}

static float widen(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static vks_status write_frames(vks_tracker *tracker, const struct bank *bank, const struct bank_view *view,
                               struct vkr_plan *plan)
{
    const struct network *network = tracker->session->model->network;
    const uint32_t width = network->bank.width;
    const size_t each = (size_t)network->grid * network->grid * width;
    VKS_TRY(follow_reserve(tracker, view->frames * each));
    for (uint32_t i = 0; i < view->frames; i++)
        for (size_t k = 0; k < each; k++)
            tracker->buffer[i * each + k] = widen(bank->entries[view->frame[i].slice].memory[k]);
    VKS_TRY(vkr_plan_write(plan, "memory", tracker->buffer, view->frames * each * sizeof(float)));
    for (uint32_t i = 0; i < view->frames; i++)
        memcpy(tracker->buffer + (size_t)i * width, network->bank.times + (size_t)view->frame[i].time * width,
               width * sizeof(float));
    return vkr_plan_write(plan, "times", tracker->buffer, (size_t)view->frames * width * sizeof(float));
}

static vks_status write_pointers(vks_tracker *tracker, const struct bank *bank, const struct bank_view *view,
                                 struct vkr_plan *plan)
{
    const struct network *network = tracker->session->model->network;
    const uint32_t width = network->bank.width, channels = network->channels, rows = channels / width;
    const size_t size = (size_t)view->pointers * channels;
    if (view->pointers == 0)
        return VKS_OK;
    VKS_TRY(follow_reserve(tracker, size));
    for (uint32_t i = 0; i < view->pointers; i++)
        memcpy(tracker->buffer + (size_t)i * channels, bank->entries[view->pointer[i].slice].pointer,
               channels * sizeof(float));
    VKS_TRY(vkr_plan_write(plan, "pointers", tracker->buffer, size * sizeof(float)));
    for (uint32_t i = 0; i < view->pointers; i++) {
        float *row = tracker->buffer + (size_t)i * channels;
        network->family->pointer_time(network, view->pointer[i].distance, row);
        for (uint32_t k = 1; k < rows; k++)
            memcpy(row + (size_t)k * width, row, width * sizeof(float));
    }
    return vkr_plan_write(plan, "pointer_times", tracker->buffer, size * sizeof(float));
}

vks_status follow_recall(vks_tracker *tracker, const struct bank *bank, bool backwards)
{
    vks_session *session = tracker->session;
    const struct stage_builder builder = { build_recall, session, session->profile, false };
    struct bank_view view;
    struct vkr_plan *plan;
    VKS_TRY(bank_select(bank, &session->model->network->bank, tracker->slice, backwards, &view));
    VKS_REQUIRE(view.frames > 0, VKS_ERR_INTERNAL, "an object without a memory is followed");
    const struct stage_key key = { .objects = view.frames, .tokens = view.pointers };
    VKS_TRY(only_plan(tracker, &tracker->recall, &builder, key, &plan));
    VKS_TRY(write_frames(tracker, bank, &view, plan));
    VKS_TRY(write_pointers(tracker, bank, &view, plan));
    return stage_run(session->model->context, plan, "recall", NULL);
}

/* ---- decode ------------------------------------------------------------------------------------------------- */

static void choose(const struct network *network, bool candidates, const float *masks, const float *iou,
                   const float *pointers, struct bank_entry *entry)
{
    static const float absent = -1024;
    const size_t each = (size_t)network->low * network->low;
    uint32_t which = candidates ? mask_best(iou, network->masks)
                                : mask_single(&network->stability, masks, iou, network->masks, each);
    const float *pointer = pointers + (candidates ? (size_t)which * network->channels : 0);
    bool there = entry->score > 0;
    entry->iou = iou[which];
    memcpy(entry->logits, masks + which * each, each * sizeof(float));
    for (size_t i = 0; i < each && !there; i++)
        entry->logits[i] = absent;
    memcpy(entry->pointer, there ? pointer : network->bank.absent_pointer, network->channels * sizeof(float));
}

static vks_status read_decoded(vks_tracker *tracker, struct vkr_plan *plan, bool candidates, struct bank_entry *entry)
{
    const struct network *network = tracker->session->model->network;
    const size_t each = (size_t)network->low * network->low, count = network->masks;
    const size_t pointers = count * network->channels;
    VKS_TRY(follow_reserve(tracker, count * each + count + pointers));
    float *masks = tracker->buffer, *iou = masks + count * each, *pointer = iou + count;
    VKS_TRY(vkr_plan_read(plan, "masks", masks, count * each * sizeof(float)));
    VKS_TRY(vkr_plan_read(plan, "iou", iou, count * sizeof(float)));
    VKS_TRY(vkr_plan_read(plan, "pointers", pointer, pointers * sizeof(float)));
    VKS_TRY(vkr_plan_read(plan, "score", &entry->score, sizeof(float)));
    choose(network, candidates, masks, iou, pointer, entry);
    return VKS_OK;
}

vks_status follow_decode(vks_tracker *tracker, const struct prompt_object *object, enum decode_source source,
                         bool candidates, struct bank_entry *entry)
{
    vks_session *session = tracker->session;
    const struct network *network = session->model->network;
    const uint32_t tokens = network->family->tokens(network, object);
    const struct stage_key key = { .objects = 1, .tokens = tokens, .mask = object->mask != NULL, .source = source };
    const struct stage_builder builder = { session_build_decode, session, session->profile, false };
    const size_t floats = (size_t)tokens * network->channels;
    struct vkr_plan *plan;
    VKS_TRY(stage_plan(&session->decode, session->model->context, session->model->params, &builder, key, &plan));
    VKS_TRY(follow_reserve(tracker, floats + 1));
    network->family->embed(network, object, tracker->buffer);
    if (tokens > 0)
        VKS_TRY(vkr_plan_write(plan, "sparse", tracker->buffer, floats * sizeof(float)));
    if (object->mask)
        VKS_TRY(vkr_plan_write(plan, "mask", object->mask, (size_t)network->low * network->low * sizeof(float)));
    VKS_TRY(stage_run(session->model->context, plan, "decode", NULL));
    return read_decoded(tracker, plan, candidates, entry);
}

/* ---- remember ----------------------------------------------------------------------------------------------- */

static void build_remember(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const vks_session *session = user;
    const struct network *network = session->model->network;
    (void)key;
    network->family->remember(network, (struct nn){ graph, session->model->half }, session->slots);
}

/* The mask at the side of the image, as the memory encoder takes it, into tracker->buffer. */
static vks_status write_mask(vks_tracker *tracker, bool binary, const struct bank_entry *entry, struct vkr_plan *plan)
{
    const struct network *network = tracker->session->model->network;
    const struct family_bank *bank = &network->bank;
    const uint32_t side = network->image.side;
    const struct finish_spec straight = { 0 };
    const struct finish_size size = { side, side, side, side };
    const size_t count = (size_t)side * side;
    VKS_TRY(follow_reserve(tracker, count));
    float *mask = tracker->buffer;
    VKS_TRY(finish_values(&straight, &size, entry->logits, 1, network->low, network->low, mask));
    for (size_t i = 0; i < count; i++) {
        float part = binary ? (float)(mask[i] > 0) : 1.0f / (1.0f + expf(-mask[i]));
        mask[i] = part * bank->mask_scale + bank->mask_shift;
    }
    return vkr_plan_write(plan, "mask", mask, count * sizeof(float));
}

vks_status follow_remember(vks_tracker *tracker, bool binary, struct bank_entry *entry)
{
    vks_session *session = tracker->session;
    const struct network *network = session->model->network;
    const struct stage_builder builder = { build_remember, session, session->profile, false };
    const struct stage_key key = { 0 };
    const size_t count = (size_t)network->grid * network->grid * network->bank.width;
    struct vkr_plan *plan;
    VKS_TRY(only_plan(tracker, &tracker->remember, &builder, key, &plan));
    VKS_TRY(write_mask(tracker, binary, entry, plan));
    VKS_TRY(stage_run(session->model->context, plan, "remember", NULL));
    VKS_TRY(follow_reserve(tracker, count));
    VKS_TRY(vkr_plan_read(plan, "memory", tracker->buffer, count * sizeof(float)));
    for (size_t i = 0; i < count; i++) {
        float absent = entry->score > 0 ? 0 : network->bank.absent_memory[i % network->bank.width];
        entry->memory[i] = bank_round(tracker->buffer[i] + absent);
    }
    return VKS_OK;
}
