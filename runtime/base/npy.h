/* npy.h: NumPy .npy files: dumps, embeddings, goldens. Version 1.0 and 2.0 headers, little endian, C order. */
#ifndef VKR_NPY_H
#define VKR_NPY_H

#include "shape.h"

/* Writes atomically (temporary file in the same folder, then rename). Errors: VKS_ERR_OUTPUT. */
vks_status vkr_npy_write(const char *path, const struct vkr_desc *desc, const void *data);

/* Reads the whole file; *data is vkr_free()d by the caller. Accepts f2 f4 f8 i1 u1 i2 i4 u4 i8 b1 with rank <= 5.
 * Errors: NOT_FOUND, CORRUPT, HOST_MEMORY. */
vks_status vkr_npy_read(const char *path, struct vkr_desc *desc, void **data);

/* The same from memory (fuzzing, archives); *data points to a fresh copy. */
vks_status vkr_npy_parse(const void *bytes, size_t size, struct vkr_desc *desc, void **data);

#endif
