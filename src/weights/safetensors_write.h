/* safetensors_write.h: a checkpoint as .safetensors, tensor by tensor: memory does not grow with it. */
#ifndef VKS_SAFETENSORS_WRITE_H
#define VKS_SAFETENSORS_WRITE_H

#include "base/shape.h"

#include <stdio.h>

/* Tensors in the order of the file. */
struct safetensors_source {
    uint32_t count;
    const char *key, *value;                /* the metadata beside "format": printable */
    const char *(*describe)(void *user, uint32_t index, struct vkr_desc *desc);    /* name; f32, or what counts as I64 */
    vks_status (*write)(void *user, uint32_t index, FILE *file);                    /* its elements */
    void *user;
};

/* Through a temporary file in the same folder: `path` exists when it is whole, and replaces an older one.
 * Errors: OUTPUT; whatever write returned. */
vks_status safetensors_write(const struct safetensors_source *source, const char *path);

#endif
