/* program.h: what the pure passes share: nodes of a graph, and the program they become. Private to runtime/graph.
 *
 * fold -> lower -> planner -> schedule turn a graph into a vkr_program: dispatches with byte places, barriers and
 * submissions. No pass touches a device; each can be printed.
 */
#ifndef VKR_PROGRAM_H
#define VKR_PROGRAM_H

#include "base/mem.h"
#include "graph/graph.h"
#include "graph/op.h"

struct vkr_node {
    const struct vkr_op *op;
    const void *params;
    struct vkr_tensor *in[VKR_MAX_INPUTS];
    uint32_t count;
    struct vkr_tensor *out;
    bool folded;                        /* depends on parameters only: runs once, at load */
    bool live;                          /* something kept depends on it */
};

struct vkr_named { const char *name; struct vkr_tensor *tensor; };

struct vkr_graph {
    struct vkr_target target;
    struct vkr_arena arena;
    struct vkr_tensor **tensors;
    struct vkr_node *nodes;
    struct vkr_named *marks, *outputs;
    uint32_t tensor_count, tensor_capacity, node_count, node_capacity;
    uint32_t mark_count, mark_capacity, output_count, output_capacity;
    char scope[256];
    uint16_t scope_ends[16];
    uint32_t depth;
    vks_status error;
    char message[1024];
    struct vkr_tensor harmless;         /* returned after a failure */
};

/* Adds a tensor record; NULL (and a stuck graph) when out of memory. `name` is copied. */
struct vkr_tensor *vkr_graph_tensor(struct vkr_graph *graph, const char *name, struct vkr_desc desc, enum vkr_kind kind);

enum vkr_space { VKR_SPACE_UNUSED, VKR_SPACE_ARENA, VKR_SPACE_PARAM, VKR_SPACE_SLOT };

/* Where a tensor's bytes are, for one program. */
struct vkr_place {
    enum vkr_space space;
    int32_t first, last;                /* steps that touch it; INT32_MAX: kept after the run */
    uint64_t offset, size;              /* bytes; offset within the arena */
};

struct vkr_step {
    struct vkr_dispatch dispatch;
    uint32_t node;
    int spirv;                          /* row of vkr_spirv_table */
    bool barrier;                       /* execution and memory barrier before this step */
    bool submit;                        /* a new submission begins with this step */
    double flops, bytes;
};

struct vkr_program {
    struct vkr_graph *graph;
    struct vkr_arena arena;
    struct vkr_step *steps;
    uint32_t step_count, step_capacity;
    struct vkr_place *places;           /* by tensor index */
    uint32_t place_count;
    uint64_t arena_bytes;
    uint32_t barriers, submissions;
    double flops, work_ms;              /* total and its estimated duration */
};

/* fold.c: sets node.folded and node.live. */
void vkr_fold(struct vkr_graph *graph);
/* Name of a folded result in the parameter store: a function of operators, params and parameter names alone. */
vks_status vkr_fold_name(const struct vkr_graph *graph, const struct vkr_tensor *tensor, char *name, size_t size);
/* A folded result or raw parameter that the main program reads from the store. */
bool vkr_fold_is_stored(const struct vkr_graph *graph, const struct vkr_tensor *tensor);

/* lower.c: dispatches of all live unfolded nodes, or, with `result`, of the folded nodes that make it. All four passes
 * in order; vkr_fold must have run. */
vks_status vkr_program_build(struct vkr_graph *graph, const struct vkr_tensor *result, struct vkr_program *out);
void vkr_program_destroy(struct vkr_program *program);

/* planner.c: offsets within the arena: greedy by size, best fit among tensors that live at the same time. With
 * options.guard nothing shares bytes and every tensor is followed by that many untouched bytes. */
vks_status vkr_planner(struct vkr_program *program);

/* schedule.c: barriers where bytes are touched twice and one touch writes; submissions of bounded estimated time. */
void vkr_schedule(struct vkr_program *program);

#endif
