/* family.h: what a model family is: a recogniser, a description as data, and graph builders. models.def lists them.
 *
 * A `network` is one opened checkpoint: hyper-parameters, rules, and a name map into the weights file. It is read-only
 * after family_open: any number of threads may use it. It has no device.
 *
 *     family_open(weights, &wish, &network);             recognise, read hyper-parameters, check every tensor
 *     source = { family_read, network };                 for vkr_params_create
 *     network->family->encode(network, nn, slots);       graph: input "pixels" [side, side, 3] -> slots
 *     network->family->decode(network, nn, slots, &shape) graph: slots, "sparse", "mask" -> outputs "masks", "iou"
 */
#ifndef VKS_FAMILY_H
#define VKS_FAMILY_H

#include "image/prepare.h"
#include "mask/choose.h"
#include "mask/finish.h"
#include "models/labelling.h"
#include "nn/nn.h"
#include "prompt/prompt.h"
#include "weights/weights.h"

struct family;
struct schema;

/* A result of the encoder that the decoder reads: it lives in a slot between the two. */
struct family_feature {
    const char *name;
    struct vkr_desc desc;
};
enum { FAMILY_FEATURES = 4 };

/* What a family with a memory tells those who keep memories; the arrays are the network's. A memory is [grid, grid,
 * width]; the pointer of an object, [channels], is attended to as channels / width rows. */
struct family_bank {
    uint32_t frames;                 /* attended to: the prompted ones, and the frames - 1 nearest in the direction */
    uint32_t pointers;               /* as many, of the nearest */
    uint32_t width;                  /* 0: the family has no memory */
    const float *times;              /* [frames, width], added to the keys of a memory: row distance - 1, or, of a
                                        prompted frame, the last */
    const float *absent_pointer;     /* [channels]: instead of the pointer of an object that is not there */
    const float *absent_memory;      /* [width]: added to each cell of its memory */
    const float *mask_weight;        /* [4, 4] and mask_bias: from a mask of the image's side to a low-res mask prompt */
    const float *mask_bias;
    float mask_scale, mask_shift;    /* of the probabilities that become a memory */
};

/* What families have in common; each family's own struct begins with it. */
struct network {
    const struct family *family;
    const struct weights *weights;     /* borrowed: must outlive the network */
    char variant[64];                  /* "vit_b", or "custom ..." */
    char note[256];                    /* what the user should know; may be "" */
    char preprocessing[160];           /* one line */
    struct image_spec image;           /* how pixels are prepared */
    struct finish_spec finish;         /* how logits become masks */
    uint32_t channels, grid;           /* embedding [grid, grid, channels] */
    struct family_feature features[FAMILY_FEATURES]; /* number 0 is "embedding"; family_open adds it when `open` named
                                                        none */
    uint32_t feature_count;
    uint32_t low;                      /* side of the decoder's logits */
    bool whole_prompts;                /* prompt_frame.whole */
    uint32_t masks;                    /* per object in "masks" and "iou": number 0 is the single mask, the others are
                                          the candidates of VKS_PREDICT_MULTIMASK */
    bool unscored;                     /* no output "iou": it predicts none */
    struct family_bank bank;
    float mask_limit;                  /* logits of a mask prompt are cut to -limit..limit; 0: they are not */
    struct mask_stability stability;   /* whether number 0 stands for itself */
    struct volume_spec volume;         /* automatic families: all of the above but names and texts is zero */
    uint64_t parameters;               /* elements of the used tensors */
    double encoder_gmac, decoder_gmac; /* 10^9 multiply-adds of one image, of one box prompt */
};

/* What a decoder looks at. All but the first are for families with a memory. */
enum decode_source {
    DECODE_IMAGE,  /* an image by itself */
    DECODE_FIRST,  /* the same, as part of a stack */
    DECODE_BARE,   /* the features of a slice whose mask is given */
    DECODE_RECALLED /* what `recall` made */
};

/* One decoder graph: `objects` share the image; each has `tokens` rows in "sparse"; `mask`: all have a mask prompt. */
struct decode_shape {
    uint32_t objects, tokens;
    bool mask;
    enum decode_source source;
};

/* One graph of `recall`: memories and pointers attended to. */
struct recall_shape {
    uint32_t frames, pointers;
};

/* Examples of what to segment, for families that take them instead of prompts. */
enum { SUPPORT_MOST = 256 };
struct support_set {
    uint32_t count;                /* 1..SUPPORT_MOST */
    struct vkr_slot *const *slots; /* as support_slot describes them; NULL (estimates): inputs "support.N" instead */
};

struct family {
    const char *name;    /* "sam" */
    const char *licence; /* of the published checkpoints */
    uint32_t accepts;    /* VKS_ACCEPTS_* */

    /* Is this file of the family? `file_name` is the base name, or "". Looks at names and shapes only. */
    bool (*matches)(const struct weights *weights, const char *file_name);

    /* Hyper-parameters from shapes and options. `chosen`: the user named the family. On failure *out stays NULL. */
    vks_status (*open)(const struct family *family, const struct weights *weights, const char *options, bool chosen,
                       struct network **out);
    void (*close)(struct network *network);

    /* Graph builders; failures stick to the graph.
     * encode: input "pixels" [side, side, 3] -> the features, feature i stored into slots[i], or, when `slots` is NULL
     * (estimates, tests), output under its name. decode: reads slots[i], or, with NULL, the input of that name; input
     * "sparse" [objects, tokens, channels] (absent when tokens is 0); input "mask" [objects, low, low] (absent unless
     * shape->mask) -> outputs "masks" [objects, masks, low, low] and "iou" [objects, masks]. */
    void (*encode)(const struct network *network, struct nn n, struct vkr_slot *const *slots);
    void (*decode)(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct decode_shape *shape);

    /* Families with a memory (network.bank.width > 0); NULL in others. With another source than DECODE_IMAGE, decode also
     * outputs "pointers" [objects, masks, channels] and "score" [objects, 1], the logit of "the object is there".
     * recall: feature 0, inputs "memory" [frames, grid * grid, width], "times" [frames, 1, width], "pointers" and
     * "pointer_times" [pointers * channels / width, width] (absent without pointers) -> slot `feature_count`, called
     * "recalled", shaped as feature 0, or an output of that name. remember: feature 0, input "mask" [1, side, side, 1]
     * -> output "memory" [1, grid, grid, width]. pointer_time: what is added to the keys of a pointer whose distance,
     * divided by the greatest one, is -1 .. 1: row [width]. */
    void (*recall)(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                   const struct recall_shape *shape);
    void (*remember)(const struct network *network, struct nn n, struct vkr_slot *const *slots);
    void (*pointer_time)(const struct network *network, double distance, float *row);

    /* Prompt encoding on the host: rows one object needs in "sparse", and those rows [tokens, channels]. */
    uint32_t (*tokens)(const struct network *network, const struct prompt_object *object);
    void (*embed)(const struct network *network, const struct prompt_object *object, float *sparse);

    /* Automatic families (labelling.h) have this instead of the four above: inputs "slab.N" [planes, size 1, size 0,
     * label_input_channels()] -> outputs "labels.N" [planes, size 1, size 0] i32 and, where wanted, "logits.N" [.., classes
     * rounded up to 4]. */
    void (*label)(const struct network *network, struct nn n, const struct label_shape *shape);

    /* Adds the tensors of the synthetic model `name` (synthetic.def), as a published file calls them. NULL: none. */
    void (*tensors)(const char *name, struct schema *schema);

    /* Families with a support set; NULL in all others. support_slot: the shape of the index-th slot that keeps what
     * `supports` examples say without an image; false past the last. Slot 0 holds their mean, [1, side, side, 2]: image
     * and label, which the host writes. support: input "supports" [count, side, side, 2] -> slots 1... encode_with:
     * encode for these examples. */
    bool (*support_slot)(const struct network *network, uint32_t supports, uint32_t index, struct vkr_desc *desc);
    void (*support)(const struct network *network, struct nn n, const struct support_set *set);
    void (*encode_with)(const struct network *network, struct nn n, const struct support_set *set,
                        struct vkr_slot *const *slots);

    /* Fills `dst` with the parameter `name` as the builders call it, weights and derived constants alike. */
    vks_status (*read)(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst);
};

/* How to open: every field may be NULL. */
struct family_wish {
    const char *family;    /* a family's name; NULL: recognise */
    const char *options;   /* "key=value,key=value" */
    const char *file_name; /* path or base name of the checkpoint: a hint where shapes cannot tell */
};

/* Errors: MODEL (no family matches; or tensors missing, misshapen or unknown: the sentence names them, what was
 * expected and what was found), ARGUMENT (an unknown family name or option; the sentence lists the known), HOST_MEMORY.
 */
vks_status family_open(const struct weights *weights, const struct family_wish *wish, struct network **out);
void family_close(struct network **network); /* accepts NULL content */

/* vkr_params_source.read with the network as `user`. */
vks_status family_read(void *user, const char *name, const struct vkr_desc *desc, void *dst);

/* For the builders: `tensor` becomes feature `index` (its slot, or an output); feature `index` as a tensor (its slot, or
 * an input). */
void family_keep(const struct network *network, struct nn n, struct vkr_slot *const *slots, uint32_t index,
                 struct vkr_tensor *tensor);
struct vkr_tensor *family_feature(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                                  uint32_t index);

/* The names of the families that accept all of `accepts` (VKS_ACCEPTS_*), with commas between them. */
void family_takers(uint32_t accepts, char *list, size_t size);

/* Families in the order in which they are tried; NULL past the end. */
const struct family *family_at(uint32_t index);

#define FAMILY(name) extern const struct family family_##name;
#include "models/models.def"
#undef FAMILY

#endif
