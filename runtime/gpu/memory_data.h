/* memory_data.h: what a buffer is made of. Private to runtime/gpu. */
#ifndef VKR_MEMORY_DATA_H
#define VKR_MEMORY_DATA_H

#include "gpu/device_data.h"
#include "gpu/memory.h"

struct vkr_buffer {
    struct vkr_device *device;          /* not retained: whoever owns the buffer holds the device */
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t size, counted;             /* counted: bytes added to the device's tally */
    void *mapped;
};

#endif
