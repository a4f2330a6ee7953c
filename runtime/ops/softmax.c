/* softmax.c: host half of softmax over the last dimension. Attention has its own, fused. */
#include "graph/op.h"
#include "ops.h"

#include "softmax.h"

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    (void)params;
    VKS_REQUIRE(count == 1 && in[0].dtype == VKR_F32 && in[0].rank >= 1, VKS_ERR_SHAPE, "softmax: x must be f32 of rank 1 to 5");
    *out = in[0];
    return VKS_OK;
}

const struct vkr_choice vkr_softmax_choices[] = { { "softmax", "f32", 0, false, NULL } };
const uint32_t vkr_softmax_choice_count = 1;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    struct softmax_args args = { .rows = (uint32_t)vkr_rows(&out->desc), .cols = vkr_last(&out->desc) };
    struct vkr_dispatch d = { .shader = "softmax", .variant = "f32", .bind = { in[0], out }, .bind_count = 2,
                              .writes = 1u << 1, .args = &args, .args_size = sizeof args };
    uint32_t only;
    (void)params;
    (void)count;
    VKS_TRY(vkr_choose(vkr_lower_target(l), "softmax", vkr_softmax_choices, vkr_softmax_choice_count, &out->desc, &only));
    vkr_spread(vkr_lower_target(l), args.rows, d.groups);
    return vkr_emit(l, &d);
}

const struct vkr_op vkr_op_softmax = { "softmax", 0, infer, lower, NULL };

struct vkr_tensor *vkr_softmax(struct vkr_graph *g, struct vkr_tensor *x)
{
    return vkr_graph_node(g, &vkr_op_softmax, NULL, &x, 1);
}
