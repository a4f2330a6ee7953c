/* attention.c: fused attention against the definition in double. */
#include "support/cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Attention between windows of grids and back, count WINDOWED: the grid of q (unless own), k and v, its fill, rel_h, rel_w,
 * a bias, and a grid of queries of their own, whose windows are filled up with zeros. */
enum { WINDOWED = 6 };
struct windowed { struct vkr_attention a; uint32_t size, own; };

static struct vkr_tensor *build_windowed(struct vkr_graph *g, const struct windowed *w, struct vkr_tensor *const *in)
{
    const uint32_t *dim = (in[5] ? in[5] : in[0])->desc.dim, size = in[5] ? w->own : w->size;
    struct vkr_tensor *all = vkr_window(g, in[0], in[1], w->size), *q = in[5] ? vkr_window(g, in[5], NULL, size) : all;
    struct vkr_tensor *y = in[4] ? vkr_attention_biased(g, q, all, all, in[4], &w->a) : vkr_attention(g, q, all, all, in[2], in[3], &w->a);
    return vkr_unwindow(g, y, dim[0], dim[1], dim[2], size);
}

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    if (count == WINDOWED)
        return build_windowed(g, params, in);
    bool fused = count == 3;                /* qkv, rel_h, rel_w; else q, k, v and rel_h, rel_w or a bias */
    if (count == 2 || count == 4)           /* qkv, bias; or q, k, v, bias */
        return count == 2 ? vkr_attention_biased(g, in[0], in[0], in[0], in[1], params)
                          : vkr_attention_biased(g, in[0], in[1], in[2], in[3], params);
    return fused ? vkr_attention(g, in[0], in[0], in[0], in[1], in[2], params)
                 : vkr_attention(g, in[0], in[1], in[2], in[3], in[4], params);
}

struct side { const double *values; uint32_t row, offset, tokens, batches; };

static const double *token(const struct side *s, uint32_t batch, uint32_t n, uint32_t head, uint32_t dim)
{
    return s->values + ((uint64_t)(s->batches > 1 ? batch : 0) * s->tokens + n) * s->row + s->offset + head * dim;
}

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void reference_whole(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct vkr_attention *a = params;
    bool fused = count <= 3, biased = count == 2 || count == 4, rel = !biased && desc[fused ? 1 : 3].dtype != VKR_NONE;
    const double *rh = in[fused ? 1 : 3], *rw = biased ? NULL : in[fused ? 2 : 4];
    uint32_t d = a->head_dim, ki = fused ? 0 : 1, vi = fused ? 0 : 2;
    struct side q = { in[0], desc[0].dim[2], a->q_offset, desc[0].dim[1], desc[0].dim[0] };
    struct side k = { in[ki], desc[ki].dim[2], a->k_offset, desc[ki].dim[1], desc[ki].dim[0] };
    struct side v = { in[vi], desc[vi].dim[2], a->v_offset, desc[vi].dim[1], desc[vi].dim[0] };
    double *s = calloc(k.tokens, sizeof *s);
    for (uint32_t b = 0; b < out_desc->dim[0]; b++)
        for (uint32_t h = 0; h < a->heads; h++)
            for (uint32_t n = 0; n < q.tokens; n++) {
                const double *row = token(&q, b, n, h, d);
                double top = -1e300, sum = 0, *o = out + ((uint64_t)b * q.tokens + n) * a->heads * d + h * d;
                for (uint32_t m = 0; m < k.tokens; m++) {
                    s[m] = (double)a->scale * dot(row, token(&k, b, m, h, d), d);
                    if (biased)
                        s[m] += rh[((uint64_t)h * q.tokens + n) * k.tokens + m];
                    if (rel)
                        s[m] += dot(row, rh + (uint64_t)(n / a->grid_w - m / a->grid_w + a->grid_h - 1) * d, d) +
                                dot(row, rw + (uint64_t)(n % a->grid_w - m % a->grid_w + a->grid_w - 1) * d, d);
                    top = fmax(top, s[m]);
                }
                for (uint32_t m = 0; m < k.tokens; m++)
                    sum += s[m] = exp(s[m] - top);
                for (uint32_t c = 0; c < d; c++)
                    for (uint32_t m = 0; m < k.tokens; m++)
                        o[c] += s[m] / sum * token(&v, b, m, h, d)[c];
            }
    free(s);
}

/* Rows of a grid by their place in its windows, or back; a cell beyond the grid is `fill`, or zero. */
static void move(const struct vkr_desc *grid, uint32_t size, const double *fill, bool back, const double *from, double *to)
{
    const uint32_t *dim = grid->dim, down = (dim[1] + size - 1) / size, across = (dim[2] + size - 1) / size, row = dim[3];
    for (uint64_t cell = 0; cell < (uint64_t)dim[0] * down * across * size * size; cell++) {
        uint64_t window = cell / (size * size), at = cell % (size * size), image = window / (down * across);
        uint64_t y = window / across % down * size + at / size, x = window % across * size + at % size;
        const uint64_t place = (image * dim[1] + y) * dim[2] + x;
        const bool inside = y < dim[1] && x < dim[2];
        for (uint32_t c = 0; c < row; c++) {
            if (back && inside)
                to[place * row + c] = from[cell * row + c];
            else if (!back)
                to[cell * row + c] = inside ? from[place * row + c] : fill ? fill[c] : 0;
        }
    }
}

static struct vkr_desc windows_of(const struct vkr_desc *grid, uint32_t size)
{
    const uint32_t *dim = grid->dim;
    return vkr_f32(3, dim[0] * ((dim[1] + size - 1) / size) * ((dim[2] + size - 1) / size), size * size, dim[3]);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct windowed *w = params;
    if (count != WINDOWED) {
        reference_whole(params, desc, in, count, out_desc, out);
        return;
    }
    const bool own = desc[5].dtype != VKR_NONE, biased = desc[4].dtype != VKR_NONE;
    const struct vkr_desc *q_grid = own ? &desc[5] : &desc[0];
    const uint32_t q_size = own ? w->own : w->size;
    const struct vkr_desc all = windows_of(&desc[0], w->size), q = windows_of(q_grid, q_size);
    const struct vkr_desc result = vkr_f32(3, q.dim[0], q.dim[1], w->a.heads * w->a.head_dim);
    double *cut = calloc(vkr_numel(&all), sizeof *cut), *cut_q = calloc(vkr_numel(&q), sizeof *cut_q);
    double *y = calloc(vkr_numel(&result), sizeof *y);
    move(&desc[0], w->size, desc[1].dtype != VKR_NONE ? in[1] : NULL, false, in[0], cut);
    move(q_grid, q_size, !own && desc[1].dtype != VKR_NONE ? in[1] : NULL, false, own ? in[5] : in[0], cut_q);
    if (biased)
        reference_whole(&w->a, (struct vkr_desc[]){ q, all, all, desc[4] }, (const double *[]){ cut_q, cut, cut, in[4] }, 4, &result, y);
    else
        reference_whole(&w->a, (struct vkr_desc[]){ q, all, all, desc[2], desc[3] },
                        (const double *[]){ cut_q, cut, cut, in[2], in[3] }, 5, &result, y);
    move(out_desc, q_size, NULL, true, y, out);
    free(cut);
    free(cut_q);
    free(y);
}

#define WIDE(SCALE, ...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .scale = SCALE }
#define CALL(...) &(const struct vkr_attention){ __VA_ARGS__ }
#define PLAIN(NAME, H, D, Q, K, V) \
    { .name = NAME, .params = CALL(.heads = H, .head_dim = D, .scale = 0.3f), .in = { Q, K, V, NONE_, NONE_ }, .count = 5, .reduction = 4 * D }
#define FUSED(NAME, H, D, GH, GW, X) \
    { .name = NAME, .params = CALL(.heads = H, .head_dim = D, .k_offset = H * D, .v_offset = 2 * H * D, .scale = 0.125f, .grid_h = GH, \
      .grid_w = GW), .in = { X, PARAM(2 * GH - 1, D), PARAM(2 * GW - 1, D) }, .count = 3, .reduction = 16 * D }
#define BIASED(NAME, H, D, TOKENS, X) \
    { .name = NAME, .params = CALL(.heads = H, .head_dim = D, .k_offset = H * D, .v_offset = 2 * H * D, .scale = 0.17f), \
      .in = { X, PARAM(H, TOKENS, TOKENS) }, .count = 2, .reduction = 4 * D }

#define WINDOWS(NAME, H, D, SIZE, X, FILL, REL_H, REL_W, BIAS) \
    { .name = NAME, .params = &(const struct windowed){ { .heads = H, .head_dim = D, .k_offset = H * D, .v_offset = 2 * H * D, \
      .scale = 0.2f, .grid_h = SIZE, .grid_w = SIZE }, SIZE, 0 }, .in = { X, FILL, REL_H, REL_W, BIAS, NONE_ }, .count = WINDOWED, \
      .reduction = SIZE * SIZE * D }
#define POOLED(NAME, H, D, SIZE, OWN, X, FILL, Q) \
    { .name = NAME, .params = &(const struct windowed){ { .heads = H, .head_dim = D, .v_offset = H * D, .scale = 0.2f }, SIZE, OWN }, \
      .in = { X, FILL, NONE_, NONE_, NONE_, Q }, .count = WINDOWED, .reduction = SIZE * SIZE * D }

#define ONLY_CHOSEN(NAME, HALF, SIDE, X) \
    { .name = NAME, .params = CALL(.heads = 12, .head_dim = 64, .k_offset = 768, .v_offset = 1536, .scale = 0.125f, .grid_h = SIDE, \
      .grid_w = SIDE, .half = HALF), .in = { X, PARAM(2 * SIDE - 1, 64), PARAM(2 * SIDE - 1, 64) }, .count = 3, .only_chosen = true }

/* Scores of magnitude s carry an error of s ulps into exp: the reduction stands for that. */
static const struct op_case cases[] = {
    PLAIN("one key", 1, 4, IN(1, 1, 4), IN(1, 1, 4), IN(1, 1, 4)),
    PLAIN("17 by 41", 3, 16, IN(2, 17, 48), IN(2, 41, 48), IN(2, 41, 48)),
    PLAIN("5 by 113, heads of 7", 2, 7, IN(1, 5, 14), IN(1, 113, 14), IN(1, 113, 14)),
    PLAIN("heads of 80", 2, 80, IN(1, 33, 160), IN(1, 32, 160), IN(1, 32, 160)),
    PLAIN("heads of 96", 1, 96, IN(1, 16, 96), IN(1, 31, 96), IN(1, 31, 96)),
    PLAIN("heads of 128", 1, 128, IN(1, 3, 128), IN(1, 33, 128), IN(1, 33, 128)),
    PLAIN("tokens to image, shared keys", 8, 16, IN(3, 7, 128), IN(1, 64, 128), IN(1, 64, 128)),
    PLAIN("image to tokens", 8, 16, IN(3, 64, 128), IN(3, 7, 128), IN(3, 7, 128)),
    FUSED("grid 3x5", 2, 12, 3, 5, IN(2, 15, 72)),
    FUSED("grid 7x7", 2, 64, 7, 7, IN(2, 49, 384)),
    FUSED("grid 14x14", 2, 64, 14, 14, IN(1, 196, 384)),
    FUSED("grid 5x8, heads of 24", 3, 24, 5, 8, IN(1, 40, 216)),
    FUSED("grid 2x33", 1, 32, 2, 33, IN(1, 66, 96)),
    FUSED("grid 33x1", 1, 16, 33, 1, IN(1, 33, 48)),
    FUSED("grid 4x4, heads of 80", 2, 80, 4, 4, IN(1, 16, 480)),
    FUSED("grid 3x3, heads of 7", 2, 7, 3, 3, IN(1, 9, 42)),
    { .name = "separate tensors with relative position", .params = CALL(.heads = 2, .head_dim = 8, .scale = 0.3f, .grid_h = 3, .grid_w = 4),
      .in = { IN(1, 12, 16), IN(1, 12, 16), IN(1, 12, 16), PARAM(5, 8), PARAM(7, 8) }, .count = 5, .reduction = 128 },
    { .name = "logits of 100", .params = CALL(.heads = 1, .head_dim = 16, .scale = 1),
      .in = { WIDE(5, 1, 17, 16), WIDE(5, 1, 41, 16), IN(1, 41, 16), NONE_, NONE_ }, .count = 5, .reduction = 1u << 30 },
    BIASED("a bias, windows of 7", 4, 32, 49, IN(3, 49, 384)),
    BIASED("a bias, windows of 14", 5, 32, 196, IN(1, 196, 480)),
    BIASED("a bias, heads of 7", 2, 7, 5, IN(2, 5, 42)),
    BIASED("a bias, heads of 128", 1, 128, 33, IN(1, 33, 384)),
    { .name = "a bias made by the graph, 17 by 41, shared keys", .params = CALL(.heads = 3, .head_dim = 16, .scale = 0.3f),
      .in = { IN(2, 17, 48), IN(1, 41, 48), IN(1, 41, 48), IN(3, 17, 41) }, .count = 4, .reduction = 64 },
    { .name = "a bias of 50, heads of 80", .params = CALL(.heads = 2, .head_dim = 80, .scale = 0.1f),
      .in = { IN(1, 33, 160), IN(1, 31, 160), IN(1, 31, 160), WIDE(50, 2, 33, 31) }, .count = 4, .reduction = 1u << 20 },
    /* llvmpipe leaves all loops of an invocation after 65535 rounds together, without a word. */
    { .name = "4096 keys, heads of 96", .params = CALL(.heads = 1, .head_dim = 96, .scale = 0.3f),
      .in = { IN(1, 3, 96), IN(1, 4096, 96), IN(1, 4096, 96), NONE_, NONE_ }, .count = 5, .reduction = 4096 },
    { .name = "9001 keys, heads of 16", .params = CALL(.heads = 1, .head_dim = 16, .scale = 0.3f),
      .in = { IN(1, 2, 16), IN(1, 9001, 16), IN(1, 9001, 16), NONE_, NONE_ }, .count = 5, .reduction = 9001 },
    FUSED("grid 24x31, heads of 64", 1, 64, 24, 31, IN(1, 744, 192)),
    BIASED("a bias, 600 keys, heads of 128", 1, 128, 600, IN(1, 600, 384)),
    FUSED("windows of ViT-B", 12, 64, 14, 14, IN(2, 196, 2304)),
    WINDOWS("windows that fit", 2, 12, 4, IN(2, 8, 12, 72), PARAM(72), NONE_, NONE_, NONE_),
    WINDOWS("windows beyond their grid", 3, 8, 7, IN(2, 17, 9, 72), PARAM(72), NONE_, NONE_, NONE_),
    WINDOWS("a window larger than its grid", 1, 96, 7, IN(3, 5, 3, 288), NONE_, NONE_, NONE_, NONE_),
    WINDOWS("one window down, many across", 2, 16, 5, IN(2, 2, 41, 96), NONE_, NONE_, NONE_, NONE_),
    WINDOWS("windows of 14, heads of 128", 1, 128, 14, IN(1, 18, 15, 384), PARAM(384), NONE_, NONE_, NONE_),
    WINDOWS("windows with relative positions", 2, 64, 5, IN(2, 11, 13, 384), PARAM(384), PARAM(9, 64), PARAM(9, 64), NONE_),
    WINDOWS("windows of 14 with relative positions", 3, 16, 14, IN(1, 17, 31, 144), PARAM(144), PARAM(27, 16), PARAM(27, 16), NONE_),
    WINDOWS("windows with a bias", 2, 32, 7, IN(2, 9, 13, 192), PARAM(192), NONE_, NONE_, PARAM(2, 49, 49)),
    WINDOWS("windows, heads of 7", 2, 7, 3, IN(2, 4, 5, 42), PARAM(42), NONE_, NONE_, NONE_),
    POOLED("queries of half a grid", 2, 16, 6, 3, IN(2, 12, 6, 64), PARAM(64), IN(2, 6, 3, 32)),
    POOLED("queries of half a grid, beyond it", 3, 32, 14, 7, IN(2, 22, 36, 192), PARAM(192), IN(2, 11, 18, 96)),
    ONLY_CHOSEN("ViT-B global, exact", false, 64, IN(1, 4096, 2304)),
    ONLY_CHOSEN("ViT-B global, 16-bit", true, 64, IN(1, 4096, 2304)),
    ONLY_CHOSEN("ViT-B windows, exact", false, 14, IN(25, 196, 2304)),
    ONLY_CHOSEN("ViT-B windows, 16-bit", true, 14, IN(25, 196, 2304)),
    { .name = "SAM decoder, tokens to image", .params = CALL(.heads = 8, .head_dim = 16, .scale = 0.25f),
      .in = { IN(1, 7, 128), IN(1, 4096, 128), IN(1, 4096, 128), NONE_, NONE_ }, .count = 5, .only_chosen = true },
};

static const struct op_rejection rejections[] = {
    { "heads that do not fit", CALL(.heads = 3, .head_dim = 16), { DESC(1, 5, 32), DESC(1, 5, 32), DESC(1, 5, 32), NO_DESC, NO_DESC }, 5, "do not fit" },
    { "an offset past the row", CALL(.heads = 1, .head_dim = 16, .v_offset = 20), { DESC(1, 5, 32), DESC(1, 5, 32), DESC(1, 5, 32), NO_DESC, NO_DESC }, 5, "do not fit" },
    { "keys without their values", CALL(.heads = 1, .head_dim = 16), { DESC(1, 5, 16), DESC(1, 7, 16), DESC(1, 6, 16), NO_DESC, NO_DESC }, 5, "do not fit" },
    { "batches that differ", CALL(.heads = 1, .head_dim = 16), { DESC(3, 5, 16), DESC(2, 7, 16), DESC(2, 7, 16), NO_DESC, NO_DESC }, 5, "do not fit" },
    { "heads too wide", CALL(.heads = 1, .head_dim = 160), { DESC(1, 5, 160), DESC(1, 5, 160), DESC(1, 5, 160), NO_DESC, NO_DESC }, 5, "128" },
    { "tokens that are no grid", CALL(.heads = 1, .head_dim = 8, .grid_h = 2, .grid_w = 2),
      { DESC(1, 5, 8), DESC(1, 5, 8), DESC(1, 5, 8), DESC(3, 8), DESC(3, 8) }, 5, "grid" },
    { "a table of another length", CALL(.heads = 1, .head_dim = 8, .grid_h = 2, .grid_w = 2),
      { DESC(1, 4, 8), DESC(1, 4, 8), DESC(1, 4, 8), DESC(5, 8), DESC(3, 8) }, 5, "rel_h" },
    { "a bias for other keys", CALL(.heads = 1, .head_dim = 8), { DESC(1, 4, 8), DESC(1, 5, 8), DESC(1, 5, 8), DESC(1, 4, 4) }, 4, "bias" },
    { "a bias for other heads", CALL(.heads = 2, .head_dim = 4), { DESC(1, 4, 8), DESC(1, 5, 8), DESC(1, 5, 8), DESC(1, 4, 5) }, 4, "bias" },
    { "one table of two", CALL(.heads = 1, .head_dim = 8, .grid_h = 2, .grid_w = 2),
      { DESC(1, 4, 8), DESC(1, 4, 8), DESC(1, 4, 8), DESC(3, 8), NO_DESC }, 5, "together" },
};

static const struct vkr_choice choices[] = {
    { "attention_vec", "d64", VKR_CAP_VEC8, true, NULL },
    { "attention_coopmat", "plain", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_SHUFFLE | VKR_CAP_COOPMAT, false, NULL },
    { "attention", "d64", 0, false, NULL },
};

const struct op_suite op_suite_attention = {
    .name = "attention", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
    .coopmat_unit = 0x1p-14,            /* the weights of the softmax are rounded to f16, and errors of either sign add up */
};
