/* pipeline_cache.c: compiled pipelines between processes. The driver's own blob, kept under a key of everything that it
 * depends on: drivers have crashed on blobs of other versions, so none is ever shown one. */
#include "gpu/pipeline_data.h"

#include "base/spirv.h"
#include "base/store.h"

#include <stdio.h>
#include <string.h>

static uint64_t shaders_key(void)
{
    uint64_t key = VKR_HASH;
    for (unsigned i = 0; i < vkr_spirv_count; i++) {
        key = vkr_hash_text(vkr_hash_text(key, vkr_spirv_table[i].shader), vkr_spirv_table[i].variant);
        key = vkr_hash(key, vkr_spirv_table[i].code, vkr_spirv_table[i].size);
    }
    return key;
}

uint64_t vkr_device_key(const struct vkr_device *device)
{
    VkPhysicalDeviceProperties2 properties = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 };
    device->instance.vkGetPhysicalDeviceProperties2(device->physical, &properties);
    const VkPhysicalDeviceProperties *p = &properties.properties;
    const uint32_t numbers[] = { p->vendorID, p->deviceID, p->driverVersion, p->apiVersion };
    uint64_t key = vkr_hash(shaders_key(), numbers, sizeof numbers);
    key = vkr_hash(key, p->pipelineCacheUUID, sizeof p->pipelineCacheUUID);
    key = vkr_hash(key, device->caps.uuid, sizeof device->caps.uuid);
    return vkr_hash_text(vkr_hash_text(key, device->caps.name), device->caps.driver);
}

static void file_name(const struct vkr_device *device, char name[64])
{
    snprintf(name, 64, "pipelines-%016llx", (unsigned long long)device->key);
}

static vks_status create(struct vkr_device *device, const VkPipelineCacheCreateInfo *info)
{
    VK_TRY(device->vk.vkCreatePipelineCache(device->handle, info, NULL, &device->cache));
    return VKS_OK;
}

vks_status vkr_pipeline_cache_open(struct vkr_device *device)
{
    VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
    char name[64];
    void *data = NULL;
    device->key = vkr_device_key(device);
    file_name(device, name);
    if (vkr_store_read(device->options.cache, name, device->key, &data, &info.initialDataSize))
        info.pInitialData = data;
    vks_status status = create(device, &info);
    device->cached_bytes = status == VKS_OK ? info.initialDataSize : 0;
    vkr_free(data);
    if (device->cached_bytes)
        vkr_log(&device->log, VKS_LOG_DEBUG, "%zu bytes of compiled pipelines from %s", device->cached_bytes, device->options.cache);
    return status;
}

/* Only what has grown is worth writing. Errors do not matter here. */
void vkr_pipeline_cache_close(struct vkr_device *device)
{
    const struct VolkDeviceTable *vk = &device->vk;
    size_t size = 0;
    char name[64];
    if (!device->cache)
        return;
    if (device->options.cache[0] && device->pipelines && !atomic_load(&device->lost) &&
        vk->vkGetPipelineCacheData(device->handle, device->cache, &size, NULL) == VK_SUCCESS && size > device->cached_bytes) {
        void *data = vkr_calloc(1, size);
        file_name(device, name);
        if (data && vk->vkGetPipelineCacheData(device->handle, device->cache, &size, data) == VK_SUCCESS)
            vkr_store_write(device->options.cache, name, device->key, data, size);
        vkr_free(data);
    }
    vk->vkDestroyPipelineCache(device->handle, device->cache, NULL);
    device->cache = VK_NULL_HANDLE;
}
