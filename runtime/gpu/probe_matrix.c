/* probe_matrix.c: cooperative matrices. VK_KHR_cooperative_matrix counts only with f16 operands, an f32 accumulator, a shape that
 * kernels know, and subgroups whose size can be fixed; VK_NV_cooperative_matrix2 only with workgroup scope for the tiles of
 * matmul_coopmat2. The extension's name alone says too little. */
#include "gpu/device_data.h"

#include <string.h>

enum { MAX_PROPERTIES = 64 };

static bool has_extension(const struct vkr_instance *instance, VkPhysicalDevice physical, const char *name)
{
    uint32_t count = 0;
    bool found = false;
    if (instance->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL) != VK_SUCCESS || count == 0)
        return false;
    VkExtensionProperties *list = vkr_calloc(count, sizeof *list);
    if (list && instance->vkEnumerateDeviceExtensionProperties(physical, NULL, &count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            found = found || strcmp(list[i].extensionName, name) == 0;
    vkr_free(list);
    return found;
}

static bool has_features(const struct vkr_instance *instance, VkPhysicalDevice physical, uint32_t subgroup_size)
{
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR };
    VkPhysicalDeviceVulkan12Features v12 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &matrix };
    VkPhysicalDeviceVulkan13Features v13 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES, .pNext = &v12 };
    VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v13 };
    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES };
    VkPhysicalDeviceProperties2 properties = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes };
    instance->vkGetPhysicalDeviceFeatures2(physical, &features);
    instance->vkGetPhysicalDeviceProperties2(physical, &properties);
    return matrix.cooperativeMatrix && v12.vulkanMemoryModel && v12.shaderFloat16 && v13.subgroupSizeControl &&
           v13.computeFullSubgroups && (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
           subgroup_size >= sizes.minSubgroupSize && subgroup_size <= sizes.maxSubgroupSize;
}

/* How well a listed shape serves: 0 not at all. Large fragments reuse operands best. */
static uint32_t worth(const VkCooperativeMatrixPropertiesKHR *p)
{
    const bool types = p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                       p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR && p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
    const bool sizes = (p->MSize == 8 || p->MSize == 16) && (p->NSize == 8 || p->NSize == 16) && (p->KSize == 8 || p->KSize == 16);
    return types && sizes && p->scope == VK_SCOPE_SUBGROUP_KHR ? p->MSize * p->NSize * p->KSize : 0;
}

/* Tiles of 64 to 256 by 32 of k, made by 256 invocations. */
static bool serves_tiles(const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *p)
{
    const bool types = p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                       p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR && p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
    const bool sizes = p->MGranularity && p->NGranularity && p->KGranularity && 64 % p->MGranularity == 0 &&
                       128 % p->NGranularity == 0 && 32 % p->KGranularity == 0;
    return types && sizes && p->scope == VK_SCOPE_WORKGROUP_KHR && p->workgroupInvocations == 256;
}

static void probe_workgroup_scope(const struct vkr_instance *instance, VkPhysicalDevice physical, struct vkr_caps *caps)
{
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV list =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)(void (*)(void))instance->get(
            instance->handle, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV on = {
        .sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV };
    VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &on };
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV limits = {
        .sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV };
    VkPhysicalDeviceProperties2 properties = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &limits };
    if (!list || !has_extension(instance, physical, "VK_NV_cooperative_matrix2"))
        return;
    instance->vkGetPhysicalDeviceFeatures2(physical, &features);
    instance->vkGetPhysicalDeviceProperties2(physical, &properties);
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV found[MAX_PROPERTIES];
    for (uint32_t i = 0; i < MAX_PROPERTIES; i++)
        found[i] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
            .sType = (VkStructureType)VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV };
    uint32_t count = MAX_PROPERTIES;
    if (!on.cooperativeMatrixWorkgroupScope || !on.cooperativeMatrixFlexibleDimensions ||
        !on.cooperativeMatrixPerElementOperations || !on.cooperativeMatrixTensorAddressing ||
        limits.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize < 256 ||
        limits.cooperativeMatrixFlexibleDimensionsMaxDimension < 256 || list(physical, &count, found) < 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (serves_tiles(&found[i]))
            caps->bits |= VKR_CAP_COOPMAT2;
}

void vkr_probe_matrix(const struct vkr_instance *instance, VkPhysicalDevice physical, uint32_t api_version, struct vkr_caps *caps)
{
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR list =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(void (*)(void))instance->get(
            instance->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (api_version < VK_API_VERSION_1_3 || !list || !(caps->bits & VKR_CAP_F16) ||
        !has_extension(instance, physical, "VK_KHR_cooperative_matrix") || !has_features(instance, physical, caps->subgroup_size))
        return;
    VkCooperativeMatrixPropertiesKHR found[MAX_PROPERTIES];
    for (uint32_t i = 0; i < MAX_PROPERTIES; i++)
        found[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = (VkStructureType)VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR };
    uint32_t count = MAX_PROPERTIES, best = 0;
    if (list(physical, &count, found) < 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (worth(&found[i]) > best) {
            best = worth(&found[i]);
            caps->bits |= VKR_CAP_COOPMAT;
            caps->coopmat_m = found[i].MSize;
            caps->coopmat_n = found[i].NSize;
            caps->coopmat_k = found[i].KSize;
        }
    if (caps->bits & VKR_CAP_COOPMAT)
        probe_workgroup_scope(instance, physical, caps);
}
