/* pool.c: pooling against its definition in double. */
#include "support/op_suite.h"

#include <math.h>

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    return vkr_pool(g, in[0], params);
}

struct geometry { int64_t in[3], out[3], window[3], stride[3], pad[3], channels; };

static double element(const struct geometry *g, bool average, const double *x, int64_t z, int64_t y, int64_t q)
{
    double sum = 0, most = -INFINITY;
    int64_t count = 0;
    for (int64_t kz = 0; kz < g->window[0]; kz++)
        for (int64_t ky = 0; ky < g->window[1]; ky++)
            for (int64_t kx = 0; kx < g->window[2]; kx++) {
                int64_t iz = z * g->stride[0] - g->pad[0] + kz, iy = y * g->stride[1] - g->pad[1] + ky;
                int64_t ix = q * g->stride[2] - g->pad[2] + kx;
                if (iz < 0 || iz >= g->in[0] || iy < 0 || iy >= g->in[1] || ix < 0 || ix >= g->in[2])
                    continue;
                double v = x[((iz * g->in[1] + iy) * g->in[2] + ix) * g->channels];
                sum += v;
                most = fmax(most, v);
                count++;
            }
    return average ? sum / (double)count : most;
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct vkr_pool *p = params;
    struct geometry g = { .channels = vkr_last(desc) };
    (void)count;
    for (uint32_t i = 0; i < 3; i++) {
        bool used = i > 0 || desc->rank == 5;
        g.in[i] = used ? desc->dim[desc->rank - 4 + i] : 1;
        g.out[i] = used ? out_desc->dim[desc->rank - 4 + i] : 1;
        g.window[i] = !used ? 1 : p->window[i] ? p->window[i] : g.in[i];
        g.stride[i] = !used ? 1 : p->stride[i] ? p->stride[i] : g.window[i];
        g.pad[i] = used ? p->pad[i] : 0;
    }
    for (uint32_t b = 0; b < desc->dim[0]; b++)
        for (int64_t z = 0; z < g.out[0]; z++)
            for (int64_t y = 0; y < g.out[1]; y++)
                for (int64_t q = 0; q < g.out[2]; q++)
                    for (int64_t c = 0; c < g.channels; c++)
                        *out++ = element(&g, p->kind == VKR_POOL_AVERAGE,
                                         in[0] + b * g.in[0] * g.in[1] * g.in[2] * g.channels + c, z, y, q);
}

#define RANK(...) (sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define ALL(v) { v, v, v }
#define LIST(...) { __VA_ARGS__ }
#define MOST(...) &(const struct vkr_pool){ VKR_POOL_MAX, __VA_ARGS__ }
#define MEAN(...) &(const struct vkr_pool){ VKR_POOL_AVERAGE, __VA_ARGS__ }
#define CASE(NAME, K, PARAMS, ...) \
    { .name = NAME, .params = PARAMS, .in = { { .desc = { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } } } }, \
      .count = 1, .reduction = K }

static const struct op_case cases[] = {
    CASE("max 2x2", 1, MOST(ALL(2), ALL(2), ALL(0)), 1, 8, 10, 3),
    CASE("max 2x2 of odd size", 1, MOST(ALL(2), ALL(0), ALL(0)), 2, 9, 11, 4),
    CASE("max 2x2 of odd size, 12 channels", 1, MOST(ALL(2), ALL(2), ALL(0)), 3, 7, 5, 12),
    CASE("max 2x2 of 60 channels", 1, MOST(ALL(2), ALL(2), ALL(0)), 1, 3, 17, 60),
    CASE("max 2x2 of rows longer than a run", 1, MOST(ALL(2), ALL(2), ALL(0)), 2, 5, 121, 164),
    CASE("max 1x2x2 of odd size", 1, MOST(LIST(1, 2, 2), ALL(0), ALL(0)), 2, 3, 5, 7, 8),
    CASE("max 3x3 stride 2 padded", 1, MOST(ALL(3), ALL(2), ALL(1)), 1, 9, 11, 5),
    CASE("max 3x3 stride 1 padded", 1, MOST(ALL(3), ALL(1), ALL(1)), 1, 5, 17, 8),
    CASE("max 5x1", 1, MOST(LIST(9, 5, 1), LIST(9, 3, 2), LIST(9, 2, 0)), 1, 17, 5, 41),
    CASE("max global", 1, MOST(ALL(0), ALL(0), ALL(0)), 3, 5, 3, 113),
    CASE("max 2x2x2", 1, MOST(ALL(2), ALL(2), ALL(0)), 2, 5, 6, 7, 3),
    CASE("max 1x2x2", 1, MOST(LIST(1, 2, 2), LIST(1, 2, 2), ALL(0)), 1, 5, 6, 7, 4),
    CASE("average 2x2", 4, MEAN(ALL(2), ALL(2), ALL(0)), 1, 8, 10, 4),
    CASE("average 3x3 stride 2 padded", 9, MEAN(ALL(3), ALL(2), ALL(1)), 2, 9, 11, 5),
    CASE("average global", 42, MEAN(ALL(0), ALL(0), ALL(0)), 2, 6, 7, 5),
    CASE("average global of 20 channels", 697, MEAN(ALL(0), ALL(0), ALL(0)), 1, 41, 17, 20),
    CASE("average 3x3x3 padded", 27, MEAN(ALL(3), ALL(1), ALL(1)), 1, 5, 6, 7, 4),
    CASE("average over planes", 5, MEAN(LIST(0, 1, 1), ALL(0), ALL(0)), 3, 5, 7, 9, 12),
    CASE("average over planes longer than a run", 3, MEAN(LIST(3, 1, 1), LIST(2, 1, 1), ALL(0)), 2, 8, 17, 41, 16),
    CASE("average over many planes longer than a run", 257, MEAN(LIST(0, 1, 1), ALL(0), ALL(0)), 1, 257, 16, 16, 32),
    CASE("average over planes of 3 channels", 4, MEAN(LIST(2, 1, 1), LIST(1, 1, 1), ALL(0)), 1, 5, 5, 3, 3),
    CASE("average global in 3-D", 210, MEAN(ALL(0), ALL(0), ALL(0)), 2, 5, 6, 7, 3),
    { .name = "SAM-Med2D adapter", .params = MEAN(ALL(0), ALL(0), ALL(0)),
      .in = { { .desc = { VKR_F32, 4, { 1, 16, 16, 768 } } } }, .count = 1, .reduction = 256, .slow = true },
    { .name = "UniverSeg encoder", .params = MOST(ALL(2), ALL(2), ALL(0)),
      .in = { { .desc = { VKR_F32, 4, { 16, 128, 128, 64 } } } }, .count = 1, .slow = true },
};

#define REJECT(NAME, WORD, PARAMS, DTYPE, ...) \
    { .name = NAME, .params = PARAMS, .in = { { DTYPE, RANK(__VA_ARGS__), { __VA_ARGS__ } } }, .count = 1, \
      .word = WORD }

static const struct op_rejection rejections[] = {
    REJECT("x without batch", "must be f32 [B, H, W, C]", MOST(ALL(2), ALL(2), ALL(0)), VKR_F32, 5, 5, 3),
    REJECT("x in f16", "must be f32", MOST(ALL(2), ALL(2), ALL(0)), VKR_F16, 1, 5, 5, 3),
    REJECT("x too large", "2^31", MOST(ALL(2), ALL(2), ALL(0)), VKR_F32, 1, 65536, 65536, 1),
    REJECT("window larger than x", "exceeds x", MOST(ALL(7), ALL(1), ALL(0)), VKR_F32, 1, 5, 9, 3),
    REJECT("padding of a whole window", "half the window", MOST(ALL(2), ALL(1), ALL(2)), VKR_F32, 1, 5, 9, 3),
    REJECT("unknown kind", "neither maximum nor average", &(const struct vkr_pool){ .kind = (enum vkr_pool_kind)7 },
           VKR_F32, 1, 5, 9, 3),
};

static const struct vkr_choice choices[] = {
    { "pool_halve_vec", "max", VKR_CAP_VEC8, true, NULL },
    { "pool", "max_vec", VKR_CAP_VEC8, true, NULL },
    { "pool_planes_vec", "average", VKR_CAP_VEC8, true, NULL },
    { "pool", "average_vec", VKR_CAP_VEC8, true, NULL },
    { "pool", "max", 0, false, NULL },
    { "pool", "average", 0, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_pool = {
    .name = "pool", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
