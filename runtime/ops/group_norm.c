/* group_norm.c: group normalisation in three dispatches: statistics per chunk of positions, their union per group, then
 * every element. Nothing is atomic, so the result does not depend on the order of workgroups. */
#include "group_norm.h"

#include "graph/op.h"
#include "ops.h"

enum { SMALLEST_CHUNK = 128, MOST_CHUNKS = 256 };

struct params { uint32_t groups; float eps; };

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    uint32_t channels = vkr_last(&in[0]);
    VKS_REQUIRE(count == 3 && in[0].rank >= 2 && in[0].dtype == VKR_F32, VKS_ERR_SHAPE,
                "group_norm: x %s must be f32 [B, .., C]", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(vkr_numel(&in[0]) > 0 && vkr_numel(&in[0]) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "group_norm: x %s is beyond 2^31 elements, or empty", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(p->groups > 0 && channels % p->groups == 0, VKS_ERR_SHAPE, "group_norm: x %s has no %u equal groups",
                VKR_SHAPE(&in[0]), p->groups);
    VKS_REQUIRE(p->eps >= 0, VKS_ERR_ARGUMENT, "group_norm: eps %g is negative", (double)p->eps);
    for (uint32_t i = 1; i < 3; i++)
        VKS_REQUIRE(in[i].dtype == VKR_NONE || (in[i].dtype == VKR_F32 && in[i].rank == 1 && in[i].dim[0] == channels),
                    VKS_ERR_SHAPE, "group_norm: %s %s must be f32 [%u]", i == 1 ? "weight" : "bias", VKR_SHAPE(&in[i]),
                    channels);
    *out = in[0];
    return VKS_OK;
}

enum { VEC, F32, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    { "group_norm", "vec", VKR_CAP_VEC8, true, vkr_fits_texels },
    { "group_norm", "f32", 0, false, NULL },
};

static vks_status emit(struct vkr_lower *lower, struct vkr_dispatch dispatch, uint32_t last, uint64_t groups,
                       const struct group_norm_args *args)
{
    dispatch.bind_count = last + 1;
    dispatch.writes = 1u << last;
    dispatch.args = args;
    dispatch.args_size = sizeof *args;
    vkr_spread(vkr_lower_target(lower), groups, dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static vks_status lower_group_norm(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in,
                                   uint32_t count, struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_desc *x = &in[0]->desc;
    uint32_t chosen, channels = vkr_last(x), batch = x->dim[0];
    (void)count;
    VKS_TRY(vkr_choose(vkr_lower_target(lower), "group_norm", choices, CHOICES, x, &chosen));
    bool vec = chosen == VEC;
    struct group_norm_args args = {
        .batch = batch, .positions = (uint32_t)(vkr_rows(x) / batch), .channels = channels, .groups = p->groups,
        .eps = p->eps, .has_weight = in[1] != NULL, .has_bias = in[2] != NULL, .lanes = 1,
    };
    uint32_t even = vkr_groups(args.positions, MOST_CHUNKS);
    args.chunk = even > SMALLEST_CHUNK ? even : SMALLEST_CHUNK;
    args.chunks = vkr_groups(args.positions, args.chunk);
    while (args.lanes < channels && args.lanes < 32)
        args.lanes *= 2;

    struct vkr_tensor *sums = vkr_scratch(lower, "sums", vkr_f32(4, batch, args.chunks, 2, channels));
    struct vkr_tensor *factors = vkr_scratch(lower, "factors", vkr_f32(3, batch, 3, channels));
    uint64_t slices = (uint64_t)batch * args.chunks;
    uint64_t tiles = vec ? vkr_groups(channels / 4, GROUP_NORM_LANES) : vkr_groups(channels, args.lanes);
    VKS_TRY(emit(lower, (struct vkr_dispatch){ .shader = "group_norm_sums", .variant = choices[chosen].variant,
                                               .bind = { in[0], sums }, .texels = vec },
                 1, slices * tiles, &args));
    VKS_TRY(emit(lower, (struct vkr_dispatch){ .shader = "group_norm_join", .variant = "f32",
                                               .bind = { sums, in[1] ? in[1] : sums, in[2] ? in[2] : sums, factors } },
                 3, (uint64_t)batch * p->groups, &args));
    uint64_t groups = vec ? vkr_groups(vkr_numel(x) / 4, GROUP_NORM_LANES) : vkr_groups(vkr_numel(x), GROUP_NORM_LOCAL);
    return emit(lower, (struct vkr_dispatch){ .shader = choices[chosen].shader, .variant = choices[chosen].variant,
                                              .bind = { in[0], factors, out }, .texels = vec ? 3 : 0 },
                2, groups, &args);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    (void)params, (void)in, (void)count;
    return 6.0 * (double)vkr_numel(out);
}

const struct vkr_op vkr_op_group_norm = { "group_norm", sizeof(struct params), infer, lower_group_norm, cost };

struct vkr_tensor *vkr_group_norm(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *b,
                                  uint32_t groups, float eps)
{
    return vkr_graph_node(g, &vkr_op_group_norm, &(struct params){ groups, eps },
                          (struct vkr_tensor *[]){ x, w, b }, 3);
}
