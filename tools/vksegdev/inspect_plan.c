/* inspect_plan.c: a model's graphs, plans and memory. Nothing here computes: with --as no device is needed either. */
#include "automatic.h"
#include "inspect.h"

#include "base/mem.h"
#include "graph/plan.h"
#include "models/family.h"
#include "models/synthetic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct subject {
    struct weights *weights;
    struct network *network;
    struct vkr_target target;
    bool half;
};

static void subject_close(struct subject *subject)
{
    family_close(&subject->network);
    weights_close(&subject->weights);
}

static vks_status subject_open(const struct args *args, struct subject *out)
{
    memset(out, 0, sizeof *out);
    VKS_REQUIRE(args->words == 2, VKS_ERR_ARGUMENT, "expected: vksegdev inspect graph|plan|memory MODEL");
    const struct family_wish wish = { args->family, args->model_options, args->word[1] };
    VKS_TRY(dev_target(args, &out->target));
    vks_status status = synthetic_or_file(args->word[1], &out->weights);
    if (status == VKS_ERR_NOT_FOUND)
        return VKS_ERR_MODEL;
    if (status == VKS_OK)
        status = family_open(out->weights, &wish, &out->network);
    if (status != VKS_OK)
        subject_close(out);
    bool can = (out->target.caps.bits & VKR_CAP_F16) != 0;
    out->half = args->precision == VKS_PRECISION_F16 ||
                (args->precision == VKS_PRECISION_AUTO && can && out->target.caps.device_class != VKR_CLASS_CPU);
    return status;
}

/* The prompts --points, --boxes and --mask describe, as one object; the rows the family needs for it. */
static vks_status count_tokens(const struct args *args, const struct network *network, uint32_t *out)
{
    struct prompt_point *points;
    uint32_t count = args->points + (args->boxes ? 2 : 0);
    VKS_REQUIRE(args->boxes <= 1, VKS_ERR_ARGUMENT, "--boxes %u: one object has one box at most", args->boxes);
    VKS_TRY(vkr_alloc(count + 1u, sizeof *points, "prompts", (void **)&points));
    for (uint32_t i = 0; i < args->points; i++)
        points[i].label = PROMPT_FOREGROUND;
    if (args->boxes) {
        points[args->points].label = PROMPT_TOP_LEFT;
        points[args->points + 1].label = PROMPT_BOTTOM_RIGHT;
    }
    const struct prompt_object object = { .points = points, .count = count, .box = args->boxes > 0 };
    *out = network->family->tokens(network, &object);
    vkr_free(points);
    return VKS_OK;
}

static vks_status build(const struct args *args, const struct subject *subject, struct vkr_graph **out)
{
    const char *stage;
    struct decode_shape shape = { .objects = args->objects, .mask = args->mask };
    VKS_TRY(dev_stage(subject->network, args->stage, &stage));
    if (strcmp(stage, "label") != 0)
        VKS_TRY(count_tokens(args, subject->network, &shape.tokens));
    VKS_TRY(vkr_graph_create(&subject->target, out));
    const struct nn n = { *out, subject->half };
    if (strcmp(stage, "label") == 0)
        return dev_label_build(subject->network, &subject->target, n, DEV_WHOLE);
    if (strcmp(stage, "encode") == 0)
        subject->network->family->encode(subject->network, n, NULL);
    else
        subject->network->family->decode(subject->network, n, NULL, &shape);
    return VKS_OK;
}

static vks_status print(const struct args *args, vks_status (*printer)(struct vkr_graph *, char **))
{
    struct subject subject;
    struct vkr_graph *graph = NULL;
    char *text = NULL;
    VKS_TRY(subject_open(args, &subject));
    vks_status status = build(args, &subject, &graph);
    if (status == VKS_OK)
        status = printer(graph, &text);
    if (status == VKS_OK)
        fputs(text, stdout);
    vkr_free(text);
    vkr_graph_destroy(&graph);
    subject_close(&subject);
    return status;
}

vks_status inspect_graph(const struct args *args)
{
    return print(args, vkr_graph_print);
}

vks_status inspect_plan(const struct args *args)
{
    return print(args, vkr_plan_print);
}

static vks_status print_stage(const struct args *args, struct subject *subject, const char *stage, uint64_t *total)
{
    struct args own = *args;
    struct vkr_graph *graph = NULL;
    struct vkr_estimate estimate = { 0 };
    own.stage = stage;
    vks_status status = build(&own, subject, &graph);
    if (status == VKS_OK)
        status = vkr_plan_estimate(graph, &estimate);
    vkr_graph_destroy(&graph);
    if (status == VKS_ERR_UNSUPPORTED) {
        printf("%s %s  not on this device: %s\n", subject->half ? "f16" : "f32", stage, vks_last_error());
        return VKS_OK;
    }
    VKS_TRY(status);
    uint64_t bytes = estimate.arena + estimate.params + estimate.slots;
    printf("%s %s  %12" PRIu64 " bytes of weights %12" PRIu64 " of activations %12" PRIu64 " in all  %10.3f GFLOP\n",
           subject->half ? "f16" : "f32", stage, estimate.params, estimate.arena + estimate.slots, bytes,
           estimate.flops * 1e-9);
    *total += bytes;
    return VKS_OK;
}

vks_status inspect_memory(const struct args *args)
{
    struct subject subject;
    VKS_TRY(subject_open(args, &subject));
    printf("%s %s on %s\n", subject.network->family->name, subject.network->variant, subject.target.caps.name);
    vks_status status = VKS_OK;
    for (int half = 0; half < 2 && status == VKS_OK; half++) {
        uint64_t total = 0;
        subject.half = half;
        bool automatic = subject.network->family->label != NULL;
        status = print_stage(args, &subject, automatic ? "label" : "encode", &total);
        if (status == VKS_OK && !automatic)
            status = print_stage(args, &subject, "decode", &total);
        if (status == VKS_OK)
            printf("%s total   %12" PRIu64 " bytes of %" PRIu64 "\n", half ? "f16" : "f32", total, subject.target.caps.heap);
    }
    subject_close(&subject);
    return status;
}
