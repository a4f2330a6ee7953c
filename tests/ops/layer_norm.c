/* layer_norm.c: layer normalisation against two passes in double. */
#include "support/cases.h"

#include <math.h>

struct call { float eps; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    return vkr_layer_norm(g, in[0], in[1], in[2], ((const struct call *)params)->eps);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    uint64_t cols = vkr_last(out_desc), rows = vkr_rows(out_desc);
    (void)count;
    for (uint64_t r = 0; r < rows; r++) {
        const double *x = in[0] + r * cols;
        double mean = 0, variance = 0;
        for (uint64_t c = 0; c < cols; c++)
            mean += x[c] / (double)cols;
        for (uint64_t c = 0; c < cols; c++)
            variance += (x[c] - mean) * (x[c] - mean) / (double)cols;
        for (uint64_t c = 0; c < cols; c++) {
            double v = (x[c] - mean) / sqrt(variance + (double)((const struct call *)params)->eps);
            out[r * cols + c] = desc[1].dtype == VKR_NONE ? v : v * in[1][c] + in[2][c];
        }
    }
}

#define CALL(e) &(const struct call){ e }
#define CASE(NAME, X, W, B, EPS) { .name = NAME, .params = CALL(EPS), .in = { X, W, B }, .count = 3 }
#define LARGE(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .offset = 30 }
#define SMALL(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = 1e-3f }

static const struct op_case cases[] = {
    CASE("one element", IN(1, 1), PARAM(1), PARAM(1), 1e-6f),
    CASE("37x113", IN(37, 113), PARAM(113), PARAM(113), 1e-6f),
    CASE("41x768", IN(41, 768), PARAM(768), PARAM(768), 1e-6f),
    CASE("3x5x17x64", IN(3, 5, 17, 64), PARAM(64), PARAM(64), 1e-5f),
    CASE("1x4", IN(1, 4), PARAM(4), PARAM(4), 1e-5f),
    CASE("9x36 without affine", IN(9, 36), NONE_, NONE_, 1e-6f),
    CASE("5x7 without affine", IN(5, 7), NONE_, NONE_, 1e-6f),
    CASE("small variance", SMALL(6, 48), PARAM(48), PARAM(48), 1e-6f),
    { .name = "large mean", .params = CALL(1e-6f), .in = { LARGE(6, 48), PARAM(48), PARAM(48) }, .count = 3, .reduction = 1u << 30 },
    { .name = "ViT-B tokens", .params = CALL(1e-6f), .in = { IN(4096, 768), PARAM(768), PARAM(768) }, .count = 3, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "a weight of another length", CALL(1e-6f), { DESC(3, 8), DESC(7), DESC(7) }, 3, "must be f32 [8]" },
    { "a weight without a bias", CALL(1e-6f), { DESC(3, 8), DESC(8), NO_DESC }, 3, "together" },
    { "16-bit activations", CALL(1e-6f), { DESC16(3, 8), DESC(8), DESC(8) }, 3, "f32" },
};

static const struct vkr_choice choices[] = {
    { "layer_norm_vec", "f32", VKR_CAP_VEC8, true, NULL },
    { "layer_norm", "f32", 0, false, NULL },
};

/* The variance is a difference of large numbers when the mean is large: a wider factor than for plain sums. */
const struct op_suite op_suite_layer_norm = {
    .name = "layer_norm", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
    .factor = 8,
};
