/* bank.h: what a tracker keeps of one object, slice by slice, and which of it a slice attends to. Host only.
 *
 * Memories are kept on the host, rounded to bfloat16 as the reference keeps them: a stack of any length needs no device
 * memory, any slice can be corrected later, and what a slice attends to is one upload of a few megabytes. */
#ifndef VKS_BANK_H
#define VKS_BANK_H

#include "models/family.h"

struct bank_entry {
    bool known;       /* the object's mask on this slice has been decided */
    bool prompted;    /* by hints */
    bool backwards;   /* the direction in which it was followed, if it was */
    bool followed;    /* it has been reached from other slices */
    float iou, score; /* predicted; the object is there when score > 0 */
    float *logits;    /* [low, low] */
    float *pointer;   /* [channels] */
    uint16_t *memory; /* [grid * grid, width], bfloat16 */
};

struct bank {
    uint32_t slices, prompted;
    struct bank_entry *entries; /* [slices] */
};

vks_status bank_create(uint32_t slices, struct bank *out);
void bank_free(struct bank *bank);

/* Room for a slice's results; kept when there already. Errors: HOST_MEMORY. */
vks_status bank_reserve(struct bank *bank, const struct network *network, uint32_t slice);

/* Drops all slices that were followed only. */
void bank_forget(struct bank *bank);

enum { BANK_FRAMES = 64, BANK_POINTERS = 96 };

/* What a slice attends to. */
struct bank_view {
    uint32_t frames, pointers;
    struct {
        uint32_t slice, time; /* row of family_bank.times */
    } frame[BANK_FRAMES];
    struct {
        uint32_t slice;
        double distance; /* 1: the greatest one */
    } pointer[BANK_POINTERS];
};

/* All prompted slices; the frames - 1 slices before (after, when going backwards); pointers of prompted slices up to
 * this one and of the nearest followed ones. Errors: UNSUPPORTED (more prompted slices than BANK_FRAMES holds). */
vks_status bank_select(const struct bank *bank, const struct family_bank *rule, uint32_t slice, bool backwards,
                       struct bank_view *out);

/* To the nearest bfloat16, ties to even. */
uint16_t bank_round(float value);

#endif
