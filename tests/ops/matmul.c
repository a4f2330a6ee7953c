/* matmul.c: linear layers against sums in double. */
#include "support/cases.h"

#include <math.h>
#include <stdlib.h>

/* NORMED and TWICE: x comes from an operator that can leave it in row panels. */
struct call { enum vkr_activation act; enum { PLAIN, NORMED, TWICE } before; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    (void)count;
    const struct call *call = params;
    struct vkr_tensor *x = in[0];
    if (call->before == NORMED)
        x = vkr_layer_norm(g, x, NULL, NULL, 1e-5f);
    if (call->before == TWICE)
        x = vkr_matmul(g, x, in[1], in[2], NULL, call->act);
    return vkr_matmul(g, x, in[1], in[2], in[3], call->act);
}

static void normalise(const double *x, uint64_t rows, uint64_t cols, double *out)
{
    for (uint64_t r = 0; r < rows; r++) {
        double mean = 0, square = 0;
        for (uint64_t c = 0; c < cols; c++)
            mean += x[r * cols + c] / (double)cols;
        for (uint64_t c = 0; c < cols; c++)
            square += (x[r * cols + c] - mean) * (x[r * cols + c] - mean) / (double)cols;
        for (uint64_t c = 0; c < cols; c++)
            out[r * cols + c] = (x[r * cols + c] - mean) / sqrt(square + 1e-5);
    }
}

static void multiply(enum vkr_activation act, const struct vkr_desc *desc, const double *const *in, const double *x,
                     const double *residual, const struct vkr_desc *out_desc, double *out)
{
    uint64_t k = vkr_last(&desc[0]), n = vkr_last(out_desc), rows = vkr_rows(out_desc);
    uint64_t per_batch = desc[1].rank == 3 ? desc[0].dim[1] : rows;
    for (uint64_t m = 0; m < rows; m++)
        for (uint64_t c = 0; c < n; c++) {
            const double *w = in[1] + (m / per_batch * n + c) * k;
            double sum = desc[2].dtype ? in[2][c] : 0;
            for (uint64_t i = 0; i < k; i++)
                sum += x[m * k + i] * w[i];
            sum = act == VKR_ACT_RELU ? fmax(sum, 0) : act == VKR_ACT_GELU ? 0.5 * sum * (1 + erf(sum / sqrt(2))) : sum;
            out[m * n + c] = sum + (residual ? residual[m * n + c] : 0);
        }
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *call = params;
    const double *residual = desc[3].dtype ? in[3] : NULL;
    double *before = call->before == PLAIN ? NULL : malloc(vkr_numel(&desc[0]) * sizeof *before);
    (void)count;
    if (before && call->before == NORMED)
        normalise(in[0], vkr_rows(&desc[0]), vkr_last(&desc[0]), before);
    else if (before)
        multiply(call->act, desc, in, in[0], NULL, &desc[0], before);
    multiply(call->act, desc, in, before ? before : in[0], residual, out_desc, out);
    free(before);
}

#define CALL(A) &(const struct call){ .act = A }
#define CASE(NAME, ACT, K, X, W, B, R) { .name = NAME, .params = CALL(ACT), .in = { X, W, B, R }, .count = 4, .reduction = K }

static const struct op_case cases[] = {
    CASE("1x1x1", VKR_ACT_NONE, 1, IN(1, 1), PARAM(1, 1), PARAM(1), NONE_),
    CASE("3x5x17", VKR_ACT_NONE, 17, IN(3, 17), PARAM(5, 17), NONE_, NONE_),
    CASE("a vector", VKR_ACT_NONE, 41, IN(41), PARAM(113, 41), PARAM(113), NONE_),
    CASE("41x113x17 gelu", VKR_ACT_GELU, 17, IN(41, 17), PARAM(113, 17), PARAM(113), NONE_),
    CASE("17x36x256 relu residual", VKR_ACT_RELU, 256, IN(17, 256), PARAM(36, 256), PARAM(36), IN(17, 36)),
    CASE("16x32x4 exactly one tile", VKR_ACT_NONE, 4, IN(16, 4), PARAM(32, 4), PARAM(32), NONE_),
    CASE("65x33x30 residual with a tail", VKR_ACT_NONE, 30, IN(65, 30), PARAM(33, 30), PARAM(33), IN(65, 33)),
    CASE("33x64x1024 gelu residual", VKR_ACT_GELU, 1024, IN(33, 1024), PARAM(64, 1024), PARAM(64), IN(33, 64)),
    CASE("70x40x48 wide with tails", VKR_ACT_NONE, 48, IN(70, 48), PARAM(40, 48), PARAM(40), NONE_),
    CASE("113x36x1024 wide gelu residual", VKR_ACT_GELU, 1024, IN(113, 1024), PARAM(36, 1024), PARAM(36), IN(113, 36)),
    CASE("wide 16-bit w relu", VKR_ACT_RELU, 64, IN(71, 64), PARAM16(32, 64), PARAM(32), NONE_),
    CASE("wide in batches", VKR_ACT_NONE, 8, IN(3, 65, 8), IN(3, 12, 8), NONE_, NONE_),
    CASE("wide in blocks of rows", VKR_ACT_NONE, 2048, IN(130, 2048), PARAM(4, 2048), PARAM(4), NONE_),
    { .name = "70 normalised rows", .params = &(const struct call){ VKR_ACT_NONE, NORMED },
      .in = { IN(70, 48), PARAM(40, 48), PARAM(40), NONE_ }, .count = 4, .reduction = 48 },
    { .name = "two layers, gelu and residual", .params = &(const struct call){ VKR_ACT_GELU, TWICE },
      .in = { IN(2, 37, 56), PARAM(56, 56), PARAM(56), IN(2, 37, 56) }, .count = 4, .reduction = 56 * 2 },
    CASE("three axes", VKR_ACT_NONE, 24, IN(2, 5, 24), PARAM(12, 24), PARAM(12), IN(2, 5, 12)),
    CASE("batched w", VKR_ACT_NONE, 32, IN(3, 4, 32), IN(3, 113, 32), NONE_, NONE_),
    CASE("batched w with tails", VKR_ACT_RELU, 7, IN(3, 5, 7), IN(3, 6, 7), PARAM(6), NONE_),
    CASE("16-bit w", VKR_ACT_NONE, 17, IN(41, 17), PARAM16(113, 17), PARAM(113), NONE_),
    CASE("16-bit w residual", VKR_ACT_GELU, 96, IN(41, 96), PARAM16(64, 96), PARAM(64), IN(41, 64)),
    CASE("16-bit w of odd size", VKR_ACT_NONE, 3, IN(5, 3), PARAM16(1, 3), PARAM(1), NONE_),
    CASE("16-bit w of several tiles", VKR_ACT_NONE, 72, IN(150, 72), PARAM16(141, 72), PARAM(141), IN(150, 141)),
    CASE("16-bit batched w", VKR_ACT_RELU, 40, IN(3, 41, 40), PARAM16(3, 113, 40), NONE_, NONE_),
    { .name = "ViT-B qkv of 512 tokens", .params = CALL(VKR_ACT_NONE), .in = { IN(512, 768), PARAM(2304, 768), PARAM(2304), NONE_ },
      .count = 4, .reduction = 768, .slow = true },
    { .name = "ViT-B mlp of 4096 tokens", .params = CALL(VKR_ACT_GELU), .in = { IN(4096, 768), PARAM(3072, 768), PARAM(3072), NONE_ },
      .count = 4, .only_chosen = true },
    { .name = "ViT-B mlp of 4096 tokens, 16-bit w", .params = CALL(VKR_ACT_GELU),
      .in = { IN(4096, 768), PARAM16(3072, 768), PARAM(3072), NONE_ }, .count = 4, .only_chosen = true },
    { .name = "SAM decoder mlp of 7 tokens, 16-bit w", .params = CALL(VKR_ACT_RELU),
      .in = { IN(7, 256), PARAM16(2048, 256), PARAM(2048), NONE_ }, .count = 4, .only_chosen = true },
};

static const struct op_rejection rejections[] = {
    { "inner lengths that differ", CALL(0), { DESC(3, 5), DESC(7, 6), NO_DESC, NO_DESC }, 4, "do not fit" },
    { "a bias of another length", CALL(0), { DESC(3, 5), DESC(7, 5), DESC(5), NO_DESC }, 4, "bias must be f32 [7]" },
    { "a residual of another shape", CALL(0), { DESC(3, 5), DESC(7, 5), NO_DESC, DESC(3, 8) }, 4, "residual" },
    { "batches that differ", CALL(0), { DESC(2, 3, 5), DESC(3, 7, 5), NO_DESC, NO_DESC }, 4, "do not fit" },
    { "16-bit activations", CALL(0), { DESC16(3, 5), DESC(7, 5), NO_DESC, NO_DESC }, 4, "must be f32" },
    { "an activation it does not fuse", CALL(VKR_ACT_SOFTPLUS), { DESC(3, 5), DESC(7, 5), NO_DESC, NO_DESC }, 4, "activation" },
};

static const struct vkr_choice choices[] = {
    { "matmul_vec", "vec", VKR_CAP_VEC8, true, NULL },
    { "matmul_coopmat", "f16", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_COOPMAT, false, NULL },
    { "matmul_coopmat2", "f16", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_COOPMAT | VKR_CAP_COOPMAT2, false, NULL },
    { "matmul_tile", "f32", 0, false, NULL },
    { "matmul", "f32", 0, false, NULL },
};

const struct op_suite op_suite_matmul = {
    .name = "matmul", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
