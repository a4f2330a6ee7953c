/* pipeline.c: creation and the per-device list. */
#include "gpu/pipeline_data.h"

#include "base/spirv.h"

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
    for (uint32_t i = 0; i < pipeline->bind_count; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i, .descriptorCount = 1, .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
            .descriptorType = (pipeline->texels >> i & 1u) ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                           : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
    VkDescriptorSetLayoutCreateInfo set = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = pipeline->bind_count, .pBindings = bindings };
    VK_TRY(vk->vkCreateDescriptorSetLayout(device->handle, &set, NULL, &pipeline->set_layout));
    VkPushConstantRange range = { VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline->args_size };
    VkPipelineLayoutCreateInfo layout = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1,
        .pSetLayouts = &pipeline->set_layout, .pushConstantRangeCount = pipeline->args_size ? 1 : 0, .pPushConstantRanges = &range };
    VK_TRY(vk->vkCreatePipelineLayout(device->handle, &layout, NULL, &pipeline->layout));
    return VKS_OK;
}

static vks_status create_pipeline(struct vkr_device *device, struct vkr_pipeline *pipeline, VkShaderModule module)
{
    VkComputePipelineCreateInfo info = { .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, .layout = pipeline->layout,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module, .pName = "main" } };
    VK_TRY(device->vk.vkCreateComputePipelines(device->handle, device->cache, 1, &info, NULL, &pipeline->handle));
    return VKS_OK;
}

static vks_status build(struct vkr_device *device, struct vkr_pipeline *pipeline)
{
    VkShaderModule module;
    const struct vkr_spirv *row = &vkr_spirv_table[pipeline->spirv];
    VkShaderModuleCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = row->size,
                                      .pCode = row->code };
    VKS_TRY(create_layouts(device, pipeline));
    VK_TRY(device->vk.vkCreateShaderModule(device->handle, &info, NULL, &module));
    vks_status status = create_pipeline(device, pipeline, module);
    device->vk.vkDestroyShaderModule(device->handle, module, NULL);
    return status;
}

static vks_status get(struct vkr_device *device, const struct vkr_pipeline *key, struct vkr_pipeline **out)
{
    for (struct vkr_pipeline *p = device->pipelines; p; p = p->next)
        if (p->spirv == key->spirv && p->bind_count == key->bind_count && p->texels == key->texels &&
            p->args_size == key->args_size) {
            *out = p;
            return VKS_OK;
        }
    struct vkr_pipeline *pipeline;
    VKS_TRY(vkr_alloc(1, sizeof *pipeline, "a pipeline", (void **)&pipeline));
    *pipeline = *key;
    vks_status status = build(device, pipeline);
    if (status != VKS_OK) {
        destroy(device, pipeline);
        return status;
    }
    pipeline->next = device->pipelines;
    device->pipelines = *out = pipeline;
    return VKS_OK;
}

vks_status vkr_pipeline_get(struct vkr_device *device, int spirv, uint32_t bind_count, uint32_t texels, uint32_t args_size,
                            struct vkr_pipeline **out)
{
    struct vkr_pipeline key = { .spirv = spirv, .bind_count = bind_count, .texels = texels, .args_size = args_size };
    VKS_REQUIRE(bind_count <= MAX_BINDINGS, VKS_ERR_INTERNAL, "%u bindings", bind_count);
    vkr_mutex_lock(&device->lock);
    vks_status status = get(device, &key, out);
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
