/* graph.c: building: tensors, nodes, scopes, the sticky error. */
#include "graph/graph.h"

#include "graph/program.h"
#include "graph/slot.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

vks_status vkr_graph_create(const struct vkr_target *target, struct vkr_graph **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "a graph", (void **)out));
    (*out)->target = *target;
    (*out)->harmless = (struct vkr_tensor){
        .desc = { VKR_F32, 1, { 1, 1, 1, 1, 1 } }, .name = "(failed)", .kind = VKR_TEMP, .producer = -1 };
    (*out)->harmless.base = &(*out)->harmless;
    return VKS_OK;
}

void vkr_graph_destroy(struct vkr_graph **graph)
{
    if (!*graph)
        return;
    vkr_free((*graph)->tensors);
    vkr_free((*graph)->nodes);
    vkr_free((*graph)->marks);
    vkr_free((*graph)->outputs);
    vkr_arena_destroy(&(*graph)->arena);
    vkr_free(*graph);
    *graph = NULL;
}

vks_status vkr_graph_status(const struct vkr_graph *graph)
{
    return graph->error ? vks_fail(graph->error, "%s", graph->message) : VKS_OK;
}

struct vkr_tensor *vkr_graph_fail(struct vkr_graph *graph, vks_status status)
{
    if (!graph->error && status) {
        graph->error = status;
        snprintf(graph->message, sizeof graph->message, "%s%s%s", graph->scope, graph->scope[0] ? ": " : "",
                 vks_last_error());
    }
    return &graph->harmless;
}

const struct vkr_target *vkr_graph_target(const struct vkr_graph *graph)
{
    return &graph->target;
}

void vkr_graph_push(struct vkr_graph *graph, const char *format, ...)
{
    enum { DEEPEST = sizeof graph->scope_ends / sizeof *graph->scope_ends };
    size_t used = strlen(graph->scope);
    if (graph->depth >= DEEPEST) {
        vkr_graph_fail(graph, vks_fail(VKS_ERR_INTERNAL, "module path deeper than %d", DEEPEST));
        return;
    }
    graph->scope_ends[graph->depth++] = (uint16_t)used;
    if (used > 0 && used + 1 < sizeof graph->scope)
        graph->scope[used++] = '.';
    va_list args;
    va_start(args, format);
    vsnprintf(graph->scope + used, sizeof graph->scope - used, format, args);
    va_end(args);
}

void vkr_graph_pop(struct vkr_graph *graph)
{
    if (graph->depth > 0)
        graph->scope[graph->scope_ends[--graph->depth]] = '\0';
}

const char *vkr_graph_scope(const struct vkr_graph *graph)
{
    return graph->scope;
}

struct vkr_tensor *vkr_graph_tensor(struct vkr_graph *graph, const char *name, struct vkr_desc desc, enum vkr_kind kind)
{
    struct vkr_tensor *tensor = vkr_arena_alloc(&graph->arena, sizeof *tensor);
    char *copy = vkr_arena_strdup(&graph->arena, name);
    if (!tensor || !copy || VKR_GROW(graph->tensors, graph->tensor_capacity, graph->tensor_count) != VKS_OK) {
        vkr_graph_fail(graph, vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for tensor %s", name));
        return NULL;
    }
    *tensor = (struct vkr_tensor){ .desc = desc, .name = copy, .kind = kind, .base = tensor,
                                   .index = graph->tensor_count, .producer = -1 };
    graph->tensors[graph->tensor_count++] = tensor;
    return tensor;
}

static struct vkr_tensor *named(struct vkr_graph *graph, const char *name, struct vkr_desc desc, enum vkr_kind kind)
{
    struct vkr_tensor *tensor = graph->error ? NULL : vkr_graph_tensor(graph, name, desc, kind);
    return tensor ? tensor : &graph->harmless;
}

static struct vkr_tensor *find(struct vkr_graph *graph, const char *name, enum vkr_kind kind)
{
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->kind == kind && strcmp(graph->tensors[i]->name, name) == 0)
            return graph->tensors[i];
    return NULL;
}

struct vkr_tensor *vkr_graph_input(struct vkr_graph *graph, const char *name, struct vkr_desc desc)
{
    if (find(graph, name, VKR_INPUT))
        return vkr_graph_fail(graph, vks_fail(VKS_ERR_INTERNAL, "two inputs are called %s", name));
    return named(graph, name, desc, VKR_INPUT);
}

struct vkr_tensor *vkr_graph_param(struct vkr_graph *graph, const char *name, struct vkr_desc desc)
{
    struct vkr_tensor *known = find(graph, name, VKR_PARAM);
    if (known && (known->base != known || known->desc.dtype != desc.dtype || !vkr_same_shape(&known->desc, &desc)))
        return vkr_graph_fail(graph, vks_fail(VKS_ERR_INTERNAL, "parameter %s is used as %s and as %s", name,
                                              VKR_SHAPE(&known->desc), VKR_SHAPE(&desc)));
    return known ? known : named(graph, name, desc, VKR_PARAM);
}

struct vkr_tensor *vkr_graph_slot(struct vkr_graph *graph, struct vkr_slot *slot)
{
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->slot == slot && graph->tensors[i]->base == graph->tensors[i])
            return graph->tensors[i];
    struct vkr_tensor *tensor = named(graph, vkr_slot_name(slot), *vkr_slot_desc(slot), VKR_SLOT);
    if (tensor != &graph->harmless)
        tensor->slot = slot;
    return tensor;
}

void vkr_graph_store(struct vkr_graph *graph, struct vkr_tensor *tensor, struct vkr_slot *slot)
{
    if (graph->error)
        return;
    const struct vkr_desc *desc = vkr_slot_desc(slot);
    struct vkr_tensor *base = tensor->base;
    if (base->kind != VKR_TEMP || base->slot || desc->dtype != base->desc.dtype || vkr_bytes(desc) != vkr_bytes(&base->desc)) {
        vkr_graph_fail(graph, vks_fail(VKS_ERR_INTERNAL, "%s cannot live in slot %s of shape %s", tensor->name,
                                       vkr_slot_name(slot), VKR_SHAPE(desc)));
        return;
    }
    base->kind = VKR_SLOT;
    base->slot = slot;
}

struct vkr_tensor *vkr_reshape(struct vkr_graph *graph, struct vkr_tensor *tensor, struct vkr_desc desc)
{
    if (graph->error)
        return &graph->harmless;
    desc.dtype = tensor->desc.dtype;
    if (vkr_numel(&desc) != vkr_numel(&tensor->desc))
        return vkr_graph_fail(graph, vks_fail(VKS_ERR_SHAPE, "reshape: %s does not fit %s", VKR_SHAPE(&tensor->desc),
                                              VKR_SHAPE(&desc)));
    if (vkr_same_shape(&desc, &tensor->desc))
        return tensor;
    for (uint32_t i = 0; i < graph->tensor_count; i++)      /* equal views are one, so that equal nodes are one */
        if (graph->tensors[i]->base == tensor->base && vkr_same_shape(&graph->tensors[i]->desc, &desc))
            return graph->tensors[i];
    struct vkr_tensor *view = named(graph, tensor->name, desc, tensor->kind);
    if (view != &graph->harmless) {
        view->base = tensor->base;
        view->producer = tensor->producer;
        view->slot = tensor->slot;
    }
    return view;
}

static void add_named(struct vkr_graph *graph, struct vkr_named **list, uint32_t *count, uint32_t *capacity,
                      const char *name, struct vkr_tensor *tensor)
{
    char *copy = vkr_arena_strdup(&graph->arena, name);
    if (!copy || vkr_grow((void **)list, capacity, *count, sizeof **list) != VKS_OK) {
        vkr_graph_fail(graph, vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for the name %s", name));
        return;
    }
    (*list)[(*count)++] = (struct vkr_named){ copy, tensor };
}

struct vkr_tensor *vkr_graph_mark(struct vkr_graph *graph, struct vkr_tensor *tensor, const char *suffix)
{
    if (graph->error)
        return &graph->harmless;
    char name[320];
    snprintf(name, sizeof name, "%s%s%s", graph->scope, suffix && graph->scope[0] ? "." : "", suffix ? suffix : "");
    add_named(graph, &graph->marks, &graph->mark_count, &graph->mark_capacity, name, tensor);
    if (graph->target.options.dump[0])
        tensor->base->output = true;
    return tensor;
}

void vkr_graph_output(struct vkr_graph *graph, struct vkr_tensor *tensor, const char *name)
{
    if (graph->error)
        return;
    tensor->base->output = true;
    add_named(graph, &graph->outputs, &graph->output_count, &graph->output_capacity, name, tensor);
}

static struct vkr_tensor *find_node(struct vkr_graph *graph, const struct vkr_op *op, const void *params,
                                    struct vkr_tensor *const *inputs, uint32_t count)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct vkr_node *node = &graph->nodes[i];
        if (node->op == op && node->count == count && memcmp(node->in, inputs, count * sizeof *inputs) == 0 &&
            (op->params_size == 0 || memcmp(node->params, params, op->params_size) == 0))
            return node->out;
    }
    return NULL;
}

static vks_status add_node(struct vkr_graph *graph, const struct vkr_op *op, const void *params,
                           struct vkr_tensor *const *inputs, uint32_t count, struct vkr_tensor **out)
{
    struct vkr_desc in[VKR_MAX_INPUTS] = { 0 }, desc = { 0 };
    VKS_REQUIRE(count <= VKR_MAX_INPUTS && op->params_size <= 128, VKS_ERR_INTERNAL, "%s: too many operands", op->name);
    for (uint32_t i = 0; i < count; i++)
        if (inputs[i])
            in[i] = inputs[i]->desc;
    VKS_TRY(op->infer(params, in, count, &desc));
    VKS_REQUIRE(vkr_numel(&desc) > 0 && vkr_numel(&desc) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "%s: a result of shape %s is beyond 2^31 elements, or empty", op->name, VKR_SHAPE(&desc));
    VKS_TRY(VKR_GROW(graph->nodes, graph->node_capacity, graph->node_count));
    void *copy = vkr_arena_alloc(&graph->arena, op->params_size + 1);
    VKS_REQUIRE(copy, VKS_ERR_HOST_MEMORY, "out of memory for a node");
    if (op->params_size)
        memcpy(copy, params, op->params_size);
    char name[320];
    snprintf(name, sizeof name, "%s%s%s.%u", graph->scope, graph->scope[0] ? "." : "", op->name, graph->node_count);
    *out = vkr_graph_tensor(graph, name, desc, VKR_TEMP);
    if (!*out)
        return graph->error;
    (*out)->producer = (int32_t)graph->node_count;
    struct vkr_node *node = &graph->nodes[graph->node_count++];
    *node = (struct vkr_node){ .op = op, .params = copy, .count = count, .out = *out };
    memcpy(node->in, inputs, count * sizeof *inputs);
    return VKS_OK;
}

struct vkr_tensor *vkr_graph_node(struct vkr_graph *graph, const struct vkr_op *op, const void *params,
                                  struct vkr_tensor *const *inputs, uint32_t count)
{
    if (graph->error)
        return &graph->harmless;
    struct vkr_tensor *result = find_node(graph, op, params, inputs, count);
    if (result)
        return result;
    vks_status status = add_node(graph, op, params, inputs, count, &result);
    return status == VKS_OK ? result : vkr_graph_fail(graph, status);
}

const struct vkr_op *vkr_graph_producer(const struct vkr_graph *graph, const struct vkr_tensor *tensor, const void **params,
                                        struct vkr_desc *input)
{
    if (graph->error || tensor->base->producer < 0)
        return NULL;
    const struct vkr_node *node = &graph->nodes[tensor->base->producer];
    *params = node->params;
    *input = node->count && node->in[0] ? node->in[0]->desc : (struct vkr_desc){ 0 };
    return node->op;
}

struct vkr_tensor *vkr_graph_operand(const struct vkr_graph *graph, const struct vkr_tensor *tensor, uint32_t index)
{
    if (graph->error || tensor->base->producer < 0)
        return NULL;
    const struct vkr_node *node = &graph->nodes[tensor->base->producer];
    return index < node->count ? node->in[index] : NULL;
}

struct vkr_tensor *vkr_graph_twin(struct vkr_graph *graph, const struct vkr_tensor *tensor, const void *params)
{
    if (graph->error)
        return &graph->harmless;
    const struct vkr_node node = graph->nodes[tensor->base->producer];
    char kept[sizeof graph->scope];
    memcpy(kept, graph->scope, sizeof kept);
    size_t length = 0;                                  /* of the name without ".operator.number" */
    for (size_t i = 0; node.out->name[i] && i < sizeof kept; i++)
        if (strncmp(node.out->name + i, node.op->name, strlen(node.op->name)) == 0 && (i == 0 || node.out->name[i - 1] == '.'))
            length = i > 0 ? i - 1 : 0;
    memcpy(graph->scope, node.out->name, length);
    graph->scope[length] = '\0';
    struct vkr_tensor *twin = vkr_graph_node(graph, node.op, params, node.in, node.count);
    memcpy(graph->scope, kept, sizeof kept);
    return twin;
}
