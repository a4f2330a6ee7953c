/* unary.c: activations against libm in double. */
#include "support/cases.h"

#include <math.h>

struct call { enum vkr_activation act; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    return vkr_unary(g, in[0], ((const struct call *)params)->act);
}

static double activate(enum vkr_activation act, double x)
{
    switch (act) {
    case VKR_ACT_RELU: return x > 0 ? x : 0;
    case VKR_ACT_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case VKR_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case VKR_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case VKR_ACT_SILU: return x / (1 + exp(-x));
    case VKR_ACT_TANH: return tanh(x);
    case VKR_ACT_SOFTPLUS: return x > 30 ? x : log1p(exp(x));
    case VKR_ACT_LEAKY_RELU: return x > 0 ? x : 0.01 * x;
    case VKR_ACT_RSQRT: return 1 / sqrt(x);
    case VKR_ACT_ELU: return x > 0 ? x : expm1(x);
    default: return x;
    }
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    (void)desc;
    (void)count;
    for (uint64_t i = 0; i < vkr_numel(out_desc); i++)
        out[i] = activate(((const struct call *)params)->act, in[0][i]);
}

#define WIDE(SCALE, ...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = SCALE }
#define CASE(NAME, ACT, X) { .name = NAME, .params = &(const struct call){ ACT }, .in = { X }, .count = 1 }

static const struct op_case cases[] = {
    CASE("relu", VKR_ACT_RELU, WIDE(5, 3, 5, 17)),
    CASE("relu of whole vectors", VKR_ACT_RELU, WIDE(5, 3, 5, 20)),
    CASE("gelu", VKR_ACT_GELU, WIDE(6, 41, 113)),
    CASE("gelu of 4", VKR_ACT_GELU, WIDE(6, 4)),
    CASE("gelu far out", VKR_ACT_GELU, WIDE(100, 512)),
    CASE("gelu tanh", VKR_ACT_GELU_TANH, WIDE(6, 40, 113)),
    CASE("sigmoid", VKR_ACT_SIGMOID, WIDE(20, 1000)),
    CASE("sigmoid far out", VKR_ACT_SIGMOID, WIDE(1e4f, 333)),
    CASE("silu", VKR_ACT_SILU, WIDE(20, 1, 1001)),
    CASE("tanh", VKR_ACT_TANH, WIDE(4, 500)),
    CASE("tanh near zero", VKR_ACT_TANH, WIDE(0.1f, 500)),
    CASE("tanh far out", VKR_ACT_TANH, WIDE(1e4f, 333)),
    CASE("softplus", VKR_ACT_SOFTPLUS, WIDE(60, 500)),
    CASE("leaky relu", VKR_ACT_LEAKY_RELU, WIDE(3, 77)),
    CASE("elu", VKR_ACT_ELU, WIDE(3, 80)),
    CASE("elu far out", VKR_ACT_ELU, WIDE(1e4f, 77)),
    CASE("none", VKR_ACT_NONE, WIDE(3, 1)),
    { .name = "rsqrt", .params = &(const struct call){ VKR_ACT_RSQRT },
      .in = { { .desc = { VKR_F32, DIMS(333) }, .scale = 0.9f, .offset = 1 } }, .count = 1 },
    { .name = "ViT-B hidden", .params = &(const struct call){ VKR_ACT_GELU }, .in = { IN(4096, 3072) }, .count = 1, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "16-bit activations", &(const struct call){ VKR_ACT_RELU }, { DESC16(4) }, 1, "f32" },
    { "an unknown activation", &(const struct call){ (enum vkr_activation)77 }, { DESC(4) }, 1, "77" },
};

static const struct vkr_choice choices[] = {
    { "unary", "vec_relu", VKR_CAP_VEC8, true, NULL }, { "unary", "vec_gelu", VKR_CAP_VEC8, true, NULL },
    { "unary", "vec", VKR_CAP_VEC8, true, NULL }, { "unary", "x4", 0, false, NULL }, { "unary", "f32", 0, false, NULL },
};

const struct op_suite op_suite_unary = {
    .name = "unary", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
