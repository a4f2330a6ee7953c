/* tracker.c: objects through a stack of slices: hints on some slices, following on the others. A slice with hints is a
 * condition of all others, whenever the hints came; its result is never replaced by following. */
#include "api/follow.h"
#include "base/mem.h"
#include "image/resample.h"
#include "mask/choose.h"
#include "mask/finish.h"
#include "prompt/prompt.h"

#include <string.h>

vks_status vks_tracker_create(vks_model *model, const vks_session_params *params, uint32_t slices, vks_tracker **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_tracker_create: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(model && slices >= 1 && slices <= TRACKER_SLICES, VKS_ERR_ARGUMENT,
                "vks_tracker_create: model must not be NULL, and slices 1 to %d, not %u", TRACKER_SLICES, slices);
    const struct network *network = model->network;
    VKS_REQUIRE(network->bank.width > 0, VKS_ERR_UNSUPPORTED,
                "the family %s keeps no memory of slices; those that do are sam2 and medsam2", network->family->name);
    vks_tracker *tracker;
    VKS_TRY(vkr_alloc(1, sizeof *tracker, "a tracker", (void **)&tracker));
    tracker->slices = slices;
    vks_status status = vks_session_create(model, params, &tracker->session);
    const struct family_feature *recalled = &network->features[network->feature_count];
    if (status == VKS_OK)
        status = vkr_slot_create(model->context->device, recalled->name, recalled->desc,
                                 &tracker->session->slots[network->feature_count]);
    if (status != VKS_OK)
        vks_tracker_destroy(&tracker);
    *out = tracker;
    return status;
}

void vks_tracker_destroy(vks_tracker **tracker)
{
    if (!tracker || !*tracker)
        return;
    vks_tracker *dead = *tracker;
    *tracker = NULL;
    stage_cache_clear(&dead->recall);
    stage_cache_clear(&dead->remember);
    for (uint32_t i = 0; i < dead->objects; i++)
        bank_free(&dead->banks[i]);
    vks_session_destroy(&dead->session);
    vkr_free(dead->buffer);
    vkr_free(dead);
}

vks_status vks_tracker_set_slice(vks_tracker *tracker, uint32_t slice, const vks_image *image)
{
    VKS_REQUIRE(tracker && image, VKS_ERR_ARGUMENT, "vks_tracker_set_slice: tracker and image must not be NULL");
    VKS_REQUIRE(slice < tracker->slices, VKS_ERR_ARGUMENT, "slice %u is not of this stack of %u slices", slice,
                tracker->slices);
    tracker->ready = false;
    VKS_TRY(vks_session_set_image(tracker->session, image));
    tracker->slice = slice;
    tracker->ready = true;
    return VKS_OK;
}

vks_status vks_tracker_forget(vks_tracker *tracker)
{
    VKS_REQUIRE(tracker, VKS_ERR_ARGUMENT, "vks_tracker_forget: tracker must not be NULL");
    for (uint32_t i = 0; i < tracker->objects; i++)
        bank_forget(&tracker->banks[i]);
    return VKS_OK;
}

/* ---- results ------------------------------------------------------------------------------------------------ */

/* The current slice's masks of the objects numbered `which` (NULL: of all). */
static vks_status show(const vks_tracker *tracker, const uint32_t *which, uint32_t count, vks_masks **out)
{
    const struct network *network = tracker->session->model->network;
    const struct finish_size *size = &tracker->session->size;
    const size_t each = (size_t)network->low * network->low;
    struct predict_result *result;
    VKS_TRY(predict_result_create(tracker->session, count, false, true, &result));
    vks_masks *masks = &result->masks;
    for (uint32_t i = 0; i < count; i++) {
        const struct bank_entry *entry = &tracker->banks[which ? which[i] : i].entries[tracker->slice];
        for (size_t k = 0; k < each && !entry->known; k++)
            result->logits[i * each + k] = -1024; /* as of an object that is not there */
        if (!entry->known)
            continue;
        memcpy(result->logits + i * each, entry->logits, each * sizeof(float));
        result->iou[i] = entry->iou;
    }
    vks_status status =
        finish_masks(&network->finish, size, result->logits, count, network->low, network->low, result->mask);
    if (status != VKS_OK)
        vks_masks_free(&masks);
    *out = masks;
    return status;
}

/* ---- hints -------------------------------------------------------------------------------------------------- */

/* One call's hints: those of objects with clicks and boxes, renumbered without gaps, and masks. */
struct hints {
    uint32_t object[TRACKER_OBJECTS]; /* named in this call, ascending */
    uint32_t count;
    const vks_prompt *mask[TRACKER_OBJECTS]; /* by place in `object`; NULL: clicks or a box */
    uint32_t local[TRACKER_OBJECTS];         /* by place in `object`: number in `set` */
    vks_prompt *clicks;
    size_t click_count;
    struct prompt_set set;
};

static void hints_free(struct hints *hints)
{
    vkr_free(hints->clicks);
    prompt_free(&hints->set);
}

static vks_status name_objects(const vks_tracker *tracker, const vks_prompt *prompts, size_t count, struct hints *hints)
{
    bool named[TRACKER_OBJECTS] = { false };
    uint32_t known = tracker->objects;
    for (size_t i = 0; i < count; i++) {
        VKS_REQUIRE(prompts[i].object < TRACKER_OBJECTS, VKS_ERR_ARGUMENT,
                    "prompt %zu belongs to object %u; a tracker follows objects 0 to %d", i, prompts[i].object,
                    TRACKER_OBJECTS - 1);
        named[prompts[i].object] = true;
    }
    for (uint32_t i = 0; i < TRACKER_OBJECTS; i++) {
        if (!named[i])
            continue;
        VKS_REQUIRE(i <= known, VKS_ERR_ARGUMENT,
                    "object %u has prompts, but object %u is not known yet; number objects 0, 1, 2, ... without gaps",
                    i, known);
        known += i == known;
        hints->object[hints->count++] = i;
    }
    return VKS_OK;
}

static uint32_t place_of(const struct hints *hints, uint32_t object)
{
    uint32_t place = 0;
    while (hints->object[place] != object)
        place++;
    return place;
}

static vks_status sort_masks(const vks_tracker *tracker, const vks_prompt *prompts, size_t count, struct hints *hints)
{
    const struct finish_size *size = &tracker->session->size;
    for (size_t i = 0; i < count; i++) {
        const vks_prompt *prompt = &prompts[i];
        uint32_t place = place_of(hints, prompt->object);
        if (prompt->kind != VKS_PROMPT_MASK)
            continue;
        VKS_REQUIRE(prompt->logits && prompt->logits_width == size->width && prompt->logits_height == size->height,
                    VKS_ERR_ARGUMENT, "prompt %zu: a mask of a slice has the slice's size, %u x %u, not %u x %u", i,
                    size->width, size->height, prompt->logits ? prompt->logits_width : 0,
                    prompt->logits ? prompt->logits_height : 0);
        VKS_REQUIRE(!hints->mask[place], VKS_ERR_ARGUMENT, "prompt %zu is a second mask of object %u", i,
                    prompt->object);
        hints->mask[place] = prompt;
    }
    for (size_t i = 0; i < count; i++)
        VKS_REQUIRE(prompts[i].kind == VKS_PROMPT_MASK || !hints->mask[place_of(hints, prompts[i].object)],
                    VKS_ERR_ARGUMENT,
                    "prompt %zu: object %u has a mask on this slice; give its clicks in a later call, to correct it", i,
                    prompts[i].object);
    return VKS_OK;
}

static vks_status collect(const vks_tracker *tracker, const vks_prompt *prompts, size_t count, struct hints *hints)
{
    const vks_session *session = tracker->session;
    const struct network *network = session->model->network;
    const struct prompt_frame frame = { .family = network->family->name,
                                        .accepts = network->family->accepts,
                                        .width = session->size.width,
                                        .height = session->size.height,
                                        .resized_width = session->size.resized_width,
                                        .resized_height = session->size.resized_height,
                                        .low = network->low };
    uint32_t next = 0;
    VKS_TRY(name_objects(tracker, prompts, count, hints));
    VKS_TRY(sort_masks(tracker, prompts, count, hints));
    for (uint32_t i = 0; i < hints->count; i++)
        hints->local[i] = hints->mask[i] ? 0 : next++;
    VKS_TRY(vkr_alloc(count, sizeof *hints->clicks, "prompts", (void **)&hints->clicks));
    for (size_t i = 0; i < count; i++) {
        uint32_t place = place_of(hints, prompts[i].object);
        if (hints->mask[place])
            continue;
        hints->clicks[hints->click_count] = prompts[i];
        hints->clicks[hints->click_count++].object = hints->local[place];
    }
    return hints->click_count ? prompt_collect(&frame, hints->clicks, hints->click_count, &hints->set) : VKS_OK;
}

/* A mask is the answer, and becomes a memory as it is; the decoder only finds the object's pointer for it. */
static vks_status take_mask(vks_tracker *tracker, const vks_prompt *prompt, struct bank_entry *entry)
{
    const struct network *network = tracker->session->model->network;
    const struct family_bank *rule = &network->bank;
    const uint32_t side = network->image.side, low = network->low;
    const size_t from = (size_t)prompt->logits_width * prompt->logits_height, to = (size_t)side * side;
    float *work;
    bool any = false;
    VKS_TRY(vkr_alloc(from + to + (size_t)low * low, sizeof *work, "a mask prompt", (void **)&work));
    float *binary = work, *mask = work + from, *small = mask + to;
    for (size_t i = 0; i < from; i++)
        binary[i] = prompt->logits[i] > 0;
    vks_status status = resample_floats(binary, prompt->logits_width, prompt->logits_height, 1, side, side, mask);
    for (size_t i = 0; i < to; i++) {
        mask[i] = mask[i] >= 0.5f;
        any = any || mask[i] > 0;
    }
    for (uint32_t y = 0; y < low; y++)
        for (uint32_t x = 0; x < low; x++) {
            float sum = rule->mask_bias[0];
            for (uint32_t k = 0; k < 16; k++)
                sum += rule->mask_weight[k] * mask[(size_t)(4 * y + k / 4) * side + 4 * x + k % 4];
            small[(size_t)y * low + x] = sum;
        }
    const struct prompt_object object = { .followed = true, .mask = small };
    if (status == VKS_OK)
        status = follow_decode(tracker, &object, DECODE_BARE, false, entry);
    for (size_t i = 0; i < to; i++)
        mask[i] = mask[i] * rule->mask_scale + rule->mask_shift;
    if (status == VKS_OK)
        status = resample_floats(mask, side, side, 1, low, low, entry->logits);
    entry->iou = 1;
    entry->score = any ? rule->mask_scale + rule->mask_shift : rule->mask_shift;
    if (!any)
        memcpy(entry->pointer, rule->absent_pointer, network->channels * sizeof(float));
    vkr_free(work);
    return status;
}

/* A slice that was reached before is seen with the memories of others, and its last mask is a hint as well. */
static vks_status take_clicks(vks_tracker *tracker, const struct bank *bank, const struct prompt_object *hint,
                              struct bank_entry *entry)
{
    const struct network *network = tracker->session->model->network;
    const size_t each = (size_t)network->low * network->low;
    struct prompt_object object = *hint;
    float *last = NULL;
    if (entry->followed)
        VKS_TRY(follow_recall(tracker, bank, entry->backwards));
    if (entry->known) {
        VKS_TRY(vkr_alloc(each, sizeof *last, "the last mask", (void **)&last));
        memcpy(last, entry->logits, each * sizeof *last);
        mask_limit(last, each, network->mask_limit);
        object.mask = last;
    }
    vks_status status =
        follow_decode(tracker, &object, entry->followed ? DECODE_RECALLED : DECODE_FIRST, object.count <= 1, entry);
    vkr_free(last);
    return status;
}

static vks_status take(vks_tracker *tracker, const struct hints *hints, uint32_t place)
{
    uint32_t object = hints->object[place];
    if (object == tracker->objects) {
        VKS_TRY(bank_create(tracker->slices, &tracker->banks[object]));
        tracker->objects++;
    }
    struct bank *bank = &tracker->banks[object];
    struct bank_entry *entry = &bank->entries[tracker->slice];
    VKS_TRY(bank_reserve(bank, tracker->session->model->network, tracker->slice));
    if (hints->mask[place])
        VKS_TRY(take_mask(tracker, hints->mask[place], entry));
    else
        VKS_TRY(take_clicks(tracker, bank, &hints->set.objects[hints->local[place]], entry));
    VKS_TRY(follow_remember(tracker, true, entry));
    bank->prompted += !entry->prompted;
    entry->known = entry->prompted = true;
    return VKS_OK;
}

vks_status vks_tracker_prompt(vks_tracker *tracker, const vks_prompt *prompts, size_t count, vks_masks **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_tracker_prompt: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(tracker && prompts && count > 0, VKS_ERR_ARGUMENT,
                "vks_tracker_prompt: tracker and prompts must not be NULL, and there must be a prompt");
    VKS_REQUIRE(tracker->ready, VKS_ERR_ARGUMENT, "no slice is set; call vks_tracker_set_slice first");
    struct hints *hints;
    VKS_TRY(vkr_alloc(1, sizeof *hints, "prompts", (void **)&hints));
    vks_status status = collect(tracker, prompts, count, hints);
    for (uint32_t i = 0; status == VKS_OK && i < hints->count; i++)
        status = take(tracker, hints, i);
    if (status == VKS_OK)
        status = show(tracker, hints->object, hints->count, out);
    hints_free(hints);
    vkr_free(hints);
    return status;
}

/* ---- following ---------------------------------------------------------------------------------------------- */

/* Before the first hint in the direction of travel, the object has not begun. */
static bool begun(const struct bank *bank, uint32_t slice, bool backwards)
{
    bool any = false;
    for (uint32_t i = backwards ? slice : 0; i < (backwards ? bank->slices : slice + 1) && !any; i++)
        any = bank->entries[i].prompted;
    return any;
}

static vks_status follow(vks_tracker *tracker, struct bank *bank, bool backwards)
{
    static const struct prompt_object nothing = { .followed = true };
    struct bank_entry *entry = &bank->entries[tracker->slice];
    if (!begun(bank, tracker->slice, backwards))
        return VKS_OK;
    if (!entry->prompted) {
        VKS_TRY(bank_reserve(bank, tracker->session->model->network, tracker->slice));
        VKS_TRY(follow_recall(tracker, bank, backwards));
        VKS_TRY(follow_decode(tracker, &nothing, DECODE_RECALLED, true, entry));
        VKS_TRY(follow_remember(tracker, false, entry));
    }
    entry->known = entry->followed = true;
    entry->backwards = backwards;
    return VKS_OK;
}

vks_status vks_tracker_follow(vks_tracker *tracker, int backwards, vks_masks **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_tracker_follow: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(tracker, VKS_ERR_ARGUMENT, "vks_tracker_follow: tracker must not be NULL");
    VKS_REQUIRE(tracker->ready, VKS_ERR_ARGUMENT, "no slice is set; call vks_tracker_set_slice first");
    VKS_REQUIRE(tracker->objects > 0, VKS_ERR_ARGUMENT,
                "there is no object to follow; call vks_tracker_prompt on a slice that shows one");
    for (uint32_t i = 0; i < tracker->objects; i++)
        VKS_TRY(follow(tracker, &tracker->banks[i], backwards != 0));
    return show(tracker, NULL, tracker->objects, out);
}
