/* bench_show.c: what was measured, as a table for people. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- statistics ----------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Between the two nearest values. */
static double quantile(const double *sorted, size_t count, double at)
{
    double place = at * (double)(count - 1);
    size_t low = (size_t)place, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (sorted[high] - sorted[low]) * (place - (double)low);
}

struct summary bench_summary(const struct bench *bench, int row, int field)
{
    double *values = bench->repeats ? calloc(bench->repeats, sizeof *values) : NULL;
    if (!values)
        return (struct summary){ 0, 0, 0 };
    for (size_t i = 0; i < bench->repeats; i++) {
        const struct bench_time *time = &bench->warm[i * BENCH_ROWS + (size_t)row];
        values[i] = field == 0 ? time->wall : field == 1 ? time->cpu : time->gpu;
    }
    qsort(values, bench->repeats, sizeof *values, by_size);
    struct summary summary = { quantile(values, bench->repeats, 0.5), quantile(values, bench->repeats, 0.05),
                               quantile(values, bench->repeats, 0.95) };
    free(values);
    return summary;
}

/* ---- table ---------------------------------------------------------------------------------------------------- */

static double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

static void print_heading(const struct bench *bench)
{
    const struct run *run = &bench->run;
    int is_volume = bench->depth > 0;
    printf("model      %s (%s %s), %s weights, %.1f GMAC ", bench->settings.model, run->info.family, run->info.variant,
           precision_name(vks_model_precision(run->model)), run->info.encoder_gmac);
    if (is_volume)
        printf("a volume of %u a side\n", run->info.image_size);
    else
        printf("an image, %.2f a prompt\n", run->info.decoder_gmac);
    printf("device     %s, %s, class %s\n", run->device.name, run->device.driver, run->device.device_class);
    if (is_volume)
        printf("volume     %u x %u x %u NIfTI, as it lies\n", bench->width, bench->height, bench->depth);
    else
        printf("image      %u x %u PNG, %zu object%s\n", bench->width, bench->height, bench->prompts,
               bench->prompts == 1 ? "" : "s");
    printf("output     right: %s off by %.1e of %s size, logits by %.1e, %s by %.1e\n",
           is_volume ? "labels" : "embedding", bench->verdict.embedding, is_volume ? "their" : "its",
           bench->verdict.logits, is_volume ? "their share" : "IoU", bench->verdict.iou);
    printf("           (golden %s; at most %g)\n", bench->golden_name, bench->verdict.tolerance);
}

static void print_times(const struct bench *bench)
{
    printf("\n%-12s %10s   %-32s %10s %10s\n", "", "cold", "warm, wall", "warm, CPU", "warm, GPU");
    printf("%-12s %10s   %10s %10s %10s %10s %10s   ms, n = %zu\n", "", "wall", "median", "p05", "p95", "median",
           "median", bench->repeats);
    printf("%-12s %10.2f\n%-12s %10.2f\n", "open device", bench->run.device_ms, "open model",
           bench->run.load_ms - bench->run.device_ms);
    for (int row = 0; row < BENCH_ROWS; row++) {
        struct summary wall = bench_summary(bench, row, 0), cpu = bench_summary(bench, row, 1),
                       gpu = bench_summary(bench, row, 2);
        printf("%-12s %10.2f   %10.2f %10.2f %10.2f %10.2f ", bench_row_name(row), bench->cold[row].wall, wall.median,
               wall.p05, wall.p95, cpu.median);
        if (gpu.median > 0)
            printf("%10.2f", gpu.median);
        putchar('\n');
    }
    printf("%-12s %10.2f   from nothing to the first mask\n", "cold in all",
           bench->run.load_ms + bench->cold[BENCH_TOTAL].wall);
}

static void print_memory(const struct bench *bench)
{
    printf("\nmemory     weights %.1f MiB, activations %.1f MiB, features %.1f MiB; device peak %.1f MiB\n",
           mebibytes(bench->memory.weights), mebibytes(bench->memory.activations), mebibytes(bench->memory.features),
           mebibytes(bench->memory.peak));
    if (bench->resident)
        printf("           peak resident memory of this process %.1f MiB\n", mebibytes(bench->resident));
    printf(
        "best rates f32 %.1f GFLOP/s, f16 %.1f, cooperative matrix %.1f; read %.1f GB/s, copy %.1f GB/s (measured)\n",
        bench->rates.f32_gflops, bench->rates.f16_gflops, bench->rates.matrix_gflops, bench->rates.read_gbs,
        bench->rates.copy_gbs);
}

static double rate(double amount, double ms)
{
    return ms > 0 ? amount / ms * 1e-6 : 0;
}

static void print_row(const char *name, const char *stage, const struct bench_kernel *sum)
{
    printf("%-28s %-7s %6zu %10.2f %10.1f %8.2f ", name, stage, sum->count, sum->ms, rate(sum->flops, sum->ms),
           rate(sum->bytes, sum->ms));
    if (sum->ms > 0)
        printf("%7.0f %%\n", 100 * sum->bound_ms / sum->ms);
    else
        printf("%9s\n", "-");
}

static void add(struct bench_kernel *sum, const struct bench_kernel *part)
{
    sum->count += part->count;
    sum->ms += part->ms;
    sum->bound_ms += part->bound_ms;
    sum->flops += part->flops;
    sum->bytes += part->bytes;
}

static void print_kinds(const struct bench *bench, int stage)
{
    static const char *const kinds[] = { "matmul", "attention", "convolution", "norm", "elementwise", "data movement" };
    struct bench_kernel all = { .count = 0 };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct bench_kernel sum = { .count = 0 };
        for (size_t i = 0; i < bench->kernel_count; i++)
            if (strcmp(bench->kernels[i].kind, kinds[k]) == 0 && bench->kernels[i].stage == stage)
                add(&sum, &bench->kernels[i]);
        if (sum.count)
            print_row(kinds[k], vks_stage_name((vks_stage)stage), &sum);
        add(&all, &sum);
    }
    print_row("all", vks_stage_name((vks_stage)stage), &all);
}

/* Where the device had a choice: what was taken, and why. */
static void print_choices(const struct bench *bench)
{
    vks_choice choice;
    for (size_t i = 0; vks_context_choice(bench->run.context, i, &choice) == VKS_OK; i++) {
        if (i == 0)
            printf("\n%-40s %-32s %-7s %9s\n", "choices", "kernel", "by", "ms");
        printf("%-40s %-32s %-7s ", choice.call, choice.kernel, choice.reason);
        if (choice.ms > 0)
            printf("%9.3f\n", choice.ms);
        else
            printf("%9s\n", "-");
    }
}

void bench_print(const struct bench *bench, int by_stage)
{
    print_heading(bench);
    print_times(bench);
    print_memory(bench);
    printf("\n%-28s %-7s %6s %10s %10s %8s %9s\n", "kernels", "stage", "count", "GPU ms", "GFLOP/s", "GB/s",
           "of bound");
    print_kinds(bench, VKS_STAGE_ENCODE);
    print_kinds(bench, VKS_STAGE_DECODE);
    if (!by_stage) {
        printf("--stage names the kernels that were chosen.\n");
        return;
    }
    putchar('\n');
    for (size_t i = 0; i < bench->kernel_count; i++)
        print_row(bench->kernels[i].name, vks_stage_name((vks_stage)bench->kernels[i].stage), &bench->kernels[i]);
    print_choices(bench);
}
