/* slot.c: one buffer per slot. */
#include "graph/slot.h"

#include "base/mem.h"
#include "gpu/device.h"
#include "gpu/memory.h"
#include "graph/slot_data.h"

vks_status vkr_slot_create(struct vkr_device *device, const char *name, struct vkr_desc desc, struct vkr_slot **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, name, (void **)out));
    (*out)->device = vkr_device_retain(device);
    (*out)->desc = desc;
    (*out)->name = vkr_strdup(name);
    vks_status status = (*out)->name ? vkr_buffer_create(device, vkr_bytes(&desc), VKR_MEMORY_DEVICE, name, &(*out)->buffer)
                                     : vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for slot %s", name);
    if (status != VKS_OK)
        vkr_slot_destroy(out);
    return status;
}

void vkr_slot_destroy(struct vkr_slot **slot)
{
    if (!*slot)
        return;
    vkr_buffer_destroy(&(*slot)->buffer);
    vkr_device_release(&(*slot)->device);
    vkr_free((*slot)->name);
    vkr_free(*slot);
    *slot = NULL;
}

const struct vkr_desc *vkr_slot_desc(const struct vkr_slot *slot)
{
    return &slot->desc;
}

const char *vkr_slot_name(const struct vkr_slot *slot)
{
    return slot->name;
}

vks_status vkr_slot_write(struct vkr_slot *slot, const void *data, size_t size)
{
    VKS_REQUIRE(size == vkr_bytes(&slot->desc), VKS_ERR_INTERNAL, "slot %s: %zu bytes given", slot->name, size);
    return vkr_upload(slot->device, slot->buffer, 0, data, size);
}

vks_status vkr_slot_read(struct vkr_slot *slot, void *data, size_t size)
{
    VKS_REQUIRE(size == vkr_bytes(&slot->desc), VKS_ERR_INTERNAL, "slot %s: %zu bytes wanted", slot->name, size);
    return vkr_download(slot->device, slot->buffer, 0, data, size);
}
