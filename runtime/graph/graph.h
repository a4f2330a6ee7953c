/* graph.h: build a graph of operators on dense tensors. Pure: no device, no memory but the graph's own arena.
 *
 * Errors are sticky: the first failure is kept with its sentence, every later call returns a harmless tensor, and
 * vkr_graph_status (or vkr_plan_create) returns it. Model code therefore carries no error plumbing.
 * One thread at a time. Every pointer returned here dies with the graph.
 */
#ifndef VKR_GRAPH_H
#define VKR_GRAPH_H

#include "base/caps.h"
#include "base/options.h"
#include "base/shape.h"

struct vkr_graph;
struct vkr_op;
struct vkr_tuning;
struct vkr_witness;
struct vkr_slot;                        /* graph/slot.h: a device tensor that outlives plans */

enum vkr_kind {
    VKR_INPUT,                          /* written by the host before each run */
    VKR_PARAM,                          /* a weight, by name, from the parameter store */
    VKR_SLOT,                           /* lives in a slot: survives this plan, shared with others */
    VKR_TEMP                            /* an operator's result, in the plan's arena */
};

/* Read-only outside runtime/graph. A reshape is another tensor with the same `base`. */
struct vkr_tensor {
    struct vkr_desc desc;
    const char *name;                   /* full module path; for an operator's result scope + operator + number */
    enum vkr_kind kind;
    struct vkr_tensor *base;            /* the tensor whose bytes these are; itself unless a reshape */
    uint32_t index;                     /* position in the graph */
    int32_t producer;                   /* node index, or -1 */
    bool output;                        /* kept readable after the run */
    struct vkr_slot *slot;              /* VKR_SLOT only */
};

/* What decisions may depend on. */
struct vkr_target {
    struct vkr_caps caps;
    struct vkr_options options;
    struct vkr_tuning *tuning;          /* graph/tuning.h: what was timed; it outlives the target. NULL: nothing */
    const struct vkr_witness *witness;  /* graph/tuning.h: is told what was chosen; as long-lived. NULL: nobody */
};

vks_status vkr_graph_create(const struct vkr_target *target, struct vkr_graph **out);   /* copies target */
void vkr_graph_destroy(struct vkr_graph **graph);

/* VKS_OK, or the first failure; its sentence becomes vks_last_error() again. */
vks_status vkr_graph_status(const struct vkr_graph *graph);

/* Records a failure found by the caller (its sentence is the current vks_last_error()), prefixed with the scope.
 * Returns a harmless tensor. */
struct vkr_tensor *vkr_graph_fail(struct vkr_graph *graph, vks_status status);

const struct vkr_target *vkr_graph_target(const struct vkr_graph *graph);

/* Module path. push("blocks.%d", i) ... pop(); names are joined with '.'. At most 200 characters in all. */
void vkr_graph_push(struct vkr_graph *graph, const char *format, ...) VKR_PRINTF(2, 3);
void vkr_graph_pop(struct vkr_graph *graph);
const char *vkr_graph_scope(const struct vkr_graph *graph);

struct vkr_tensor *vkr_graph_input(struct vkr_graph *graph, const char *name, struct vkr_desc desc);

/* The weight called `name` (full path, scope NOT added). Asking twice gives the same tensor. */
struct vkr_tensor *vkr_graph_param(struct vkr_graph *graph, const char *name, struct vkr_desc desc);

/* A slot's tensor, to read from. The slot must outlive every plan made of this graph. */
struct vkr_tensor *vkr_graph_slot(struct vkr_graph *graph, struct vkr_slot *slot);

/* Makes `tensor` (an operator's result) live in `slot`, whose shape must be equal. No copy. */
void vkr_graph_store(struct vkr_graph *graph, struct vkr_tensor *tensor, struct vkr_slot *slot);

/* The same bytes with other dimensions. Free. */
struct vkr_tensor *vkr_reshape(struct vkr_graph *graph, struct vkr_tensor *tensor, struct vkr_desc desc);

/* Gives `tensor` the name of the current scope (plus ".suffix" unless NULL): what dumps, checks and goldens compare.
 * Returns tensor. A tensor may have several marks. */
struct vkr_tensor *vkr_graph_mark(struct vkr_graph *graph, struct vkr_tensor *tensor, const char *suffix);

/* Keeps `tensor` readable after a run under `name`. */
void vkr_graph_output(struct vkr_graph *graph, struct vkr_tensor *tensor, const char *name);

/* Adds a node; builders of ops.h call this. `params` (op->params_size bytes, zero padding!) is copied. inputs[i] may be
 * NULL for an absent optional operand. Two nodes with equal operator, params and inputs are one. */
enum { VKR_MAX_INPUTS = 8 };
struct vkr_tensor *vkr_graph_node(struct vkr_graph *graph, const struct vkr_op *op, const void *params,
                                  struct vkr_tensor *const *inputs, uint32_t count);

#endif
