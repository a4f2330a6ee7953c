/* slot.h: a device tensor that outlives plans: an image embedding, a memory bank. */
#ifndef VKR_SLOT_H
#define VKR_SLOT_H

#include "base/shape.h"

struct vkr_device;
struct vkr_slot;

/* Allocates the tensor on the device; contents undefined. Destroy it after every plan that names it. */
vks_status vkr_slot_create(struct vkr_device *device, const char *name, struct vkr_desc desc, struct vkr_slot **out);
void vkr_slot_destroy(struct vkr_slot **slot);          /* accepts NULL content */

const struct vkr_desc *vkr_slot_desc(const struct vkr_slot *slot);
const char *vkr_slot_name(const struct vkr_slot *slot);

/* Blocking copies of the whole tensor; `size` must equal its bytes. No plan using the slot may be running. */
vks_status vkr_slot_write(struct vkr_slot *slot, const void *data, size_t size);
vks_status vkr_slot_read(struct vkr_slot *slot, void *data, size_t size);

#endif
