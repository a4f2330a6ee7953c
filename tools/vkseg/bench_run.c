/* bench_run.c: one cold run, the warm runs, one profiled run; every output is compared with the golden. */
#include "bench.h"

#include "interrupt.h"
#include "message.h"
#include "vkseg/vkseg_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A profile shorter than this is made twice, and the first one not looked at. */
enum { WIDTH = 1024, HEIGHT = 768, WARM_UP_MS = 3000, EXAMPLES = 16 };

const char *bench_row_name(int row)
{
    if (row == BENCH_READ)
        return "read image";
    return row == BENCH_TOTAL ? "total" : vks_stage_name((vks_stage)(row - BENCH_STAGES));
}

/* ---- clocks --------------------------------------------------------------------------------------------------- */

static double cpu_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

struct bench_time bench_start(void)
{
    return (struct bench_time){ milliseconds(), cpu_milliseconds(), 0 };
}

struct bench_time bench_since(struct bench_time began)
{
    return (struct bench_time){ milliseconds() - began.wall, cpu_milliseconds() - began.cpu, 0 };
}

/* ---- the image ------------------------------------------------------------------------------------------------ */

/* Soft blobs and texture in every channel, the same on every machine: whole numbers only. */
static void paint(uint8_t *rgb)
{
    static const int blobs[][4] = {
        { 500, 380, 190, 120 }, { 260, 240, 90, 70 }, { 760, 560, 130, 90 }, { 820, 180, 60, 60 }
    };
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int value = (x * 3 + y * 5) / 64 + ((x / 8 + y / 8) % 2) * 12;
            for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++) {
                int dx = (x - blobs[i][0]) * 256 / blobs[i][2], dy = (y - blobs[i][1]) * 256 / blobs[i][3];
                int inside = 65536 - dx * dx - dy * dy;
                value += inside > 0 ? inside / 512 : 0;
            }
            for (int c = 0; c < 3; c++) {
                uint32_t noise = ((uint32_t)(x * 73 + y * 151 + c * 29) * 2654435761u) >> 28;
                int shade = value + (int)noise + c * ((x + y) % 41) / 2;
                rgb[3 * (y * WIDTH + x) + c] = (uint8_t)(shade > 255 ? 255 : shade);
            }
        }
    }
}

/* Writes the image as PNG to a temporary file, so that reading it is measured too. */
static int write_image(char path[512])
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, 512, "%s/vkseg-bench-XXXXXX.png", folder && *folder ? folder : "/tmp");
    int file = mkstemps(path, 4);
    uint8_t *rgb = file >= 0 ? malloc((size_t)3 * WIDTH * HEIGHT) : NULL;
    if (file >= 0)
        close(file);
    if (!rgb) {
        fail(file < 0 ? OUTPUT_REFUSED : NO_MEMORY, "Name a writable folder in $TMPDIR.", "%s cannot be written.",
             path);
        path[0] = '\0';
        return file < 0 ? OUTPUT_REFUSED : NO_MEMORY;
    }
    paint(rgb);
    const vks_image image = { .pixels = rgb, .width = WIDTH, .height = HEIGHT, .channels = 3 };
    vks_status status = vks_io_write_image(path, &image, 1);
    free(rgb);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static int is_automatic(const struct bench *bench)
{
    return (bench->run.info.accepts & VKS_ACCEPTS_VOLUME) != 0;
}

/* ---- one run -------------------------------------------------------------------------------------------------- */

/* One box an object, or a point for families without boxes, or nothing at all. The first object is that of the golden.
 */
static size_t make_prompts(const struct bench *bench, vks_prompt *prompts)
{
    uint32_t accepts = bench->run.info.accepts;
    if (!(accepts & (VKS_ACCEPTS_BOX | VKS_ACCEPTS_POINT)))
        return 0;
    for (size_t i = 0; i < bench->prompts; i++) {
        float shift = (float)(i % 16) * 8;
        prompts[i] = (vks_prompt){ .kind = accepts & VKS_ACCEPTS_BOX ? VKS_PROMPT_BOX : VKS_PROMPT_POINT,
                                   .object = (uint32_t)i,
                                   .x0 = 310 + shift,
                                   .y0 = 260 + shift,
                                   .x1 = 690 + shift,
                                   .y1 = 500 + shift,
                                   .label = 1 };
    }
    return bench->prompts;
}

int bench_check(struct bench *bench, const struct golden *got)
{
    if (bench->write_golden) {
        bench->golden = *got;
        return 0;
    }
    struct verdict verdict = golden_compare(&bench->golden, got);
    bench->verdict.tolerance = verdict.tolerance;
    bench->verdict.embedding = fmax(bench->verdict.embedding, verdict.embedding);
    bench->verdict.logits = fmax(bench->verdict.logits, verdict.logits);
    bench->verdict.iou = fmax(bench->verdict.iou, verdict.iou);
    bench->verdict.passed = verdict.passed;
    if (verdict.passed)
        return 0;
    return fail(
        CHECK_FAILED, "Search the fault with `vksegdev check nodes MODEL`; `--precision f32` and `-d cpu` are safest.",
        "the output is wrong, so no time is shown: %s off by %.3g of %s size, logits by %.3g, %s by %.3g; at most %.3g "
        "is allowed.",
        bench->depth ? "labels" : "embedding", verdict.embedding, bench->depth ? "their" : "its", verdict.logits,
        bench->depth ? "their share" : "predicted IoU", verdict.iou, verdict.tolerance);
}

static int compare(struct bench *bench, const vks_masks *masks)
{
    vks_embedding *embedding = NULL;
    struct golden got;
    vks_status status = vks_session_get_embedding(bench->run.session, &embedding);
    if (status)
        return fail_status(status, STAGE_RUN, NULL);
    golden_of(embedding, masks, vks_model_precision(bench->run.model), &got);
    vks_embedding_free(&embedding);
    return bench_check(bench, &got);
}

static void collect(const struct bench *bench, struct bench_time read, struct bench_time total, struct bench_time *out)
{
    out[BENCH_READ] = read;
    for (int i = 0; i < VKS_STAGE_COUNT; i++) {
        vks_stage_time time = { 0 };
        vks_session_stage(bench->run.session, (vks_stage)i, &time);
        out[BENCH_STAGES + i] = (struct bench_time){ time.wall_ms, time.cpu_ms, time.gpu_ms };
        total.gpu += time.gpu_ms;
    }
    out[BENCH_TOTAL] = total;
}

/* From file to masks; then, outside the clock, the comparison. */
static int run_once(struct bench *bench, const char *path, const vks_prompt *prompts, size_t count,
                    struct bench_time *out)
{
    if (is_automatic(bench))
        return bench_volume_run(bench, path, 0, out);
    vks_io_image image = { .owned = NULL };
    vks_masks *masks = NULL;
    struct bench_time began = bench_start();
    vks_status status = vks_io_read_image(path, &image);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    struct bench_time read = bench_since(began);
    status = vks_session_set_image(bench->run.session, &image.view);
    if (status == VKS_OK)
        status = vks_session_predict(bench->run.session, prompts, count, 0, &masks);
    struct bench_time total = bench_since(began);
    bench->width = image.view.width;
    bench->height = image.view.height;
    vks_io_image_free(&image);
    int code = interrupt_code() ? interrupt_report()
               : status         ? fail_status(status, STAGE_RUN, NULL)
                                : compare(bench, masks);
    vks_masks_free(&masks);
    if (!code)
        collect(bench, read, total, out);
    return code;
}

/* ---- kernels -------------------------------------------------------------------------------------------------- */

static const char *kind_of(const char *shader)
{
    static const struct {
        const char *prefix, *kind;
    } kinds[] = { { "matmul", "matmul" },     { "attention", "attention" }, { "conv", "convolution" },
                  { "layer_norm", "norm" },   { "group_norm", "norm" },     { "softmax", "norm" },
                  { "unary", "elementwise" }, { "binary", "elementwise" } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(shader, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    return "data movement";
}

/* The least time the device could need: arithmetic at its best rate or bytes at theirs, whichever is longer. */
static double bound_of(const vks_rates *rates, const vks_kernel *kernel)
{
    int is_matrix = strstr(kernel->shader, "coop") || strstr(kernel->variant, "coop");
    double arithmetic = is_matrix && rates->matrix_gflops > 0 ? rates->matrix_gflops : rates->f32_gflops;
    double memory = fmax(rates->read_gbs, rates->copy_gbs);
    return fmax(arithmetic > 0 ? kernel->flops / arithmetic : 0, memory > 0 ? kernel->bytes / memory : 0) * 1e-6;
}

void bench_add_kernel(struct bench *bench, int stage, const vks_kernel *kernel)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", kernel->shader, kernel->variant);
    size_t i = 0;
    while (i < bench->kernel_count && (bench->kernels[i].stage != stage || strcmp(bench->kernels[i].name, name) != 0))
        i++;
    if (i == BENCH_KERNELS)
        return;
    struct bench_kernel *row = &bench->kernels[i];
    if (i == bench->kernel_count) {
        bench->kernel_count++;
        *row = (struct bench_kernel){ .stage = stage };
        snprintf(row->kind, sizeof row->kind, "%s", kind_of(kernel->shader));
        snprintf(row->name, sizeof row->name, "%s", name);
    }
    row->count++;
    row->ms += kernel->ms;
    row->bound_ms += bound_of(&bench->rates, kernel);
    row->flops += kernel->flops;
    row->bytes += kernel->bytes;
}

/* No session keeps memory between the runs of an automatic model: what is left then are the weights. */
static vks_status measure_memory(struct bench *bench)
{
    vks_memory *memory = &bench->memory;
    if (!is_automatic(bench))
        return vks_session_memory(bench->run.session, memory);
    vks_status status = vks_context_memory(bench->run.context, &memory->now, &memory->peak);
    memory->weights = memory->now;
    memory->activations = memory->peak - memory->now;
    return status;
}

static int profile_volume(struct bench *bench, const char *path)
{
    struct bench_time ignored[BENCH_ROWS];
    vks_status status = vks_context_measure(bench->run.context, &bench->rates);
    return status ? fail_status(status, STAGE_RUN, NULL) : bench_volume_run(bench, path, 1, ignored);
}

/* Measures the rates next to the profile, since both change with whatever else the machine does. */
static int profile(struct bench *bench, const char *path, const vks_prompt *prompts, size_t count)
{
    struct bench_time ignored[BENCH_ROWS];
    vks_kernel kernel;
    vks_status status = measure_memory(bench);
    if (status == VKS_OK && is_automatic(bench))
        return profile_volume(bench, path);
    if (status == VKS_OK)
        status = vks_context_measure(bench->run.context, &bench->rates);
    if (status == VKS_OK)
        status = vks_session_set_profile(bench->run.session, 1);
    if (status)
        return fail_status(status, STAGE_RUN, NULL);
    int code = run_once(bench, path, prompts, count, ignored);
    if (!code && ignored[BENCH_TOTAL].wall < WARM_UP_MS)
        code = run_once(bench, path, prompts, count, ignored);
    for (int stage = VKS_STAGE_ENCODE; !code && stage <= VKS_STAGE_DECODE; stage += VKS_STAGE_DECODE - VKS_STAGE_ENCODE)
        for (size_t i = 0; vks_session_kernel(bench->run.session, (vks_stage)stage, i, &kernel) == VKS_OK; i++)
            bench_add_kernel(bench, stage, &kernel);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static uint64_t peak_resident(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
#if defined(__APPLE__)
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

static int measure(struct bench *bench, const char *path, const vks_prompt *prompts, size_t count)
{
    int code = run_once(bench, path, prompts, count, bench->cold);
    if (code || bench->write_golden)
        return code;
    if (!bench->repeats)
        bench->repeats = strcmp(bench->run.device.device_class, "cpu") == 0 ? 3 : 20;
    bench->warm = calloc(bench->repeats * BENCH_ROWS, sizeof *bench->warm);
    if (!bench->warm)
        return fail(NO_MEMORY, NULL, "no memory for the times of %zu runs.", bench->repeats);
    for (size_t i = 0; !code && i < bench->repeats; i++) {
        if (bench->settings.verbosity)
            note("run %zu of %zu", i + 1, bench->repeats);
        code = run_once(bench, path, prompts, count, bench->warm + i * BENCH_ROWS);
    }
    bench->resident = peak_resident();
    return code ? code : profile(bench, path, prompts, count);
}

/* For families that are shown what to segment: the picture itself, and what is bright in its red channel. */
static int show_examples(struct bench *bench)
{
    vks_example examples[EXAMPLES];
    uint8_t *rgb = malloc((size_t)4 * WIDTH * HEIGHT), *mask = rgb + (size_t)3 * WIDTH * HEIGHT;
    if (!rgb)
        return fail(NO_MEMORY, NULL, "no memory for the examples.");
    paint(rgb);
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
        mask[i] = rgb[3 * i] > 128;
    for (size_t i = 0; i < EXAMPLES; i++)
        examples[i] =
            (vks_example){ { .pixels = rgb, .width = WIDTH, .height = HEIGHT - (uint32_t)i, .channels = 3 },
                           { .pixels = mask, .width = WIDTH, .height = HEIGHT - (uint32_t)i, .channels = 1 } };
    vks_status status = vks_session_set_support(bench->run.session, examples, EXAMPLES);
    free(rgb);
    return status ? fail_status(status, STAGE_RUN, NULL) : 0;
}

/* Nothing is drawn; the callback is how a signal ends a run. */
static int open_session(struct bench *bench)
{
    const vks_session_params params = { .struct_size = sizeof params, .progress = progress_update };
    progress_begin(PROGRESS_NONE, 1);
    if (is_automatic(bench))
        return 0;
    vks_status status = vks_session_create(bench->run.model, &params, &bench->run.session);
    if (status)
        return fail_status(status, STAGE_RUN, NULL);
    return bench->run.info.accepts & VKS_ACCEPTS_SUPPORT ? show_examples(bench) : 0;
}

int bench_run(struct bench *bench)
{
    char path[512] = "";
    vks_prompt *prompts = calloc(bench->prompts, sizeof *prompts);
    int code = !prompts              ? fail(NO_MEMORY, NULL, "no memory for %zu prompts.", bench->prompts)
               : is_automatic(bench) ? bench_volume_write(path)
                                     : write_image(path);
    if (!code)
        code = run_open(&bench->settings, &bench->run);
    if (!code)
        code = open_session(bench);
    if (!code)
        code = measure(bench, path, prompts, make_prompts(bench, prompts));
    if (*path)
        unlink(path);
    free(prompts);
    return code;
}

void bench_free(struct bench *bench)
{
    run_close(&bench->run);
    free(bench->warm);
    bench->warm = NULL;
}
