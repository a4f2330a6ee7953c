/* bench_volume.c: what is measured of automatic models: from a NIfTI file to a label for every voxel. Its stages are
 * told in the words of images: preprocess prepares and plans, encode is the network, finish what comes behind. */
#include "bench.h"

#include "interrupt.h"
#include "message.h"
#include "vkseg/vkseg_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* About a head of 1 mm, cut close. */
enum { ACROSS = 128, ALONG = 160, HIGH = 128, VOXELS = ACROSS * ALONG * HIGH, PLANES = 3 };

/* Nested soft balls and noise, the same on every machine: whole numbers only. */
static void paint(uint8_t *voxels)
{
    static const int balls[][4] = { { 64, 80, 64, 60 }, { 48, 92, 68, 28 }, { 84, 66, 56, 18 }, { 68, 50, 80, 12 } };
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < ALONG; j++)
            for (int i = 0; i < ACROSS; i++) {
                int value = (int)(((uint32_t)(i * 73 + j * 151 + k * 199) * 2654435761u) >> 28);
                for (size_t b = 0; b < sizeof balls / sizeof *balls; b++) {
                    int x = i - balls[b][0], y = j - balls[b][1], z = k - balls[b][2], r = balls[b][3];
                    int inside = r * r - (x * x + y * y + z * z);
                    value += inside > 0 ? 20 + 40 * inside / (r * r) : 0;
                }
                voxels[((size_t)k * ALONG + (size_t)j) * ACROSS + (size_t)i] = (uint8_t)value;
            }
}

int bench_volume_write(char path[512])
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, 512, "%s/vkseg-bench-XXXXXX.nii", folder && *folder ? folder : "/tmp");
    int file = mkstemps(path, 4);
    if (file < 0) {
        fail(OUTPUT_REFUSED, "Name a writable folder in $TMPDIR.", "%s cannot be written.", path);
        path[0] = '\0';
        return OUTPUT_REFUSED;
    }
    close(file);
    uint8_t *voxels = malloc(VOXELS);
    if (!voxels)
        return fail(NO_MEMORY, NULL, "no memory for a volume.");
    paint(voxels);
    vks_io_volume place = { .view = { .voxels = voxels,
                                      .type = VKS_PIXEL_U8,
                                      .size = { ACROSS, ALONG, HIGH },
                                      .channels = 1,
                                      .affine = { { -1, 0, 0, 64 }, { 0, 1, 0, -80 }, { 0, 0, 1, -64 } } } };
    vks_volume_set_spacing(&place.view);
    const vks_label_map map = { .voxels = voxels, .type = VKS_PIXEL_U8, .size = { ACROSS, ALONG, HIGH } };
    vks_status status = vks_io_write_labels(path, &map, &place, 1);
    free(voxels);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static void take_kernel(void *user, const vks_kernel *kernel)
{
    bench_add_kernel(user, VKS_STAGE_ENCODE, kernel);
}

/* Voxels as they lie: what the network does is measured, not the way into its grid. */
static vks_status label(struct bench *bench, const vks_volume *volume, int is_profiled, vks_labels **labels)
{
    static const uint32_t planes[PLANES] = { HIGH / 4, HIGH / 2, HIGH * 3 / 4 };
    const vks_label_params params = { .struct_size = sizeof params,
                                      .as_stored = 1,
                                      .logit_planes = planes,
                                      .logit_plane_count = PLANES,
                                      .progress = progress_update,
                                      .user = bench,
                                      .kernel = is_profiled ? take_kernel : NULL };
    return vks_model_label(bench->run.model, volume, &params, labels);
}

static int check(struct bench *bench, const vks_labels *labels)
{
    struct golden got;
    bench->width = labels->size[0];
    bench->height = labels->size[1];
    bench->depth = labels->size[2];
    golden_of_labels(labels, vks_model_precision(bench->run.model), &got);
    return bench_check(bench, &got);
}

/* What is left of the total behind the network stands under finish. */
static void collect(const vks_labels *labels, struct bench_time read, struct bench_time total, struct bench_time *out)
{
    const struct bench_time prepare = { labels->prepare_ms, labels->prepare_cpu_ms, 0 },
                            run = { labels->run_ms, labels->run_cpu_ms, labels->gpu_ms };
    memset(out, 0, BENCH_ROWS * sizeof *out);
    out[BENCH_READ] = read;
    out[BENCH_STAGES + VKS_STAGE_PREPROCESS] = prepare;
    out[BENCH_STAGES + VKS_STAGE_ENCODE] = run;
    out[BENCH_STAGES + VKS_STAGE_FINISH] = (struct bench_time){ total.wall - read.wall - prepare.wall - run.wall,
                                                                total.cpu - read.cpu - prepare.cpu - run.cpu, 0 };
    out[BENCH_TOTAL] = (struct bench_time){ total.wall, total.cpu, labels->gpu_ms };
}

int bench_volume_run(struct bench *bench, const char *path, int is_profiled, struct bench_time *out)
{
    vks_io_volume volume = { .owned = NULL };
    const vks_io_volume_params params = { .struct_size = sizeof params };
    vks_labels *labels = NULL;
    struct bench_time began = bench_start();
    vks_status status = vks_io_read_volume(path, &params, &volume);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    struct bench_time read = bench_since(began);
    status = label(bench, &volume.view, is_profiled, &labels);
    struct bench_time total = bench_since(began);
    vks_io_volume_free(&volume);
    int code = interrupt_code() ? interrupt_report() : status ? fail_status(status, STAGE_RUN, NULL) : 0;
    if (!code) {
        collect(labels, read, total, out);
        code = check(bench, labels);
    }
    vks_labels_free(&labels);
    return code;
}
