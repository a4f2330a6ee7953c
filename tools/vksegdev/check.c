/* check.c: `vksegdev check`, and its half that compares kernels with kernels: the encoder (of automatic models a small volume) with the variants
 * the device would choose against the base variants, tensor by tensor, in the order in which they are computed. */
#include "automatic.h"
#include "dev.h"

#include "api/handles.h"
#include "api/stage.h"
#include "base/mem.h"
#include "graph/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One way of running it. */
struct run {
    vks_context *context;
    vks_model *model;
    struct vkr_plan *plan;
};

static void run_close(struct run *run)
{
    vkr_plan_destroy(&run->plan);
    vks_model_destroy(&run->model);
    vks_context_destroy(&run->context);
}

static void build(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const struct run *run = user;
    const struct network *network = run->model->network;
    const struct nn n = { graph, run->model->half };
    (void)key;
    if (network->family->label)
        dev_label_build(network, &run->context->target, n, DEV_SMALL);
    else
        network->family->encode(network, n, NULL);
}

/* Numbers about as large as normalised pixels, the same in every run. */
static vks_status fill(struct run *run)
{
    if (run->model->network->family->label)
        return dev_label_fill(run->plan);
    uint32_t side = run->model->network->image.side, seed = 1;
    size_t count = (size_t)side * side * 3;
    float *pixels;
    VKS_TRY(vkr_alloc(count, sizeof *pixels, "pixels", (void **)&pixels));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (float)(seed >> 8) / 8388608.0f * 2 - 2 + (i / 3 % side > side / 2 ? 1.0f : 0.0f);
    }
    vks_status status = vkr_plan_write(run->plan, "pixels", pixels, count * sizeof *pixels);
    vkr_free(pixels);
    return status;
}

/* Marks can be read because the target's dump option is set; nothing is written to a folder, as the plan is run here and
 * not by a session. */
static vks_status run_open(const struct args *args, const char *options, vks_precision precision, struct run *run)
{
    struct args own = *args;
    own.options = options;
    own.model = args->word[1];
    own.precision = precision;
    VKS_TRY(dev_context(&own, &run->context));
    VKS_TRY(dev_model(&own, run->context, &run->model));
    snprintf(run->context->target.options.dump, sizeof run->context->target.options.dump, "marks");
    const struct stage_builder builder = { .build = build, .user = run };
    const struct stage_key key = { 0 };
    VKS_TRY(stage_compile(run->context, run->model->params, &builder, key, &run->plan));
    VKS_TRY(fill(run));
    return vkr_plan_run(run->plan, NULL);
}

struct difference { double error, scale; };

static vks_status compare(const struct run *a, const struct run *b, uint32_t index, struct difference *out)
{
    struct vkr_desc desc, other;
    vkr_plan_mark(a->plan, index, &desc);
    vkr_plan_mark(b->plan, index, &other);
    VKS_REQUIRE(vkr_same_shape(&desc, &other) && desc.dtype == VKR_F32 && other.dtype == VKR_F32, VKS_ERR_INTERNAL,
                "mark %u differs in shape or type between the two plans", index);
    size_t count = (size_t)vkr_numel(&desc), size = count * sizeof(float);
    float *values;
    VKS_TRY(vkr_alloc(2, size, "a tensor", (void **)&values));
    vks_status status = vkr_plan_mark_read(a->plan, index, values, size);
    if (status == VKS_OK)
        status = vkr_plan_mark_read(b->plan, index, values + count, size);
    *out = (struct difference){ 0 };
    for (size_t i = 0; status == VKS_OK && i < count; i++) {
        double error = fabs((double)values[i] - (double)values[count + i]), size_of = fabs((double)values[count + i]);
        if (!(error <= out->error))
            out->error = isnan(error) ? INFINITY : error;
        out->scale = size_of > out->scale ? size_of : out->scale;
    }
    vkr_free(values);
    return status;
}

/* Every variant that the two plans choose differently, once. */
static void print_variants(const struct run *a, const struct run *b)
{
    const struct run *runs[] = { a, b };
    static const char *const names[] = { "chosen", "base" };
    for (int r = 0; r < 2; r++) {
        struct vkr_profile_row row, earlier;
        printf("%s:", names[r]);
        for (uint32_t i = 0; vkr_plan_profile(runs[r]->plan, i, &row); i++) {
            bool seen = false;
            for (uint32_t k = 0; k < i && !seen && vkr_plan_profile(runs[r]->plan, k, &earlier); k++)
                seen = strcmp(earlier.shader, row.shader) == 0 && strcmp(earlier.variant, row.variant) == 0;
            if (!seen)
                printf(" %s.%s", row.shader, row.variant);
        }
        printf("\n");
    }
}

static vks_status compare_all(const struct run *a, const struct run *b, double tolerance)
{
    uint32_t count = vkr_plan_mark_count(a->plan), wrong = 0;
    char first[256] = "";
    VKS_REQUIRE(count == vkr_plan_mark_count(b->plan), VKS_ERR_INTERNAL, "the two plans have unequal marks");
    print_variants(a, b);
    for (uint32_t i = 0; i < count; i++) {
        struct difference d = { 0 };
        struct vkr_desc desc;
        const char *name = vkr_plan_mark(a->plan, i, &desc);
        VKS_TRY(compare(a, b, i, &d));
        bool good = d.error <= tolerance * d.scale;
        printf("%-60s %-20s  max %.3g of %.3g  %s\n", name, VKR_SHAPE(&desc), d.error, d.scale, good ? "ok" : "DIVERGES");
        if (!good && wrong++ == 0)
            snprintf(first, sizeof first, "%s", name);
    }
    VKS_REQUIRE(count > 0, VKS_ERR_CHECK, "this family marks no tensor");
    VKS_REQUIRE(wrong == 0, VKS_ERR_CHECK, "%u of %u tensors diverge, first %s", wrong, count, first);
    printf("%u tensors agree within %g of their maximum\n", count, tolerance);
    return VKS_OK;
}

vks_status check_nodes(const struct args *args)
{
    char base[1024], *end = NULL;
    double tolerance = args->tolerance ? strtod(args->tolerance, &end) : 0.02;
    VKS_REQUIRE(args->words == 2 && (!end || *end == '\0') && tolerance > 0, VKS_ERR_ARGUMENT,
                "expected: vksegdev check nodes MODEL [--tolerance X]");
    struct run chosen = { 0 }, reference = { 0 };
    snprintf(base, sizeof base, "%s%scaps=minimum", args->options ? args->options : "", args->options ? "," : "");
    vks_status status = run_open(args, args->options, args->precision, &chosen);
    if (status == VKS_OK)
        status = run_open(args, base, VKS_PRECISION_F32, &reference);
    if (status == VKS_OK)
        status = compare_all(&chosen, &reference, tolerance);
    run_close(&chosen);
    run_close(&reference);
    return status;
}

int cmd_check(const struct args *args)
{
    if (args->words > 0 && strcmp(args->word[0], "golden") == 0)
        return dev_finish(check_golden(args));
    if (args->words > 0 && strcmp(args->word[0], "nodes") == 0)
        return dev_finish(check_nodes(args));
    return dev_finish(vks_fail(VKS_ERR_ARGUMENT, "check what? golden or nodes"));
}
