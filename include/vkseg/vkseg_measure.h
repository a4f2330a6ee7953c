/* vkseg_measure.h: where the time and the memory go, and what a device can do at best: for benchmarks and for those who
 * tune. Nothing here is needed to segment. `vkseg bench` is written with it.
 *
 *     vks_session_set_image(session, &image);  vks_session_predict(...);
 *     vks_session_stage(session, VKS_STAGE_ENCODE, &time);          wall, CPU and device milliseconds of that run
 *     vks_session_set_profile(session, 1);                          from here on kernel by kernel
 *     vks_session_set_image(session, &image);
 *     vks_session_kernel(session, VKS_STAGE_ENCODE, 0, &kernel);    the first kernel of the encoder, and so on
 */
#ifndef VKSEG_VKSEG_MEASURE_H
#define VKSEG_VKSEG_MEASURE_H

#include "vkseg/vkseg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What set_image (the first four) and predict (the others) do, in this order. */
typedef enum vks_stage {
    VKS_STAGE_PREPROCESS,       /* host: image hash, resampling, normalisation */
    VKS_STAGE_PLAN,             /* host, first image only: encoder's graph and pipelines, weights onto the device */
    VKS_STAGE_UPLOAD,           /* pixels onto the device */
    VKS_STAGE_ENCODE,           /* device: the image encoder */
    VKS_STAGE_PLAN_PROMPT,      /* host, first prompt of its shape only: decoder's graph, pipelines, weights */
    VKS_STAGE_DECODE,           /* host and device: prompt encoding, mask decoder */
    VKS_STAGE_DOWNLOAD,         /* logits and scores off the device */
    VKS_STAGE_FINISH,           /* host: logits to masks of the image's size */
    VKS_STAGE_COUNT
} vks_stage;

/* "preprocess", "plan", ...; "?" for a value that is none. */
VKS_API const char *vks_stage_name(vks_stage stage);

typedef struct vks_stage_time {
    double wall_ms;
    double cpu_ms;              /* of all threads of this process, so that software devices count */
    double gpu_ms;              /* by the device's own clock; 0 for host stages and where the device has none */
} vks_stage_time;

/* Of the last set_image and the last predict; what has not run is 0. A predict with several groups of objects sums them. */
VKS_API vks_status vks_session_stage(const vks_session *session, vks_stage stage, vks_stage_time *out);

/* Non-zero: every kernel gets a time stamp of its own, from the next run on, which plans anew. The stamps may keep kernels
 * from overlapping: do not judge whole stages while this is on. */
VKS_API vks_status vks_session_set_profile(vks_session *session, int profile);

/* One kernel of the last run of a plan. Strings live until the session plans anew. */
typedef struct vks_kernel {
    const char *node;           /* module path of what it computes, as in the checkpoint */
    const char *shader;         /* "matmul" */
    const char *variant;        /* "f32" */
    double ms;                  /* 0 unless vks_session_set_profile is on and the device has a clock */
    double flops;               /* floating-point operations; a multiply-add is two */
    double bytes;               /* its operands and its result, each counted once */
} vks_kernel;

/* Kernel `index` of VKS_STAGE_ENCODE or VKS_STAGE_DECODE (of the last group of objects), in the order in which they run.
 * Errors: ARGUMENT past the last, for other stages, and before the stage has run. */
VKS_API vks_status vks_session_kernel(const vks_session *session, vks_stage stage, size_t index, vks_kernel *out);

/* A call for which this device has a choice of kernels. */
typedef struct vks_choice {
    char call[96];              /* "matmul 1x4096x768x768 f16": the operator and its class of shapes */
    char kernel[64];            /* "matmul_tile.f32:64x128" (shader.variant:tile): what was taken */
    char reason[16];            /* "timed": the fastest, by this process; "cached": by an earlier one; "table": not timed yet;
                                   "memory": its operands would take too much to time it */
    uint32_t candidates;
    double ms;                  /* its time for one call; 0 when it was not timed */
} vks_choice;

/* Choice `index` of those that plans on this context have met so far. There are none without a cache folder or the option
 * tune=auto, and on devices of the cpu class. Errors: ARGUMENT past the last. */
VKS_API vks_status vks_context_choice(const vks_context *context, size_t index, vks_choice *out);

/* VKS_PRECISION_F32 or _F16: how this model's weights are stored, whatever was asked for; AUTO for NULL. */
VKS_API vks_precision vks_model_precision(const vks_model *model);

/* Bytes of device memory. */
typedef struct vks_memory {
    uint64_t weights;           /* as packed for the device; shared by all sessions of the model */
    uint64_t activations;       /* scratch of this session's plans */
    uint64_t features;          /* what the encoder leaves for the decoder */
    uint64_t now, peak;         /* of everything on the context's device */
} vks_memory;
VKS_API vks_status vks_session_memory(const vks_session *session, vks_memory *out);

/* ---- known answers --------------------------------------------------------------------------------------------- */

typedef enum vks_verdict { VKS_CHECK_RIGHT, VKS_CHECK_WRONG, VKS_CHECK_ABSENT } vks_verdict;

/* One kernel variant, tried on the short cases of its operator against a reference in double. */
typedef struct vks_check {
    char op[32], kernel[64];    /* "matmul", "matmul_coopmat.f16" (shader.variant) */
    vks_verdict verdict;        /* ABSENT: this device or build cannot run it; `detail` says why */
    uint32_t cases;
    double worst;               /* largest error as a fraction of the tolerance */
    char detail[160];           /* "" when there is nothing to say */
} vks_check;

/* Runs every kernel variant of one operator (NULL: of all) on the context's device and calls `each` with the result;
 * non-zero from it ends the run (CANCELLED). With a cache folder (option cache) the verdicts are kept: a wrong kernel, and
 * one that took the process down while it was tried, is set aside by every later context but those with the option
 * tune=off; one that did so while it was timed, where another can run, until its answers are found right here. Errors:
 * ARGUMENT (no such operator), HOST_MEMORY. */
VKS_API vks_status vks_context_check(vks_context *context, const char *op, int (*each)(void *user, const vks_check *check),
                                     void *user);

/* Which kernel a call becomes, and why. */
typedef struct vks_usage {
    char op[32];                /* "attention"; of a convolution that is a matmul, "matmul" */
    char example[80];           /* "ViT-B windows, 16-bit": the call, of a size that models have */
    char call[96];              /* its class of shapes, as in vks_choice; "" for operators whose kernels have no rivals */
    char kernel[64];            /* "" when none can run it here */
    char reason[16];            /* "timed", "cached", "memory" and "table" as in vks_choice (table: the first in the order of the
                                   operator's list that can run), "forced", "safest" (tune=off), "none" */
    char aside[64];             /* a kernel that could run and is set aside; "" when there is none */
    char aside_reason[16];      /* "self-test": it is wrong here; "quarantine": it took a process down; "options" */
    uint32_t candidates;
    double ms;                  /* its time for one call; 0 when it was not timed */
} vks_usage;

/* Calls `each` with what every operator (or one) becomes on this device; non-zero ends it (CANCELLED). Where kernels are timed
 * (tune=auto, a cache folder, not the cpu class) those calls are first, for three seconds at most. Errors: as
 * vks_context_check. */
VKS_API vks_status vks_context_usage(vks_context *context, const char *op, int (*each)(void *user, const vks_usage *usage),
                                     void *user);

/* What this device does at best, measured now (about a second): chains of multiply-adds that stay in registers, and
 * streams through memory that no cache holds. 0: the device has no such units. Not the rates of a data sheet: those that
 * a kernel of this runtime could reach. */
typedef struct vks_rates {
    double f32_gflops;          /* multiply-add in 32 bits */
    double f16_gflops;          /* multiply-add in 16 bits */
    double matrix_gflops;       /* cooperative matrix: 16-bit factors, 32-bit sums */
    double read_gbs;            /* bytes read per nanosecond */
    double copy_gbs;            /* bytes read and written per nanosecond */
} vks_rates;
VKS_API vks_status vks_context_measure(vks_context *context, vks_rates *out);

#ifdef __cplusplus
}
#endif
#endif
