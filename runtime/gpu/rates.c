/* rates.c: best rates by kernels that do nothing else. Every rate is the best of several runs, because whatever disturbs a
 * run only makes it slower. */
#include "gpu/rates.h"

#include "base/spirv.h"
#include "gpu/command.h"

#include "peak.h"

#include <string.h>
#include <time.h>

enum { RUNS = 3, WANTED_MS = 25, MOST_ROUNDS = 1 << 20, STREAM_BYTES = 256 << 20 };

struct probe {
    struct vkr_device *device;
    struct vkr_buffer *x, *y;
    uint32_t count;                     /* vec4 in x and in y */
};

/* One dispatch of a kernel. */
struct job {
    const char *shader, *variant;
    uint32_t groups;
    bool stream, texel, matrix;
};

static double now_ms(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static vks_status record(const struct probe *p, const struct job *job, int row, uint32_t rounds, struct vkr_commands **out)
{
    const struct peak_args args = { .rounds = rounds, .count = p->count, .factor = 0.999f, .offset = 0.001f };
    const struct vkr_bind_range ranges[] = { { p->y, 0, (uint64_t)p->count * 16, VKR_BIND_STORAGE },
                                             { p->x, 0, (uint64_t)p->count * 16, job->texel ? VKR_BIND_TEXEL_F32 : VKR_BIND_STORAGE } };
    const uint32_t groups[3] = { job->groups, 1, 1 }, bindings = job->stream ? 2 : 1, texels = job->texel ? 2 : 0;
    const struct vkr_commands_params params = { .dispatches = 1, .bindings = bindings, .texels = job->texel, .submissions = 1 };
    const struct vkr_caps *caps = vkr_device_caps(p->device);
    struct vkr_pipeline *pipeline;
    struct vkr_pipeline_key key = { .spirv = row, .bind_count = bindings, .texels = texels, .args_size = sizeof args };
    if (job->matrix) {
        const uint32_t constants[] = { PEAK_WAVES * caps->subgroup_size, caps->coopmat_m, caps->coopmat_n, caps->coopmat_k };
        key.constant_count = 4;
        memcpy(key.constants, constants, sizeof constants);
    }
    VKS_TRY(vkr_pipeline_get(p->device, &key, &pipeline));
    VKS_TRY(vkr_commands_create(p->device, &params, out));
    vks_status status = vkr_commands_dispatch(*out, pipeline, ranges, bindings, &args, sizeof args, groups);
    if (status == VKS_OK)
        status = vkr_commands_end(*out);
    if (status != VKS_OK)
        vkr_commands_destroy(out);
    return status;
}

/* Milliseconds of the fastest run. */
static vks_status time_job(const struct probe *p, const struct job *job, int row, uint32_t rounds, double *best)
{
    struct vkr_commands *commands;
    *best = 0;
    VKS_TRY(record(p, job, row, rounds, &commands));
    vks_status status = VKS_OK;
    for (int i = 0; i <= RUNS && status == VKS_OK; i++) {
        double start = now_ms();
        status = vkr_commands_run(commands, NULL, NULL);
        double wall = now_ms() - start, device = vkr_commands_ms(commands), ms = device > 0 ? device : wall;
        if (i > 0 && ms > 0 && (*best <= 0 || ms < *best))      /* run 0 warms up */
            *best = ms;
    }
    vkr_commands_destroy(&commands);
    return status;
}

/* `per_round`: operations or bytes of one round; *rate becomes those per nanosecond, or stays 0 where it cannot run. */
static vks_status measure(const struct probe *p, const struct job *job, double per_round, double *rate)
{
    const struct vkr_caps *caps = vkr_device_caps(p->device);
    int row = vkr_spirv_find(job->shader, job->variant);
    double ms = 0;
    if (row < 0 || (vkr_spirv_table[row].needs & ~caps->bits))
        return VKS_OK;
    for (uint32_t rounds = job->stream ? MOST_ROUNDS : 16; rounds <= MOST_ROUNDS; rounds *= 4) {
        VKS_TRY(time_job(p, job, row, rounds, &ms));
        double found = ms > 0 ? per_round * (job->stream ? 1 : rounds) / ms * 1e-6 : 0;
        *rate = found > *rate ? found : *rate;
        if (ms > WANTED_MS)
            break;
    }
    return VKS_OK;
}

static vks_status measure_all(const struct probe *p, struct vkr_rates *out)
{
    const struct vkr_caps *caps = vkr_device_caps(p->device);
    bool cpu = caps->device_class == VKR_CLASS_CPU;
    uint32_t groups = cpu ? 64 : 8192, per_group = PEAK_LOCAL * PEAK_STREAM, stream = (p->count + per_group - 1) / per_group;
    double lanes = (double)groups * PEAK_LOCAL, bytes = (double)p->count * 16;
    double chain = lanes * PEAK_CHAINS * PEAK_UNROLL * 2;
    double matrix = (double)groups * PEAK_WAVES * PEAK_TILES * 2.0 * caps->coopmat_m * caps->coopmat_n * caps->coopmat_k;
    VKS_TRY(measure(p, &(struct job){ .shader = "peak", .variant = "f32", .groups = groups }, chain, &out->f32_gflops));
    VKS_TRY(measure(p, &(struct job){ .shader = "peak", .variant = "f16", .groups = groups }, chain, &out->f16_gflops));
    if (caps->coopmat_m > 0)
        VKS_TRY(measure(p, &(struct job){ .shader = "peak_matrix", .variant = "f16", .groups = groups, .matrix = true }, matrix,
                        &out->matrix_gflops));
    VKS_TRY(measure(p, &(struct job){ .shader = "peak", .variant = "read", .groups = stream, .stream = true }, bytes, &out->read_gbs));
    VKS_TRY(measure(p, &(struct job){ .shader = "peak", .variant = "read_texel", .groups = stream, .stream = true, .texel = true },
                    bytes, &out->read_gbs));
    VKS_TRY(measure(p, &(struct job){ .shader = "peak", .variant = "copy", .groups = stream, .stream = true }, 2 * bytes, &out->copy_gbs));
    return measure(p, &(struct job){ .shader = "peak", .variant = "copy_texel", .groups = stream, .stream = true, .texel = true },
                   2 * bytes, &out->copy_gbs);
}

/* Pages that nobody wrote may all be one page of zeros, which any cache holds. */
static vks_status touch(const struct probe *p)
{
    const struct probe back = { .device = p->device, .x = p->y, .y = p->x, .count = p->count };
    const uint32_t per_group = PEAK_LOCAL * PEAK_STREAM, groups = (p->count + per_group - 1) / per_group;
    const struct job copy = { .shader = "peak", .variant = "copy", .groups = groups, .stream = true };
    int row = vkr_spirv_find(copy.shader, copy.variant);
    double ms;
    VKS_REQUIRE(row >= 0, VKS_ERR_INTERNAL, "the shader peak/copy was not built");
    return time_job(&back, &copy, row, 1, &ms);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

vks_status vkr_measure_rates(struct vkr_device *device, struct vkr_rates *out)
{
    const struct vkr_caps *caps = vkr_device_caps(device);
    uint64_t bytes = least(least(STREAM_BYTES, caps->max_binding), caps->heap / 16);
    if (caps->bits & VKR_CAP_VEC8)
        bytes = least(bytes, caps->max_texels * 16);
    struct probe probe = { .device = device, .count = (uint32_t)(bytes / 16) };
    *out = (struct vkr_rates){ 0 };
    vks_status status = vkr_buffer_create(device, bytes, VKR_MEMORY_DEVICE, "measuring the device", &probe.x);
    if (status == VKS_OK)
        status = vkr_buffer_create(device, bytes, VKR_MEMORY_DEVICE, "measuring the device", &probe.y);
    if (status == VKS_OK)
        status = touch(&probe);
    if (status == VKS_OK)
        status = measure_all(&probe, out);
    vkr_buffer_destroy(&probe.y);
    vkr_buffer_destroy(&probe.x);
    return status;
}
