/* argmax.c: the first of the largest channels. */
#include "support/cases.h"

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    return vkr_argmax(g, in[0], *(const uint32_t *)params);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    uint32_t classes = *(const uint32_t *)params, channels = vkr_last(&desc[0]);
    (void)count;
    for (uint64_t r = 0; r < vkr_numel(out_desc); r++) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < classes; c++)
            if (in[0][r * channels + c] > in[0][r * channels + best])
                best = c;
        out[r] = best;
    }
}

#define CLASSES(n)                                                                                                     \
    &(const uint32_t)                                                                                                  \
    {                                                                                                                  \
        n                                                                                                              \
    }
#define FLAT(...)                                                                                                      \
    {                                                                                                                  \
        .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = 1e-30f, .offset = 1                                           \
    } /* nothing but ties */

static const struct op_case cases[] = {
    { .name = "3 of 4", .params = CLASSES(3), .in = { IN(5, 17, 4) }, .count = 1 },
    { .name = "18 of 20", .params = CLASSES(18), .in = { IN(3, 5, 7, 20) }, .count = 1 },
    { .name = "113 of 113", .params = CLASSES(113), .in = { IN(41, 113) }, .count = 1 },
    { .name = "1 of 1", .params = CLASSES(1), .in = { IN(3, 1) }, .count = 1 },
    { .name = "ties", .params = CLASSES(5), .in = { FLAT(9, 8) }, .count = 1 },
    { .name = "all below zero",
      .params = CLASSES(2),
      .in = { { .desc = { VKR_F32, DIMS(41, 4) }, .offset = -9 } },
      .count = 1 },
};

static const struct op_rejection rejections[] = {
    { "16-bit", CLASSES(3), { DESC16(3, 4) }, 1, "must be f32" },
    { "a single dimension", CLASSES(3), { DESC(4) }, 1, "[.., C]" },
    { "more classes than channels", CLASSES(5), { DESC(3, 4) }, 1, "5 classes" },
    { "no classes", CLASSES(0), { DESC(3, 4) }, 1, "0 classes" },
    { "x too large", CLASSES(1), { DESC(65536, 65536, 1) }, 1, "2^31" },
};

static const struct vkr_choice choices[] = {
    { "argmax", "vec", VKR_CAP_VEC8, true, NULL },
    { "argmax", "f32", 0, false, NULL },
};

const struct op_suite op_suite_argmax = {
    .name = "argmax",
    .build = build,
    .reference = reference,
    .cases = cases,
    .case_count = COUNT_OF(cases),
    .rejections = rejections,
    .rejection_count = COUNT_OF(rejections),
    .choices = choices,
    .choice_count = COUNT_OF(choices),
};
