/* handles.h: what stands behind the opaque handles of vkseg.h; private to src/api and the developer tool.
 *
 * Lifetimes: a session retains its model, a model its context; counts are atomic, so handles may be destroyed in any
 * order and from any thread.
 */
#ifndef VKS_HANDLES_H
#define VKS_HANDLES_H

#include "api/stage.h"
#include "base/log.h"
#include "base/options.h"
#include "base/thread.h"
#include "graph/graph.h"
#include "models/family.h"
#include "vkseg/vkseg_measure.h"

#include <stdatomic.h>

struct vkr_device;

struct vks_context {
    atomic_uint references;
    struct vkr_log log;
    struct vkr_device *device;
    struct vkr_target target;           /* what plans for this device are made for */
    struct vkr_mutex tune_lock;         /* guards tune_left_ms, and is held while kernels are timed */
    double tune_left_ms;                /* for timing kernels, of this load */
};

struct vks_model {
    atomic_uint references;
    vks_context *context;
    void *bytes;                        /* our copy of a checkpoint that came from memory; NULL for a file */
    struct weights *weights;
    struct network *network;
    struct vkr_params *params;
    bool half;                          /* weights of matmuls and convolutions are stored as f16 */
    struct vkr_mutex hash_lock;         /* guards sha256; "" until it is asked for */
    char sha256[65];
};

struct vks_session {
    vks_model *model;
    int (*progress)(void *user, double fraction, const char *stage);
    void *user;
    struct vkr_slot *slots[FAMILY_FEATURES]; /* the network's features; number 0 is the embedding */
    struct vkr_slot **support;          /* what the examples say, for families with a support set; else NULL */
    uint32_t support_slots, support_count;
    struct vkr_plan *encode;            /* made with the first image */
    struct stage_cache decode;
    bool ready;                         /* the slots hold an image's */
    struct finish_size size;            /* of that image */
    char image_sha256[65];              /* "" if unknown */
    vks_timing timing;
    bool keeps_layers;                  /* the encoder's plan made from now on keeps its named tensors */
    bool profile;                       /* plans made from now on time every kernel */
    struct vkr_plan *decoded;           /* plan of the last decoder call, in `decode`; NULL before */
    vks_stage_time stages[VKS_STAGE_COUNT];
};

vks_context *context_retain(vks_context *context);

/* A context around an open device, which it takes over in success and failure alike. */
vks_status context_wrap(struct vkr_device *device, const struct vkr_log *log, vks_context **out);

/* The log sink and the runtime options that `params` (may be NULL) and, when asked, the environment describe. *device is
 * the device wish; it points into `params` or the environment. */
vks_status context_settings(const vks_context_params *params, struct vkr_log *log, struct vkr_options *options,
                            const char **device);

vks_model *model_retain(vks_model *model);

/* The device bytes that one image and one point need on `target`, with weights in f16 or f32, by building both stages
 * without a device. 0 where the target cannot run them. Errors: HOST_MEMORY. */
vks_status model_estimate(const struct network *network, const struct vkr_target *target, bool half, uint64_t *out);

/* The hash if it has been computed already. */
bool model_known_sha256(vks_model *model, char hex[65]);

/* Forgets the examples and the plan made for them; also of a session that has none. */
void session_clear_support(vks_session *session);

/* vks_session_predict without masks of the image's size: masks->mask is NULL. */
vks_status predict_logits(vks_session *session, const vks_prompt *prompts, size_t count, uint32_t flags, vks_masks **out);

/* Sets session->size from an original image's size. */
void session_set_size(vks_session *session, uint32_t width, uint32_t height);

/* A result of vks_session_predict under way, in one block: struct, iou, logits, mask. vks_masks_free frees it. */
struct predict_result {
    vks_masks masks;
    uint32_t first;             /* of the decoder's masks: 0 for the single one, 1 for the candidates */
    bool plain;                 /* the single one is number 0 whatever the family's rule */
    float *iou, *logits;
    uint8_t *mask;
};
vks_status predict_result_create(const vks_session *session, uint32_t objects, bool multimask, bool pixels_wanted,
                                 struct predict_result **out);

/* stage_builder.build of the decoder; `user` is the session. */
void session_build_decode(void *user, struct vkr_graph *graph, struct stage_key key);

/* Copies a params struct of any known size into one of ours: fields the caller does not know are zero. A struct_size of
 * 0, or larger than ours, is refused. `params` may be NULL. */
vks_status params_copy(void *dst, size_t dst_size, const void *params, const char *what);

#endif
