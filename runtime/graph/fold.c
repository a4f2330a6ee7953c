/* fold.c: which nodes depend on parameters alone (they run once, at load) and which are needed at all. */
#include "graph/program.h"

#include <stdio.h>
#include <string.h>

static bool constant(const struct vkr_graph *graph, const struct vkr_tensor *tensor)
{
    const struct vkr_tensor *base = tensor->base;
    return base->kind == VKR_PARAM || (base->producer >= 0 && graph->nodes[base->producer].folded);
}

void vkr_fold(struct vkr_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {      /* nodes are in topological order by construction */
        struct vkr_node *node = &graph->nodes[i];
        bool any = false, all = true;
        for (uint32_t k = 0; k < node->count; k++)
            if (node->in[k]) {
                any = true;
                all = all && constant(graph, node->in[k]);
            }
        node->folded = any && all && !node->out->output && !node->out->slot;
        node->live = node->out->output || node->out->slot;
    }
    for (uint32_t i = graph->node_count; i-- > 0;)
        if (graph->nodes[i].live)
            for (uint32_t k = 0; k < graph->nodes[i].count; k++)
                if (graph->nodes[i].in[k] && graph->nodes[i].in[k]->base->producer >= 0)
                    graph->nodes[graph->nodes[i].in[k]->base->producer].live = true;
}

bool vkr_fold_is_stored(const struct vkr_graph *graph, const struct vkr_tensor *tensor)
{
    return constant(graph, tensor);
}

/* FNV-1a of a node's params, enough to tell packings apart. */
static uint32_t digest(const void *bytes, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 16777619u;
    return hash;
}

static size_t append(const struct vkr_graph *graph, const struct vkr_tensor *tensor, char *name, size_t size, size_t used)
{
    const struct vkr_tensor *base = tensor->base;
    char piece[400];
    if (base->kind == VKR_PARAM) {
        snprintf(piece, sizeof piece, "%s:%s%s", base->name, vkr_dtype_name(base->desc.dtype), VKR_SHAPE(&tensor->desc));
        return used + (size_t)snprintf(name + (used < size ? used : size), used < size ? size - used : 0, "%s", piece);
    }
    const struct vkr_node *node = &graph->nodes[base->producer];
    snprintf(piece, sizeof piece, "%s#%08x(", node->op->name, digest(node->params, node->op->params_size));
    used += (size_t)snprintf(name + (used < size ? used : size), used < size ? size - used : 0, "%s", piece);
    for (uint32_t k = 0; k < node->count; k++)
        used = node->in[k] ? append(graph, node->in[k], name, size, used)
                           : used + (size_t)snprintf(name + (used < size ? used : size), used < size ? size - used : 0, "-");
    return used + (size_t)snprintf(name + (used < size ? used : size), used < size ? size - used : 0, ")");
}

vks_status vkr_fold_name(const struct vkr_graph *graph, const struct vkr_tensor *tensor, char *name, size_t size)
{
    VKS_REQUIRE(append(graph, tensor->base, name, size, 0) < size, VKS_ERR_INTERNAL, "%s: too long a chain of folded nodes",
                tensor->name);
    return VKS_OK;
}
