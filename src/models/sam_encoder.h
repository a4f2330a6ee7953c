/* sam_encoder.h: SAM's image encoder: a ViT whose blocks attend within windows or globally (ViTDet, arXiv 2203.16527),
 * and a convolutional neck. SAM-Med2D (arXiv 2308.16184) adds an adapter beside the MLP of each block. */
#ifndef VKS_SAM_ENCODER_H
#define VKS_SAM_ENCODER_H

#include "models/hyper.h"
#include "models/schema.h"
#include "nn/nn.h"

enum { SAM_DEPTH = 64 };

struct sam_encoder {
    uint32_t width, depth, heads, hidden; /* of the transformer */
    uint32_t patch, grid;                 /* pixels per cell, cells per side */
    uint32_t channels;                    /* of the embedding */
    uint32_t adapter;                     /* width of the adapters' gate; 0: there are none */
    bool adapters_off;                    /* they are left out */
    struct sam_block {
        uint32_t window, table_h, table_w;
    } blocks[SAM_DEPTH]; /* window 0: global; table 0: none */
};

/* Hyper-parameters from shapes and the options encoder_heads, window_size and global_blocks, then adds all tensors to
 * `schema`. `adapters`: the family may have them, and the option adapters. Errors: MODEL, ARGUMENT. */
vks_status sam_encoder_open(struct sam_encoder *encoder, struct schema *schema, const struct hyper *hyper,
                            bool adapters);

/* Adds all tensors; the windows do not matter, the lengths of the tables do. */
void sam_encoder_tensors(const struct sam_encoder *encoder, struct schema *schema);

/* Input "pixels" -> the embedding [1, grid, grid, channels]. */
struct vkr_tensor *sam_encoder_build(const struct sam_encoder *encoder, struct nn n);

/* 10^9 multiply-adds of one image. */
double sam_encoder_gmac(const struct sam_encoder *encoder);

#endif
