/* window.c: partition into windows and back, exact. */
#include "support/cases.h"

struct call { uint32_t size, inverse, batch, height, width; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *c = params;
    (void)count;
    return c->inverse ? vkr_unwindow(g, in[0], c->batch, c->height, c->width, c->size) : vkr_window(g, in[0], in[1], c->size);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *c = params;
    const struct vkr_desc *grid = c->inverse ? out_desc : &desc[0];
    uint32_t batch = grid->dim[0], h = grid->dim[1], w = grid->dim[2], n = grid->dim[3], s = c->size;
    uint32_t rows = (h + s - 1) / s, cols = (w + s - 1) / s;
    (void)count;
    for (uint32_t b = 0; b < batch; b++)
        for (uint32_t y = 0; y < rows * s; y++)
            for (uint32_t x = 0; x < cols * s; x++)
                for (uint32_t k = 0; k < n; k++) {
                    uint64_t token = (((uint64_t)(b * rows + y / s) * cols + x / s) * s + y % s) * s + x % s;
                    uint64_t pixel = ((uint64_t)(b * h + y) * w + x) * n + k;
                    bool inside = y < h && x < w;
                    if (!c->inverse)
                        out[token * n + k] = inside ? in[0][pixel] : desc[1].dtype ? in[1][k] : 0;
                    else if (inside)
                        out[pixel] = in[0][token * n + k];
                }
}

#define SIZE(S) &(const struct call){ .size = S }
#define BACK(S, B, H, W) &(const struct call){ S, 1, B, H, W }
#define CASE(NAME, CALL, X, FILL) { .name = NAME, .params = CALL, .in = { X, FILL }, .count = 2 }

static const struct op_case cases[] = {
    CASE("exact", SIZE(4), IN(2, 8, 12, 16), NONE_),
    CASE("padded with zeros", SIZE(5), IN(1, 8, 8, 12), NONE_),
    CASE("padded with a vector", SIZE(5), IN(2, 8, 7, 12), PARAM(12)),
    CASE("odd channels", SIZE(3), IN(1, 7, 5, 13), PARAM(13)),
    CASE("one window larger than the grid", SIZE(14), IN(1, 9, 10, 8), PARAM(8)),
    CASE("back", BACK(4, 2, 8, 12), IN(12, 16, 16), NONE_),
    CASE("back without the padding", BACK(5, 2, 8, 7), IN(8, 25, 12), NONE_),
    CASE("back with odd channels", BACK(3, 1, 7, 5), IN(6, 9, 13), NONE_),
    { .name = "ViT-B qkv", .params = SIZE(14), .in = { IN(1, 64, 64, 2304), PARAM(2304) }, .count = 2, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "no grid", SIZE(4), { DESC(8, 8, 4), NO_DESC }, 2, "[B, H, W, C]" },
    { "a fill of another length", SIZE(4), { DESC(1, 8, 8, 4), DESC(5) }, 2, "fill" },
    { "windows of size 0", SIZE(0), { DESC(1, 8, 8, 4), NO_DESC }, 2, "positive" },
    { "no partition", BACK(4, 2, 8, 12), { DESC(11, 16, 16), NO_DESC }, 2, "no partition" },
};

static const struct vkr_choice choices[] = {
    { "window", "part_vec", VKR_CAP_VEC8, true, NULL }, { "window", "part_x4", 0, false, NULL },
    { "window", "part_f32", 0, false, NULL },
};

const struct op_suite op_suite_window = {
    .name = "window", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
