/* params_data.h: the store's door for plans. Private to runtime/graph. */
#ifndef VKR_PARAMS_DATA_H
#define VKR_PARAMS_DATA_H

#include "gpu/memory.h"
#include "graph/params.h"
#include "graph/program.h"

/* Where the parameter or folded result `base` lies; uploads, or runs its folded nodes, when asked the first time.
 * vkr_fold(graph) must have run. */
vks_status vkr_params_resolve(struct vkr_params *params, struct vkr_graph *graph, const struct vkr_tensor *base,
                              struct vkr_buffer **buffer, uint64_t *offset);

#endif
