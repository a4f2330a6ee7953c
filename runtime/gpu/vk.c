/* vk.c: results become statuses; failure injection. */
#include "gpu/device.h"
#include "gpu/vk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_uint_fast64_t calls, fail_at;
static atomic_int fail_kind;

void vkr_vulkan_fail_at(uint64_t n, int kind)
{
    atomic_store(&fail_kind, kind);
    atomic_store(&calls, 0);
    atomic_store(&fail_at, n);
}

uint64_t vkr_vulkan_calls(void)
{
    return atomic_load(&calls);
}

bool vkr_vk_inject(VkResult *result)
{
    static const VkResult kinds[] = { VK_ERROR_UNKNOWN, VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_OUT_OF_DEVICE_MEMORY,
                                      VK_ERROR_DEVICE_LOST };
    uint64_t n = atomic_fetch_add(&calls, 1) + 1;
    if (n != atomic_load(&fail_at))
        return false;
    *result = kinds[atomic_load(&fail_kind) & 3];
    return true;
}

static vks_status translate(VkResult result, const char **reason)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: *reason = "out of host memory"; return VKS_ERR_HOST_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: *reason = "out of device memory"; return VKS_ERR_DEVICE_MEMORY;
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL: *reason = "out of descriptor memory"; return VKS_ERR_DEVICE_MEMORY;
    case VK_ERROR_DEVICE_LOST: *reason = "the device was lost"; return VKS_ERR_DEVICE_LOST;
    case VK_TIMEOUT: *reason = "the device did not finish in time"; return VKS_ERR_TIMEOUT;
    case VK_ERROR_INITIALIZATION_FAILED:
    case VK_ERROR_INCOMPATIBLE_DRIVER: *reason = "no working driver"; return VKS_ERR_NO_DEVICE;
    case VK_ERROR_LAYER_NOT_PRESENT: *reason = "the validation layer is not installed"; return VKS_ERR_UNSUPPORTED;
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT: *reason = "the driver lacks a feature it announced"; return VKS_ERR_UNSUPPORTED;
    default: *reason = "driver error"; return VKS_ERR_INTERNAL;
    }
}

vks_status vkr_vk_status(const char *call, VkResult result)
{
    const char *reason, *name = strstr(call, "vk.vk");
    name = name ? name + 3 : strstr(call, "->vk") ? strstr(call, "->vk") + 2 : call;    /* "d->vk.vkX(" is called vkX */
    if (strncmp(name, "vk.", 3) == 0)
        name += 3;
    vks_status status = translate(result, &reason);
    return vks_fail(status, "Vulkan: %.*s failed: %s (%d)", (int)strcspn(name, "("), name, reason, (int)result);
}
