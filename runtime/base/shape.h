/* shape.h: what a tensor is, apart from where it lies: element type and dense row-major dimensions, channels last. */
#ifndef VKR_SHAPE_H
#define VKR_SHAPE_H

#include "dtype.h"

#include <stdbool.h>

enum { VKR_MAX_DIMS = 5 };

struct vkr_desc {
    enum vkr_dtype dtype;
    uint32_t rank;                      /* 0..VKR_MAX_DIMS; rank 0 is a scalar */
    uint32_t dim[VKR_MAX_DIMS];         /* outermost first; unused entries are 0 */
};

/* Compound-literal makers: vkr_f32(2, rows, cols) */
#define vkr_f32(rank_, ...) ((struct vkr_desc){ VKR_F32, (rank_), { __VA_ARGS__ } })
#define vkr_f16(rank_, ...) ((struct vkr_desc){ VKR_F16, (rank_), { __VA_ARGS__ } })

uint64_t vkr_numel(const struct vkr_desc *desc);        /* elements */
uint64_t vkr_bytes(const struct vkr_desc *desc);        /* numel times element size */
uint32_t vkr_last(const struct vkr_desc *desc);         /* last dimension; 1 for a scalar */
uint64_t vkr_rows(const struct vkr_desc *desc);         /* numel / last */
bool vkr_same_shape(const struct vkr_desc *a, const struct vkr_desc *b);   /* dtype ignored */

/* "[2, 64, 64]" into a caller's buffer; returns it. */
enum { VKR_SHAPE_TEXT = 72 };
const char *vkr_shape_text(const struct vkr_desc *desc, char text[VKR_SHAPE_TEXT]);
#define VKR_SHAPE(desc) vkr_shape_text((desc), (char[VKR_SHAPE_TEXT]){ 0 })

#endif
