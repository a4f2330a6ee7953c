/* probe.c: a physical device as plain data. */
#include "gpu/device_data.h"
#include "gpu/device_plan.h"

#include <stdio.h>
#include <string.h>

static enum vkr_device_class class_of(const VkPhysicalDeviceProperties *properties)
{
    switch (properties->deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return VKR_CLASS_CPU;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return VKR_CLASS_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: break;
    default: return VKR_CLASS_INTEGRATED;
    }
    /* Qualcomm, ARM, Imagination, Samsung, Broadcom: integrated, with a phone's limits. */
    static const uint32_t mobile[] = { 0x5143, 0x13b5, 0x1010, 0x144d, 0x14e4 };
    for (size_t i = 0; i < sizeof mobile / sizeof *mobile; i++)
        if (properties->vendorID == mobile[i])
            return VKR_CLASS_MOBILE;
    return VKR_CLASS_INTEGRATED;
}

static bool has_texels(const struct vkr_instance *instance, VkPhysicalDevice physical, VkFormat format,
                       VkFormatFeatureFlags wanted)
{
    VkFormatProperties properties;
    instance->vkGetPhysicalDeviceFormatProperties(physical, format, &properties);
    return (properties.bufferFeatures & wanted) == wanted;
}

static uint64_t bits_of(const struct vkr_instance *instance, VkPhysicalDevice physical, const struct vkr_caps *caps,
                        const VkPhysicalDeviceSubgroupProperties *subgroup, uint32_t api_version)
{
    VkPhysicalDeviceShaderFloat16Int8Features math = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES };
    VkPhysicalDevice16BitStorageFeatures storage = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                                                     .pNext = api_version >= VK_API_VERSION_1_2 ? &math : NULL };
    VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &storage };
    instance->vkGetPhysicalDeviceFeatures2(physical, &features);
    const VkSubgroupFeatureFlags basic = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT |
                                         VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT;
    bool compute = (subgroup->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    bool shuffle = compute && (subgroup->supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
    const VkFormatFeatureFlags uniform = VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT;
    uint64_t bits = 0;
    if (storage.storageBuffer16BitAccess && has_texels(instance, physical, VK_FORMAT_R16G16B16A16_SFLOAT, uniform))
        bits |= VKR_CAP_F16;
    if (math.shaderFloat16)
        bits |= VKR_CAP_F16_MATH;
    if (compute && (subgroup->supportedOperations & basic) == basic)
        bits |= VKR_CAP_SUBGROUP;
    if (shuffle)
        bits |= VKR_CAP_SHUFFLE;
    if (shuffle && caps->subgroup_size == 8 && caps->max_texels >= 1u << 24 &&
        has_texels(instance, physical, VK_FORMAT_R32G32B32A32_SFLOAT, uniform | VK_FORMAT_FEATURE_STORAGE_TEXEL_BUFFER_BIT))
        bits |= VKR_CAP_VEC8;
    if (caps->timestamp_ns > 0)
        bits |= VKR_CAP_TIMESTAMP;
    return bits;
}

static uint32_t max_u32(uint64_t a, uint64_t b)
{
    return (uint32_t)(a > b ? a : b);
}

static void fill_limits(const VkPhysicalDeviceProperties *properties, struct vkr_caps *caps)
{
    const VkPhysicalDeviceLimits *limits = &properties->limits;
    for (int i = 0; i < 3; i++)
        caps->max_groups[i] = limits->maxComputeWorkGroupCount[i];
    caps->max_invocations = limits->maxComputeWorkGroupInvocations;
    caps->max_shared = limits->maxComputeSharedMemorySize;
    caps->max_push = limits->maxPushConstantsSize;
    caps->max_storage_buffers = limits->maxPerStageDescriptorStorageBuffers;
    caps->max_binding = limits->maxStorageBufferRange;
    caps->max_texels = limits->maxTexelBufferElements;
    caps->align = max_u32(max_u32(limits->minStorageBufferOffsetAlignment, limits->minTexelBufferOffsetAlignment),
                          max_u32(limits->nonCoherentAtomSize, 64));
}

static void fill_memory(const struct vkr_instance *instance, VkPhysicalDevice physical, struct vkr_caps *caps)
{
    VkPhysicalDeviceMemoryProperties memory;
    instance->vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
        if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && memory.memoryHeaps[i].size > caps->heap)
            caps->heap = memory.memoryHeaps[i].size;
    const VkMemoryPropertyFlags both = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    for (uint32_t i = 0; i < memory.memoryTypeCount && caps->device_class != VKR_CLASS_DISCRETE; i++)
        caps->unified = caps->unified || (memory.memoryTypes[i].propertyFlags & both) == both;
}

void vkr_probe(const struct vkr_instance *instance, VkPhysicalDevice physical, struct vkr_device_entry *entry,
               uint32_t *queue_family)
{
    VkPhysicalDeviceDriverProperties driver = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES };
    VkPhysicalDeviceIDProperties id = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES };
    VkPhysicalDeviceMaintenance3Properties maintenance = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
                                                           .pNext = &id };
    VkPhysicalDeviceSubgroupProperties subgroup = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                    .pNext = &maintenance };
    VkPhysicalDeviceProperties2 properties = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &subgroup };
    instance->vkGetPhysicalDeviceProperties2(physical, &properties);
    uint32_t version = properties.properties.apiVersion;
    if (version >= VK_API_VERSION_1_2) {
        id.pNext = &driver;
        instance->vkGetPhysicalDeviceProperties2(physical, &properties);
    }
    struct vkr_caps *caps = &entry->caps;
    *caps = (struct vkr_caps){ .device_class = class_of(&properties.properties), .vendor = properties.properties.vendorID,
                               .subgroup_size = subgroup.subgroupSize, .max_allocation = maintenance.maxMemoryAllocationSize };
    snprintf(caps->name, sizeof caps->name, "%s", properties.properties.deviceName);
    if (version >= VK_API_VERSION_1_2)
        snprintf(caps->driver, sizeof caps->driver, "%.120s %.120s", driver.driverName, driver.driverInfo);
    else
        snprintf(caps->driver, sizeof caps->driver, "driver %u", properties.properties.driverVersion);
    memcpy(caps->uuid, id.deviceUUID, sizeof caps->uuid);
    fill_limits(&properties.properties, caps);
    fill_memory(instance, physical, caps);

    VkQueueFamilyProperties found[16];
    struct vkr_queue_family families[16];
    uint32_t count = 16;
    instance->vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, found);
    for (uint32_t i = 0; i < count; i++)
        families[i] = (struct vkr_queue_family){ (found[i].queueFlags & VK_QUEUE_COMPUTE_BIT) != 0,
                                                 (found[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0, found[i].queueCount };
    *queue_family = vkr_pick_queue(families, count, caps->device_class);
    if (*queue_family != UINT32_MAX && found[*queue_family].timestampValidBits > 0)
        caps->timestamp_ns = properties.properties.limits.timestampPeriod;
    caps->bits = bits_of(instance, physical, caps, &subgroup, version);
    vkr_probe_matrix(instance, physical, version, caps);
    vkr_judge_device(entry, version, families, count);
}
