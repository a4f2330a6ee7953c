/* conv_transpose.c: transposed convolution against its definition: every input element scatters a kernel, in double. */
#include "support/op_suite.h"

#include <math.h>

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    return vkr_conv_transpose(g, in[0], in[1], count > 2 ? in[2] : NULL, params);
}

struct geometry { uint32_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3], groups, channels, outputs; bool in_blocks; };

static struct geometry geometry_of(const struct vkr_conv *p, const struct vkr_desc *x, const struct vkr_desc *w,
                                   const struct vkr_desc *y)
{
    struct geometry g = { .groups = p->groups ? p->groups : 1, .channels = w->dim[0], .in_blocks = p->in_blocks };
    g.outputs = w->dim[1] * g.groups;
    for (uint32_t i = 0; i < 3; i++) {
        bool used = i > 0 || x->rank == 5;
        g.in[i] = used ? x->dim[x->rank - 4 + i] : 1;
        g.out[i] = used ? y->dim[y->rank - 4 + i] : 1;
        g.kernel[i] = used ? w->dim[w->rank - 3 + i] : 1;
        g.stride[i] = used && p->stride[i] ? p->stride[i] : 1;
        g.pad[i] = used ? p->pad[i] : 0;
        g.dilation[i] = used && p->dilation[i] ? p->dilation[i] : 1;
    }
    return g;
}

/* x and out point to the channels of one position, w to one tap. */
static void add_tap(const struct geometry *g, const double *x, const double *w, double *out)
{
    uint32_t taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
    uint32_t channels = g->channels / g->groups, outputs = g->outputs / g->groups;
    for (uint32_t n = 0; n < g->outputs; n++)
        for (uint32_t c = n / outputs * channels; c < (n / outputs + 1) * channels; c++)
            out[n] += x[c] * w[(c * outputs + n % outputs) * taps];
}

static void scatter(const struct geometry *g, const double *x, const double *w, const uint32_t at[3], double *image)
{
    for (uint32_t kz = 0; kz < g->kernel[0]; kz++)
        for (uint32_t ky = 0; ky < g->kernel[1]; ky++)
            for (uint32_t kx = 0; kx < g->kernel[2]; kx++) {
                int64_t z = (int64_t)at[0] * g->stride[0] + kz * g->dilation[0] - g->pad[0];
                int64_t y = (int64_t)at[1] * g->stride[1] + ky * g->dilation[1] - g->pad[1];
                uint64_t block = ((uint64_t)at[0] * g->in[1] + at[1]) * g->in[2] + at[2];
                if (g->in_blocks) {
                    block = ((block * g->kernel[0] + kz) * g->kernel[1] + ky) * g->kernel[2] + kx;
                    add_tap(g, x, w + (kz * g->kernel[1] + ky) * g->kernel[2] + kx, image + block * g->outputs);
                    continue;
                }
                int64_t q = (int64_t)at[2] * g->stride[2] + kx * g->dilation[2] - g->pad[2];
                if (z >= 0 && z < g->out[0] && y >= 0 && y < g->out[1] && q >= 0 && q < g->out[2])
                    add_tap(g, x, w + (kz * g->kernel[1] + ky) * g->kernel[2] + kx,
                            image + ((z * g->out[1] + y) * g->out[2] + q) * g->outputs);
            }
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct vkr_conv *p = params;
    struct geometry g = geometry_of(p, &desc[0], &desc[1], out_desc);
    (void)count;
    uint64_t elements = vkr_numel(out_desc), image = elements / desc[0].dim[0];
    for (uint64_t i = 0; i < elements; i++)
        out[i] = desc[2].dtype != VKR_NONE ? in[2][i % g.outputs] : 0;
    const double *x = in[0];
    for (uint32_t b = 0; b < desc[0].dim[0]; b++)
        for (uint32_t z = 0; z < g.in[0]; z++)
            for (uint32_t y = 0; y < g.in[1]; y++)
                for (uint32_t q = 0; q < g.in[2]; q++, x += g.channels)
                    scatter(&g, x, in[1], (uint32_t[]){ z, y, q }, out + b * image);
    for (uint64_t i = 0; i < elements; i++) {
        double v = out[i];
        out[i] = p->act == VKR_ACT_GELU         ? 0.5 * v * (1 + erf(v / sqrt(2)))
                 : p->act == VKR_ACT_RELU       ? fmax(v, 0)
                 : p->act == VKR_ACT_LEAKY_RELU ? (v > 0 ? v : 0.01 * v)
                                                : v;
    }
}

#define RANK(...) (sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define X(...) { .desc = { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } } }
#define W(...) { .desc = { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } }, .param = true }
#define H(...) { .desc = { VKR_F16, RANK(__VA_ARGS__), { __VA_ARGS__ } }, .param = true }
#define NONE { .desc = { VKR_NONE, 0, { 0 } } }
#define CASE(NAME, K, X_, W_, B_, ...) \
    { .name = NAME, .params = &(const struct vkr_conv){ __VA_ARGS__ }, .in = { X_, W_, B_ }, .count = 3, \
      .reduction = K }
#define ALL(v) { v, v, v }

static const struct op_case cases[] = {
    CASE("2x2 stride 2", 32, X(1, 6, 7, 32), W(32, 12, 2, 2), W(12), .stride = ALL(2)),
    CASE("2x2 stride 2 f16", 32, X(1, 6, 7, 32), H(32, 12, 2, 2), W(12), .stride = ALL(2), .act = VKR_ACT_GELU),
    CASE("2x2 stride 2, batch, leaky", 17, X(3, 5, 3, 17), W(17, 41, 2, 2), NONE, .stride = ALL(2),
         .act = VKR_ACT_LEAKY_RELU),
    CASE("1x3 stride 1 3", 5, X(2, 4, 5, 5), W(5, 3, 1, 3), W(3), .stride = { 0, 1, 3 }),
    CASE("3x1 stride 3 1", 5, X(2, 4, 1, 5), W(5, 3, 3, 1), W(3), .stride = { 0, 3, 1 }),
    CASE("4x4 stride 2", 80, X(1, 6, 7, 20), W(20, 20, 4, 4), NONE, .stride = ALL(2), .pad = ALL(1)),
    CASE("4x4 stride 2 f16", 80, X(1, 6, 7, 20), H(20, 20, 4, 4), W(20), .stride = ALL(2), .pad = ALL(1)),
    CASE("3x3 stride 2, output padding", 24, X(2, 5, 5, 6), W(6, 4, 3, 3), W(4), .stride = ALL(2), .pad = ALL(1),
         .output_pad = ALL(1), .act = VKR_ACT_RELU),
    CASE("3x3 stride 1 dilation 2", 45, X(1, 7, 5, 5), W(5, 3, 3, 3), W(3), .pad = ALL(1), .dilation = ALL(2)),
    CASE("2x2 stride 3: gaps", 5, X(1, 3, 4, 5), W(5, 3, 2, 2), W(3), .stride = ALL(3)),
    CASE("2 groups", 12, X(1, 5, 5, 6), W(6, 4, 3, 3), W(8), .stride = ALL(2), .pad = ALL(1), .groups = 2),
    CASE("2 groups f16", 12, X(2, 5, 5, 6), H(6, 4, 2, 2), W(8), .stride = ALL(2), .groups = 2, .act = VKR_ACT_GELU),
    CASE("depthwise", 4, X(1, 5, 3, 113), W(113, 1, 3, 3), NONE, .stride = ALL(2), .pad = ALL(1), .groups = 113),
    CASE("2x2 stride 2 in blocks", 20, X(2, 5, 7, 20), W(20, 12, 2, 2), W(12), .stride = ALL(2), .act = VKR_ACT_GELU,
         .in_blocks = true),
    CASE("3x1x2 stride 3 1 2 in blocks", 8, X(2, 3, 5, 3, 8), H(8, 5, 3, 1, 2), NONE, .stride = { 3, 1, 2 }, .in_blocks = true),
    CASE("2x2x2 stride 2", 8, X(1, 4, 5, 3, 8), W(8, 5, 2, 2, 2), W(5), .stride = ALL(2)),
    CASE("1x2x2 stride 1 2 2", 8, X(2, 4, 5, 3, 8), W(8, 5, 1, 2, 2), W(5), .stride = { 1, 2, 2 }),
    CASE("2x3x1 stride 2 3 1", 8, X(2, 3, 2, 3, 8), W(8, 5, 2, 3, 1), W(5), .stride = { 2, 3, 1 }),
    CASE("3x3x3 stride 2", 64, X(2, 3, 4, 3, 8), W(8, 5, 3, 3, 3), W(5), .stride = ALL(2), .pad = ALL(1),
         .output_pad = { 1, 0, 1 }),
    { .name = "SAM mask upscaling", .params = &(const struct vkr_conv){ .stride = ALL(2) },
      .in = { X(1, 64, 64, 256), W(256, 64, 2, 2), W(64) }, .count = 3, .reduction = 256, .slow = true },
    { .name = "SAM-Med2D adapter", .params = &(const struct vkr_conv){ .stride = ALL(2), .pad = ALL(1) },
      .in = { X(1, 8, 8, 768), W(768, 768, 4, 4), NONE }, .count = 3, .reduction = 3072, .slow = true },
};

#define F(...) { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define REJECT(NAME, WORD, X_, W_, B_, ...) \
    { .name = NAME, .params = &(const struct vkr_conv){ __VA_ARGS__ }, .in = { X_, W_, B_ }, .count = 3, .word = WORD }
#define ABSENT { VKR_NONE, 0, { 0 } }

static const struct op_rejection rejections[] = {
    REJECT("x without batch", "must be f32 [B, H, W, C]", F(5, 5, 3), F(3, 4, 2, 2), ABSENT, .groups = 1),
    REJECT("weight of another rank", "of the rank of x", F(1, 5, 5, 3), F(3, 4, 2, 2, 2), ABSENT, .groups = 1),
    REJECT("weight for other channels", "does not fit the channels", F(1, 5, 5, 3), F(4, 3, 2, 2), ABSENT, .groups = 1),
    REJECT("groups that do not divide the channels", "does not fit the channels", F(1, 5, 5, 3), F(3, 4, 2, 2), ABSENT,
           .groups = 2),
    REJECT("bias of another length", "bias", F(1, 5, 5, 3), F(3, 4, 2, 2), F(3), .groups = 1),
    REJECT("padding that leaves nothing", "leaves nothing", F(1, 1, 1, 3), F(3, 4, 2, 2), ABSENT, .pad = ALL(1)),
    REJECT("output padding of a stride", "output padding", F(1, 5, 5, 3), F(3, 4, 2, 2), ABSENT, .stride = ALL(2),
           .output_pad = ALL(2)),
    REJECT("stride beyond reason", "too long", F(1, 5, 5, 3), F(3, 4, 2, 2), ABSENT, .stride = ALL(1u << 30)),
    REJECT("blocks that overlap", "equal to their stride", F(1, 5, 5, 3), F(3, 4, 3, 3), ABSENT, .stride = ALL(2),
           .in_blocks = true),
    REJECT("unknown activation", "activation", F(1, 5, 5, 3), F(3, 4, 2, 2), ABSENT, .act = VKR_ACT_TANH),
};

static const struct vkr_choice choices[] = {
    { "conv_transpose_columns", "f32", 0, false, NULL },
    { "conv_transpose", "f32", 0, false, NULL },
    { "conv_transpose", "f16", VKR_CAP_F16, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_conv_transpose = {
    .name = "conv_transpose", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
