/* conv.c: convolution against a direct sum in double. */
#include "support/op_suite.h"

#include <math.h>

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    return vkr_conv(g, in[0], in[1], count > 2 ? in[2] : NULL, params);
}

static double activate(double v, enum vkr_activation act)
{
    switch (act) {
    case VKR_ACT_RELU:
        return v > 0 ? v : 0;
    case VKR_ACT_GELU:
        return 0.5 * v * (1 + erf(v / sqrt(2)));
    case VKR_ACT_LEAKY_RELU:
        return v > 0 ? v : 0.01 * v;
    default:
        return v;
    }
}

struct geometry { uint32_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3], groups, channels, outputs; };

static struct geometry geometry_of(const struct vkr_conv *p, const struct vkr_desc *x, const struct vkr_desc *w,
                                   const struct vkr_desc *y)
{
    struct geometry g = { .groups = p->groups ? p->groups : 1, .channels = w->dim[1], .outputs = w->dim[0] };
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

/* Adds to out[outputs] one tap of the kernel; x and w point to the position's channels and to the tap. */
static void add_tap(const struct geometry *g, const double *x, const double *w, double *out)
{
    uint32_t taps = g->kernel[0] * g->kernel[1] * g->kernel[2], per_group = g->outputs / g->groups;
    for (uint32_t n = 0; n < g->outputs; n++)
        for (uint32_t c = 0; c < g->channels; c++)
            out[n] += x[n / per_group * g->channels + c] * w[(n * g->channels + c) * taps];
}

static void add_taps(const struct geometry *g, const double *x, const double *w, const uint32_t at[3], double *out)
{
    for (uint32_t kz = 0; kz < g->kernel[0]; kz++)
        for (uint32_t ky = 0; ky < g->kernel[1]; ky++)
            for (uint32_t kx = 0; kx < g->kernel[2]; kx++) {
                int64_t z = (int64_t)at[0] * g->stride[0] + kz * g->dilation[0] - g->pad[0];
                int64_t y = (int64_t)at[1] * g->stride[1] + ky * g->dilation[1] - g->pad[1];
                int64_t q = (int64_t)at[2] * g->stride[2] + kx * g->dilation[2] - g->pad[2];
                if (z < 0 || z >= g->in[0] || y < 0 || y >= g->in[1] || q < 0 || q >= g->in[2])
                    continue;
                int64_t from = ((z * g->in[1] + y) * g->in[2] + q) * g->channels * g->groups;
                add_tap(g, x + from, w + (kz * g->kernel[1] + ky) * g->kernel[2] + kx, out);
            }
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct vkr_conv *p = params;
    struct geometry g = geometry_of(p, &desc[0], &desc[1], out_desc);
    (void)count;
    uint64_t image = (uint64_t)g.in[0] * g.in[1] * g.in[2] * g.channels * g.groups;
    for (uint32_t b = 0; b < desc[0].dim[0]; b++)
        for (uint32_t z = 0; z < g.out[0]; z++)
            for (uint32_t y = 0; y < g.out[1]; y++)
                for (uint32_t q = 0; q < g.out[2]; q++) {
                    for (uint32_t n = 0; n < g.outputs; n++)
                        out[n] = desc[2].dtype != VKR_NONE ? in[2][n] : 0;
                    add_taps(&g, in[0] + b * image, in[1], (uint32_t[]){ z, y, q }, out);
                    for (uint32_t n = 0; n < g.outputs; n++)
                        out[n] = activate(out[n], p->act);
                    out += g.outputs;
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
    CASE("3x3", 108, X(1, 11, 13, 12), W(20, 12, 3, 3), W(20), .pad = ALL(1)),
    CASE("3x3 f16", 108, X(1, 11, 13, 12), H(20, 12, 3, 3), W(20), .pad = ALL(1)),
    CASE("3x3 stride 2 of 3 channels", 27, X(2, 17, 22, 3), W(17, 3, 3, 3), W(17), .pad = ALL(1), .stride = ALL(2)),
    CASE("3x3 of 1 channel to 1", 9, X(1, 5, 1, 1), W(1, 1, 3, 3), NONE, .pad = ALL(1)),
    CASE("3x3 of 5 channels to 113", 45, X(1, 41, 17, 5), W(113, 5, 3, 3), W(113), .pad = ALL(1), .act = VKR_ACT_GELU),
    CASE("3x3 of 41 channels to 33, valid", 369, X(3, 5, 7, 41), W(33, 41, 3, 3), NONE, .act = VKR_ACT_RELU),
    CASE("3x3 of 41 channels f16", 369, X(1, 5, 7, 41), H(34, 41, 3, 3), W(34), .pad = ALL(1)),
    CASE("3x3 f16, gelu", 45, X(1, 7, 5, 5), H(9, 5, 3, 3), W(9), .pad = ALL(1), .act = VKR_ACT_GELU),
    CASE("3x3 dilation 2", 36, X(1, 12, 12, 4), W(6, 4, 3, 3), W(6), .pad = ALL(2), .dilation = ALL(2)),
    CASE("1x5 stride 2", 30, X(1, 9, 15, 6), W(7, 6, 1, 5), W(7), .pad = { 9, 0, 2 }, .stride = { 9, 1, 2 }),
    CASE("7x7 stride 4", 147, X(1, 32, 40, 3), W(24, 3, 7, 7), W(24), .pad = ALL(3), .stride = ALL(4)),
    CASE("7x7 stride 4 f16, gelu", 147, X(1, 33, 40, 3), H(41, 3, 7, 7), W(41), .pad = ALL(3), .stride = ALL(4),
         .act = VKR_ACT_GELU),
    CASE("3x3 of 1 channel to 20", 9, X(2, 9, 10, 1), W(20, 1, 3, 3), W(20), .pad = ALL(1), .act = VKR_ACT_RELU),
    CASE("1x5 of 1 channel", 5, X(1, 7, 12, 1), W(3, 1, 1, 5), W(3), .pad = { 0, 0, 3 }),
    CASE("3x3 of 2 channels, dilation 2, stride 3", 18, X(1, 17, 22, 2), H(5, 2, 3, 3), NONE, .pad = ALL(1),
         .stride = ALL(3), .dilation = ALL(2)),
    CASE("3x3x3 of 1 channel, stride 2", 27, X(2, 5, 6, 9, 1), W(8, 1, 3, 3, 3), W(8), .pad = ALL(1), .stride = ALL(2)),
    CASE("5x3, leaky relu", 75, X(2, 8, 6, 5), W(18, 5, 5, 3), W(18), .pad = { 0, 2, 1 }, .act = VKR_ACT_LEAKY_RELU),
    CASE("1x1 stride 2", 17, X(1, 9, 8, 17), W(40, 17, 1, 1), W(40), .stride = ALL(2)),
    CASE("3x3 of 24 channels to 41", 216, X(2, 9, 11, 24), W(41, 24, 3, 3), W(41), .pad = ALL(1), .act = VKR_ACT_RELU),
    CASE("3x3 of 8 channels, gelu", 72, X(1, 17, 9, 8), W(36, 8, 3, 3), W(36), .pad = ALL(1), .act = VKR_ACT_GELU),
    CASE("3x3 of 16 channels f16", 144, X(1, 13, 11, 16), H(33, 16, 3, 3), NONE, .pad = ALL(1)),
    CASE("3x3 stride 2 of 8 channels f16, gelu", 72, X(1, 19, 17, 8), H(8, 8, 3, 3), W(8), .pad = ALL(1), .stride = ALL(2),
         .act = VKR_ACT_GELU),
    CASE("4 groups", 36, X(1, 9, 9, 16), W(24, 4, 3, 3), W(24), .pad = ALL(1), .groups = 4),
    CASE("4 groups f16", 36, X(1, 9, 9, 16), H(24, 4, 3, 3), W(24), .pad = ALL(1), .groups = 4),
    CASE("2 wide groups", 45, X(2, 6, 7, 10), W(34, 5, 3, 3), W(34), .pad = ALL(1), .groups = 2),
    CASE("2 wide groups f16", 45, X(2, 6, 7, 10), H(140, 5, 3, 3), W(140), .pad = ALL(1), .groups = 2),
    CASE("depthwise 3x3", 9, X(2, 10, 14, 20), W(20, 1, 3, 3), W(20), .pad = ALL(1), .groups = 20, .act = VKR_ACT_GELU),
    CASE("depthwise 3x3 of 19 channels", 9, X(1, 10, 14, 19), W(19, 1, 3, 3), W(19), .pad = ALL(1), .groups = 19),
    CASE("depthwise 3x3 stride 2", 9, X(1, 15, 16, 16), W(16, 1, 3, 3), NONE, .pad = ALL(1), .stride = ALL(2),
         .groups = 16),
    CASE("depthwise 3x3 f16", 9, X(1, 15, 16, 16), H(16, 1, 3, 3), W(16), .pad = ALL(1), .groups = 16),
    CASE("depthwise 3x3 f16, gelu", 9, X(1, 5, 7, 8), H(8, 1, 3, 3), W(8), .pad = ALL(1), .groups = 8,
         .act = VKR_ACT_GELU),
    CASE("depthwise 7x7", 49, X(1, 13, 12, 36), W(36, 1, 7, 7), W(36), .pad = ALL(3), .groups = 36),
    CASE("depthwise 3x3 dilation 3", 9, X(1, 9, 3, 4), W(4, 1, 3, 3), W(4), .pad = ALL(3), .dilation = ALL(3),
         .groups = 4),
    CASE("depthwise to 2 each", 9, X(1, 6, 5, 8), W(16, 1, 3, 3), W(16), .pad = ALL(1), .groups = 8),
    CASE("3x3x3", 108, X(1, 7, 9, 8, 4), W(6, 4, 3, 3, 3), W(6), .pad = ALL(1)),
    CASE("3x3x3 stride 2", 108, X(2, 7, 9, 8, 4), W(33, 4, 3, 3, 3), W(33), .pad = ALL(1), .stride = ALL(2)),
    CASE("3x3x3 dilation 4 f16", 81, X(1, 7, 9, 8, 3), H(3, 3, 3, 3, 3), W(3), .pad = ALL(4), .dilation = ALL(4)),
    CASE("1x3x3 stride 1 2 2", 27, X(1, 7, 9, 8, 3), W(4, 3, 1, 3, 3), W(4), .pad = { 0, 1, 1 }, .stride = { 1, 2, 2 }),
    CASE("depthwise 3x3x3", 27, X(1, 5, 6, 7, 8), W(8, 1, 3, 3, 3), W(8), .pad = ALL(1), .groups = 8),
    CASE("1x1", 24, X(2, 7, 9, 24), W(33, 24, 1, 1), W(33), .act = VKR_ACT_GELU),
    CASE("1x1 leaky relu", 24, X(2, 7, 9, 24), W(33, 24, 1, 1), W(33), .act = VKR_ACT_LEAKY_RELU),
    CASE("1x1x1", 6, X(1, 7, 9, 8, 6), W(5, 6, 1, 1, 1), W(5)),
    CASE("patches 16x16", 768, X(1, 48, 64, 3), W(40, 3, 16, 16), W(40), .stride = ALL(16)),
    CASE("patches 16x16 f16", 768, X(1, 48, 64, 3), H(40, 3, 16, 16), W(40), .stride = ALL(16)),
    CASE("patches 2x2 of 1 channel", 4, X(3, 6, 10, 1), W(4, 1, 2, 2), W(4), .stride = ALL(2)),
    CASE("patches 1x3", 15, X(1, 5, 9, 5), W(4, 5, 1, 3), NONE, .stride = { 1, 1, 3 }),
    CASE("patches 2x3x4", 120, X(2, 4, 6, 8, 5), W(7, 5, 2, 3, 4), W(7), .stride = { 2, 3, 4 }),
    CASE("patches 2x2 with a rest", 20, X(1, 7, 9, 5), W(8, 5, 2, 2), W(8), .stride = ALL(2)),
    { .name = "SAM neck 3x3", .params = &(const struct vkr_conv){ .pad = ALL(1) },
      .in = { X(1, 64, 64, 256), W(256, 256, 3, 3), NONE }, .count = 3, .reduction = 2304, .slow = true },
    { .name = "SAM neck 3x3, 16-bit w", .params = &(const struct vkr_conv){ .pad = ALL(1) },
      .in = { X(1, 64, 64, 256), H(256, 256, 3, 3), NONE }, .count = 3, .only_chosen = true },
    { .name = "SAM patch embedding", .params = &(const struct vkr_conv){ .stride = ALL(16) },
      .in = { X(1, 1024, 1024, 3), W(768, 3, 16, 16), W(768) }, .count = 3, .reduction = 768, .slow = true },
    { .name = "TinyViT depthwise",
      .params = &(const struct vkr_conv){ .pad = ALL(1), .groups = 256, .act = VKR_ACT_GELU },
      .in = { X(1, 256, 256, 256), W(256, 1, 3, 3), W(256) }, .count = 3, .reduction = 9, .slow = true },
};

#define F(...) { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define REJECT(NAME, WORD, X_, W_, B_, ...) \
    { .name = NAME, .params = &(const struct vkr_conv){ __VA_ARGS__ }, .in = { X_, W_, B_ }, .count = 3, .word = WORD }
#define F16(...) { VKR_F16, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define ABSENT { VKR_NONE, 0, { 0 } }

static const struct op_rejection rejections[] = {
    REJECT("x without batch", "must be f32 [B, H, W, C]", F(5, 5, 3), F(4, 3, 3, 3), ABSENT, .groups = 1),
    REJECT("x in f16", "must be f32 [B, H, W, C]", F16(1, 5, 5, 3), F(4, 3, 3, 3), ABSENT, .groups = 1),
    REJECT("x too large", "2^31", F(1, 65536, 65536, 1), F(4, 1, 3, 3), ABSENT, .groups = 1),
    REJECT("weight of another rank", "of the rank of x", F(1, 5, 5, 3), F(4, 3, 3, 3, 3), ABSENT, .groups = 1),
    REJECT("weight for other channels", "does not fit the channels", F(1, 5, 5, 3), F(4, 2, 3, 3), ABSENT, .groups = 1),
    REJECT("groups that do not divide the outputs", "does not fit the channels", F(1, 5, 5, 4), F(3, 2, 3, 3), ABSENT,
           .groups = 2),
    REJECT("bias of another length", "bias", F(1, 5, 5, 3), F(4, 3, 3, 3), F(3), .groups = 1),
    REJECT("kernel larger than the input", "exceeds the padded input", F(1, 5, 5, 3), F(4, 3, 7, 7), ABSENT,
           .groups = 1),
    REJECT("dilated kernel larger than the input", "exceeds the padded input", F(1, 5, 5, 3), F(4, 3, 3, 3), ABSENT,
           .dilation = ALL(3)),
    REJECT("padding beyond reason", "too long", F(1, 5, 5, 3), F(4, 3, 3, 3), ABSENT, .pad = ALL(1u << 30)),
    REJECT("unknown activation", "activation", F(1, 5, 5, 3), F(4, 3, 3, 3), ABSENT, .act = VKR_ACT_SOFTPLUS),
};

static const struct vkr_choice choices[] = {
    { "conv_patches", "f32", VKR_CAP_VEC8, true, NULL },
    { "conv_vec", "wide", VKR_CAP_VEC8, true, NULL },
    { "conv_vec", "wide_gelu", VKR_CAP_VEC8, true, NULL },
    { "conv_vec", "f32", VKR_CAP_VEC8, true, NULL },
    { "conv_vec", "f32_gelu", VKR_CAP_VEC8, true, NULL },
    { "conv_depthwise_vec", "f32_3", VKR_CAP_VEC8, true, NULL },
    { "conv_depthwise_vec", "f32_3_gelu", VKR_CAP_VEC8, true, NULL },
    { "conv_depthwise_vec", "f32", VKR_CAP_VEC8, true, NULL },
    { "conv_depthwise_vec", "f32_gelu", VKR_CAP_VEC8, true, NULL },
    { "conv", "f32", 0, false, NULL },
    { "conv_direct", "f32", 0, false, NULL },
    { "conv_vec", "wide_half", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_vec", "wide_half_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_vec", "f16", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_vec", "f16_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_depthwise_vec", "f16_3", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_depthwise_vec", "f16_3_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_depthwise_vec", "f16", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv_depthwise_vec", "f16_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, NULL },
    { "conv", "f16", VKR_CAP_F16, false, NULL },
    { "conv_direct", "f16", VKR_CAP_F16, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_conv = {
    .name = "conv", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
