/* bench_ops.c: `vksegdev bench ops`: every operator of a model at its own shapes, alone, in every kernel variant this
 * device can run. The model's graph is built once by its own choice and once for each variant, which is taken wherever
 * it fits; each node that differs is timed as a graph of its own. */
#include "automatic.h"
#include "bench_ops.h"

#include "api/handles.h"
#include "base/spirv.h"
#include "gpu/device.h"
#include "graph/plan.h"
#include "graph/program.h"
#include "models/synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 50, MOST_OPERANDS = VKR_MAX_INPUTS };

struct subject {
    const struct args *args;
    vks_context *context;
    struct weights *weights;
    struct network *network;
    bool half;
    struct op_bench *bench;
};

static const char *const op_names[] = {
#define OP(name) #name,
#include "ops.def"
#undef OP
};

/* ---- one node alone ------------------------------------------------------------------------------------------- */

static void describe(const struct vkr_node *node, const char *stage, char *text, size_t size)
{
    /* Operators of one stage may differ in what shapes do not show, such as a dilation. */
    size_t used = strcmp(stage, "label") == 0 ? (size_t)snprintf(text, size, "%s", node->out->name) : 0;
    text[used < size ? used : 0] = '\0';
    for (uint32_t i = 0; i < node->count && used < size; i++)
        if (node->in[i])
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", VKR_SHAPE(&node->in[i]->desc));
    if (used < size)
        snprintf(text + used, size - used, " -> %s", VKR_SHAPE(&node->out->desc));
}

/* Values of ordinary size: zeros and denormals have speeds of their own. */
static vks_status fill(struct vkr_plan *plan, const char *name, const struct vkr_desc *desc)
{
    size_t count = (size_t)vkr_numel(desc);
    uint32_t seed = 1;
    void *data;
    VKS_TRY(vkr_alloc(count, vkr_dtype_size(desc->dtype), "an operand", &data));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        float value = (float)(seed >> 8) / 16777216.0f - 0.5f;
        if (desc->dtype == VKR_F16)
            ((uint16_t *)data)[i] = vkr_f32_to_f16(value);
        else
            ((float *)data)[i] = value;
    }
    vks_status status = vkr_plan_write(plan, name, data, (size_t)vkr_bytes(desc));
    vkr_free(data);
    return status;
}

static vks_status make_plan(const struct subject *s, const struct vkr_target *target, const struct vkr_node *node,
                            struct vkr_plan **out)
{
    struct vkr_tensor *in[MOST_OPERANDS] = { 0 };
    struct vkr_graph *graph;
    char name[16];
    VKS_TRY(vkr_graph_create(target, &graph));
    for (uint32_t i = 0; i < node->count; i++) {
        snprintf(name, sizeof name, "in%u", i);
        for (uint32_t k = 0; k < i && !in[i]; k++)      /* one tensor in two places stays one */
            in[i] = node->in[k] == node->in[i] ? in[k] : NULL;
        if (node->in[i] && !in[i])
            in[i] = vkr_graph_input(graph, name, node->in[i]->desc);
    }
    vkr_graph_output(graph, vkr_graph_node(graph, node->op, node->params, in, node->count), "y");
    vks_status status = vkr_plan_create(s->context->device, graph, NULL, out);
    vkr_graph_destroy(&graph);
    for (uint32_t i = 0; i < node->count && status == VKS_OK; i++) {
        bool again = false;
        snprintf(name, sizeof name, "in%u", i);
        for (uint32_t k = 0; k < i; k++)
            again = again || node->in[k] == node->in[i];
        if (node->in[i] && !again)
            status = fill(*out, name, &node->in[i]->desc);
    }
    if (status != VKS_OK)
        vkr_plan_destroy(out);
    return status;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The first run warms up, and alone counts when it took long. */
static vks_status time_plan(struct vkr_plan *plan, uint32_t runs, struct op_row *row)
{
    double ms[MOST_RUNS + 1] = { 0 };
    uint32_t count = 0;
    do {
        VKS_TRY(vkr_plan_run(plan, NULL));
        ms[count] = vkr_plan_gpu_ms(plan);
        count++;
    } while (count <= runs && ms[0] < 2000);
    double *first = count > 1 ? ms + 1 : ms;
    uint32_t kept = count > 1 ? count - 1 : 1;
    qsort(first, kept, sizeof *first, by_size);
    row->ms = first[kept / 2];
    row->flops = vkr_plan_flops(plan);
    return VKS_OK;
}

/* ---- a model's nodes ------------------------------------------------------------------------------------------ */

static struct op_row *find_row(struct op_bench *bench, const char *op, const char *stage, const char *kernel, const char *shape)
{
    for (uint32_t i = 0; i < bench->count; i++) {
        struct op_row *row = &bench->rows[i];
        if (strcmp(row->op, op) == 0 && strcmp(row->stage, stage) == 0 && strcmp(row->shape, shape) == 0 &&
            strcmp(row->kernel, kernel) == 0)
            return row;
    }
    return NULL;
}

static bool same_call(const struct vkr_node *a, const struct vkr_node *b)
{
    if (a->op != b->op || a->count != b->count || memcmp(a->params, b->params, a->op->params_size) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!a->in[i] != !b->in[i] || (a->in[i] && (a->in[i]->desc.dtype != b->in[i]->desc.dtype ||
                                                    !vkr_same_shape(&a->in[i]->desc, &b->in[i]->desc))))
            return false;
    return true;
}

static vks_status time_node(struct subject *s, const struct vkr_graph *graph, uint32_t index, const char *stage, bool chosen)
{
    const struct vkr_node *node = &graph->nodes[index];
    struct op_row row = { .op = node->op->name, .stage = stage, .chosen = chosen };
    struct vkr_target target = graph->target;
    struct vkr_plan *plan = NULL;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (!graph->nodes[i].live || graph->nodes[i].folded || !same_call(&graph->nodes[i], node))
            continue;
        if (i < index)
            return VKS_OK;              /* timed already */
        row.count++;
    }
    target.options.profile = true;
    describe(node, stage, row.shape, sizeof row.shape);
    for (uint32_t i = 0; i < node->count; i++)
        row.bytes += node->in[i] ? (double)vkr_bytes(&node->in[i]->desc) : 0;
    row.bytes += (double)vkr_bytes(&node->out->desc);
    vks_status status = make_plan(s, &target, node, &plan);
    if (status == VKS_ERR_UNSUPPORTED)
        return VKS_OK;
    struct vkr_profile_row part;
    for (uint32_t i = 0; status == VKS_OK && vkr_plan_profile(plan, i, &part); i++)
        snprintf(row.kernel, sizeof row.kernel, "%s.%s", part.shader, part.variant);
    bool known = status == VKS_OK && find_row(s->bench, row.op, row.stage, row.kernel, row.shape) != NULL;
    if (status == VKS_OK && !known)
        status = time_plan(plan, s->args->repeats ? s->args->repeats : 5, &row);
    vkr_plan_destroy(&plan);
    VKS_TRY(status);
    if (known)
        return VKS_OK;
    fprintf(stderr, "%-10s %-28s %10.3f ms  %s\n", row.op, row.kernel, row.ms, row.shape);
    VKS_TRY(VKR_GROW(s->bench->rows, s->bench->capacity, s->bench->count));
    s->bench->rows[s->bench->count++] = row;
    return VKS_OK;
}

/* All nodes of operator `op` (NULL: of every one) in the graph that `target` gives. */
static vks_status time_graph(struct subject *s, const struct vkr_target *target, const char *stage, const char *op, bool chosen)
{
    const struct decode_shape box = { .objects = 1, .tokens = 2 };
    struct vkr_graph *graph;
    VKS_TRY(vkr_graph_create(target, &graph));
    vks_status status = VKS_OK;
    const struct nn n = { graph, s->half };
    if (strcmp(stage, "label") == 0)
        status = dev_label_build(s->network, target, n, DEV_SLAB);
    else if (strcmp(stage, "encode") == 0)
        s->network->family->encode(s->network, n, NULL);
    else
        s->network->family->decode(s->network, n, NULL, &box);
    if (status == VKS_OK)
        status = vkr_graph_status(graph);
    if (status == VKS_OK)
        vkr_fold(graph);
    for (uint32_t i = 0; status == VKS_OK && i < graph->node_count; i++)
        if (graph->nodes[i].live && !graph->nodes[i].folded && (!op || strcmp(graph->nodes[i].op->name, op) == 0))
            status = time_node(s, graph, i, stage, chosen);
    vkr_graph_destroy(&graph);
    return status == VKS_ERR_UNSUPPORTED && !chosen ? VKS_OK : status;
}

/* Every kernel whose file begins with the operator's name is tried as a wish; most are none of its choices. */
static vks_status time_variants(struct subject *s, const char *stage, const char *op)
{
    for (unsigned i = 0; i < vkr_spirv_count; i++) {
        const struct vkr_spirv *kernel = &vkr_spirv_table[i];
        struct vkr_target target = s->context->target;
        size_t length = strlen(op);
        if (strncmp(kernel->shader, op, length) != 0 || (kernel->shader[length] && kernel->shader[length] != '_') ||
            (kernel->needs & ~target.caps.bits) || target.options.force_count == VKR_MAX_FORCED)
            continue;
        uint32_t at = target.options.force_count++;
        snprintf(target.options.force[at].shader, sizeof target.options.force[at].shader, "%s", op);
        snprintf(target.options.force[at].variant, sizeof target.options.force[at].variant, "%s.%s", kernel->shader,
                 kernel->variant);
        target.options.force_is_wish = true;
        VKS_TRY(time_graph(s, &target, stage, op, false));
    }
    return VKS_OK;
}

static vks_status time_stage(struct subject *s, const char *stage)
{
    const char *only = s->args->op;
    VKS_TRY(time_graph(s, &s->context->target, stage, only, true));
    if (!only && strcmp(stage, "label") == 0) /* a slab takes minutes in kernels for other devices: ask for them */
        return VKS_OK;
    for (size_t i = 0; i < sizeof op_names / sizeof *op_names; i++)
        if (!only || strcmp(only, op_names[i]) == 0)
            VKS_TRY(time_variants(s, stage, op_names[i]));
    return VKS_OK;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static vks_status open_subject(struct subject *s)
{
    const char *model = s->args->model ? s->args->model : "synthetic:sam_vit_b";
    const struct family_wish wish = { s->args->family, s->args->model_options, model };
    VKS_TRY(dev_context(s->args, &s->context));
    VKS_TRY(synthetic_or_file(model, &s->weights));
    VKS_TRY(family_open(s->weights, &wish, &s->network));
    const struct vkr_caps *caps = &s->context->target.caps;
    bool can = (caps->bits & VKR_CAP_F16) != 0;
    s->half = can && (s->args->precision == VKS_PRECISION_F16 ||
                      (s->args->precision == VKS_PRECISION_AUTO && caps->device_class != VKR_CLASS_CPU));
    snprintf(s->bench->device, sizeof s->bench->device, "%s", caps->name);
    snprintf(s->bench->driver, sizeof s->bench->driver, "%s", caps->driver);
    return VKS_OK;
}

static vks_status measure(struct subject *s)
{
    const char *stage;
    VKS_REQUIRE(s->args->repeats <= MOST_RUNS, VKS_ERR_ARGUMENT, "-r: at most %d runs", MOST_RUNS);
    VKS_TRY(open_subject(s));
    VKS_TRY(dev_stage(s->network, s->args->stage, &stage));
    VKS_TRY(vkr_measure_rates(s->context->device, &s->bench->rates));
    VKS_TRY(time_stage(s, stage));
    if (!s->args->stage && strcmp(stage, "encode") == 0)
        VKS_TRY(time_stage(s, "decode"));
    VKS_TRY(ops_print(s->bench, s->args->previous));
    return s->args->output ? ops_write(s->bench, s->args->output, s->args->overwrite) : VKS_OK;
}

int cmd_bench(const struct args *args)
{
    struct op_bench bench = { .count = 0 };
    struct subject s = { .args = args, .bench = &bench };
    vks_status status = VKS_OK;
    if (args->words != 1 || strcmp(args->word[0], "ops") != 0)
        status = vks_fail(VKS_ERR_ARGUMENT, "expected: vksegdev bench ops [-m MODEL] [--stage S] [--op NAME] [-r N] "
                          "[--previous FILE] [-o FILE]");
    if (status == VKS_OK)
        status = measure(&s);
    family_close(&s.network);
    weights_close(&s.weights);
    vks_context_destroy(&s.context);
    vkr_free(bench.rows);
    return dev_finish(status);
}
