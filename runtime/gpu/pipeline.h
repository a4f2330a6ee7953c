/* pipeline.h: rows of the SPIR-V table become compute pipelines, once per device. */
#ifndef VKR_PIPELINE_H
#define VKR_PIPELINE_H

#include "gpu/device.h"

struct vkr_pipeline;

/* The pipeline of vkr_spirv_table[spirv] with `bind_count` bindings, those in `texels` being uniform texel buffers, and
 * `args_size` bytes of push constants. Made on first request, owned by the device. Safe from several threads. */
vks_status vkr_pipeline_get(struct vkr_device *device, int spirv, uint32_t bind_count, uint32_t texels, uint32_t args_size,
                            struct vkr_pipeline **out);

#endif
