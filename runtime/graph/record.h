/* record.h: a program with real buffers behind its places becomes recorded commands. Private to runtime/graph; shared by
 * plan.c (the main program) and params.c (folding programs). */
#ifndef VKR_RECORD_H
#define VKR_RECORD_H

#include "gpu/command.h"
#include "graph/program.h"

/* Resolves a tensor outside the arena (parameter or slot) to its bytes. */
struct vkr_resolver {
    vks_status (*find)(void *user, const struct vkr_tensor *base, struct vkr_buffer **buffer, uint64_t *offset);
    void *user;
};

/* `arena` backs VKR_SPACE_ARENA. */
vks_status vkr_record(struct vkr_device *device, const struct vkr_program *program, struct vkr_buffer *arena,
                      const struct vkr_resolver *resolver, bool timestamps, struct vkr_commands **out);

#endif
