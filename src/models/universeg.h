/* universeg.h: the network as opened; universeg.c reads it from a file, universeg_graph.c builds it. */
#ifndef VKS_UNIVERSEG_H
#define VKS_UNIVERSEG_H

#include "models/family.h"
#include "models/hyper.h"
#include "models/schema.h"

enum {
    UNIVERSEG_LEVELS = 8,
    UNIVERSEG_CHUNK = 4,  /* supports in work at once */
    UNIVERSEG_USUAL = 16, /* supports that estimates suppose */
};

/* conv 3x3 of [target; support] to `cross` channels, then for target and support each a conv 3x3 to `outputs`. */
struct universeg_block {
    uint32_t target, support, cross, outputs;
};

struct universeg {
    struct network network; /* first */
    struct schema schema;
    uint32_t side, depth;   /* of the square; encoder blocks */
    bool trace;             /* also the single supports of the last block, which nothing but a golden looks at */
    struct universeg_block encoder[UNIVERSEG_LEVELS], decoder[UNIVERSEG_LEVELS];
};

/* struct family's hooks of the same names. */
void universeg_encode(const struct network *network, struct nn n, struct vkr_slot *const *slots);
void universeg_decode(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                      const struct decode_shape *shape);
uint32_t universeg_tokens(const struct network *network, const struct prompt_object *object);
void universeg_embed(const struct network *network, const struct prompt_object *object, float *sparse);
bool universeg_support_slot(const struct network *network, uint32_t supports, uint32_t index, struct vkr_desc *desc);
void universeg_support(const struct network *network, struct nn n, const struct support_set *set);
void universeg_encode_with(const struct network *network, struct nn n, const struct support_set *set,
                           struct vkr_slot *const *slots);

#endif
