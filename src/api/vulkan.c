/* vulkan.c: contexts on an application's VkDevice. The one file of src that names Vulkan types: it turns the features the
 * application enabled into capability bits and hands opaque handles to gpu/device.h. */
#include "vkseg/vkseg_vulkan.h"

#include "api/handles.h"
#include "gpu/device.h"

#include <stdbool.h>
#include <string.h>

/* Cooperative matrices are newer than the oldest Vulkan headers this builds with; the layouts are fixed by the
 * specification. */
enum {
    TYPE_COOPERATIVE_MATRIX_FEATURES_KHR = 1000506000,
    TYPE_COOPERATIVE_MATRIX_2_FEATURES_NV = 1000593000
};

struct coopmat_features {
    VkStructureType type;
    void *next;
    VkBool32 matrix, robust_access;
};

struct coopmat2_features {
    VkStructureType type;
    void *next;
    VkBool32 workgroup_scope, flexible_dimensions, reductions, conversions, per_element, tensor_addressing, block_loads;
};

/* Everything of the chain that matters here, merged. */
struct enabled {
    bool storage16, float16, memory_model, fixed_subgroups, coopmat, coopmat2;
};

static void read_chain(const void *features, struct enabled *out)
{
    for (const VkBaseInStructure *item = features; item; item = item->pNext) {
        switch ((int)item->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES:
            out->storage16 |= ((const VkPhysicalDevice16BitStorageFeatures *)item)->storageBuffer16BitAccess;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES:
            out->storage16 |= ((const VkPhysicalDeviceVulkan11Features *)item)->storageBuffer16BitAccess;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES:
            out->float16 |= ((const VkPhysicalDeviceShaderFloat16Int8Features *)item)->shaderFloat16;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES:
            out->memory_model |= ((const VkPhysicalDeviceVulkanMemoryModelFeatures *)item)->vulkanMemoryModel;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES:
            out->float16 |= ((const VkPhysicalDeviceVulkan12Features *)item)->shaderFloat16;
            out->memory_model |= ((const VkPhysicalDeviceVulkan12Features *)item)->vulkanMemoryModel;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES: {
            const VkPhysicalDeviceSubgroupSizeControlFeatures *f = (const VkPhysicalDeviceSubgroupSizeControlFeatures *)item;
            out->fixed_subgroups |= f->subgroupSizeControl && f->computeFullSubgroups;
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES: {
            const VkPhysicalDeviceVulkan13Features *f = (const VkPhysicalDeviceVulkan13Features *)item;
            out->fixed_subgroups |= f->subgroupSizeControl && f->computeFullSubgroups;
            break;
        }
        case TYPE_COOPERATIVE_MATRIX_FEATURES_KHR:
            out->coopmat |= ((const struct coopmat_features *)item)->matrix;
            break;
        case TYPE_COOPERATIVE_MATRIX_2_FEATURES_NV: {
            const struct coopmat2_features *f = (const struct coopmat2_features *)item;
            out->coopmat2 |= f->workgroup_scope && f->flexible_dimensions && f->reductions && f->conversions &&
                             f->per_element && f->tensor_addressing && f->block_loads;
            break;
        }
        default:
            break;
        }
    }
}

static bool has_extension(const vks_vulkan_import *import, const char *name)
{
    for (uint32_t i = 0; i < import->extension_count; i++)
        if (import->extensions[i] && strcmp(import->extensions[i], name) == 0)
            return true;
    return false;
}

/* Subgroup operations and timestamps are properties, nothing an application enables: the device's own probe narrows. */
static uint64_t capability_bits(const vks_vulkan_import *import)
{
    struct enabled on = { 0 };
    read_chain(import->features, &on);
    uint64_t bits = VKR_CAP_SUBGROUP | VKR_CAP_SHUFFLE | VKR_CAP_VEC8 | VKR_CAP_TIMESTAMP;
    if (on.storage16)
        bits |= VKR_CAP_F16;
    if (on.float16)
        bits |= VKR_CAP_F16_MATH;
    if (on.coopmat && on.memory_model && on.fixed_subgroups && on.storage16 && on.float16 && has_extension(import, "VK_KHR_cooperative_matrix")) {
        bits |= VKR_CAP_COOPMAT;
        if (on.coopmat2 && has_extension(import, "VK_NV_cooperative_matrix2"))
            bits |= VKR_CAP_COOPMAT2;
    }
    return bits;
}

/* Function pointers travel through the device's own type; the loader's calling convention is the platform's C one on all
 * 64-bit targets, so a cast is enough. */
static void *(*opaque_loader(PFN_vkGetInstanceProcAddr function))(void *, const char *)
{
    void *(*result)(void *, const char *);
    _Static_assert(sizeof result == sizeof function, "function pointers have one size");
    memcpy(&result, &function, sizeof result);
    return result;
}

static vks_status check_queue(const vks_vulkan_import *import)
{
    enum { MOST = 32 };
    VkQueueFamilyProperties families[MOST];
    uint32_t count = MOST;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties get = (PFN_vkGetPhysicalDeviceQueueFamilyProperties)
        import->get_instance_proc_addr(import->instance, "vkGetPhysicalDeviceQueueFamilyProperties");
    VKS_REQUIRE(get, VKS_ERR_ARGUMENT, "vks_vulkan_import: get_instance_proc_addr does not know the instance");
    get(import->physical_device, &count, families);
    VKS_REQUIRE(import->queue_family < count && import->queue_index < families[import->queue_family].queueCount,
                VKS_ERR_ARGUMENT, "vks_vulkan_import: the physical device has no queue %u in family %u", import->queue_index,
                import->queue_family);
    VKS_REQUIRE(families[import->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT, VKS_ERR_UNSUPPORTED,
                "vks_vulkan_import: queue family %u cannot compute; give a queue of a family that can", import->queue_family);
    return VKS_OK;
}

vks_status vks_context_create_vulkan(const vks_vulkan_import *import, const vks_context_params *params, vks_context **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_context_create_vulkan: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(import, VKS_ERR_ARGUMENT, "vks_context_create_vulkan: import must not be NULL");
    vks_vulkan_import own;
    VKS_TRY(params_copy(&own, sizeof own, import, "vks_vulkan_import"));
    VKS_REQUIRE(own.instance && own.physical_device && own.device && own.get_instance_proc_addr, VKS_ERR_ARGUMENT,
                "vks_vulkan_import: instance, physical_device, device and get_instance_proc_addr are required");
    VKS_REQUIRE(!own.lock_queue == !own.unlock_queue, VKS_ERR_ARGUMENT,
                "vks_vulkan_import: lock_queue and unlock_queue come together or not at all");
    VKS_REQUIRE(own.extensions || own.extension_count == 0, VKS_ERR_ARGUMENT,
                "vks_vulkan_import: extension_count is %u but extensions is NULL", own.extension_count);
    VKS_TRY(check_queue(&own));
    struct vkr_log log;
    struct vkr_options options;
    const char *ignored;
    VKS_TRY(context_settings(params, &log, &options, &ignored));
    const struct vkr_device_import handles = {
        .instance = own.instance,
        .physical_device = own.physical_device,
        .device = own.device,
        .get_instance_proc_addr = opaque_loader(own.get_instance_proc_addr),
        .queue_family = own.queue_family,
        .queue_index = own.queue_index,
        .features = capability_bits(&own),
        .lock = own.lock_queue,
        .unlock = own.unlock_queue,
        .user = own.user,
    };
    struct vkr_device *device = NULL;
    VKS_TRY(vkr_device_from_import(&handles, &options, &log, &device));
    return context_wrap(device, &log, out);
}
