/* softmax.c: softmax over any dimension, scaled, in double. */
#include "support/cases.h"

#include <math.h>

struct call { uint32_t axis; float scale; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *c = params;
    (void)count;
    return c ? vkr_softmax_axis(g, in[0], c->axis, c->scale) : vkr_softmax(g, in[0]);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *c = params;
    const uint32_t axis = c ? c->axis : out_desc->rank - 1;
    const double scale = c ? c->scale : 1;
    const uint64_t cols = out_desc->dim[axis];
    uint64_t inner = 1;
    (void)desc;
    (void)count;
    for (uint32_t i = axis + 1; i < out_desc->rank; i++)
        inner *= out_desc->dim[i];
    for (uint64_t r = 0; r < vkr_numel(out_desc) / cols; r++) {
        const uint64_t base = r / inner * cols * inner + r % inner;
        double top = -1e300, sum = 0;
        for (uint64_t i = 0; i < cols; i++)
            top = fmax(top, scale * in[0][base + i * inner]);
        for (uint64_t i = 0; i < cols; i++)
            sum += out[base + i * inner] = exp(scale * in[0][base + i * inner] - top);
        for (uint64_t i = 0; i < cols; i++)
            out[base + i * inner] /= sum;
    }
}

#define OVER(AXIS, SCALE) .params = &(const struct call){ AXIS, SCALE }
#define WIDE(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = 95 }

/* Large logits: exp(95) overflows nothing only because the maximum is taken off first. The error of exp grows with its
 * argument, hence the reduction length. */
static const struct op_case cases[] = {
    { .name = "one", .in = { IN(3, 1) }, .count = 1 },
    { .name = "41x113", .in = { IN(41, 113) }, .count = 1, .reduction = 113 },
    { .name = "large logits", .in = { WIDE(5, 17) }, .count = 1, .reduction = 1u << 30 },
    { .name = "long rows", .in = { IN(2, 3, 1000) }, .count = 1, .reduction = 1000 },
    { .name = "scaled", OVER(1, 0.25f), .in = { IN(5, 17) }, .count = 1, .reduction = 17 },
    { .name = "first axis", OVER(0, 0.25f), .in = { IN(113, 12) }, .count = 1, .reduction = 113 },
    { .name = "axis before heads", OVER(1, 1), .in = { IN(41, 7, 8) }, .count = 1, .reduction = 7 },
    { .name = "odd columns", OVER(1, 0.5f), .in = { IN(2, 70, 5) }, .count = 1, .reduction = 70 },
    { .name = "large logits of an axis", OVER(1, 1), .in = { WIDE(3, 17, 4) }, .count = 1, .reduction = 1u << 30 },
    { .name = "SAM token to image", OVER(1, 0.25f), .in = { IN(1, 4096, 56) }, .count = 1, .reduction = 4096, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "16-bit", NULL, { DESC16(3, 4) }, 1, "f32" },
    { "no such axis", &(const struct call){ 2, 1 }, { DESC(3, 4) }, 1, "has no axis 2" },
    { "an axis that is too long", &(const struct call){ 0, 1 }, { DESC(20001, 4) }, 1, "longer than 20000" },
};
static const struct vkr_choice choices[] = {
    { "softmax", "f32", 0, false, NULL }, { "softmax_axis", "vec", VKR_CAP_VEC8, true, NULL },
    { "softmax_axis", "f32", 0, false, NULL },
};

const struct op_suite op_suite_softmax = {
    .name = "softmax", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
