/* bench_json.c: what was measured, as the document that tools/bench.md describes. */
#include "bench.h"

#include "message.h"
#include "report.h"

#include <math.h>
#include <string.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *describe_time(struct bench_time time)
{
    return json_pack("{s:o, s:o, s:o}", "wall_ms", number(time.wall), "cpu_ms", number(time.cpu), "gpu_ms",
                     number(time.gpu));
}

static json_t *describe_summary(struct summary summary)
{
    return json_pack("{s:o, s:o, s:o}", "median", number(summary.median), "p05", number(summary.p05), "p95",
                     number(summary.p95));
}

static json_t *describe_cold(const struct bench *bench)
{
    json_t *stages = json_object();
    for (int row = 0; row < BENCH_ROWS; row++)
        json_object_set_new(stages, bench_row_name(row), describe_time(bench->cold[row]));
    return json_pack("{s:o, s:o, s:o, s:o}", "open_device_ms", number(bench->run.device_ms), "open_model_ms",
                     number(bench->run.load_ms - bench->run.device_ms), "stages", stages, "first_mask_ms",
                     number(bench->run.load_ms + bench->cold[BENCH_TOTAL].wall));
}

static json_t *describe_warm(const struct bench *bench)
{
    json_t *stages = json_object();
    for (int row = 0; row < BENCH_ROWS; row++)
        json_object_set_new(stages, bench_row_name(row),
                            json_pack("{s:o, s:o, s:o}", "wall_ms", describe_summary(bench_summary(bench, row, 0)),
                                      "cpu_ms", describe_summary(bench_summary(bench, row, 1)), "gpu_ms",
                                      describe_summary(bench_summary(bench, row, 2))));
    return json_pack("{s:I, s:o}", "runs", (json_int_t)bench->repeats, "stages", stages);
}

static json_t *describe_kernels(const struct bench *bench)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bench->kernel_count; i++) {
        const struct bench_kernel *kernel = &bench->kernels[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "kernel", kernel->name, "class",
                                        kernel->kind, "stage", vks_stage_name((vks_stage)kernel->stage), "count",
                                        (json_int_t)kernel->count, "gpu_ms", number(kernel->ms), "gflop",
                                        number(kernel->flops * 1e-9), "gbyte", number(kernel->bytes * 1e-9), "of_bound",
                                        kernel->ms > 0 ? number(kernel->bound_ms / kernel->ms) : json_null()));
    }
    return list;
}

static json_t *describe_check(const struct bench *bench)
{
    const struct verdict *verdict = &bench->verdict;
    return json_pack("{s:b, s:s, s:o, s:o, s:o, s:o}", "passed", verdict->passed, "golden", bench->golden_name,
                     "embedding", number(verdict->embedding), "logits", number(verdict->logits), "iou",
                     number(verdict->iou), "tolerance", number(verdict->tolerance));
}

static json_t *describe_memory(const struct bench *bench)
{
    const vks_memory *memory = &bench->memory;
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "weights", (json_int_t)memory->weights, "activations",
                     (json_int_t)memory->activations, "features", (json_int_t)memory->features, "device_peak",
                     (json_int_t)memory->peak, "resident_peak", (json_int_t)bench->resident);
}

static json_t *describe_rates(const vks_rates *rates)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "f32_gflops", number(rates->f32_gflops), "f16_gflops",
                     number(rates->f16_gflops), "matrix_gflops", number(rates->matrix_gflops), "read_gbs",
                     number(rates->read_gbs), "copy_gbs", number(rates->copy_gbs));
}

static json_t *describe_choices(const struct bench *bench)
{
    json_t *list = json_array();
    vks_choice choice;
    for (size_t i = 0; vks_context_choice(bench->run.context, i, &choice) == VKS_OK; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:o}", "call", choice.call, "kernel", choice.kernel,
                                              "by", choice.reason, "candidates", (json_int_t)choice.candidates, "ms",
                                              choice.ms > 0 ? number(choice.ms) : json_null()));
    return list;
}

static json_t *describe_input(const struct bench *bench)
{
    json_t *input = json_pack("{s:I, s:I, s:s}", "width", (json_int_t)bench->width, "height", (json_int_t)bench->height,
                              "format", bench->depth ? "nifti" : "png");
    if (bench->depth)
        json_object_set_new(input, "depth", json_integer((json_int_t)bench->depth));
    return input;
}

json_t *bench_document(const struct bench *bench)
{
    json_t *model = describe_model(&bench->run.info);
    json_object_set_new(model, "name", json_string(base_name(bench->settings.model)));
    return json_pack("{s:s, s:i, s:s, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                     "vkseg.bench", "schema_version", 1, "version", vks_version(), "model", model, "precision",
                     precision_name(vks_model_precision(bench->run.model)), "device",
                     describe_device(&bench->run.device), "image", describe_input(bench), "objects",
                     (json_int_t)(bench->depth ? 0 : bench->prompts), "check", describe_check(bench), "cold",
                     describe_cold(bench), "warm", describe_warm(bench), "memory", describe_memory(bench), "rates",
                     describe_rates(&bench->rates), "kernels", describe_kernels(bench), "choices",
                     describe_choices(bench));
}
