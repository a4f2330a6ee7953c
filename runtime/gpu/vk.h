/* vk.h: the one door to Vulkan: volk's headers, and VkResult -> vks_status. Private to runtime/gpu. */
#ifndef VKR_VK_H
#define VKR_VK_H

#ifndef VK_NO_PROTOTYPES
#  define VK_NO_PROTOTYPES
#endif
#include <volk.h>

#include "base/status.h"

/* Counts one fallible call; true when failure injection wants it to fail with *result instead of being made. */
bool vkr_vk_inject(VkResult *result);

/* VKS_OK for success codes, else a status and the sentence "Vulkan: CALL failed: REASON". */
vks_status vkr_vk_status(const char *call, VkResult result);

/* Makes a call that returns VkResult; returns its failure from the calling function. */
#define VK_TRY(call) \
    do { \
        VkResult vk_result_; \
        if (!vkr_vk_inject(&vk_result_)) \
            vk_result_ = (call); \
        if (vk_result_ < 0) \
            return vkr_vk_status(#call, vk_result_); \
    } while (0)

#endif
