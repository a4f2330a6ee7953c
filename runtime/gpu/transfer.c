/* transfer.c: host <-> device copies through one staging buffer per device, made when first needed. */
#include "gpu/memory_data.h"

#include <string.h>

enum { STAGING_BYTES = 16 << 20 };

static vks_status prepare(struct vkr_device *device)
{
    const struct VolkDeviceTable *vk = &device->vk;
    if (!device->staging)
        VKS_TRY(vkr_buffer_create(device, STAGING_BYTES, VKR_MEMORY_STAGING, "the staging buffer", &device->staging));
    if (!device->transfer_pool) {
        VkCommandPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                         .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                         .queueFamilyIndex = device->queue_family };
        VK_TRY(vk->vkCreateCommandPool(device->handle, &info, NULL, &device->transfer_pool));
    }
    if (!device->transfer) {
        VkCommandBufferAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandBufferCount = 1,
                                             .commandPool = device->transfer_pool };
        VK_TRY(vk->vkAllocateCommandBuffers(device->handle, &info, &device->transfer));
    }
    if (!device->transfer_fence) {
        VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
        VK_TRY(vk->vkCreateFence(device->handle, &info, NULL, &device->transfer_fence));
    }
    return VKS_OK;
}

static vks_status copy(struct vkr_device *device, VkBuffer from, uint64_t from_at, VkBuffer to, uint64_t to_at, uint64_t size)
{
    const struct VolkDeviceTable *vk = &device->vk;
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                       .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    VkBufferCopy region = { .srcOffset = from_at, .dstOffset = to_at, .size = size };
    VkMemoryBarrier barrier = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT };
    VkMemoryBarrier after = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT };
    const VkPipelineStageFlags work = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    VK_TRY(vk->vkBeginCommandBuffer(device->transfer, &begin));
    vk->vkCmdPipelineBarrier(device->transfer, work, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    vk->vkCmdCopyBuffer(device->transfer, from, to, 1, &region);
    vk->vkCmdPipelineBarrier(device->transfer, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &after, 0, NULL, 0, NULL);
    VK_TRY(vk->vkEndCommandBuffer(device->transfer));
    VK_TRY(vk->vkResetFences(device->handle, 1, &device->transfer_fence));
    VKS_TRY(vkr_queue_submit(device, device->transfer, device->transfer_fence));
    return vkr_fence_wait(device, device->transfer_fence);
}

/* Exactly one of `in` and `out` is given. */
static vks_status move(struct vkr_device *device, struct vkr_buffer *buffer, uint64_t offset, const char *in, char *out,
                       uint64_t size)
{
    VKS_REQUIRE(offset <= buffer->size && size <= buffer->size - offset, VKS_ERR_INTERNAL, "a copy beyond its buffer");
    if (buffer->mapped) {
        if (in)
            memcpy((char *)buffer->mapped + offset, in, size);
        if (out)
            memcpy(out, (const char *)buffer->mapped + offset, size);
        return VKS_OK;
    }
    VKS_TRY(prepare(device));
    for (uint64_t at = 0; at < size; at += STAGING_BYTES) {
        uint64_t part = size - at < STAGING_BYTES ? size - at : STAGING_BYTES;
        if (in) {
            memcpy(device->staging->mapped, in + at, part);
            VKS_TRY(copy(device, device->staging->handle, 0, buffer->handle, offset + at, part));
        } else {
            VKS_TRY(copy(device, buffer->handle, offset + at, device->staging->handle, 0, part));
            memcpy(out + at, device->staging->mapped, part);
        }
    }
    return VKS_OK;
}

vks_status vkr_upload(struct vkr_device *device, struct vkr_buffer *buffer, uint64_t offset, const void *data, uint64_t size)
{
    vkr_mutex_lock(&device->transfer_lock);
    vks_status status = move(device, buffer, offset, data, NULL, size);
    vkr_mutex_unlock(&device->transfer_lock);
    return status;
}

vks_status vkr_download(struct vkr_device *device, struct vkr_buffer *buffer, uint64_t offset, void *data, uint64_t size)
{
    vkr_mutex_lock(&device->transfer_lock);
    vks_status status = move(device, buffer, offset, NULL, data, size);
    vkr_mutex_unlock(&device->transfer_lock);
    return status;
}

void vkr_transfer_destroy(struct vkr_device *device)
{
    const struct VolkDeviceTable *vk = &device->vk;
    if (device->transfer_fence)
        vk->vkDestroyFence(device->handle, device->transfer_fence, NULL);
    if (device->transfer_pool)
        vk->vkDestroyCommandPool(device->handle, device->transfer_pool, NULL);
    vkr_buffer_destroy(&device->staging);
}
