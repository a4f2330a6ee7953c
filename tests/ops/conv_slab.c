/* conv_slab.c: a slab of a 3-D convolution against a direct sum in double over the joined slabs. */
#include "support/cases.h"

#include <math.h>

/* Operands: the slabs, weight, bias. Slabs follow each other, `gap` planes apart. */
struct call {
    struct vkr_conv_slab conv;
    uint32_t slabs, gap;
};

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *p = params;
    struct vkr_conv_slab conv = p->conv;
    int32_t first = -7;
    for (uint32_t i = 0; i < p->slabs; i++) {
        conv.first[i] = first;
        first += (int32_t)(in[i]->desc.dim[0] + p->gap);
    }
    return vkr_conv_slab(g, in, p->slabs, in[p->slabs], count > p->slabs + 1 ? in[p->slabs + 1] : NULL, &conv);
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
    case VKR_ACT_ELU:
        return v > 0 ? v : expm1(v);
    default:
        return v;
    }
}

/* Channels of plane `at` counted over all slabs; NULL outside. */
static const double *plane_of(const struct call *p, const struct vkr_desc *desc, const double *const *in, int64_t at)
{
    for (uint32_t i = 0; i < p->slabs && at >= 0; i++) {
        if (at < desc[i].dim[0])
            return in[i] + (uint64_t)at * desc[i].dim[1] * desc[i].dim[2] * desc[i].dim[3];
        at -= desc[i].dim[0] + p->gap;
    }
    return NULL;
}

/* Weights are rounded to what the device stores. */
static double stored(double v, bool half)
{
    return half ? vkr_f16_to_f32(vkr_f32_to_f16((float)v)) : v;
}

static double position(const struct call *p, const struct vkr_desc *desc, const double *const *in, const uint32_t at[3],
                       uint32_t n)
{
    const struct vkr_desc *x = &desc[0], *w = &desc[p->slabs];
    int64_t k = w->dim[2], r = k == 3 && p->conv.dilation ? p->conv.dilation : 1, start = 0;
    double sum = desc[p->slabs + 1].dtype != VKR_NONE ? in[p->slabs + 1][n] : 0;
    for (uint32_t i = 0; i < p->conv.centre; i++)
        start += desc[i].dim[0] + p->gap;
    for (int64_t tap = 0; tap < k * k * k; tap++) {
        int64_t h = at[1] + (tap / k % k - k / 2) * r, q = at[2] + (tap % k - k / 2) * r;
        const double *plane = plane_of(p, desc, in, start + at[0] + (tap / k / k - k / 2) * r);
        if (!plane || h < 0 || h >= x->dim[1] || q < 0 || q >= x->dim[2])
            continue;
        for (uint32_t c = 0; c < w->dim[1]; c++)
            sum += plane[(h * x->dim[2] + q) * x->dim[3] + c] *
                   stored(in[p->slabs][((int64_t)n * w->dim[1] + c) * k * k * k + tap], p->conv.half);
    }
    return activate(sum, p->conv.act);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *p = params;
    uint32_t outputs = desc[p->slabs].dim[0];
    (void)count;
    for (uint32_t z = 0; z < out_desc->dim[0]; z++)
        for (uint32_t h = 0; h < out_desc->dim[1]; h++)
            for (uint32_t q = 0; q < out_desc->dim[2]; q++)
                for (uint32_t n = 0; n < out_desc->dim[3]; n++)
                    *out++ = n < outputs ? position(p, desc, in, (uint32_t[]){ z, h, q }, n) : 0;
}

#define HALF(...)                                                                                                      \
    {                                                                                                                  \
        .desc = { VKR_F16, DIMS(__VA_ARGS__) }                                                                         \
    }
#define CALL_APART(SLABS, GAP, ...)                                                                                   \
    &(const struct call){ .conv = { __VA_ARGS__ }, .slabs = SLABS, .gap = GAP }
#define CALL(SLABS, ...) CALL_APART(SLABS, 0, __VA_ARGS__)
#define CASE(NAME, K, PARAMS, COUNT, ...)                                                                              \
    {                                                                                                                  \
        .name = NAME, .params = PARAMS, .in = { __VA_ARGS__ }, .count = COUNT, .reduction = K                          \
    }

static const struct op_case cases[] = {
    CASE("one slab, 5 channels to 5", 135, CALL(1, .act = VKR_ACT_RELU), 3, IN(4, 6, 9, 8), PARAM(5, 5, 3, 3, 3),
         PARAM(5)),
    CASE("one slab, 11 to 11, dilation 2", 297, CALL(1, .dilation = 2, .act = VKR_ACT_ELU), 3, IN(5, 7, 41, 12),
         PARAM(11, 11, 3, 3, 3), PARAM(11)),
    CASE("one slab, 15 to 15, dilation 3", 405, CALL(1, .dilation = 3, .act = VKR_ACT_GELU), 3, IN(7, 5, 17, 16),
         PARAM(15, 15, 3, 3, 3), PARAM(15)),
    CASE("one slab, 21 to 21", 567, CALL(1, .act = VKR_ACT_LEAKY_RELU), 3, IN(3, 5, 11, 24), PARAM(21, 21, 3, 3, 3),
         PARAM(21)),
    CASE("one slab, 30 to 30", 810, CALL(1, .dilation = 1), 3, IN(3, 4, 34, 32), PARAM(30, 30, 3, 3, 3), PARAM(30)),
    CASE("no bias", 81, CALL(1, .dilation = 1), 3, IN(3, 4, 5, 4), PARAM(3, 3, 3, 3, 3), NONE_),
    CASE("a channel to 5", 27, CALL(1, .act = VKR_ACT_RELU), 3, IN(4, 5, 7, 1), PARAM(5, 1, 3, 3, 3), PARAM(5)),
    CASE("a channel to 11, dilation 2", 27, CALL(1, .dilation = 2), 3, IN(3, 5, 12, 1), PARAM(11, 1, 3, 3, 3),
         PARAM(11)),
    CASE("a channel to 30", 27, CALL(1, .act = VKR_ACT_ELU), 3, IN(2, 6, 35, 1), PARAM(30, 1, 3, 3, 3), PARAM(30)),
    CASE("a channel of odd size", 27, CALL(1, .dilation = 1), 3, IN(3, 5, 7, 1), PARAM(5, 1, 3, 3, 3), PARAM(5)),
    CASE("a channel stored as 4", 27, CALL(1, .dilation = 1), 3, IN(3, 5, 7, 4), PARAM(5, 1, 3, 3, 3), PARAM(5)),
    CASE("1x1x1 to 3", 11, CALL(1, .dilation = 7), 3, IN(4, 5, 13, 12), PARAM(3, 11, 1, 1, 1), PARAM(3)),
    CASE("1x1x1 to 18", 21, CALL(1, .act = VKR_ACT_NONE), 3, IN(2, 5, 37, 24), PARAM(18, 21, 1, 1, 1), PARAM(18)),
    CASE("1x1x1 to 16", 30, CALL(1, .act = VKR_ACT_RELU), 3, IN(2, 5, 3, 32), PARAM(16, 30, 1, 1, 1), PARAM(16)),
    CASE("middle of three, dilation 1", 135, CALL(3, .centre = 1, .act = VKR_ACT_ELU), 5, IN(4, 5, 6, 8),
         IN(4, 5, 6, 8), IN(4, 5, 6, 8), PARAM(5, 5, 3, 3, 3), PARAM(5)),
    CASE("first of two, dilation 2", 135, CALL(2, .centre = 0, .dilation = 2, .act = VKR_ACT_RELU), 4, IN(3, 5, 6, 8),
         IN(4, 5, 6, 8), PARAM(5, 5, 3, 3, 3), PARAM(5)),
    CASE("last of two, dilation 3", 297, CALL(2, .centre = 1, .dilation = 3), 4, IN(4, 5, 6, 12), IN(1, 5, 6, 12),
         PARAM(11, 11, 3, 3, 3), PARAM(11)),
    CASE("middle of five, dilation 16", 270, CALL(5, .centre = 2, .dilation = 16, .act = VKR_ACT_ELU), 7,
         IN(8, 3, 40, 12), IN(8, 3, 40, 12), IN(8, 3, 40, 12), IN(8, 3, 40, 12), IN(8, 3, 40, 12),
         PARAM(12, 10, 3, 3, 3), PARAM(12)),
    CASE("middle of five, dilation 5, a channel", 27, CALL(5, .centre = 2, .dilation = 5), 7, IN(4, 3, 8, 1),
         IN(4, 3, 8, 1), IN(4, 3, 8, 1), IN(4, 3, 8, 1), IN(4, 3, 8, 1), PARAM(5, 1, 3, 3, 3), PARAM(5)),
    CASE("three apart, dilation 16", 270, CALL_APART(3, 12, .centre = 1, .dilation = 16, .act = VKR_ACT_RELU), 5,
         IN(4, 3, 40, 12), IN(4, 3, 40, 12), IN(4, 3, 40, 12), PARAM(12, 10, 3, 3, 3), PARAM(12)),
    CASE("half but for the result", 21,
         CALL(1, .half = true, .wide = true), 3, HALF(2, 5, 7, 24), PARAM(18, 21, 1, 1, 1), PARAM(18)),
    CASE("dilation beyond every plane", 135, CALL(1, .dilation = 99), 3, IN(2, 5, 6, 8), PARAM(5, 5, 3, 3, 3),
         PARAM(5)),
    CASE("half", 135, CALL(1, .half = true, .act = VKR_ACT_RELU), 3, HALF(4, 6, 9, 8), PARAM(5, 5, 3, 3, 3), PARAM(5)),
    CASE("half from f32", 27, CALL(1, .half = true, .act = VKR_ACT_ELU), 3, IN(4, 6, 9, 1), PARAM(11, 1, 3, 3, 3),
         PARAM(11)),
    CASE("half, middle of three", 297, CALL(3, .centre = 1, .dilation = 4, .half = true), 5, HALF(4, 3, 6, 12),
         HALF(4, 3, 6, 12), HALF(4, 3, 6, 12), PARAM(11, 11, 3, 3, 3), PARAM(11)),
    CASE("half from f32, first of two", 27, CALL(2, .centre = 0, .dilation = 2, .half = true), 4, IN(2, 6, 4, 1),
         IN(2, 6, 4, 1), PARAM(5, 1, 3, 3, 3), PARAM(5)),
    { .name = "MeshNet of 11 channels",
      .params = CALL(3, .centre = 1, .dilation = 4, .act = VKR_ACT_RELU),
      .in = { IN(4, 128, 256, 12), IN(4, 128, 256, 12), IN(4, 128, 256, 12), PARAM(11, 11, 3, 3, 3), PARAM(11) },
      .count = 5,
      .reduction = 297,
      .slow = true },
};

#define REJECT(NAME, WORD, PARAMS, COUNT, ...)                                                                         \
    {                                                                                                                  \
        NAME, PARAMS, { __VA_ARGS__ }, COUNT, WORD                                                                     \
    }

static const struct op_rejection rejections[] = {
    REJECT("a slab of another rank", "[planes, H, W, C]", CALL(1, .dilation = 1), 3, DESC(5, 6, 8), DESC(5, 5, 3, 3, 3),
           DESC(5)),
    REJECT("slabs of unlike planes", "like the first", CALL(2, .dilation = 1), 4, DESC(2, 5, 6, 8), DESC(2, 6, 5, 8),
           DESC(5, 5, 3, 3, 3), DESC(5)),
    REJECT("a centre that is not there", "slab 1 of 1", CALL(1, .centre = 1), 3, DESC(2, 5, 6, 8), DESC(5, 5, 3, 3, 3),
           DESC(5)),
    REJECT("a slab too large", "2^31", CALL(1, .dilation = 1), 3, DESC(4, 65536, 65536, 4), DESC(5, 4, 3, 3, 3),
           DESC(5)),
    REJECT("a kernel of 5", "k 1 or 3", CALL(1, .dilation = 1), 3, DESC(2, 5, 6, 8), DESC(5, 5, 5, 5, 5), DESC(5)),
    REJECT("a kernel of two sizes", "k 1 or 3", CALL(1, .dilation = 1), 3, DESC(2, 5, 6, 8), DESC(5, 5, 3, 3, 1),
           DESC(5)),
    REJECT("a weight in f16", "must be f32", CALL(1, .dilation = 1), 3, DESC(2, 5, 6, 8), DESC16(5, 5, 3, 3, 3),
           DESC(5)),
    REJECT("channels that are not padded", "does not fit the channels", CALL(1, .dilation = 1), 3, DESC(2, 5, 6, 5),
           DESC(5, 5, 3, 3, 3), DESC(5)),
    REJECT("a bias of another length", "bias", CALL(1, .dilation = 1), 3, DESC(2, 5, 6, 8), DESC(5, 5, 3, 3, 3),
           DESC(4)),
    REJECT("an activation it has not", "activation", CALL(1, .act = VKR_ACT_TANH), 3, DESC(2, 5, 6, 8),
           DESC(5, 5, 3, 3, 3), DESC(5)),
    REJECT("a dilation beyond reason", "beyond reason", CALL(1, .dilation = 1u << 20), 3, DESC(2, 5, 6, 8),
           DESC(5, 5, 3, 3, 3), DESC(5)),
};

static const struct vkr_choice choices[] = {
    { "conv_slab_winograd", "c8", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_winograd", "c12", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_winograd", "c16", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "one_c8", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "one_c12", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "one_c16", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "head_c8", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "head_c12", VKR_CAP_VEC8, true, NULL },
    { "conv_slab_vec", "head_c16", VKR_CAP_VEC8, true, NULL },
    { "conv_slab", "f32", 0, false, NULL },
};

const struct op_suite op_suite_conv_slab = {
    .name = "conv_slab",
    .build = build,
    .reference = reference,
    .cases = cases,
    .case_count = COUNT_OF(cases),
    .rejections = rejections,
    .rejection_count = COUNT_OF(rejections),
    .choices = choices,
    .choice_count = COUNT_OF(choices),
};
