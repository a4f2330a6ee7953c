/* record.c: the one place where dispatch records meet buffers. */
#include "graph/record.h"

#include <string.h>

_Static_assert((int)VKR_MAX_CONSTANTS == (int)VKR_PIPELINE_CONSTANTS, "a record's constants fit a pipeline's");

static vks_status locate(const struct vkr_program *program, const struct vkr_tensor *tensor, struct vkr_buffer *arena,
                         const struct vkr_resolver *resolver, bool texel, bool image, struct vkr_bind_range *range)
{
    const struct vkr_place *place = &program->places[tensor->base->index];
    *range = (struct vkr_bind_range){ .buffer = arena, .offset = place->offset, .size = place->size };
    if (texel)
        range->kind = image ? VKR_BIND_IMAGE_F32 : tensor->desc.dtype == VKR_F16 ? VKR_BIND_TEXEL_F16 : VKR_BIND_TEXEL_F32;
    if (place->space != VKR_SPACE_ARENA)
        VKS_TRY(resolver->find(resolver->user, tensor->base, &range->buffer, &range->offset));
    /* A storage binding of 16-bit data spans whole words, so that a shader may load it as uint. */
    if (!texel)
        range->size = (range->size + 3) & ~3ull;
    return VKS_OK;
}

static vks_status record_step(struct vkr_device *device, const struct vkr_program *program, const struct vkr_step *step,
                              struct vkr_buffer *arena, const struct vkr_resolver *resolver, struct vkr_commands *commands)
{
    const struct vkr_dispatch *d = &step->dispatch;
    struct vkr_bind_range ranges[VKR_MAX_BIND];
    struct vkr_pipeline *pipeline;
    for (uint32_t i = 0; i < d->bind_count; i++)
        VKS_TRY(locate(program, d->bind[i], arena, resolver, d->texels >> i & 1u, d->images >> i & 1u, &ranges[i]));
    struct vkr_pipeline_key key = { .spirv = step->spirv, .bind_count = d->bind_count, .texels = d->texels,
                                    .images = d->images, .args_size = d->args_size, .constant_count = d->constant_count };
    memcpy(key.constants, d->constants, d->constant_count * sizeof *key.constants);
    VKS_TRY(vkr_pipeline_get(device, &key, &pipeline));
    if (step->submit)
        VKS_TRY(vkr_commands_split(commands));
    if (step->barrier)
        vkr_commands_barrier(commands);
    return vkr_commands_dispatch(commands, pipeline, ranges, d->bind_count, d->args, d->args_size, d->groups);
}

vks_status vkr_record(struct vkr_device *device, const struct vkr_program *program, struct vkr_buffer *arena,
                      const struct vkr_resolver *resolver, bool timestamps, struct vkr_commands **out)
{
    struct vkr_commands_params params = { .dispatches = program->step_count, .submissions = program->submissions,
                                          .timestamps = timestamps };
    for (uint32_t s = 0; s < program->step_count; s++) {
        const struct vkr_dispatch *d = &program->steps[s].dispatch;
        params.bindings += d->bind_count;
        for (uint32_t i = 0; i < d->bind_count; i++) {
            params.texels += d->texels >> i & 1u;
            params.images += d->images >> i & 1u;
        }
    }
    VKS_TRY(vkr_commands_create(device, &params, out));
    vks_status status = VKS_OK;
    for (uint32_t s = 0; s < program->step_count && status == VKS_OK; s++)
        status = record_step(device, program, &program->steps[s], arena, resolver, *out);
    if (status == VKS_OK)
        status = vkr_commands_end(*out);
    if (status != VKS_OK)
        vkr_commands_destroy(out);
    return status;
}
