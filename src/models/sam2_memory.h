/* sam2_memory.h: SAM 2's memory: an encoder of masks into memories, and the attention of a slice to the memories of
 * others. */
#ifndef VKS_SAM2_MEMORY_H
#define VKS_SAM2_MEMORY_H

#include "models/family.h"
#include "models/schema.h"
#include "nn/nn.h"

enum { SAM2_MASK_STEPS = 4 }; /* each halves the mask: from the side of the image to its grid */

struct sam2_memory {
    uint32_t side, grid;             /* pixels, cells */
    uint32_t channels, width;        /* of features, of memories */
    uint32_t layers, hidden;         /* of the attention */
    uint32_t steps[SAM2_MASK_STEPS]; /* channels of the mask encoder */
    uint32_t mixers, mixer_hidden;   /* of the fuser */
    struct family_bank bank;         /* its arrays are `values` */
    float *values;
    const float *time_weight, *time_bias; /* [width, channels], [width] */
};

/* Hyper-parameters from shapes, then adds all tensors to `schema`. Errors: MODEL. */
vks_status sam2_memory_open(struct sam2_memory *memory, struct schema *schema, uint32_t side, uint32_t channels);

/* Adds all tensors of a memory of these sizes. */
void sam2_memory_tensors(const struct sam2_memory *memory, struct schema *schema);

/* After schema_check: reads what the host part needs. Free also after a failure. Errors: HOST_MEMORY, MODEL. */
vks_status sam2_memory_load(struct sam2_memory *memory, const struct schema *schema);
void sam2_memory_free(struct sam2_memory *memory);

/* family.recall of `image` [grid, grid, C] -> [grid, grid, C]. */
struct vkr_tensor *sam2_memory_recall(const struct sam2_memory *memory, struct nn n, struct vkr_tensor *image,
                                      const struct recall_shape *shape);

/* family.remember of `image` [grid, grid, C]: output "memory". */
void sam2_memory_remember(const struct sam2_memory *memory, struct nn n, struct vkr_tensor *image);

/* family.pointer_time. */
void sam2_memory_time(const struct sam2_memory *memory, double distance, float *row);

/* Derived constants: rotations and positions. *known tells whether `name` is one of them. Errors: INTERNAL. */
vks_status sam2_memory_read(const struct sam2_memory *memory, const struct schema *schema, const char *name,
                            const struct vkr_desc *desc, void *dst, bool *known);

/* 10^9 multiply-adds of one slice attending to `frames` memories. */
double sam2_memory_gmac(const struct sam2_memory *memory, uint32_t frames);

#endif
