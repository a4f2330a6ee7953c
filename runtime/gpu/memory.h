/* memory.h: device buffers. One buffer, one allocation: callers ask for slabs, not for tensors. */
#ifndef VKR_MEMORY_H
#define VKR_MEMORY_H

#include "gpu/device.h"

struct vkr_buffer;

enum vkr_memory_kind {
    VKR_MEMORY_DEVICE,          /* fast for the device; also host-visible where memory is unified */
    VKR_MEMORY_STAGING          /* host-visible, coherent, cached where there is a choice */
};

/* A buffer of `size` bytes usable as storage, texel, transfer source and destination. Its contents are undefined.
 * Errors: DEVICE_MEMORY (says what `what` wanted and what is free under the limit), HOST_MEMORY. */
vks_status vkr_buffer_create(struct vkr_device *device, uint64_t size, enum vkr_memory_kind kind, const char *what,
                             struct vkr_buffer **out);
void vkr_buffer_destroy(struct vkr_buffer **buffer);        /* accepts NULL content; no work may be using it */

uint64_t vkr_buffer_size(const struct vkr_buffer *buffer);
void *vkr_buffer_map(const struct vkr_buffer *buffer);      /* persistently mapped, or NULL */

/* transfer.c: blocking copies between host memory and a range of a buffer, through staging where needed. */
vks_status vkr_upload(struct vkr_device *device, struct vkr_buffer *buffer, uint64_t offset, const void *data, uint64_t size);
vks_status vkr_download(struct vkr_device *device, struct vkr_buffer *buffer, uint64_t offset, void *data, uint64_t size);

#endif
