/* tiny_vit.h: TinyViT-5M (arXiv 2207.10666) as MobileSAM and LiteMedSAM changed it: a stem, one stage of inverted
 * bottlenecks, three of window attention with a learned bias per offset, and SAM's neck. Every BatchNorm is folded into
 * the convolution before it when the weights are read. */
#ifndef VKS_TINY_VIT_H
#define VKS_TINY_VIT_H

#include "models/hyper.h"
#include "models/schema.h"
#include "nn/nn.h"

enum { TINY_VIT_STAGES = 4 };

struct tiny_vit {
    uint32_t side;                     /* of the image, pixels */
    uint32_t stem_width, stem_kernel;  /* kernel 3: two strides of two; kernel 1: the stem keeps the size */
    uint32_t channels;                 /* of the embedding */
    struct tiny_vit_stage {
        uint32_t width, depth, grid;   /* grid: tokens per side */
        uint32_t hidden;               /* of a bottleneck or MLP */
        uint32_t heads, window;        /* stages 1..3 */
        uint32_t stride;               /* of the merging after it; 0: none */
    } stages[TINY_VIT_STAGES];
};

/* Kernel of the stem: tells MobileSAM (3) from LiteMedSAM (1). 0: no TinyViT. */
uint32_t tiny_vit_stem(const struct weights *weights);

/* Hyper-parameters from shapes and the option image_size (else `side`), then adds all tensors to `schema`. Errors:
 * MODEL, ARGUMENT. */
vks_status tiny_vit_open(struct tiny_vit *encoder, struct schema *schema, const struct hyper *hyper, uint32_t side);

/* The tensors of an encoder whose sizes (not grids) are filled in. */
void tiny_vit_tensors(const struct tiny_vit *encoder, struct schema *schema);

/* Input "pixels" -> the embedding [1, grid, grid, channels]. */
struct vkr_tensor *tiny_vit_build(const struct tiny_vit *encoder, struct nn n);

/* family.read: is `name` one of the tensors that tiny_vit_read derives: NAME.weight and NAME.bias of a convolution and its
 * BatchNorm, attn.bias [heads, N, N] of a table of offsets? */
bool tiny_vit_derives(const struct schema *schema, const char *name);
vks_status tiny_vit_read(const struct schema *schema, const char *name, const struct vkr_desc *desc, void *dst);

/* 10^9 multiply-adds of one image. */
double tiny_vit_gmac(const struct tiny_vit *encoder);

#endif
