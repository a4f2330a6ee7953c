/* softmax.c: softmax over the last dimension in double. */
#include "support/cases.h"

#include <math.h>

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)params;
    (void)count;
    return vkr_softmax(g, in[0]);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    uint64_t cols = vkr_last(out_desc);
    (void)params;
    (void)desc;
    (void)count;
    for (uint64_t r = 0; r < vkr_rows(out_desc); r++) {
        double top = -1e300, sum = 0;
        for (uint64_t c = 0; c < cols; c++)
            top = fmax(top, in[0][r * cols + c]);
        for (uint64_t c = 0; c < cols; c++)
            sum += out[r * cols + c] = exp(in[0][r * cols + c] - top);
        for (uint64_t c = 0; c < cols; c++)
            out[r * cols + c] /= sum;
    }
}

#define WIDE(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = 95 }

/* Large logits: exp(95) overflows nothing only because the maximum is taken off first. The error of exp grows with its
 * argument, hence the reduction length. */
static const struct op_case cases[] = {
    { .name = "one", .in = { IN(3, 1) }, .count = 1 },
    { .name = "41x113", .in = { IN(41, 113) }, .count = 1, .reduction = 113 },
    { .name = "large logits", .in = { WIDE(5, 17) }, .count = 1, .reduction = 1u << 30 },
    { .name = "long rows", .in = { IN(2, 3, 1000) }, .count = 1, .reduction = 1000 },
};

static const struct op_rejection rejections[] = { { "16-bit", NULL, { DESC16(3, 4) }, 1, "f32" } };
static const struct vkr_choice choices[] = { { "softmax", "f32", 0, false, NULL } };

const struct op_suite op_suite_softmax = {
    .name = "softmax", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
