/* argmax.c: host half of the index of the largest channel. */
#include "argmax.h"

#include "graph/op.h"
#include "ops.h"

struct params {
    uint32_t classes;
};

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 1 && in[0].dtype == VKR_F32 && in[0].rank >= 2, VKS_ERR_SHAPE,
                "argmax: x %s must be f32 [.., C]", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(vkr_numel(&in[0]) < 1ull << 31, VKS_ERR_UNSUPPORTED, "argmax: x %s is beyond 2^31 elements",
                VKR_SHAPE(&in[0]));
    VKS_REQUIRE(p->classes > 0 && p->classes <= vkr_last(&in[0]), VKS_ERR_ARGUMENT,
                "argmax: %u classes in the channels of %s", p->classes, VKR_SHAPE(&in[0]));
    *out = in[0];
    out->dtype = VKR_I32;
    out->rank = in[0].rank - 1;
    out->dim[out->rank] = 0;
    return VKS_OK;
}

enum { VEC, F32, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    { "argmax", "vec", VKR_CAP_VEC8, true, vkr_fits_texels },
    { "argmax", "f32", 0, false, NULL },
};

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    uint32_t chosen;
    (void)count;
    VKS_TRY(vkr_choose(vkr_lower_target(l), "argmax", choices, CHOICES, &in[0]->desc, &chosen));
    struct argmax_args args = { (uint32_t)vkr_rows(&in[0]->desc), vkr_last(&in[0]->desc), p->classes };
    struct vkr_dispatch dispatch = { .shader = "argmax",
                                     .variant = choices[chosen].variant,
                                     .bind = { in[0], out },
                                     .bind_count = 2,
                                     .writes = 1u << 1,
                                     .texels = chosen == VEC,
                                     .args = &args,
                                     .args_size = sizeof args };
    vkr_spread(vkr_lower_target(l), vkr_groups(args.rows, chosen == VEC ? ARGMAX_LANES : ARGMAX_LOCAL),
               dispatch.groups);
    return vkr_emit(l, &dispatch);
}

const struct vkr_op vkr_op_argmax = { "argmax", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_argmax(struct vkr_graph *g, struct vkr_tensor *x, uint32_t classes)
{
    return vkr_graph_node(g, &vkr_op_argmax, &(struct params){ classes }, &x, 1);
}
