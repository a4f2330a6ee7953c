/* command.h: a sequence of dispatches recorded once and replayed, split into submissions. */
#ifndef VKR_COMMAND_H
#define VKR_COMMAND_H

#include "gpu/device.h"
#include "gpu/memory.h"
#include "gpu/pipeline.h"

struct vkr_commands;

enum vkr_bind_kind { VKR_BIND_STORAGE, VKR_BIND_TEXEL_F32, VKR_BIND_TEXEL_F16, VKR_BIND_IMAGE_F32 };

/* One binding: a byte range of a buffer. */
struct vkr_bind_range {
    struct vkr_buffer *buffer;
    uint64_t offset, size;
    enum vkr_bind_kind kind;
};

struct vkr_commands_params {
    uint32_t dispatches, bindings, texels, submissions;     /* exact totals: descriptors are allocated once */
    uint32_t images;                                        /* texel bindings that are VKR_BIND_IMAGE_F32 */
    bool timestamps;                                        /* one per dispatch; else only around the whole */
};

/* Recording: create, then for each dispatch (split,) (barrier,) dispatch; then end. */
vks_status vkr_commands_create(struct vkr_device *device, const struct vkr_commands_params *params, struct vkr_commands **out);
void vkr_commands_destroy(struct vkr_commands **commands);          /* waits for unfinished work */
vks_status vkr_commands_split(struct vkr_commands *commands);       /* the next dispatch begins a new submission */
void vkr_commands_barrier(struct vkr_commands *commands);           /* earlier dispatches finish and are visible to later ones */
vks_status vkr_commands_dispatch(struct vkr_commands *commands, struct vkr_pipeline *pipeline,
                                 const struct vkr_bind_range *ranges, uint32_t count, const void *args, uint32_t args_size,
                                 const uint32_t groups[3]);
vks_status vkr_commands_end(struct vkr_commands *commands);

/* Replays everything and waits. `each` (may be NULL) is called with the number of finished submissions; non-zero stops
 * after the submissions in flight (VKS_ERR_CANCELLED). */
vks_status vkr_commands_run(struct vkr_commands *commands, int (*each)(void *user, uint32_t finished), void *user);

/* Milliseconds of the last run: the whole, or dispatch `index` with params.timestamps. 0 without timestamps. */
double vkr_commands_ms(const struct vkr_commands *commands);
double vkr_commands_dispatch_ms(const struct vkr_commands *commands, uint32_t index);

#endif
