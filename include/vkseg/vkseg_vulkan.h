/* vkseg_vulkan.h: run on the application's own VkDevice. The only public header that names Vulkan types.
 *
 *     vks_vulkan_import app = { .struct_size = sizeof app, .instance = instance, .physical_device = gpu, .device = device,
 *                               .get_instance_proc_addr = vkGetInstanceProcAddr, .queue_family = family };
 *     vks_context_create_vulkan(&app, NULL, &context);
 *
 * What the application owes:
 *  - an instance and a device of Vulkan 1.1 or later (`apiVersion` of the instance and of the physical device);
 *  - a queue of a family with VK_QUEUE_COMPUTE_BIT, created without protected or priority requirements;
 *  - no device feature at all: what is not enabled is not used. For speed enable, where the device has them,
 *        storageBuffer16BitAccess (VkPhysicalDevice16BitStorageFeatures or VkPhysicalDeviceVulkan11Features),
 *        shaderFloat16 (VkPhysicalDeviceShaderFloat16Int8Features or VkPhysicalDeviceVulkan12Features),
 *        VK_KHR_cooperative_matrix with cooperativeMatrix, vulkanMemoryModel (core in 1.2), and subgroupSizeControl with
 *        computeFullSubgroups (core in 1.3),
 *    and hand the same `features` chain and `extensions` list here that vkCreateDevice got;
 *  - the instance, the device and everything passed by pointer below (lock, unlock, user) must outlive the context and
 *    every handle made from it; `features` and `extensions` are read during the call only.
 *
 * What the library promises: it destroys only what it creates, waits for its own work before it returns from any call,
 * uses no other queue than the one given, and leaves the device usable.
 */
#ifndef VKSEG_VKSEG_VULKAN_H
#define VKSEG_VKSEG_VULKAN_H

#include "vkseg/vkseg.h"

#include <vulkan/vulkan_core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vks_vulkan_import {
    size_t struct_size;                     /* sizeof(vks_vulkan_import) */
    VkInstance instance;                    /* required */
    VkPhysicalDevice physical_device;       /* required, of `instance` */
    VkDevice device;                        /* required, of `physical_device` */
    PFN_vkGetInstanceProcAddr get_instance_proc_addr;   /* required: the loader's, or the application's own */

    /* What vkCreateDevice was given: the chain that starts at VkDeviceCreateInfo.pNext or at a VkPhysicalDeviceFeatures2
     * in it. Structures this library does not know are skipped. NULL: no optional feature. */
    const void *features;
    const char *const *extensions;          /* VkDeviceCreateInfo.ppEnabledExtensionNames; NULL: none */
    uint32_t extension_count;

    uint32_t queue_family, queue_index;     /* a queue that vkCreateDevice created */

    /* Called around every use of the queue, from the calling thread, never nested. Both NULL: nobody else uses the queue
     * while a call of this library runs. */
    void (*lock_queue)(void *user);
    void (*unlock_queue)(void *user);
    void *user;
} vks_vulkan_import;

/* A context on the application's device. `params` as for vks_context_create; its `device` is ignored. The option
 * "validate" has no effect here: layers belong to the application's instance.
 * Errors: ARGUMENT (a required field is missing, a lock without its unlock), UNSUPPORTED (Vulkan 1.0, no compute queue),
 * HOST_MEMORY, DEVICE_*. */
VKS_API vks_status vks_context_create_vulkan(const vks_vulkan_import *import, const vks_context_params *params,
                                             vks_context **out);

#ifdef __cplusplus
}
#endif
#endif
