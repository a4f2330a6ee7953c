/* device.h: open or import a Vulkan device. The rest of runtime/gpu works on this handle; nothing outside runtime/gpu
 * sees a Vulkan type.
 *
 * Threads: a device may be used from several threads; submissions are serialised inside (or by the application's
 * lock/unlock when imported). Reference counted: plans, stores and slots hold the device.
 */
#ifndef VKR_DEVICE_H
#define VKR_DEVICE_H

#include "base/caps.h"
#include "base/log.h"
#include "base/options.h"

struct vkr_device;

/* One line of the device list. */
struct vkr_device_entry {
    struct vkr_caps caps;
    bool usable;
    char reason[256];           /* why not, when not usable */
};

/* Every device, best first. *out is vkr_free()d. NO_DEVICE without a loader. */
vks_status vkr_device_list(struct vkr_device_entry **out, uint32_t *count);

/* `which`: NULL or "auto", an index into the list, "name:TEXT", "uuid:HEX", "cpu". */
vks_status vkr_device_open(const char *which, const struct vkr_options *options, const struct vkr_log *log,
                           struct vkr_device **out);

/* An application's device; handles travel as void * so that this header names no Vulkan type. */
struct vkr_device_import {
    void *instance, *physical_device, *device;          /* VkInstance, VkPhysicalDevice, VkDevice */
    void *(*get_instance_proc_addr)(void *instance, const char *name);
    uint32_t queue_family, queue_index;
    uint64_t features;                                  /* VKR_CAP_* the application enabled on the device */
    void (*lock)(void *user);                           /* around queue use; NULL: nobody else uses the queue */
    void (*unlock)(void *user);
    void *user;
};
vks_status vkr_device_from_import(const struct vkr_device_import *import, const struct vkr_options *options,
                                  const struct vkr_log *log, struct vkr_device **out);

struct vkr_device *vkr_device_retain(struct vkr_device *device);
void vkr_device_release(struct vkr_device **device);    /* accepts NULL content */

const struct vkr_caps *vkr_device_caps(const struct vkr_device *device);     /* after masking by options.caps */
const struct vkr_options *vkr_device_options(const struct vkr_device *device);
const struct vkr_log *vkr_device_log(const struct vkr_device *device);

/* A number that changes with the device, its driver and any shader of this build: what is learnt about kernels is kept
 * under it. */
uint64_t vkr_device_key(const struct vkr_device *device);

void vkr_device_memory_now(const struct vkr_device *device, uint64_t *now, uint64_t *peak);   /* bytes */

/* Messages of the validation layer since the process began (all devices). 0 is the only good answer. */
uint32_t vkr_validation_messages(void);

/* Failure injection, for tests: the n-th fallible Vulkan call from now (1-based) is not made and fails with `kind`:
 * 1 out of host memory, 2 out of device memory, 3 device lost. n = 0 switches it off. */
void vkr_vulkan_fail_at(uint64_t n, int kind);
uint64_t vkr_vulkan_calls(void);

#endif
