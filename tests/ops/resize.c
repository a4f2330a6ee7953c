/* resize.c: resampling against torch's definition, evaluated per axis in double. */
#include "support/op_suite.h"

#include <math.h>
#include <string.h>

struct call { uint32_t size[3]; enum vkr_resize_mode mode; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *call = params;
    (void)count;
    return vkr_resize(g, in[0], call->size, call->mode);
}

static double cubic(double t)
{
    const double a = -0.75;
    t = fabs(t);
    return t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* Weight of input position i for output position o. */
static double weight(uint32_t i, uint32_t o, uint32_t in, uint32_t out, enum vkr_resize_mode mode)
{
    double source = ((double)o + 0.5) * in / out - 0.5, sum = 0;
    switch (mode) {
    case VKR_NEAREST:
        return i == (uint32_t)fmin(floorf((float)o * ((float)in / (float)out)), in - 1);
    case VKR_LINEAR_ALIGN_CORNERS:
        source = out > 1 ? (double)o * (in - 1) / (out - 1) : 0;
        return fmax(0, 1 - fabs(source - i));
    case VKR_LINEAR:
        source = fmin(fmax(source, 0), in - 1);
        return fmax(0, 1 - fabs(source - i));
    default:
        for (double tap = floor(source) - 1; tap < floor(source) + 3; tap++)
            if (fmin(fmax(tap, 0), in - 1) == i)
                sum += cubic(source - tap);
        return sum;
    }
}

/* [outer, in, inner] -> [outer, out, inner] */
static void axis(const double *x, double *y, uint64_t outer, uint32_t in, uint32_t out, uint64_t inner,
                 enum vkr_resize_mode mode)
{
    memset(y, 0, outer * out * inner * sizeof *y);
    for (uint32_t o = 0; o < out; o++)
        for (uint32_t i = 0; i < in; i++) {
            double w = weight(i, o, in, out, mode);
            for (uint64_t n = 0; w != 0 && n < outer; n++)
                for (uint64_t c = 0; c < inner; c++)
                    y[(n * out + o) * inner + c] += w * x[(n * in + i) * inner + c];
        }
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    static double buffer[2][1 << 22];
    const struct call *call = params;
    const double *x = in[0];
    struct vkr_desc now = desc[0];
    (void)count;
    for (uint32_t i = 1; i + 1 < now.rank; i++) {
        uint64_t outer = 1, inner = 1;
        for (uint32_t k = 0; k < now.rank; k++) {
            outer *= k < i ? now.dim[k] : 1;
            inner *= k > i ? now.dim[k] : 1;
        }
        double *y = i + 2 == now.rank ? out : buffer[i % 2];
        axis(x, y, outer, now.dim[i], out_desc->dim[i], inner, call->mode);
        now.dim[i] = out_desc->dim[i];
        x = y;
    }
}

#define RANK(...) (sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define SIZE(...) { __VA_ARGS__ }
#define CASE(NAME, MODE, SIZE_, ...)                                                              \
    { .name = NAME, .params = &(const struct call){ SIZE_, MODE },                                \
      .in = { { .desc = { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } } } }, .count = 1 }
#define WEIGHT(NAME, DTYPE, MODE, SIZE_, ...)                                                     \
    { .name = NAME, .params = &(const struct call){ SIZE_, MODE },                                \
      .in = { { .desc = { DTYPE, RANK(__VA_ARGS__), { __VA_ARGS__ } }, .param = true } }, .count = 1 }

static const struct op_case cases[] = {
    CASE("linear up 4", VKR_LINEAR, SIZE(0, 32, 36), 1, 8, 9, 3),
    CASE("linear up by no integer", VKR_LINEAR, SIZE(0, 23, 31), 2, 10, 12, 5),
    CASE("linear down", VKR_LINEAR, SIZE(0, 20, 27), 1, 32, 40, 2),
    CASE("linear one axis up, one down", VKR_LINEAR, SIZE(0, 11, 37), 1, 16, 16, 1),
    CASE("linear from 1x1", VKR_LINEAR, SIZE(0, 5, 3), 3, 1, 1, 17),
    CASE("linear to 1x1", VKR_LINEAR, SIZE(0, 1, 1), 1, 17, 5, 3),
    CASE("linear 113 to 41", VKR_LINEAR, SIZE(0, 41, 113), 1, 113, 41, 1),
    CASE("trilinear", VKR_LINEAR, SIZE(9, 12, 10), 2, 6, 7, 5, 2),
    CASE("trilinear down", VKR_LINEAR, SIZE(3, 4, 11), 1, 7, 9, 8, 3),
    CASE("align corners up 2", VKR_LINEAR_ALIGN_CORNERS, SIZE(0, 14, 16), 1, 7, 8, 3),
    CASE("align corners to 1", VKR_LINEAR_ALIGN_CORNERS, SIZE(0, 1, 5), 1, 7, 8, 3),
    CASE("align corners from 1", VKR_LINEAR_ALIGN_CORNERS, SIZE(0, 4, 5), 2, 1, 3, 3),
    CASE("align corners in 3-D", VKR_LINEAR_ALIGN_CORNERS, SIZE(8, 6, 9), 1, 4, 5, 3, 2),
    CASE("nearest up 2", VKR_NEAREST, SIZE(0, 14, 16), 1, 7, 8, 3),
    CASE("nearest 17 to 41", VKR_NEAREST, SIZE(0, 41, 5), 2, 17, 113, 1),
    CASE("nearest in 3-D", VKR_NEAREST, SIZE(3, 12, 10), 1, 6, 6, 5, 4),
    CASE("cubic 7 to 16", VKR_CUBIC, SIZE(0, 16, 16), 1, 7, 7, 6),
    CASE("cubic down", VKR_CUBIC, SIZE(0, 9, 13), 2, 20, 22, 3),
    CASE("cubic from 1x2", VKR_CUBIC, SIZE(0, 5, 3), 1, 1, 2, 5),
    WEIGHT("relative positions 27 to 11", VKR_F32, VKR_LINEAR, SIZE(0, 11, 1), 1, 27, 1, 16),
    WEIGHT("relative positions 27 to 127 f16", VKR_F16, VKR_LINEAR, SIZE(0, 127, 1), 1, 27, 1, 64),
    WEIGHT("position embedding 14 to 64 f16", VKR_F16, VKR_CUBIC, SIZE(0, 64, 64), 1, 14, 14, 2),
    WEIGHT("nearest f16", VKR_F16, VKR_NEAREST, SIZE(0, 5, 9), 1, 3, 4, 5),
    { .name = "SAM masks 256 to 1024", .params = &(const struct call){ { 0, 1024, 1024 }, VKR_LINEAR },
      .in = { { .desc = { VKR_F32, 4, { 1, 256, 256, 3 } } } }, .count = 1, .slow = true },
};

#define REJECT(NAME, WORD, DTYPE, MODE, SIZE_, ...)                                               \
    { .name = NAME, .params = &(const struct call){ SIZE_, MODE },                                \
      .in = { { DTYPE, RANK(__VA_ARGS__), { __VA_ARGS__ } } }, .count = 1, .word = WORD }

static const struct op_rejection rejections[] = {
    REJECT("x without batch", "must be f32 or f16 [B, H, W, C]", VKR_F32, VKR_LINEAR, SIZE(0, 5, 5), 5, 5, 3),
    REJECT("x of integers", "must be f32 or f16", VKR_I32, VKR_LINEAR, SIZE(0, 5, 5), 1, 7, 7, 3),
    REJECT("x too large", "2^31", VKR_F32, VKR_LINEAR, SIZE(0, 5, 5), 1, 65536, 65536, 1),
    REJECT("cubic in 3-D", "2-D only", VKR_F32, VKR_CUBIC, SIZE(5, 5, 5), 1, 7, 7, 7, 3),
    REJECT("unknown mode", "mode", VKR_F32, (enum vkr_resize_mode)9, SIZE(0, 5, 5), 1, 7, 7, 3),
    REJECT("to nothing", "empty size", VKR_F32, VKR_LINEAR, SIZE(0, 0, 5), 1, 7, 7, 3),
    REJECT("to too many positions", "too long", VKR_F32, VKR_LINEAR, SIZE(0, 1, 1u << 30), 1, 7, 7, 3),
};

static const struct vkr_choice choices[] = {
    { "resize", "nearest_vec", VKR_CAP_VEC8, true, NULL }, { "resize", "linear_vec", VKR_CAP_VEC8, true, NULL },
    { "resize", "cubic_vec", VKR_CAP_VEC8, true, NULL },   { "resize", "nearest_f16", VKR_CAP_F16, false, NULL },
    { "resize", "linear_f16", VKR_CAP_F16, false, NULL },  { "resize", "cubic_f16", VKR_CAP_F16, false, NULL },
    { "resize", "nearest", 0, false, NULL },               { "resize", "linear", 0, false, NULL },
    { "resize", "cubic", 0, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_resize = {
    .name = "resize", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
