/* sam_decoder.h: SAM's prompt encoder and mask decoder (arXiv 2304.02643), shared by every family that kept them; with
 * what SAM 2 (arXiv 2408.00714) added to it where the file has it: an object score, and sharper features. */
#ifndef VKS_SAM_DECODER_H
#define VKS_SAM_DECODER_H

#include "models/family.h"
#include "models/hyper.h"
#include "models/sam_prompt.h"
#include "models/schema.h"

struct sam_decoder {
    uint32_t channels;                           /* C */
    uint32_t grid;                               /* of the embedding; logits are 4 * grid wide */
    uint32_t masks;                              /* mask tokens: 4 */
    uint32_t depth, heads, cross_inner, hidden;  /* two-way transformer */
    uint32_t hyper_depth, iou_depth, iou_hidden; /* heads */
    uint32_t mask_channels;                      /* of mask_downscaling, second stage */
    uint32_t score_depth, score_hidden;          /* of the object score's head; 0: there is none, nor a token for it */
    bool iou_sigmoid;                            /* predicted IoUs pass through a sigmoid */
    struct sam_prompt prompt;
};

/* Hyper-parameters from shapes and the option decoder_heads, then adds all tensors to `schema`. `grid` is the
 * encoder's. Errors: MODEL (what is needed to tell is missing or absurd), ARGUMENT (option). */
vks_status sam_decoder_open(struct sam_decoder *decoder, struct schema *schema, const struct hyper *hyper,
                            uint32_t grid);

/* Adds all tensors; the numbers of heads do not matter. */
void sam_decoder_tensors(const struct sam_decoder *decoder, struct schema *schema);

/* After schema_check: reads what prompt encoding needs. `side` as in struct sam_prompt. */
vks_status sam_decoder_load(struct sam_decoder *decoder, const struct schema *schema, uint32_t side);
void sam_decoder_free(struct sam_decoder *decoder);

/* family.decode of `image`, the embedding [grid, grid, C]. */
void sam_decoder_build(const struct sam_decoder *decoder, struct nn n, struct vkr_tensor *image,
                       const struct decode_shape *shape);

/* The same as tensors: masks [B, M, low, low]; iou [B, M]; tokens [B, M, C], one per mask; score [B, 1], the logit of
 * "the object is there", NULL without a head for it. image [grid, grid, C]. high[0] [1, 4 grid, 4 grid, C / 8] and high[1]
 * [1, 2 grid, 2 grid, C / 4] are added while the image is enlarged; NULL: nothing is. */
struct sam_decoded {
    struct vkr_tensor *masks, *iou, *tokens, *score;
};
struct sam_decoded sam_decoder_predict(const struct sam_decoder *decoder, struct nn n, struct vkr_tensor *image,
                                       struct vkr_tensor *const high[2], const struct decode_shape *shape);

/* family.read: tensors of the schema, and the derived constant "prompt_encoder.dense_pe" [1, grid * grid, C]. */
vks_status sam_decoder_read(const struct sam_decoder *decoder, const struct schema *schema, const char *name,
                            const struct vkr_desc *desc, void *dst);

/* 10^9 multiply-adds of one object with `tokens` prompt tokens. */
double sam_decoder_gmac(const struct sam_decoder *decoder, uint32_t tokens);

#endif
