/* dtype.h: element types. The device computes on f32 and f16 only; the others exist in files and are converted. */
#ifndef VKR_DTYPE_H
#define VKR_DTYPE_H

#include "status.h"

enum vkr_dtype {
    VKR_NONE,                                           /* an absent optional tensor */
    VKR_F32, VKR_F16, VKR_BF16, VKR_F64,
    VKR_I8, VKR_U8, VKR_I16, VKR_I32, VKR_U32, VKR_I64, VKR_BOOL,
    VKR_DTYPE_COUNT
};

size_t vkr_dtype_size(enum vkr_dtype dtype);            /* bytes per element; 0 for VKR_NONE */
const char *vkr_dtype_name(enum vkr_dtype dtype);       /* "f32" */

uint16_t vkr_f32_to_f16(float value);                   /* round to nearest even; overflow gives infinity */
float vkr_f16_to_f32(uint16_t bits);
float vkr_bf16_to_f32(uint16_t bits);

/* dst[i] = src[i] for `count` elements. `dst_type` is f32 or f16, `src_type` any; src may be unaligned.
 * Errors: VKS_ERR_UNSUPPORTED for other pairs. */
vks_status vkr_convert(void *dst, enum vkr_dtype dst_type, const void *src, enum vkr_dtype src_type, size_t count);

#endif
