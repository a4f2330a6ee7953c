/* pipeline.h: rows of the SPIR-V table become compute pipelines, once per device. */
#ifndef VKR_PIPELINE_H
#define VKR_PIPELINE_H

#include "gpu/device.h"

struct vkr_pipeline;

enum { VKR_PIPELINE_CONSTANTS = 8 };

/* vkr_spirv_table[spirv] with `bind_count` bindings, those in `texels` being texel buffers (storage texel buffers where
 * `images` says so, too, else uniform ones), `args_size` bytes of push constants and the specialization constants 0 .. constant_count - 1. Zero what is not used: keys compare as bytes. */
struct vkr_pipeline_key {
    int spirv;
    uint32_t bind_count, texels, images, args_size, constant_count;
    uint32_t constants[VKR_PIPELINE_CONSTANTS];
};

/* The pipeline for `key`. Made on first request, owned by the device. Safe from several threads. */
vks_status vkr_pipeline_get(struct vkr_device *device, const struct vkr_pipeline_key *key, struct vkr_pipeline **out);

#endif
