/* bench.h: what the parts of `vkseg bench` share. Times are milliseconds.
 *
 * Nothing that was measured is shown before the output has been compared with the golden: bench_run fails otherwise.
 */
#ifndef VKSEG_CLI_BENCH_H
#define VKSEG_CLI_BENCH_H

#include "run.h"
#include "vkseg/vkseg_measure.h"
#include "vkseg/vkseg_volume.h"

#include <jansson.h>

/* Rows of the table: reading the image file, the library's stages, their sum. */
enum { BENCH_READ = 0, BENCH_STAGES = 1, BENCH_TOTAL = BENCH_STAGES + VKS_STAGE_COUNT, BENCH_ROWS };

/* "read image", "preprocess", ..., "total". */
const char *bench_row_name(int row);

/* ---- golden (bench_golden.c) ---- */

enum { GOLDEN_SAMPLES = 64, GOLDEN_PARTS = 16 };

/* A tensor in few numbers: elements at pseudo-random places, and the root mean square of each sixteenth of it. */
struct digest {
    double samples[GOLDEN_SAMPLES], parts[GOLDEN_PARTS];
};

struct golden {
    struct digest embedding, logits;
    double iou;
    vks_precision precision; /* of the run that made it */
};

/* How far an output is from its golden, as fractions of the golden's root mean square; `passed` by the tolerance. */
struct verdict {
    double embedding, logits, iou, tolerance;
    int passed;
};

void golden_of(const vks_embedding *embedding, const vks_masks *masks, vks_precision precision, struct golden *out);

/* Of automatic models: `embedding` tells of the labels (the share of each, and the root mean square of each sixteenth),
 * `logits` of those of the planes that were kept, `iou` the share of voxels that are labelled. */
void golden_of_labels(const vks_labels *labels, vks_precision precision, struct golden *out);
struct verdict golden_compare(const struct golden *wanted, const struct golden *got);

/* The golden that is built in for a model's name ("synthetic:sam_vit_b", with or without its own seed). Returns 0 and
 * fills `out`, or non-zero when there is none. */
int golden_built_in(const char *model, struct golden *out);

/* A file as --write-golden makes it. Return 0 or an exit code. */
int golden_read(const char *path, struct golden *out);
int golden_write(const char *path, const char *model, const struct golden *golden, int may_overwrite);

/* ---- measuring (bench_run.c) ---- */

/* One row of one run. */
struct bench_time {
    double wall, cpu, gpu;
};

struct bench_kernel {
    char kind[24], name[64]; /* class; shader.variant */
    int stage;               /* VKS_STAGE_ENCODE or VKS_STAGE_DECODE */
    size_t count;
    double ms, bound_ms, flops, bytes; /* sums; bound_ms: at the device's best rates */
};

enum { BENCH_KERNELS = 128 };

struct bench {
    struct settings settings;
    struct run run;
    size_t repeats, prompts; /* 0 repeats: by the kind of device */
    const char *golden_path, *write_golden;
    struct golden golden;
    const char *golden_name; /* "built-in", or the base name of a file */
    struct verdict verdict;  /* the worst over all runs */
    struct bench_time cold[BENCH_ROWS];
    struct bench_time *warm; /* [repeats][BENCH_ROWS] */
    vks_rates rates;
    vks_memory memory;
    uint64_t resident; /* peak bytes of this process */
    struct bench_kernel kernels[BENCH_KERNELS];
    size_t kernel_count;
    uint32_t width, height; /* of the image */
    uint32_t depth;         /* of the volume; 0: an image was measured */
};

/* Fills what is to be measured. Returns 0, or an exit code: CHECK_FAILED when an output is wrong. */
int bench_run(struct bench *bench);
void bench_free(struct bench *bench);

/* The wall clock and the CPU time of all threads, and what has passed since. */
struct bench_time bench_start(void);
struct bench_time bench_since(struct bench_time began);

/* Keeps `got` when a golden is to be written; else compares. Returns 0 or CHECK_FAILED, which it has reported. */
int bench_check(struct bench *bench, const struct golden *got);
void bench_add_kernel(struct bench *bench, int stage, const vks_kernel *kernel);

/* Of automatic models (bench_volume.c): a volume as a temporary file (its name is "" if there is none); a run on it. */
int bench_volume_write(char path[512]);
int bench_volume_run(struct bench *bench, const char *path, int is_profiled, struct bench_time *out);

/* ---- showing (bench_show.c, bench_json.c, bench_compare.c) ---- */

struct summary {
    double median, p05, p95;
};

/* Of one row over the warm runs; `field` 0 wall, 1 CPU, 2 device. */
struct summary bench_summary(const struct bench *bench, int row, int field);

void bench_print(const struct bench *bench, int by_stage);
json_t *bench_document(const struct bench *bench);

/* Prints what two documents differ in. Returns 0 or an exit code. */
int bench_compare(const char *first, const char *second, int is_json);

#endif
