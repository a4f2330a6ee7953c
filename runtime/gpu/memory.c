/* memory.c: buffers with their own allocation, counted against the limit. */
#include "gpu/memory_data.h"

static int find_type(const struct vkr_device *device, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++)
        if ((allowed >> i & 1u) && (device->memory.memoryTypes[i].propertyFlags & wanted) == wanted)
            return (int)i;
    return -1;
}

static int choose_type(const struct vkr_device *device, uint32_t allowed, enum vkr_memory_kind kind)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    const VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryPropertyFlags staging[] = { visible | cached, visible };
    const VkMemoryPropertyFlags unified[] = { local | visible | cached, local | visible };
    const VkMemoryPropertyFlags separate[] = { local, 0 };
    const VkMemoryPropertyFlags *order = kind == VKR_MEMORY_STAGING ? staging : device->caps.unified ? unified : separate;
    for (int i = 0; i < 2; i++) {
        int type = find_type(device, allowed, order[i]);
        if (type >= 0)
            return type;
    }
    return -1;
}

static vks_status count(struct vkr_buffer *buffer, const char *what)
{
    struct vkr_device *device = buffer->device;
    uint64_t limit = device->options.max_memory, now = atomic_fetch_add(&device->bytes_now, buffer->size) + buffer->size;
    buffer->counted = buffer->size;
    VKS_REQUIRE(!limit || now <= limit, VKS_ERR_DEVICE_MEMORY, "%s needs %llu MiB, %llu of %llu MiB are in use (max_memory)", what,
                (unsigned long long)(buffer->size >> 20), (unsigned long long)((now - buffer->size) >> 20),
                (unsigned long long)(limit >> 20));
    uint64_t peak = atomic_load(&device->bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&device->bytes_peak, &peak, now)) {
    }
    return VKS_OK;
}

static vks_status fill(struct vkr_buffer *buffer, enum vkr_memory_kind kind, const char *what)
{
    struct vkr_device *device = buffer->device;
    const struct VolkDeviceTable *vk = &device->vk;
    VKS_TRY(count(buffer, what));
    VKS_REQUIRE(buffer->size <= device->caps.max_allocation, VKS_ERR_DEVICE_MEMORY,
                "%s needs %llu MiB in one piece, the device allows %llu MiB", what, (unsigned long long)(buffer->size >> 20),
                (unsigned long long)(device->caps.max_allocation >> 20));
    VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    if (kind == VKR_MEMORY_DEVICE)
        usage |= VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 (device->caps.bits & VKR_CAP_VEC8 ? VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT : 0);
    VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = buffer->size, .usage = usage };
    VK_TRY(vk->vkCreateBuffer(device->handle, &info, NULL, &buffer->handle));
    VkMemoryRequirements needs;
    vk->vkGetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
    int type = choose_type(device, needs.memoryTypeBits, kind);
    VKS_REQUIRE(type >= 0, VKS_ERR_DEVICE_MEMORY, "%s: the device has no suitable memory type", what);
    VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size,
                                      .memoryTypeIndex = (uint32_t)type };
    VK_TRY(vk->vkAllocateMemory(device->handle, &allocate, NULL, &buffer->memory));
    VK_TRY(vk->vkBindBufferMemory(device->handle, buffer->handle, buffer->memory, 0));
    const VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    if (kind == VKR_MEMORY_STAGING ||
        (device->caps.unified && (device->memory.memoryTypes[type].propertyFlags & visible) == visible))
        VK_TRY(vk->vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped));
    return VKS_OK;
}

vks_status vkr_buffer_create(struct vkr_device *device, uint64_t size, enum vkr_memory_kind kind, const char *what,
                             struct vkr_buffer **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, what, (void **)out));
    (*out)->device = device;
    (*out)->size = size ? size : 4;
    vks_status status = fill(*out, kind, what);
    if (status != VKS_OK)
        vkr_buffer_destroy(out);
    return status;
}

void vkr_buffer_destroy(struct vkr_buffer **buffer)
{
    struct vkr_buffer *b = *buffer;
    *buffer = NULL;
    if (!b)
        return;
    const struct VolkDeviceTable *vk = &b->device->vk;
    if (b->mapped)
        vk->vkUnmapMemory(b->device->handle, b->memory);
    if (b->handle)
        vk->vkDestroyBuffer(b->device->handle, b->handle, NULL);
    if (b->memory)
        vk->vkFreeMemory(b->device->handle, b->memory, NULL);
    atomic_fetch_sub(&b->device->bytes_now, b->counted);
    vkr_free(b);
}

uint64_t vkr_buffer_size(const struct vkr_buffer *buffer)
{
    return buffer->size;
}

void *vkr_buffer_map(const struct vkr_buffer *buffer)
{
    return buffer->mapped;
}
