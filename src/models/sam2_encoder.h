/* sam2_encoder.h: SAM 2's image encoder: Hiera (arXiv 2306.00989), a transformer whose stages halve the grid, and a
 * feature pyramid. */
#ifndef VKS_SAM2_ENCODER_H
#define VKS_SAM2_ENCODER_H

#include "models/hyper.h"
#include "models/schema.h"
#include "nn/nn.h"

enum { SAM2_DEPTH = 64, SAM2_STAGES = 4 };

struct sam2_encoder {
    uint32_t side;          /* of the square it sees, a multiple of 32 */
    uint32_t width, depth;  /* of the first stage; blocks in all */
    uint32_t background[2]; /* cells of the coarse position table: height, width */
    uint32_t tile;          /* side of the repeated position table */
    uint32_t channels;      /* of the pyramid */
    uint32_t high[2];       /* channels of the features at a quarter and an eighth of `side` */
    uint32_t stages;
    uint64_t band;          /* bytes: a block with a larger tensor is computed in bands of its windows */
    struct sam2_block {
        uint32_t inputs, outputs, heads, hidden;
        uint32_t window; /* 0: global */
        bool pool;       /* halves the grid */
        bool last;       /* of its stage */
    } blocks[SAM2_DEPTH];
};

/* Hyper-parameters from shapes and the options encoder_heads, window_spec, global_blocks and band_kib, then adds all
 * tensors to `schema`. Errors: MODEL, ARGUMENT. */
vks_status sam2_encoder_open(struct sam2_encoder *encoder, struct schema *schema, const struct hyper *hyper,
                             uint32_t side);

/* Adds all tensors of an encoder of these sizes. */
void sam2_encoder_tensors(const struct sam2_encoder *encoder, struct schema *schema);

/* Input "pixels" [side, side, 3] -> features[0] [1, side/16, side/16, channels], what memory and decoder attend to;
 * [1] [1, side/4, side/4, high[0]] and [2] [1, side/8, side/8, high[1]], which only sharpen masks. */
void sam2_encoder_build(const struct sam2_encoder *encoder, struct nn n, struct vkr_tensor *features[3]);

/* 10^9 multiply-adds of one image. */
double sam2_encoder_gmac(const struct sam2_encoder *encoder);

#endif
