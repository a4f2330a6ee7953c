/* handles.h: what stands behind the opaque handles of vkseg.h; private to src/api and the developer tool.
 *
 * Lifetimes: a session retains its model, a model its context; counts are atomic, so handles may be destroyed in any
 * order and from any thread.
 */
#ifndef VKS_HANDLES_H
#define VKS_HANDLES_H

#include "base/log.h"
#include "base/options.h"
#include "graph/graph.h"
#include "vkseg/vkseg.h"

#include <stdatomic.h>

struct vkr_device;

struct vks_context {
    atomic_uint references;
    struct vkr_log log;
    struct vkr_device *device;
    struct vkr_target target;           /* what plans for this device are made for */
};

vks_context *context_retain(vks_context *context);

/* A context around an open device, which it takes over in success and failure alike. */
vks_status context_wrap(struct vkr_device *device, const struct vkr_log *log, vks_context **out);

/* The log sink and the runtime options that `params` (may be NULL) and, when asked, the environment describe. *device is
 * the device wish; it points into `params` or the environment. */
vks_status context_settings(const vks_context_params *params, struct vkr_log *log, struct vkr_options *options,
                            const char **device);

/* Copies a params struct of any known size into one of ours: fields the caller does not know are zero. A struct_size of
 * 0, or larger than ours, is refused. `params` may be NULL. */
vks_status params_copy(void *dst, size_t dst_size, const void *params, const char *what);

#endif
