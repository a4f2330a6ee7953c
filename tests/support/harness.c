/* harness.c: running operator cases on a real device. */
#include "support/harness.h"

#include "base/mem.h"
#include "graph/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local void (*harness_say)(const char *line);

static void VKR_PRINTF(1, 2) say(const char *format, ...)
{
    char line[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (harness_say)
        harness_say(line);
    else
        puts(line);
}

double harness_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(int32_t)(*state >> 32) / 2147483648.0;
}

/* One operand on the host: its bytes as the device gets them, and the same values in double. */
struct operand { void *bytes; double *values; };

struct bench {
    const struct op_case *test;
    struct operand in[VKR_MAX_INPUTS];
};

/* `half`: values that f16 holds, whatever the dtype, for kernels that round their operands. */
static struct operand make_operand(const struct op_operand *o, bool half, uint64_t *seed)
{
    size_t count = (size_t)vkr_numel(&o->desc), size = vkr_dtype_size(o->desc.dtype);
    if (o->desc.dtype == VKR_NONE)
        return (struct operand){ NULL, NULL };
    struct operand made = { calloc(count + 1, size), calloc(count + 1, sizeof(double)) };
    double scale = o->scale != 0 ? o->scale : 1;
    for (size_t i = 0; i < count; i++) {
        float value = (float)(harness_random(seed) * scale + (double)o->offset);
        if (half)
            value = vkr_f16_to_f32(vkr_f32_to_f16(value));
        if (o->desc.dtype == VKR_F16) {
            uint16_t bits = vkr_f32_to_f16(value);
            ((uint16_t *)made.bytes)[i] = bits;
            made.values[i] = vkr_f16_to_f32(bits);
        } else {
            ((float *)made.bytes)[i] = value;
            made.values[i] = value;
        }
    }
    return made;
}

static vks_status read_param(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct bench *bench = user;
    memcpy(dst, bench->in[name[2] - '0'].bytes, (size_t)vkr_bytes(desc));
    return VKS_OK;
}

static vks_status run_plan(struct vkr_device *device, struct vkr_graph *graph, struct bench *bench, void *result, size_t size)
{
    struct vkr_params_source source = { read_param, bench };
    struct vkr_params *params = NULL;
    struct vkr_plan *plan = NULL;
    vks_status status = vkr_params_create(device, &source, &params);
    if (status == VKS_OK)
        status = vkr_plan_create(device, graph, params, &plan);
    for (uint32_t i = 0; i < bench->test->count && status == VKS_OK; i++) {
        char name[8];
        snprintf(name, sizeof name, "in%u", i);
        if (bench->test->in[i].desc.dtype != VKR_NONE && !bench->test->in[i].param)
            status = vkr_plan_write(plan, name, bench->in[i].bytes, (size_t)vkr_bytes(&bench->test->in[i].desc));
    }
    if (status == VKS_OK)
        status = vkr_plan_run(plan, NULL);
    if (status == VKS_OK)
        status = vkr_plan_read(plan, "y", result, size);
    if (status == VKS_OK)
        status = vkr_plan_check_guards(plan);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
    return status;
}

static double element(enum vkr_dtype dtype, const void *result, size_t i)
{
    if (dtype == VKR_I32)
        return ((const int32_t *)result)[i];
    return dtype == VKR_F16 ? vkr_f16_to_f32(((const uint16_t *)result)[i]) : ((const float *)result)[i];
}

static enum harness_result compare(const struct op_suite *suite, const struct bench *bench, const struct vkr_desc *desc,
                                   bool half, const void *result, double *worst)
{
    size_t count = (size_t)vkr_numel(desc);
    const double *values[VKR_MAX_INPUTS] = { 0 };
    struct vkr_desc in[VKR_MAX_INPUTS] = { 0 };
    double *expected = calloc(count, sizeof *expected), largest = 0;
    for (uint32_t i = 0; i < bench->test->count; i++) {
        values[i] = bench->in[i].values;
        in[i] = bench->test->in[i].desc;
    }
    suite->reference(bench->test->params, in, values, bench->test->count, desc, expected);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    double k = bench->test->reduction ? bench->test->reduction : 1, c = suite->factor > 0 ? suite->factor : 4;
    double unit = desc->dtype == VKR_F16 ? 0x1p-11 : half && suite->coopmat_unit > 0 ? suite->coopmat_unit : 0x1p-24;
    double tolerance = desc->dtype == VKR_I32 ? 0 : c * unit * (4 + log2(k)) * (largest + 1e-30);
    enum harness_result outcome = HARNESS_PASSED;
    for (size_t i = 0; i < count; i++) {
        double got = element(desc->dtype, result, i);
        double error = fabs(got - expected[i]);
        if (worst && tolerance > 0)
            *worst = fmax(*worst, error / tolerance);
        if (!(error <= tolerance) && outcome == HARNESS_PASSED) {
            say("  element %zu of %s: got %.9g, expected %.9g, tolerance %.3g", i, VKR_SHAPE(desc), got, expected[i], tolerance);
            outcome = HARNESS_FAILED;
        }
    }
    free(expected);
    return outcome;
}

static struct vkr_tensor *build_case(struct vkr_graph *graph, const struct op_suite *suite, const struct op_case *test)
{
    struct vkr_tensor *in[VKR_MAX_INPUTS] = { 0 };
    for (uint32_t i = 0; i < test->count; i++) {
        char name[8];
        snprintf(name, sizeof name, "in%u", i);
        if (test->in[i].desc.dtype != VKR_NONE)
            in[i] = test->in[i].param ? vkr_graph_param(graph, name, test->in[i].desc) : vkr_graph_input(graph, name, test->in[i].desc);
    }
    struct vkr_tensor *y = suite->build(graph, test->params, in, test->count);
    vkr_graph_output(graph, y, "y");
    return y;
}

vks_status harness_build(const struct vkr_target *target, const struct op_suite *suite, const struct op_case *test,
                         struct vkr_graph **out)
{
    VKS_TRY(vkr_graph_create(target, out));
    build_case(*out, suite, test);
    vks_status status = vkr_graph_status(*out);
    if (status != VKS_OK)
        vkr_graph_destroy(out);
    return status;
}

static enum harness_result run_graph(struct vkr_device *device, const struct op_suite *suite, const struct op_case *test,
                                     bool half, struct vkr_graph *graph, double *worst)
{
    struct vkr_tensor *y = build_case(graph, suite, test);
    if (vkr_graph_status(graph) == VKS_ERR_UNSUPPORTED)
        return HARNESS_NOT_HERE;
    if (vkr_graph_status(graph) != VKS_OK) {
        say("  %s", vks_last_error());
        return HARNESS_FAILED;
    }
    struct bench bench = { .test = test };
    uint64_t seed = 1;
    for (uint32_t i = 0; i < test->count; i++)
        bench.in[i] = make_operand(&test->in[i], half, &seed);
    struct vkr_desc desc = y->desc;
    size_t size = (size_t)vkr_bytes(&desc);
    void *result = calloc(1, size);
    vks_status status = run_plan(device, graph, &bench, result, size);
    enum harness_result outcome = HARNESS_FAILED;
    if (status == VKS_OK)
        outcome = compare(suite, &bench, &desc, half, result, worst);
    else if (status == VKS_ERR_UNSUPPORTED)
        outcome = HARNESS_NOT_HERE;
    else
        say("  %s", vks_last_error());
    free(result);
    for (uint32_t i = 0; i < test->count; i++) {
        free(bench.in[i].bytes);
        free(bench.in[i].values);
    }
    return outcome;
}

enum harness_result harness_run(struct vkr_device *device, const struct op_suite *suite, const struct op_case *test,
                                const struct vkr_choice *choice, double *worst)
{
    struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    struct vkr_graph *graph;
    for (uint32_t i = 0; i < test->count; i++)
        if (test->in[i].desc.dtype == VKR_F16 && !(target.caps.bits & VKR_CAP_F16))
            return HARNESS_NOT_HERE;
    target.options.guard = 64;
    /* A node behind the call (a matmul of a convolution) is judged with it, so it must be as exact. */
    if (choice && !(choice->needs & VKR_CAP_COOPMAT))
        target.caps.bits &= ~(uint64_t)(VKR_CAP_COOPMAT | VKR_CAP_COOPMAT2);
    if (choice) {
        uint32_t at = target.options.force_count++;
        target.options.force_turn = (uint32_t)(test - suite->cases);    /* so that the cases together meet every cut */
        snprintf(target.options.force[at].shader, sizeof target.options.force[at].shader, "%s", suite->name);
        snprintf(target.options.force[at].variant, sizeof target.options.force[at].variant, "%s.%s", choice->shader, choice->variant);
    }
    if (vkr_graph_create(&target, &graph) != VKS_OK)
        return HARNESS_FAILED;
    enum harness_result outcome = run_graph(device, suite, test, choice && (choice->needs & VKR_CAP_COOPMAT), graph, worst);
    vkr_graph_destroy(&graph);
    return outcome;
}

enum harness_result harness_reject(const struct vkr_target *target, const struct op_suite *suite,
                                   const struct op_rejection *rejection)
{
    struct op_case test = { .name = rejection->name, .params = rejection->params, .count = rejection->count };
    struct vkr_graph *graph;
    for (uint32_t i = 0; i < rejection->count; i++)
        test.in[i].desc = rejection->in[i];
    if (vkr_graph_create(target, &graph) != VKS_OK)
        return HARNESS_FAILED;
    build_case(graph, suite, &test);
    bool refused = vkr_graph_status(graph) != VKS_OK;
    bool said = refused && strstr(vks_last_error(), rejection->word);
    if (!said)
        say("  %s: %s", rejection->name, refused ? vks_last_error() : "was not refused");
    vkr_graph_destroy(&graph);
    return said ? HARNESS_PASSED : HARNESS_FAILED;
}
