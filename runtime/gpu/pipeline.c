/* pipeline.c: creation and the per-device list. */
#include "gpu/pipeline_data.h"

#include "base/spirv.h"

#include <string.h>

enum { MAX_BINDINGS = 8 };

static void destroy(struct vkr_device *device, struct vkr_pipeline *pipeline)
{
    const struct VolkDeviceTable *vk = &device->vk;
    if (pipeline->handle)
        vk->vkDestroyPipeline(device->handle, pipeline->handle, NULL);
    if (pipeline->layout)
        vk->vkDestroyPipelineLayout(device->handle, pipeline->layout, NULL);
    if (pipeline->set_layout)
        vk->vkDestroyDescriptorSetLayout(device->handle, pipeline->set_layout, NULL);
    vkr_free(pipeline);
}

static vks_status create_layouts(struct vkr_device *device, struct vkr_pipeline *pipeline)
{
    const struct VolkDeviceTable *vk = &device->vk;
    VkDescriptorSetLayoutBinding bindings[MAX_BINDINGS];
    for (uint32_t i = 0; i < pipeline->key.bind_count; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i, .descriptorCount = 1, .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
            .descriptorType = (pipeline->key.images >> i & 1u)   ? VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER
                              : (pipeline->key.texels >> i & 1u) ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                                 : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
    VkDescriptorSetLayoutCreateInfo set = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = pipeline->key.bind_count, .pBindings = bindings };
    VK_TRY(vk->vkCreateDescriptorSetLayout(device->handle, &set, NULL, &pipeline->set_layout));
    VkPushConstantRange range = { VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline->key.args_size };
    VkPipelineLayoutCreateInfo layout = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1,
        .pSetLayouts = &pipeline->set_layout, .pushConstantRangeCount = pipeline->key.args_size ? 1 : 0, .pPushConstantRanges = &range };
    VK_TRY(vk->vkCreatePipelineLayout(device->handle, &layout, NULL, &pipeline->layout));
    return VKS_OK;
}

static vks_status create_pipeline(struct vkr_device *device, struct vkr_pipeline *pipeline, VkShaderModule module)
{
    const struct vkr_pipeline_key *key = &pipeline->key;
    VkSpecializationMapEntry entries[VKR_PIPELINE_CONSTANTS];
    for (uint32_t i = 0; i < key->constant_count; i++)
        entries[i] = (VkSpecializationMapEntry){ i, i * (uint32_t)sizeof(uint32_t), sizeof(uint32_t) };
    const VkSpecializationInfo constants = { key->constant_count, entries, sizeof key->constants, key->constants };
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = device->caps.subgroup_size };
    VkComputePipelineCreateInfo info = { .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, .layout = pipeline->layout,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module, .pName = "main", .pSpecializationInfo = key->constant_count ? &constants : NULL } };
    if (vkr_spirv_table[key->spirv].needs & VKR_CAP_COOPMAT) {      /* fragments belong to whole subgroups of known size */
        info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
        info.stage.pNext = &subgroup;
    }
    VK_TRY(device->vk.vkCreateComputePipelines(device->handle, device->cache, 1, &info, NULL, &pipeline->handle));
    return VKS_OK;
}

static vks_status build(struct vkr_device *device, struct vkr_pipeline *pipeline)
{
    VkShaderModule module;
    const struct vkr_spirv *row = &vkr_spirv_table[pipeline->key.spirv];
    VkShaderModuleCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = row->size,
                                      .pCode = row->code };
    VKS_TRY(create_layouts(device, pipeline));
    VK_TRY(device->vk.vkCreateShaderModule(device->handle, &info, NULL, &module));
    vks_status status = create_pipeline(device, pipeline, module);
    device->vk.vkDestroyShaderModule(device->handle, module, NULL);
    return status;
}

static vks_status get(struct vkr_device *device, const struct vkr_pipeline_key *key, struct vkr_pipeline **out)
{
    for (struct vkr_pipeline *p = device->pipelines; p; p = p->next)
        if (memcmp(&p->key, key, sizeof *key) == 0) {
            *out = p;
            return VKS_OK;
        }
    struct vkr_pipeline *pipeline;
    VKS_TRY(vkr_alloc(1, sizeof *pipeline, "a pipeline", (void **)&pipeline));
    pipeline->key = *key;
    vks_status status = build(device, pipeline);
    if (status != VKS_OK) {
        destroy(device, pipeline);
        return status;
    }
    pipeline->next = device->pipelines;
    device->pipelines = *out = pipeline;
    return VKS_OK;
}

vks_status vkr_pipeline_get(struct vkr_device *device, const struct vkr_pipeline_key *key, struct vkr_pipeline **out)
{
    VKS_REQUIRE(key->bind_count <= MAX_BINDINGS && key->constant_count <= VKR_PIPELINE_CONSTANTS, VKS_ERR_INTERNAL,
                "%u bindings, %u constants", key->bind_count, key->constant_count);
    vkr_mutex_lock(&device->lock);
    vks_status status = get(device, key, out);
    vkr_mutex_unlock(&device->lock);
    return status;
}

void vkr_pipelines_destroy(struct vkr_device *device)
{
    while (device->pipelines) {
        struct vkr_pipeline *next = device->pipelines->next;
        destroy(device, device->pipelines);
        device->pipelines = next;
    }
}
