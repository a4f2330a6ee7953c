/* mask_product.c: host half of the product of a mask decoder's pixels with the weights of its masks; pixels may still lie
 * in the blocks that transposed convolutions made of them. (segment_anything/modeling/mask_decoder.py) */
#include "graph/op.h"
#include "ops.h"

#include "mask_product.h"

struct params { uint32_t height, width, levels; };

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 2 && in[0].dtype == VKR_F32 && in[1].dtype == VKR_F32 && in[0].rank == 3 && in[1].rank == 3 &&
                in[0].dim[0] == in[1].dim[0] && in[0].dim[2] == in[1].dim[2], VKS_ERR_SHAPE,
                "mask_product: x %s and w %s must be f32 [B, pixels, C] and [B, masks, C]", VKR_SHAPE(&in[0]), VKR_SHAPE(&in[1]));
    VKS_REQUIRE(p->levels < 16 && p->height % (1u << p->levels) == 0 && p->width % (1u << p->levels) == 0 &&
                (uint64_t)p->height * p->width == in[0].dim[1], VKS_ERR_SHAPE,
                "mask_product: %u pixels are no %u x %u mask enlarged %u times", in[0].dim[1], p->height, p->width, p->levels);
    *out = vkr_f32(4, in[0].dim[0], in[1].dim[1], p->height, p->width);
    VKS_REQUIRE(vkr_numel(&in[0]) < 1ull << 31 && vkr_numel(out) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "mask_product: %s is beyond 2^31 elements", VKR_SHAPE(&in[0]));
    return VKS_OK;
}

enum { VEC, X4, F32, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    [VEC] = { "mask_product", "vec", VKR_CAP_VEC8, true, vkr_fits_texels },
    [X4] = { "mask_product", "x4", 0, false, vkr_fits_fours },
    [F32] = { "mask_product", "f32", 0, false, NULL },
};

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    uint32_t choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "mask_product", choices, CHOICES, &in[0]->desc, &choice));
    const uint32_t pixels = in[0]->desc.dim[1], of_group = choice == VEC ? 4 * MASK_PRODUCT_LANES : MASK_PRODUCT_LOCAL;
    struct mask_product_args args = { .masks = in[1]->desc.dim[1], .depth = in[0]->desc.dim[2] / (choice == F32 ? 1 : 4),
        .width = p->width, .pixels = pixels, .levels = p->levels, .groups = vkr_groups(pixels, of_group), .batch = in[0]->desc.dim[0] };
    struct vkr_dispatch d = { .shader = "mask_product", .variant = choices[choice].variant, .bind = { in[0], in[1], out },
        .bind_count = 3, .writes = 1u << 2, .texels = choice == VEC ? 3u : 0u, .args = &args, .args_size = sizeof args };
    vkr_spread(target, (uint64_t)args.groups * args.batch, d.groups);
    return vkr_emit(l, &d);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    (void)params;
    (void)count;
    return 2.0 * (double)vkr_numel(out) * vkr_last(&in[0]);
}

const struct vkr_op vkr_op_mask_product = { "mask_product", sizeof(struct params), infer, lower, cost };

struct vkr_tensor *vkr_mask_product(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, uint32_t height,
                                    uint32_t width, uint32_t levels)
{
    return vkr_graph_node(g, &vkr_op_mask_product, &(struct params){ height, width, levels }, (struct vkr_tensor *[]){ x, w }, 2);
}
