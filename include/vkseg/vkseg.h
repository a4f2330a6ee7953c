/* vkseg.h: medical-image segmentation foundation models on any Vulkan device.
 *
 * The guided tour, in the order a program meets things:
 *
 *     vks_context *context = NULL;  vks_model *model = NULL;  vks_session *session = NULL;  vks_masks *masks = NULL;
 *     vks_context_create(NULL, &context);                         a device
 *     vks_model_load(context, "sam_vit_b_01ec64.pth", NULL, &model);  weights on it
 *     vks_session_create(model, NULL, &session);                  one image at a time
 *     vks_session_set_image(session, &image);                     runs the encoder (the expensive part, once)
 *     vks_session_predict(session, prompts, count, 0, &masks);    runs the decoder (cheap, as often as you like)
 *     ... masks->mask, masks->iou ...
 *     vks_masks_free(&masks);  vks_session_destroy(&session);  vks_model_destroy(&model);  vks_context_destroy(&context);
 *
 * Rules: every vks_*_params may be NULL (all defaults) and begins with struct_size = sizeof it; zero means default for
 * every field. Destroy functions take the address of the handle, set it to NULL, and accept NULL content; handles may be
 * destroyed in any order (a session keeps its model alive, a model its context). Calls block until the work is done.
 * Threads: a context and a model may be used from any number of threads; a session by one thread at a time.
 * Research use only: no output of this library is a medical device's output.
 */
#ifndef VKSEG_VKSEG_H
#define VKSEG_VKSEG_H

#include "vkseg/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vks_context vks_context;
typedef struct vks_model vks_model;
typedef struct vks_session vks_session;

/* ---- devices and context ------------------------------------------------------------------------------------- */

typedef struct vks_context_params {
    size_t struct_size;
    const char *device;         /* NULL or "auto": best by class; "0": index in vks_devices_list; "name:TEXT": part of the
                                   name, any case; "uuid:HEX"; "cpu": software Vulkan */
    const char *options;        /* runtime knobs, "caps=-f16,profile=1"; see `vkseg help options`. NULL: none */
    int use_environment;        /* non-zero: VKSEG_DEVICE and VKS_* variables fill what is NULL above (the CLI sets this) */
    uint64_t max_memory;        /* bytes of device memory to use at most; 0: what the device has */
    vks_log_level log_level;    /* messages above this level are not delivered; 0 is errors only */
    void (*log)(void *user, vks_log_level level, const char *message);  /* NULL: silent. Called from the working thread */
    void *user;
} vks_context_params;

/* One line per device this machine could use. Plain data; strings are inside. */
typedef struct vks_device_info {
    uint32_t index;             /* what "-d N" takes */
    char name[256];
    char driver[256];           /* driver name and version */
    char uuid[33];              /* 32 hex digits */
    char device_class[16];      /* "cpu" (software), "mobile", "integrated", "discrete" */
    char capabilities[256];     /* "f16 subgroup shuffle ..." */
    uint64_t memory;            /* bytes of the largest device-local heap */
    uint64_t max_binding;       /* bytes one shader binding may span */
    uint32_t subgroup_size;
    uint32_t usable;            /* 0: `reason` says why not */
    char reason[256];
} vks_device_info;

/* Lists every Vulkan device, usable or not, best first. *out is freed with vks_devices_free. An empty list is VKS_OK.
 * Errors: NO_DEVICE when there is no Vulkan loader at all, HOST_MEMORY. */
VKS_API vks_status vks_devices_list(vks_device_info **out, size_t *count);
VKS_API void vks_devices_free(vks_device_info **devices);

/* Opens a device. Errors: NO_DEVICE (the sentence lists what is there), ARGUMENT, HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_context_create(const vks_context_params *params, vks_context **out);
VKS_API void vks_context_destroy(vks_context **context);

/* The device the context runs on. Never fails for a live context. */
VKS_API vks_status vks_context_device(const vks_context *context, vks_device_info *out);

/* Peak bytes of device memory this context has held, and bytes held now. */
VKS_API vks_status vks_context_memory(const vks_context *context, uint64_t *now, uint64_t *peak);

/* ---- models -------------------------------------------------------------------------------------------------- */

typedef enum vks_precision {
    VKS_PRECISION_AUTO,         /* f32 on software devices, f16 where the device stores it and it is faster */
    VKS_PRECISION_F32,
    VKS_PRECISION_F16           /* weights stored in 16 bits; sums, norms and softmax stay in 32 */
} vks_precision;

typedef struct vks_model_params {
    size_t struct_size;
    const char *family;         /* "sam", "medsam", ...; NULL: recognised from the file */
    const char *options;        /* hyper-parameters that shapes cannot tell: "key=value,key=value"; NULL: none */
    vks_precision precision;
} vks_model_params;

/* What a family accepts; bits of vks_model_info.accepts. */
enum {
    VKS_ACCEPTS_POINT = 1,
    VKS_ACCEPTS_BOX = 2,
    VKS_ACCEPTS_MASK = 4,
    VKS_ACCEPTS_SUPPORT = 8,
    VKS_ACCEPTS_VOLUME = 16     /* automatic: no session and no prompt, but vks_model_label (vkseg_volume.h) */
};

/* Writes the names of the families that accept all of `accepts` (0: every family), with ", " between them, cut to `size`
 * bytes with the final zero. */
VKS_API void vks_families(uint32_t accepts, char *list, size_t size);

typedef struct vks_model_info {
    char family[32];            /* "sam" */
    char variant[64];           /* "vit_b" */
    char format[32];            /* "torch zip", "safetensors", "tfjs layers-model" or "synthetic" */
    char licence[64];           /* of the published checkpoints of this family */
    char preprocessing[160];    /* one line: resize filter, normalisation, padding */
    char note[256];             /* what the user should know, such as how the family was decided; may be "" */
    uint32_t image_size;        /* side of the square the encoder sees, pixels; of the cube, voxels */
    uint32_t embedding[3];      /* channels, height, width */
    uint32_t accepts;           /* VKS_ACCEPTS_* */
    uint64_t parameters;        /* elements in the checkpoint's used tensors */
    double encoder_gmac;        /* 10^9 multiply-adds of one image, as vkseg computes it: windows project no padding, and
                                   examples say once what they say of every image */
    double decoder_gmac;        /* of one prompt */
    uint64_t memory_f32;        /* estimated bytes of device memory, weights and activations */
    uint64_t memory_f16;
    uint32_t memory;            /* slices it attends to besides prompted ones (vks_tracker); 0: it has no memory */
    uint32_t reusable;          /* 1: vks_session_set_embedding takes what vks_session_get_embedding gave; 0: examples or a
                                   whole volume go in */
} vks_model_info;

/* Loads a checkpoint (.safetensors, .pth, .pt, or a Keras model.json with its weight files beside it), or generates the model that "synthetic:NAME[:SEED]" names (random weights
 * of a published network's shape, the same on every machine), onto the context's device. Errors: NOT_FOUND, MODEL (names the tensor,
 * what was expected and what was found), UNSUPPORTED, HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_model_load(vks_context *context, const char *path, const vks_model_params *params, vks_model **out);

/* The same from memory; `data` is not used after the call returns. */
VKS_API vks_status vks_model_load_memory(vks_context *context, const void *data, size_t size,
                                         const vks_model_params *params, vks_model **out);
VKS_API void vks_model_destroy(vks_model **model);

/* Describes a checkpoint without a device. */
VKS_API vks_status vks_model_inspect(const char *path, const vks_model_params *params, vks_model_info *out);
VKS_API vks_status vks_model_get_info(const vks_model *model, vks_model_info *out);

/* SHA-256 of the checkpoint as 64 hex digits; of a synthetic one, of its tensors' elements, ascending by name. Reads
 * everything the first time. */
VKS_API vks_status vks_model_sha256(vks_model *model, char hex[65]);

/* ---- images -------------------------------------------------------------------------------------------------- */

typedef enum vks_pixel_type { VKS_PIXEL_U8, VKS_PIXEL_U16, VKS_PIXEL_I16, VKS_PIXEL_F32 } vks_pixel_type;

/* A view of pixels the caller owns. Rows from top to bottom; channels interleaved: 1 (grey), 3 (RGB) or 4 (RGBA, the
 * alpha channel is ignored). Non-8-bit pixels are mapped to 0..255 by the window: below centre - width/2 is 0, above
 * centre + width/2 is 255; width 0 takes the image's own minimum and maximum. */
typedef struct vks_image {
    const void *pixels;
    vks_pixel_type type;
    uint32_t width, height;     /* 1..32768 each */
    uint32_t channels;
    size_t row_bytes;           /* 0: rows are packed */
    float window_centre, window_width;
} vks_image;

/* ---- sessions and prompts ------------------------------------------------------------------------------------ */

typedef struct vks_session_params {
    size_t struct_size;
    /* Called now and then during set_image with the fraction done (0..1); return non-zero to cancel (VKS_ERR_CANCELLED).
     * Called from the calling thread. NULL: none. */
    int (*progress)(void *user, double fraction, const char *stage);
    void *user;
} vks_session_params;

VKS_API vks_status vks_session_create(vks_model *model, const vks_session_params *params, vks_session **out);
VKS_API void vks_session_destroy(vks_session **session);

/* Preprocesses as the model's reference code does and runs the image encoder. The pixels are not used after the call.
 * A failed call leaves the session without an image. */
VKS_API vks_status vks_session_set_image(vks_session *session, const vks_image *image);

/* One example of what to segment: an image and its mask, of the same size. The mask has one 8-bit channel; a pixel
 * belongs to the object unless it is 0. */
typedef struct vks_example {
    vks_image image;
    vks_image mask;
} vks_example;

/* Shows the session what to segment, for families that accept VKS_ACCEPTS_SUPPORT: 1 to 256 examples, which stay for all
 * images set later and replace earlier ones. What they say without an image is computed here, once. The session is left
 * without an image; after a failure also without examples. The pixels are not used after the call. With such a family,
 * vks_session_predict takes no prompts and gives one mask.
 * Errors: UNSUPPORTED (a family that takes prompts), ARGUMENT (the sentence names the example), HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_session_set_support(vks_session *session, const vks_example *examples, size_t count);

typedef enum vks_prompt_kind { VKS_PROMPT_POINT, VKS_PROMPT_BOX, VKS_PROMPT_MASK } vks_prompt_kind;

/* One hint about one object. Coordinates are pixels of the original image; (0, 0) is the centre of the top-left pixel. */
typedef struct vks_prompt {
    vks_prompt_kind kind;
    uint32_t object;            /* 0, 1, 2, ...: prompts with the same number describe the same object */
    float x0, y0;               /* point, or top-left corner of the box */
    float x1, y1;               /* bottom-right corner of the box */
    int32_t label;              /* point: 1 foreground, 0 background */
    const float *logits;        /* mask: low-res mask logits [4*grid, 4*grid], as vks_masks.logits gives them */
    uint32_t logits_width, logits_height;
} vks_prompt;

enum {
    VKS_PREDICT_MULTIMASK = 1,          /* all three candidate masks instead of the single one */
    VKS_PREDICT_FIRST = 2               /* the decoder's first mask, also where the family's rule is to choose another */
};

/* Result of vks_session_predict; freed with vks_masks_free. Index of a mask: object * masks_per_object + k. */
typedef struct vks_masks {
    uint32_t objects, masks_per_object;
    uint32_t width, height;             /* of the original image */
    const uint8_t *mask;                /* 0 or 1, [objects * masks_per_object, height, width] */
    const float *iou;                   /* predicted IoU, [objects * masks_per_object]; NULL: this family predicts none */
    uint32_t logits_width, logits_height;
    const float *logits;                /* low-res, before any threshold, [objects * masks_per_object, lh, lw] */
} vks_masks;

/* Decodes `count` prompts (0 prompts: one object without any hint, as the reference allows) for the current image.
 * Objects are numbered 0..max without gaps; each may mix at most one box, at most one mask and any number of points.
 * Errors: ARGUMENT (no image set, coordinate not finite or more than an image size outside, empty box), UNSUPPORTED (a
 * kind this family does not accept; the sentence names those that do). */
VKS_API vks_status vks_session_predict(vks_session *session, const vks_prompt *prompts, size_t count, uint32_t flags,
                                       vks_masks **out);
VKS_API void vks_masks_free(vks_masks **masks);

/* ---- everything in an image, without a prompt ------------------------------------------------------------------ */

/* The parameters of the official generator (segment_anything, SamAutomaticMaskGenerator), with its defaults. Thresholds:
 * 0 is the default, a negative value means no such filter. */
typedef struct vks_auto_params {
    size_t struct_size;
    uint32_t points_per_side;   /* of the grid of points over each part of the image; 32 */
    uint32_t points_per_batch;  /* decoded together; no result depends on it; 64 */
    float iou_threshold;        /* predicted IoU that a mask must exceed; 0.88 */
    float stability_threshold;  /* least stability; 0.95 */
    float stability_offset;     /* of the logits, for the stability: area above +offset / area above -offset; 1 */
    float nms_threshold;        /* overlap of boxes beyond which the better mask alone stays; 0.7 */
    uint32_t crop_layers;       /* layer i looks at 2^i x 2^i overlapping parts of the image as well; 0, at most 4 */
    float crop_nms_threshold;   /* between masks of different parts: the smaller part's stays; 0.7 */
    float crop_overlap;         /* of parts, as a share of the shorter side; 512 / 1500 */
    uint32_t crop_point_divisor;/* layer i has points_per_side / divisor^i points a side; 1 */
    uint32_t least_area;        /* holes and islands of fewer pixels are removed; 0: none */
} vks_auto_params;

typedef struct vks_region {
    const uint32_t *runs;       /* COCO run lengths of the mask: down the columns, the first of zeros */
    uint32_t run_count;
    uint32_t x0, y0, x1, y1;    /* outermost pixels of the mask; a corner of its part when it is empty */
    uint32_t area;              /* pixels */
    float predicted_iou, stability;
    float point_x, point_y;     /* that found it */
    uint32_t crop_x0, crop_y0, crop_x1, crop_y1;    /* the part of the image it was found in; ends exclusive */
} vks_region;

typedef struct vks_regions {
    uint32_t count, width, height;  /* of the image */
    const vks_region *region;       /* best first */
} vks_regions;

/* Asks for a mask at every point of a grid and keeps the good ones. Sets the image as vks_session_set_image does; when
 * crop_layers is not 0 the session is left without an image. The progress callback sees the stages "encode" and
 * "masks". Errors: as vks_session_set_image and vks_session_predict; UNSUPPORTED for a family without point prompts. */
VKS_API vks_status vks_session_auto(vks_session *session, const vks_image *image, const vks_auto_params *params,
                                    vks_regions **out);
VKS_API void vks_regions_free(vks_regions **regions);

/* Writes a region's mask, 0 or 1, [height, width]. */
VKS_API void vks_region_mask(const vks_regions *regions, uint32_t index, uint8_t *mask);

/* ---- embeddings: the encoder's result, to be kept and re-used -------------------------------------------------- */

/* One more result of the encoder that the decoder reads. */
typedef struct vks_feature_map {
    char name[32];                      /* "high_0" */
    uint32_t channels, height, width;
    const float *data;                  /* [channels, height, width] */
} vks_feature_map;

/* All that the decoder reads of an image, in one block that vks_embedding_free frees; a program that makes one itself
 * keeps the arrays alive during the call they are given to. sam2 and medsam2 have two maps more, in this order: "high_0"
 * [channels / 8, 4 * height, 4 * width] and "high_1" [channels / 4, 2 * height, 2 * width]; other families have none. */
typedef struct vks_embedding {
    size_t struct_size;                 /* sizeof(vks_embedding) */
    uint32_t channels, height, width;   /* of the feature map */
    uint32_t image_width, image_height; /* of the original image: prompts stay in its pixels */
    char family[32];                    /* the family that made it */
    char model_sha256[65];              /* of the checkpoint that made it; "" if unknown */
    char image_sha256[65];              /* of width, height, channels and the 8-bit pixels; "" if unknown */
    const float *data;                  /* [channels, height, width] */
    uint32_t more_count;
    const vks_feature_map *more;        /* [more_count] */
} vks_embedding;

/* What an embedding of this image will have as image_sha256, without encoding it. Errors: ARGUMENT, HOST_MEMORY. */
VKS_API vks_status vks_image_sha256(const vks_image *image, char hex[65]);

/* Copies the current image's embedding out; freed with vks_embedding_free. */
VKS_API vks_status vks_session_get_embedding(vks_session *session, vks_embedding **out);
VKS_API void vks_embedding_free(vks_embedding **embedding);

/* Uses a kept embedding instead of running the encoder; it is not used after the call. Exact: get, set and predict give
 * bit-identical masks. Errors: ARGUMENT when its family is not this model's, or its maps are not those that the decoder
 * reads. */
VKS_API vks_status vks_session_set_embedding(vks_session *session, const vks_embedding *embedding);

/* A named tensor of the image encoder, channels last. */
typedef struct vks_layer {
    char name[256];             /* its module path */
    uint32_t rank, shape[5];    /* [1, height, width, channels] for blocks */
    const float *data;
} vks_layer;

/* Sets the image as vks_session_set_image does and gives one tensor of the encoder by its module path, such as
 * "image_encoder.blocks.3" or "image_encoder.layers.2"; freed with vks_layer_free. Errors: ARGUMENT (no such layer; the
 * sentence lists them), UNSUPPORTED (a family that is shown examples), and those of vks_session_set_image. */
VKS_API vks_status vks_session_layer(vks_session *session, const vks_image *image, const char *name, vks_layer **out);
VKS_API void vks_layer_free(vks_layer **layer);

/* ---- stacks: objects through the slices of a volume, or the frames of a video ----------------------------------- */

/* Families with a memory (sam2, medsam2) follow objects from slice to slice: a slice is seen with memories of the slices
 * that carry hints and of those just passed. The order of calls is the direction of travel:
 *
 *     vks_tracker_create(model, NULL, slices, &tracker);
 *     vks_tracker_set_slice(tracker, 40, &image);                 encodes a slice and makes it the current one
 *     vks_tracker_prompt(tracker, prompts, count, &masks);        hints on the current slice
 *     for (s = 41; s < slices; s++)                               away from it, slice by slice
 *         vks_tracker_set_slice(tracker, s, &image), vks_tracker_follow(tracker, 0, &masks);
 *     vks_tracker_forget(tracker);                                the other direction does not know the first
 *     for (s = 40; s-- > 0;)
 *         vks_tracker_set_slice(tracker, s, &image), vks_tracker_follow(tracker, 1, &masks);
 *
 * A slice that came out wrong is set again and given hints, which correct its mask; then following is repeated from there.
 * From then on it is a slice with hints as the first one is: every slice is seen with its memory, following leaves its mask
 * as it is, and vks_tracker_forget keeps it. So is the reference with add_all_frames_to_correct_as_cond, as in its
 * training; with that left at its default, a corrected slice would be followed again and the correction lost.
 * Memories are kept on the host: about 0.2 MB per slice and object at 512 x 512, 0.8 MB at 1024 x 1024.
 * One thread at a time. A tracker keeps its model alive. */
typedef struct vks_tracker vks_tracker;

/* `slices`: of the whole stack, 1..65536; the reference's rule depends on it where there are fewer than 16. `params` as for
 * a session. Errors: ARGUMENT, UNSUPPORTED (the family has no memory), HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_tracker_create(vks_model *model, const vks_session_params *params, uint32_t slices,
                                      vks_tracker **out);
VKS_API void vks_tracker_destroy(vks_tracker **tracker);

/* Runs the image encoder. The pixels are not used after the call. A failed call leaves the tracker without a current
 * slice. */
VKS_API vks_status vks_tracker_set_slice(vks_tracker *tracker, uint32_t slice, const vks_image *image);

/* Hints about objects on the current slice; on a slice that has been followed or had hints, a correction of its mask.
 * Objects are numbered as in vks_session_predict over all calls: a call names any of them, and new ones without a gap. A
 * mask hint has the image's size here (logits_width, logits_height): greater than 0 is the object; it is taken as it is,
 * and stands alone. *out: masks of the objects named in this call, ascending; freed with vks_masks_free. Errors: as
 * vks_session_predict; UNSUPPORTED when one object has hints on more than 57 slices. */
VKS_API vks_status vks_tracker_prompt(vks_tracker *tracker, const vks_prompt *prompts, size_t count, vks_masks **out);

/* All objects on the current slice, as known from the others; where a slice has hints about an object, what came of those.
 * `backwards`: non-zero when slices are visited in descending order. An object is followed from its first hint in that
 * direction on; before it, and where the object is not there, its mask is empty. *out: masks of all objects. Errors: ARGUMENT (no slice, no object), HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_tracker_follow(vks_tracker *tracker, int backwards, vks_masks **out);

/* Drops what was followed; slices with hints stay. */
VKS_API vks_status vks_tracker_forget(vks_tracker *tracker);

/* ---- time and profile ----------------------------------------------------------------------------------------- */

typedef struct vks_timing {
    double prepare_ms, encode_ms, decode_ms, finish_ms;     /* wall clock of the last set_image and predict */
    double encode_gpu_ms, decode_gpu_ms;                    /* device timestamps; 0 where the device has none */
} vks_timing;
VKS_API vks_status vks_session_timing(const vks_session *session, vks_timing *out);

#ifdef __cplusplus
}
#endif
#endif
