/* device_data.h: what a device is made of. Private to runtime/gpu. */
#ifndef VKR_DEVICE_DATA_H
#define VKR_DEVICE_DATA_H

#include "base/mem.h"
#include "base/thread.h"
#include "gpu/device.h"
#include "gpu/vk.h"

#include <stdatomic.h>

/* The few instance functions needed, per instance: volk's globals are shared by everybody who links volk. */
#define VKR_INSTANCE_FUNCTIONS(F) \
    F(vkDestroyInstance) F(vkEnumeratePhysicalDevices) F(vkGetPhysicalDeviceProperties2) F(vkGetPhysicalDeviceFeatures2) \
    F(vkGetPhysicalDeviceMemoryProperties) F(vkGetPhysicalDeviceQueueFamilyProperties) \
    F(vkGetPhysicalDeviceFormatProperties) F(vkEnumerateDeviceExtensionProperties) F(vkCreateDevice) F(vkGetDeviceProcAddr)

struct vkr_instance {
    VkInstance handle;
    PFN_vkGetInstanceProcAddr get;
#define F(name) PFN_##name name;
    VKR_INSTANCE_FUNCTIONS(F)
#undef F
    VkDebugUtilsMessengerEXT messenger;
    bool owned;
};

struct vkr_pipeline;

struct vkr_device {
    atomic_uint references;
    struct vkr_instance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    VkQueue queue;
    uint32_t queue_family;
    struct VolkDeviceTable vk;
    bool owned;                                 /* false: an application's device */
    struct vkr_device_import import;
    struct vkr_caps caps;
    struct vkr_options options;
    struct vkr_log log;
    VkPhysicalDeviceMemoryProperties memory;
    VkPipelineCache cache;
    size_t cached_bytes;                        /* what the cache held when it was opened */
    uint64_t key;                               /* of device, driver and shaders: see vkr_device_key */
    struct vkr_pipeline *pipelines;             /* list, newest first; guarded by `lock` */
    struct vkr_buffer *staging;                 /* made when first needed; guarded by `transfer_lock` */
    VkCommandPool transfer_pool;
    VkCommandBuffer transfer;
    VkFence transfer_fence;
    struct vkr_mutex lock, queue_lock, transfer_lock;
    atomic_uint_fast64_t bytes_now, bytes_peak;
    atomic_bool lost;
};

/* instance.c */
vks_status vkr_instance_create(bool validate, const struct vkr_log *log, struct vkr_instance *out);
vks_status vkr_instance_from_import(const struct vkr_device_import *import, struct vkr_instance *out);
void vkr_instance_destroy(struct vkr_instance *instance);

/* probe.c: fills caps and says whether the device can be used and on which queue family. */
void vkr_probe(const struct vkr_instance *instance, VkPhysicalDevice physical, struct vkr_device_entry *entry,
               uint32_t *queue_family);

/* probe_matrix.c: VKR_CAP_COOPMAT with the fragment shape, and VKR_CAP_COOPMAT2, if the device has all that its kernels need. */
void vkr_probe_matrix(const struct vkr_instance *instance, VkPhysicalDevice physical, uint32_t api_version,
                      struct vkr_caps *caps);

/* Submits one command buffer under the queue lock; `fence` may be VK_NULL_HANDLE. Marks the device lost on failure. */
vks_status vkr_queue_submit(struct vkr_device *device, VkCommandBuffer commands, VkFence fence);
/* Waits for a fence with the runtime's time limit; a timeout or loss marks the device lost. */
vks_status vkr_fence_wait(struct vkr_device *device, VkFence fence);

/* pipeline_cache.c: opening reads options.cache, closing (before the pipelines are destroyed) writes it. */
vks_status vkr_pipeline_cache_open(struct vkr_device *device);
void vkr_pipeline_cache_close(struct vkr_device *device);

/* pipeline.c */
void vkr_pipelines_destroy(struct vkr_device *device);
/* transfer.c */
void vkr_transfer_destroy(struct vkr_device *device);

#endif
