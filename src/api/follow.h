/* follow.h: the device's part of following one object: attend, decode, remember. */
#ifndef VKS_FOLLOW_H
#define VKS_FOLLOW_H

#include "api/bank.h"
#include "api/handles.h"

enum { TRACKER_OBJECTS = 256, TRACKER_SLICES = 65536 };

struct vks_tracker {
    vks_session *session; /* its own; slot `feature_count` is what `recall` makes */
    uint32_t slices, slice;
    bool ready; /* the session holds slice `slice` */
    struct bank banks[TRACKER_OBJECTS];
    uint32_t objects;
    struct stage_cache recall, remember; /* one plan each: those of other shapes would only hold memory */
    float *buffer;
    size_t buffer_floats;
};

/* At least `floats` in tracker->buffer, whose content is lost. */
vks_status follow_reserve(vks_tracker *tracker, size_t floats);

/* Fills the session's slot with the current slice as seen with the object's memories. */
vks_status follow_recall(vks_tracker *tracker, const struct bank *bank, bool backwards);

/* Decodes the object on the current slice into entry's logits, iou, score and pointer. candidates: the best of the
 * masks but the first; else the single one while it is stable. An object that is not there has logits of -1024 and the
 * pointer that stands for that. */
vks_status follow_decode(vks_tracker *tracker, const struct prompt_object *object, enum decode_source source,
                         bool candidates, struct bank_entry *entry);

/* entry's memory from its logits and score. binary: of the mask instead of its probabilities. */
vks_status follow_remember(vks_tracker *tracker, bool binary, struct bank_entry *entry);

#endif
