/* weighted_sum.c: xT w against its definition in double. */
#include "support/cases.h"

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)params;
    (void)count;
    return vkr_weighted_sum(g, in[0], in[1]);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    uint32_t depth = desc[0].dim[1], m = out_desc->dim[1], n = out_desc->dim[2];
    (void)params;
    (void)count;
    for (uint64_t b = 0; b < out_desc->dim[0]; b++)
        for (uint32_t i = 0; i < m; i++)
            for (uint32_t j = 0; j < n; j++) {
                double sum = 0;
                for (uint64_t k = b * depth; k < (b + 1) * depth; k++)
                    sum += in[0][k * m + i] * in[1][k * n + j];
                *out++ = sum;
            }
}

#define CASE(NAME, K, X, W) { .name = NAME, .in = { X, W }, .count = 2, .reduction = K }

static const struct op_case cases[] = {
    CASE("one", 1, IN(1, 1, 1), IN(1, 1, 1)),
    CASE("tiles with tails", 40, IN(2, 40, 56), IN(2, 40, 44)),
    CASE("one texel", 8, IN(1, 8, 4), IN(1, 8, 4)),
    CASE("several tiles", 104, IN(1, 104, 72), IN(1, 104, 100)),
    CASE("odd depth", 41, IN(3, 41, 12), IN(3, 41, 20)),
    CASE("odd sizes", 16, IN(2, 16, 7), IN(2, 16, 13)),
    { .name = "SAM token to image", .in = { IN(1, 4096, 56), IN(1, 4096, 256) }, .count = 2, .reduction = 4096, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "unequal depths", NULL, { DESC(1, 8, 4), DESC(1, 12, 4) }, 2, "[B, K, N]" },
    { "too many rows", NULL, { DESC(1, 60001, 4), DESC(1, 60001, 4) }, 2, "more than 60000" },
    { "unequal batches", NULL, { DESC(2, 8, 4), DESC(1, 8, 4) }, 2, "[B, K, N]" },
};

static const struct vkr_choice choices[] = {
    { "weighted_sum_vec", "f32", VKR_CAP_VEC8, true, NULL }, { "weighted_sum", "f32", 0, false, NULL },
};

const struct op_suite op_suite_weighted_sum = {
    .name = "weighted_sum", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
