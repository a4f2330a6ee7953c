/* tuning.h: PURE: how long the candidates for a call took on this device, and which of them is used because of it.
 *
 * What is kept are times, never decisions: vkr_tuning_decide makes the decision from the times anew, so that a change of the
 * rule needs no new measurement, and a half-timed call goes on where it stopped. Safe from several threads.
 */
#ifndef VKR_TUNING_H
#define VKR_TUNING_H

#include "graph/op.h"

#include <stddef.h>

enum { VKR_MAX_CANDIDATES = 16, VKR_CALL_BYTES = 128 };

/* Calls of fewer operations than this are launched, not computed: whichever kernel, the time is the same. */
#define VKR_TUNING_LEAST_FLOPS 2e7

struct vkr_candidate {
    char kernel[VKR_KERNEL_NAME];       /* "matmul_tile.f32:64x128" */
    uint32_t tier;                      /* vkr_choice_tier */
    double ms;                          /* 0: not timed; negative: it could not run */
};

enum vkr_reason {
    VKR_BY_TABLE,                       /* by the order of the candidates: not timed, or not by all of them */
    VKR_BY_SIZE,                        /* by that order too, and not to be timed: its operands take too much memory */
    VKR_BY_TIMING,                      /* timed by this process */
    VKR_BY_CACHE,                       /* timed by an earlier one */
    VKR_BY_FORCE,                       /* the options name it */
    VKR_BY_SAFETY                       /* the first of the lowest tier: tune=off */
};

/* "table", "memory", "timed", "cached", "forced" or "safest". */
const char *vkr_reason_name(enum vkr_reason why);

/* A call for which there is a choice. */
struct vkr_question {
    char call[VKR_CALL_NAME];           /* "matmul 4096x768x768 f16": its shape class, unique among operators */
    struct vkr_candidate candidates[VKR_MAX_CANDIDATES];    /* in the static order */
    uint32_t count, chosen, asked;
    enum vkr_reason why;
    double flops;
    struct vkr_tensor *(*alone)(struct vkr_graph *graph, const void *data, struct vkr_tensor *const *in);   /* as in struct vkr_call */
    struct vkr_desc operands[VKR_MAX_INPUTS];
    uint32_t weights;
    _Alignas(max_align_t) unsigned char data[VKR_CALL_BYTES];
};

struct vkr_tuning;
vks_status vkr_tuning_create(struct vkr_tuning **out);
void vkr_tuning_destroy(struct vkr_tuning **tuning);

/* The index of the candidate that is to be used: the static order's until all are timed. The question is kept (its
 * candidates' times and chosen, asked and why are ignored), and becomes as it stands now. */
uint32_t vkr_tuning_ask(struct vkr_tuning *tuning, struct vkr_question *question);

/* Question `index` as it stands, in the order of asking; false past the last. */
bool vkr_tuning_question(struct vkr_tuning *tuning, uint32_t index, struct vkr_question *out);

/* The number of questions that were answered without all times and may still be timed. */
uint32_t vkr_tuning_open(struct vkr_tuning *tuning);

/* What to time next within left_ms: the dearest call of which a candidate, to judge by what is known, runs twice in that time,
 * for of what a budget can decide it matters most. While nothing is known, the cheapest, to learn how fast the device is.
 * False when there is none. */
bool vkr_tuning_next(struct vkr_tuning *tuning, double left_ms, struct vkr_question *out);

/* Question `call` is not to be timed: it takes too much memory. */
void vkr_tuning_leave(struct vkr_tuning *tuning, const char *call);

/* The time of a candidate, measured now. A second time for it replaces the first. */
vks_status vkr_tuning_add(struct vkr_tuning *tuning, const char *call, const char *kernel, double ms);

/* What a higher tier must gain to be used. */
#define VKR_TUNING_MARGIN 0.03

/* Of candidates in the static order: within a tier the fastest; a higher tier only when it beats what is below it by the
 * margin. 0, the first, while any of them lacks a time, or when none could run. */
uint32_t vkr_tuning_decide(const struct vkr_candidate *candidates, uint32_t count);

/* What a call became, and why. */
struct vkr_decision {
    const char *op;
    const char *call;                   /* its shape class; "" for operators whose kernels have no rivals */
    const char *kernel;
    const char *aside;                  /* the first in the static order that is set aside and could run; "": none is */
    enum vkr_reason why;
    uint32_t candidates;
    double ms;                          /* 0: not timed */
};

/* Sees every decision for the targets that name it, while they are made. */
struct vkr_witness {
    void (*see)(void *user, const struct vkr_decision *decision);
    void *user;
};

/* Times as text, a line "CALL\tKERNEL\tMS" each. Reading adds what is not known yet and passes over lines that are none; the
 * times count as those of an earlier process. *out is vkr_free()d by the caller. */
vks_status vkr_tuning_read(struct vkr_tuning *tuning, const char *text);
vks_status vkr_tuning_text(struct vkr_tuning *tuning, char **out);

#endif
