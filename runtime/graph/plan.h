/* plan.h: a compiled graph. Created once per (stage, shape), run as often as wanted.
 *
 * vkr_plan_create runs the pure passes fold -> lower -> planner -> schedule, executes the folded nodes whose results the
 * store lacks, allocates one arena, and records the commands. Run replays them. One thread at a time per plan.
 */
#ifndef VKR_PLAN_H
#define VKR_PLAN_H

#include "graph/graph.h"
#include "graph/params.h"
#include "graph/slot.h"

struct vkr_device;
struct vkr_plan;

/* Called between submissions with the fraction of the estimated work done; non-zero cancels (VKS_ERR_CANCELLED). */
struct vkr_progress {
    int (*call)(void *user, double fraction);
    void *user;
};

/* The graph may be destroyed afterwards. `params` may be NULL when the graph has no parameter; it and the slots must
 * outlive the plan. Errors: whatever the graph stuck at, UNSUPPORTED (a limit, with the node's path), HOST_MEMORY,
 * DEVICE_MEMORY, DEVICE_LOST. */
vks_status vkr_plan_create(struct vkr_device *device, struct vkr_graph *graph, struct vkr_params *params,
                           struct vkr_plan **out);
void vkr_plan_destroy(struct vkr_plan **plan);

/* Inputs and outputs by the names given in the graph. `size` must equal the tensor's bytes. Blocking. */
vks_status vkr_plan_write(struct vkr_plan *plan, const char *input, const void *data, size_t size);
vks_status vkr_plan_read(struct vkr_plan *plan, const char *output, void *data, size_t size);

/* Runs everything; returns when the device is done. After DEVICE_LOST the device refuses further work. */
vks_status vkr_plan_run(struct vkr_plan *plan, const struct vkr_progress *progress);

uint64_t vkr_plan_bytes(const struct vkr_plan *plan);       /* device memory of the arena */
double vkr_plan_flops(const struct vkr_plan *plan);         /* of one run */
double vkr_plan_gpu_ms(const struct vkr_plan *plan);        /* last run, by timestamps; 0 without them */

/* Marked tensors (vkr_graph_mark). They are readable after a run only when the target's options have `dump` set (any
 * value): they are then kept alive. Index < vkr_plan_mark_count(). */
uint32_t vkr_plan_mark_count(const struct vkr_plan *plan);
const char *vkr_plan_mark(const struct vkr_plan *plan, uint32_t index, struct vkr_desc *desc);
vks_status vkr_plan_mark_read(struct vkr_plan *plan, uint32_t index, void *data, size_t size);

/* With options.guard: every byte between tensors still holds the sentinel, else VKS_ERR_CHECK names the tensor before it. */
vks_status vkr_plan_check_guards(struct vkr_plan *plan);

/* Profile of the last run when options.profile is set: one row per dispatch. False past the end. */
struct vkr_profile_row { const char *node, *shader, *variant; double ms, flops, bytes; };
bool vkr_plan_profile(const struct vkr_plan *plan, uint32_t index, struct vkr_profile_row *out);

/* Plan as text: one line per dispatch with offsets, barriers and submissions, then the memory summary. Pure: works on a
 * graph without a device, which is how plan goldens and memory estimates are made. *out is vkr_free()d by the caller. */
vks_status vkr_plan_print(struct vkr_graph *graph, char **out);
vks_status vkr_graph_print(struct vkr_graph *graph, char **out);    /* nodes, before lowering */

/* Estimated device bytes (arena, packed parameters, slots) of a graph on its target, without a device. */
struct vkr_estimate { uint64_t arena, params, slots; double flops; };
vks_status vkr_plan_estimate(struct vkr_graph *graph, struct vkr_estimate *out);

#endif
