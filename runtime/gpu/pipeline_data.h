/* pipeline_data.h: what a pipeline is made of. Private to runtime/gpu. */
#ifndef VKR_PIPELINE_DATA_H
#define VKR_PIPELINE_DATA_H

#include "gpu/device_data.h"
#include "gpu/pipeline.h"

struct vkr_pipeline {
    struct vkr_pipeline *next;
    struct vkr_pipeline_key key;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline handle;
};

#endif
