/* mask_product.c: masks from pixels in any order of blocks, against the definition in double. */
#include "support/cases.h"

struct call { uint32_t height, width, levels; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *c = params;
    (void)count;
    return vkr_mask_product(g, in[0], in[1], c->height, c->width, c->levels);
}

/* The definition by recursion: where pixel (y, x) of an image lies that was enlarged `levels` times from `width`. */
static uint64_t row_of(uint32_t y, uint32_t x, uint32_t width, uint32_t levels)
{
    if (levels == 0)
        return (uint64_t)y * width + x;
    return row_of(y / 2, x / 2, width / 2, levels - 1) * 4 + y % 2 * 2 + x % 2;
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *c = params;
    uint32_t channels = desc[0].dim[2], masks = desc[1].dim[1];
    uint64_t pixels = desc[0].dim[1];
    (void)count;
    for (uint32_t b = 0; b < out_desc->dim[0]; b++)
        for (uint32_t m = 0; m < masks; m++)
            for (uint32_t y = 0; y < c->height; y++)
                for (uint32_t x = 0; x < c->width; x++) {
                    const double *v = in[0] + (b * pixels + row_of(y, x, c->width, c->levels)) * channels;
                    double sum = 0;
                    for (uint32_t k = 0; k < channels; k++)
                        sum += v[k] * in[1][((uint64_t)b * masks + m) * channels + k];
                    *out++ = sum;
                }
}

#define CALL(H, W, LEVELS) &(const struct call){ H, W, LEVELS }
#define CASE(NAME, K, CALL, X, M) { .name = NAME, .params = CALL, .in = { X, M }, .count = 2, .reduction = K }

static const struct op_case cases[] = {
    CASE("in order", 12, CALL(7, 9, 0), IN(2, 63, 12), IN(2, 4, 12)),
    CASE("in blocks", 8, CALL(10, 6, 1), IN(1, 60, 8), IN(1, 3, 8)),
    CASE("in blocks of blocks", 8, CALL(12, 20, 2), IN(3, 240, 8), IN(3, 4, 8)),
    CASE("three levels, one mask", 4, CALL(8, 24, 3), IN(2, 192, 4), IN(2, 1, 4)),
    CASE("more than four masks", 16, CALL(4, 12, 2), IN(2, 48, 16), IN(2, 9, 16)),
    CASE("channels of no vector", 7, CALL(6, 10, 1), IN(2, 60, 7), IN(2, 5, 7)),
    CASE("one pixel", 5, CALL(1, 1, 0), IN(1, 1, 5), IN(1, 2, 5)),
    { .name = "SAM at 1024", .params = CALL(256, 256, 2), .in = { IN(1, 65536, 32), IN(1, 4, 32) }, .count = 2, .reduction = 32,
      .slow = true },
};

static const struct op_rejection rejections[] = {
    { "unequal channels", CALL(2, 2, 0), { DESC(1, 4, 8), DESC(1, 4, 12) }, 2, "[B, masks, C]" },
    { "unequal batches", CALL(2, 2, 0), { DESC(2, 4, 8), DESC(1, 4, 8) }, 2, "[B, masks, C]" },
    { "other pixels", CALL(2, 3, 0), { DESC(1, 4, 8), DESC(1, 4, 8) }, 2, "4 pixels are no" },
    { "blocks that do not fit", CALL(3, 4, 1), { DESC(1, 12, 8), DESC(1, 4, 8) }, 2, "enlarged 1 times" },
};

static const struct vkr_choice choices[] = {
    { "mask_product", "vec", VKR_CAP_VEC8, true, NULL }, { "mask_product", "x4", 0, false, NULL },
    { "mask_product", "f32", 0, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_mask_product = {
    .name = "mask_product", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
