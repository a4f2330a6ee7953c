/* binary.c: broadcasting arithmetic against index arithmetic in double. */
#include "support/cases.h"

struct call { enum vkr_binary_kind kind; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    return vkr_binary(g, ((const struct call *)params)->kind, in[0], in[1]);
}

/* Element of a broadcast operand under the flat index `i` of the result. */
static double at(const struct vkr_desc *desc, const double *values, const struct vkr_desc *out, uint64_t i)
{
    uint64_t index = 0, step = 1;
    for (uint32_t k = 0; k < out->rank; k++) {
        uint32_t axis = out->rank - 1 - k;
        uint64_t position = i % out->dim[axis];
        i /= out->dim[axis];
        if (k < desc->rank) {
            uint32_t dim = desc->dim[desc->rank - 1 - k];
            index += (dim == 1 ? 0 : position) * step;
            step *= dim;
        }
    }
    return values[index];
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    enum vkr_binary_kind kind = ((const struct call *)params)->kind;
    (void)count;
    for (uint64_t i = 0; i < vkr_numel(out_desc); i++) {
        double a = at(&desc[0], in[0], out_desc, i), b = at(&desc[1], in[1], out_desc, i);
        out[i] = kind == VKR_ADD ? a + b : kind == VKR_SUB ? a - b : a * b;
    }
}

#define CASE(NAME, KIND, A, B) { .name = NAME, .params = &(const struct call){ KIND }, .in = { A, B }, .count = 2 }

static const struct op_case cases[] = {
    CASE("scalars", VKR_ADD, IN(1), IN(1)),
    CASE("same shape", VKR_ADD, IN(3, 5, 17), IN(3, 5, 17)),
    CASE("same shape of fours", VKR_SUB, IN(41, 64), IN(41, 64)),
    CASE("row", VKR_MUL, IN(41, 113), PARAM(113)),
    CASE("row of fours", VKR_ADD, IN(41, 256), PARAM(256)),
    CASE("column", VKR_MUL, IN(41, 12), IN(41, 1)),
    CASE("scalar", VKR_SUB, IN(7, 5), IN(1)),
    CASE("batch", VKR_ADD, IN(64, 8), IN(3, 64, 8)),
    CASE("both ways", VKR_SUB, IN(5, 1, 12), IN(1, 7, 12)),
    CASE("five axes", VKR_MUL, IN(2, 1, 3, 1, 5), IN(1, 4, 3, 2, 1)),
    CASE("five axes of fours", VKR_ADD, IN(2, 1, 3, 1, 8), IN(1, 4, 1, 2, 8)),
    CASE("long", VKR_ADD, IN(70000), IN(70000)),
    { .name = "position embedding", .params = &(const struct call){ VKR_ADD }, .in = { IN(1, 4096, 768), PARAM(4096, 768) },
      .count = 2, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "shapes that do not broadcast", &(const struct call){ VKR_ADD }, { DESC(3, 5), DESC(3, 4) }, 2, "broadcast" },
    { "16-bit operands", &(const struct call){ VKR_ADD }, { DESC16(4), DESC(4) }, 2, "f32" },
};

static const struct vkr_choice choices[] = {
    { "binary", "vec", VKR_CAP_VEC8, true, NULL }, { "binary", "x4", 0, false, NULL }, { "binary", "f32", 0, false, NULL },
};

const struct op_suite op_suite_binary = {
    .name = "binary", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
