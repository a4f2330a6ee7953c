/* device.c: VkDevice and queue: created, or an application's; list of devices; lifetime. */
#include "gpu/device.h"

#include "gpu/device_data.h"
#include "gpu/device_plan.h"
#include "gpu/memory.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEVICES = 16, WAIT_SECONDS = 600 };

struct candidates {
    VkPhysicalDevice physical[MAX_DEVICES];
    struct vkr_device_entry entries[MAX_DEVICES];
    uint32_t families[MAX_DEVICES], count;
};

/* Physical devices and their descriptions, best first. */
static vks_status find_devices(const struct vkr_instance *instance, struct candidates *out)
{
    VkPhysicalDevice physical[MAX_DEVICES];
    uint32_t count = MAX_DEVICES, order[MAX_DEVICES], families[MAX_DEVICES];
    struct vkr_device_entry *entries;
    VK_TRY(instance->vkEnumeratePhysicalDevices(instance->handle, &count, physical));
    VKS_TRY(vkr_alloc(MAX_DEVICES, sizeof *entries, "the device list", (void **)&entries));
    for (uint32_t i = 0; i < count; i++)
        vkr_probe(instance, physical[i], &entries[i], &families[i]);
    vkr_rank_devices(entries, count, order);
    for (uint32_t i = 0; i < count; i++) {
        out->physical[i] = physical[order[i]];
        out->entries[i] = entries[order[i]];
        out->families[i] = families[order[i]];
    }
    out->count = count;
    vkr_free(entries);
    return VKS_OK;
}

vks_status vkr_device_list(struct vkr_device_entry **out, uint32_t *count)
{
    struct vkr_instance instance;
    struct candidates *found = NULL;
    *out = NULL;
    *count = 0;
    VKS_TRY(vkr_instance_create(false, NULL, &instance));
    vks_status status = vkr_alloc(1, sizeof *found, "the device list", (void **)&found);
    if (status == VKS_OK)
        status = find_devices(&instance, found);
    if (status == VKS_OK && found->count > 0)
        status = vkr_alloc(found->count, sizeof **out, "the device list", (void **)out);
    if (status == VKS_OK && found->count > 0) {
        memcpy(*out, found->entries, found->count * sizeof **out);
        *count = found->count;
    }
    vkr_free(found);
    vkr_instance_destroy(&instance);
    return status;
}

/* Queue, pipeline cache and command pool: the same for own and imported devices. */
static vks_status finish(struct vkr_device *device, uint32_t queue_index)
{
    device->instance.vkGetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    device->vk.vkGetDeviceQueue(device->handle, device->queue_family, queue_index, &device->queue);
    VKS_TRY(vkr_pipeline_cache_open(device));
    return vkr_caps_mask(&device->caps, device->options.caps);
}

/* volk fills a device table through its global vkGetDeviceProcAddr: set it to this instance's, under a lock of our own. */
static void load_device_functions(struct vkr_device *device)
{
    static struct { struct vkr_mutex mutex; atomic_int state; } once;
    int fresh = 0;
    if (atomic_compare_exchange_strong(&once.state, &fresh, 1)) {
        vkr_mutex_init(&once.mutex);
        atomic_store(&once.state, 2);
    }
    while (atomic_load(&once.state) != 2) {
    }
    vkr_mutex_lock(&once.mutex);
    vkGetDeviceProcAddr = device->instance.vkGetDeviceProcAddr;
    volkLoadDeviceTable(&device->vk, device->handle);
    vkr_mutex_unlock(&once.mutex);
}

static vks_status create_device(struct vkr_device *device)
{
    float priority = 1;
    VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1,
                                      .queueFamilyIndex = device->queue_family, .pQueuePriorities = &priority };
    VkPhysicalDeviceShaderFloat16Int8Features math = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
                                                       .shaderFloat16 = VK_TRUE };
    VkPhysicalDevice16BitStorageFeatures storage = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        .storageBuffer16BitAccess = (device->caps.bits & VKR_CAP_F16) ? VK_TRUE : VK_FALSE,
        .pNext = (device->caps.bits & VKR_CAP_F16_MATH) ? &math : NULL };
    VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &storage, .queueCreateInfoCount = 1,
                                .pQueueCreateInfos = &queue };
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2 = {
        .sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
        .cooperativeMatrixWorkgroupScope = VK_TRUE, .cooperativeMatrixFlexibleDimensions = VK_TRUE,
        .cooperativeMatrixPerElementOperations = VK_TRUE, .cooperativeMatrixTensorAddressing = VK_TRUE };
    const bool has_matrix = (device->caps.bits & VKR_CAP_COOPMAT) != 0, has_matrix2 = (device->caps.bits & VKR_CAP_COOPMAT2) != 0;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .cooperativeMatrix = VK_TRUE,
        .pNext = has_matrix2 ? &matrix2 : NULL };
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES, .pNext = &matrix, .vulkanMemoryModel = VK_TRUE };
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroups = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES, .pNext = &memory_model,
        .subgroupSizeControl = VK_TRUE, .computeFullSubgroups = VK_TRUE };
    /* The specification asks to enable the first where it is offered (MoltenVK). */
    const char *const wanted[] = { "VK_KHR_portability_subset", "VK_KHR_cooperative_matrix", "VK_NV_cooperative_matrix2" };
    const char *enabled[3];
    if (has_matrix)
        math.pNext = &subgroups;
    info.ppEnabledExtensionNames = enabled;
    uint32_t count = 0;
    VK_TRY(device->instance.vkEnumerateDeviceExtensionProperties(device->physical, NULL, &count, NULL));
    VkExtensionProperties *extensions;
    VKS_TRY(vkr_alloc(count + 1, sizeof *extensions, "the extension list", (void **)&extensions));
    VkResult result = device->instance.vkEnumerateDeviceExtensionProperties(device->physical, NULL, &count, extensions);
    for (uint32_t w = 0; w < (has_matrix2 ? 3u : has_matrix ? 2u : 1u); w++)
        for (uint32_t i = 0; result == VK_SUCCESS && i < count; i++)
            if (strcmp(extensions[i].extensionName, wanted[w]) == 0)
                enabled[info.enabledExtensionCount++] = wanted[w];
    vkr_free(extensions);
    VK_TRY(device->instance.vkCreateDevice(device->physical, &info, NULL, &device->handle));
    device->owned = true;
    load_device_functions(device);
    return finish(device, 0);
}

static vks_status open_device(struct vkr_device *device, const char *which)
{
    struct candidates *found;
    uint32_t index = 0;
    VKS_TRY(vkr_instance_create(device->options.validate, &device->log, &device->instance));
    VKS_TRY(vkr_alloc(1, sizeof *found, "the device list", (void **)&found));
    vks_status status = find_devices(&device->instance, found);
    if (status == VKS_OK)
        status = vkr_match_device(found->entries, found->count, which, &index);
    if (status == VKS_OK) {
        device->physical = found->physical[index];
        device->queue_family = found->families[index];
        device->caps = found->entries[index].caps;
    }
    vkr_free(found);
    return status == VKS_OK ? create_device(device) : status;
}

static vks_status new_device(const struct vkr_options *options, const struct vkr_log *log, struct vkr_device **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "a device", (void **)out));
    atomic_store(&(*out)->references, 1);
    if (options)
        (*out)->options = *options;
    if (log)
        (*out)->log = *log;
    vkr_mutex_init(&(*out)->lock);
    vkr_mutex_init(&(*out)->queue_lock);
    vkr_mutex_init(&(*out)->transfer_lock);
    return VKS_OK;
}

vks_status vkr_device_open(const char *which, const struct vkr_options *options, const struct vkr_log *log,
                           struct vkr_device **out)
{
    *out = NULL;
    VKS_TRY(new_device(options, log, out));
    vks_status status = open_device(*out, which);
    if (status != VKS_OK)
        vkr_device_release(out);
    return status;
}

static vks_status adopt(struct vkr_device *device)
{
    const struct vkr_device_import *import = &device->import;
    struct vkr_device_entry *entry;
    uint32_t family;
    VKS_REQUIRE(import->instance && import->physical_device && import->device, VKS_ERR_ARGUMENT,
                "import: instance, physical device and device are all needed");
    VKS_TRY(vkr_instance_from_import(import, &device->instance));
    device->physical = (VkPhysicalDevice)import->physical_device;
    device->handle = (VkDevice)import->device;
    device->queue_family = import->queue_family;
    VKS_TRY(vkr_alloc(1, sizeof *entry, "a device", (void **)&entry));
    vkr_probe(&device->instance, device->physical, entry, &family);
    device->caps = entry->caps;
    vks_status status = entry->usable ? VKS_OK : vks_fail(VKS_ERR_NO_DEVICE, "%s cannot be used: %s", entry->caps.name, entry->reason);
    vkr_free(entry);
    VKS_TRY(status);
    device->caps.bits &= import->features | VKR_CAP_SUBGROUP | VKR_CAP_SHUFFLE | VKR_CAP_VEC8 | VKR_CAP_TIMESTAMP;
    load_device_functions(device);
    return finish(device, import->queue_index);
}

vks_status vkr_device_from_import(const struct vkr_device_import *import, const struct vkr_options *options,
                                  const struct vkr_log *log, struct vkr_device **out)
{
    *out = NULL;
    VKS_TRY(new_device(options, log, out));
    (*out)->import = *import;
    vks_status status = adopt(*out);
    if (status != VKS_OK)
        vkr_device_release(out);
    return status;
}

struct vkr_device *vkr_device_retain(struct vkr_device *device)
{
    atomic_fetch_add(&device->references, 1);
    return device;
}

void vkr_device_release(struct vkr_device **device)
{
    struct vkr_device *d = *device;
    *device = NULL;
    if (!d || atomic_fetch_sub(&d->references, 1) != 1)
        return;
    if (d->handle && d->vk.vkDeviceWaitIdle) {
        if (d->owned)
            d->vk.vkDeviceWaitIdle(d->handle);
        vkr_transfer_destroy(d);
        vkr_pipeline_cache_close(d);
        vkr_pipelines_destroy(d);
        if (d->owned)
            d->vk.vkDestroyDevice(d->handle, NULL);
    }
    vkr_instance_destroy(&d->instance);
    vkr_mutex_destroy(&d->lock);
    vkr_mutex_destroy(&d->queue_lock);
    vkr_mutex_destroy(&d->transfer_lock);
    vkr_free(d);
}

const struct vkr_caps *vkr_device_caps(const struct vkr_device *device)
{
    return &device->caps;
}

const struct vkr_options *vkr_device_options(const struct vkr_device *device)
{
    return &device->options;
}

const struct vkr_log *vkr_device_log(const struct vkr_device *device)
{
    return &device->log;
}

void vkr_device_memory_now(const struct vkr_device *device, uint64_t *now, uint64_t *peak)
{
    *now = atomic_load(&device->bytes_now);
    *peak = atomic_load(&device->bytes_peak);
}

static vks_status note_loss(struct vkr_device *device, vks_status status)
{
    if (status == VKS_ERR_DEVICE_LOST || status == VKS_ERR_TIMEOUT)
        atomic_store(&device->lost, true);
    return status;
}

static vks_status submit(struct vkr_device *device, VkCommandBuffer commands, VkFence fence)
{
    VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands };
    VK_TRY(device->vk.vkQueueSubmit(device->queue, 1, &info, fence));
    return VKS_OK;
}

vks_status vkr_queue_submit(struct vkr_device *device, VkCommandBuffer commands, VkFence fence)
{
    VKS_REQUIRE(!atomic_load(&device->lost), VKS_ERR_DEVICE_LOST, "the device was lost earlier; open it again");
    vkr_mutex_lock(&device->queue_lock);
    if (device->import.lock)
        device->import.lock(device->import.user);
    vks_status status = submit(device, commands, fence);
    if (device->import.unlock)
        device->import.unlock(device->import.user);
    vkr_mutex_unlock(&device->queue_lock);
    return note_loss(device, status);
}

static vks_status wait_fence(struct vkr_device *device, VkFence fence)
{
    VkResult result;
    if (!vkr_vk_inject(&result))
        result = device->vk.vkWaitForFences(device->handle, 1, &fence, VK_TRUE, WAIT_SECONDS * 1000000000ull);
    if (result < 0)             /* a lost device answers at once; any other must be done with the caller's memory */
        device->vk.vkWaitForFences(device->handle, 1, &fence, VK_TRUE, UINT64_MAX);
    return result == VK_SUCCESS ? VKS_OK : vkr_vk_status("vkWaitForFences(", result);
}

vks_status vkr_fence_wait(struct vkr_device *device, VkFence fence)
{
    return note_loss(device, wait_fence(device, fence));
}
