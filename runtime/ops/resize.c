/* resize.c: resampling of the spatial dimensions by torch's index rules. Elements keep their type. */
#include "resize.h"

#include "graph/op.h"
#include "ops.h"

struct params { uint32_t size[3], mode; };

static void space_of(const struct vkr_desc *x, uint32_t space[3])
{
    for (uint32_t i = 0; i < 3; i++)
        space[i] = x->rank == 5 ? x->dim[1 + i] : i ? x->dim[i] : 1;
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    uint32_t space[3];
    bool known = in[0].dtype == VKR_F32 || in[0].dtype == VKR_F16;
    VKS_REQUIRE(count == 1 && (in[0].rank == 4 || in[0].rank == 5) && known, VKS_ERR_SHAPE,
                "resize: x %s must be f32 or f16 [B, H, W, C] or [B, D, H, W, C]", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(vkr_numel(&in[0]) > 0 && vkr_numel(&in[0]) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "resize: x %s is beyond 2^31 elements, or empty", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(p->mode <= VKR_CUBIC, VKS_ERR_ARGUMENT, "resize: mode %u is none of nearest, linear, cubic", p->mode);
    VKS_REQUIRE(p->mode != VKR_CUBIC || in[0].rank == 4, VKS_ERR_UNSUPPORTED, "resize: cubic is 2-D only, x is %s",
                VKR_SHAPE(&in[0]));
    space_of(&in[0], space);
    *out = in[0];
    for (uint32_t i = in[0].rank == 5 ? 0 : 1; i < 3; i++) {
        VKS_REQUIRE(p->size[i] > 0, VKS_ERR_ARGUMENT, "resize: x %s to an empty size", VKR_SHAPE(&in[0]));
        /* The kernel computes source positions as ratios of 31-bit integers. */
        VKS_REQUIRE((2ull * p->size[i] + 1) * space[i] + p->size[i] < 1ull << 31, VKS_ERR_UNSUPPORTED,
                    "resize: %u to %u positions is too long", space[i], p->size[i]);
        out->dim[in[0].rank - 4 + i] = p->size[i];
    }
    return VKS_OK;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct vkr_desc *x = shape;
    return x->dtype == VKR_F32 && vkr_numel(x) % 4 == 0 && vkr_numel(x) / 4 <= target->caps.max_texels;
}

static bool fits_f16(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct vkr_desc *)shape)->dtype == VKR_F16;
}

enum { VEC, F16, F32, CHOICES };

static const struct vkr_choice choices[][CHOICES] = {
    [VKR_NEAREST] = { { "resize", "nearest_vec", VKR_CAP_VEC8, true, fits_vec },
                      { "resize", "nearest_f16", VKR_CAP_F16, false, fits_f16 },
                      { "resize", "nearest", 0, false, NULL } },
    [VKR_LINEAR] = { { "resize", "linear_vec", VKR_CAP_VEC8, true, fits_vec },
                     { "resize", "linear_f16", VKR_CAP_F16, false, fits_f16 },
                     { "resize", "linear", 0, false, NULL } },
    [VKR_CUBIC] = { { "resize", "cubic_vec", VKR_CAP_VEC8, true, fits_vec },
                    { "resize", "cubic_f16", VKR_CAP_F16, false, fits_f16 },
                    { "resize", "cubic", 0, false, NULL } },
};

static vks_status lower_resize(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in,
                               uint32_t count, struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_desc *x = &in[0]->desc;
    const struct vkr_choice *list = choices[p->mode == VKR_LINEAR_ALIGN_CORNERS ? VKR_LINEAR : p->mode];
    uint32_t from[3], to[3], chosen;
    (void)count;
    VKS_TRY(vkr_choose(vkr_lower_target(lower), "resize", list, CHOICES, x, &chosen));
    VKS_REQUIRE(x->dtype == VKR_F32 || chosen == F16, VKS_ERR_UNSUPPORTED, "resize: f16 elements need f16 storage");
    space_of(x, from);
    space_of(&out->desc, to);
    struct resize_args args = {
        .rows = x->dim[0] * to[0] * to[1], .channels = vkr_last(x),
        .in_d = from[0], .in_h = from[1], .in_w = from[2], .out_d = to[0], .out_h = to[1], .out_w = to[2],
        .scale_d = (float)from[0] / (float)to[0], .scale_h = (float)from[1] / (float)to[1],
        .scale_w = (float)from[2] / (float)to[2], .align_corners = p->mode == VKR_LINEAR_ALIGN_CORNERS,
    };
    struct vkr_dispatch dispatch = { .shader = list[chosen].shader, .variant = list[chosen].variant,
                                     .bind = { in[0], out }, .bind_count = 2, .writes = 1u << 1,
                                     .texels = chosen == VEC, .args = &args, .args_size = sizeof args };
    uint64_t runs = vkr_groups(to[2], chosen == VEC ? RESIZE_RUN : 1);
    uint32_t groups = vkr_groups(args.rows * runs * args.channels, chosen == VEC ? RESIZE_LANES : RESIZE_LOCAL);
    vkr_spread(vkr_lower_target(lower), groups, dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct params *p = params;
    double taps = p->mode == VKR_NEAREST ? 1 : p->mode == VKR_CUBIC ? 16 : in[0].rank == 5 ? 8 : 4;
    (void)count;
    return 2 * taps * (double)vkr_numel(out);
}

const struct vkr_op vkr_op_resize = { "resize", sizeof(struct params), infer, lower_resize, cost };

struct vkr_tensor *vkr_resize(struct vkr_graph *g, struct vkr_tensor *x, const uint32_t size[3],
                              enum vkr_resize_mode mode)
{
    struct params params = { { x->desc.rank == 5 ? size[0] : 1, size[1], size[2] }, (uint32_t)mode };
    struct vkr_desc desc;
    vks_status status = infer(&params, &x->desc, 1, &desc);
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (vkr_same_shape(&desc, &x->desc))        /* every mode is then the identity */
        return x;
    return vkr_graph_node(g, &vkr_op_resize, &params, &x, 1);
}
