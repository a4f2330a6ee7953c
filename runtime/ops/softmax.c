/* softmax.c: host half of softmax over one dimension. Attention has its own, fused. */
#include "graph/op.h"
#include "ops.h"

#include "softmax.h"

struct params { uint32_t axis; float scale; };

/* Elements behind the axis. */
static uint32_t inner_of(const struct vkr_desc *x, uint32_t axis)
{
    uint32_t inner = 1;
    for (uint32_t i = axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    return inner;
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 1 && in[0].dtype == VKR_F32 && in[0].rank >= 1, VKS_ERR_SHAPE, "softmax: x must be f32 of rank 1 to 5");
    VKS_REQUIRE(p->axis < in[0].rank, VKS_ERR_ARGUMENT, "softmax: %s has no axis %u", VKR_SHAPE(&in[0]), p->axis);
    /* llvmpipe leaves the loops of an invocation after 65535 rounds, and there are three of them. */
    VKS_REQUIRE(p->axis + 1 == in[0].rank || in[0].dim[p->axis] <= VKR_SOFTMAX_AXIS, VKS_ERR_UNSUPPORTED,
                "softmax: axis %u of %s is longer than %d", p->axis, VKR_SHAPE(&in[0]), VKR_SOFTMAX_AXIS);
    *out = in[0];
    return VKS_OK;
}

struct shape { uint32_t inner; uint64_t elements; };

static bool is_last(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct shape *)shape)->inner == 1;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct shape *s = shape;
    return s->inner % 4 == 0 && s->elements / 4 <= target->caps.max_texels;
}

enum { ROWS, VEC, COLUMNS };

const struct vkr_choice vkr_softmax_choices[] = {
    [ROWS] = { "softmax", "f32", 0, false, is_last },
    [VEC] = { "softmax_axis", "vec", VKR_CAP_VEC8, true, fits_vec },
    [COLUMNS] = { "softmax_axis", "f32", 0, false, NULL },
};
const uint32_t vkr_softmax_choice_count = 3;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    const struct shape shape = { inner_of(&out->desc, p->axis), vkr_numel(&out->desc) };
    uint32_t choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "softmax", vkr_softmax_choices, vkr_softmax_choice_count, &shape, &choice));
    const uint32_t cols = out->desc.dim[p->axis], wide = choice == VEC ? 4 : 1;
    struct softmax_args args = { .rows = (uint32_t)(shape.elements / cols) / wide, .cols = cols, .inner = shape.inner / wide,
                                 .scale = p->scale };
    struct vkr_dispatch d = { .shader = vkr_softmax_choices[choice].shader, .variant = vkr_softmax_choices[choice].variant,
        .bind = { in[0], out }, .bind_count = 2, .writes = 1u << 1, .texels = choice == VEC ? 1u : 0u, .args = &args,
        .args_size = sizeof args };
    vkr_spread(target, choice == ROWS ? args.rows : vkr_groups(args.rows, choice == VEC ? SOFTMAX_LANES : SOFTMAX_LOCAL), d.groups);
    return vkr_emit(l, &d);
}

const struct vkr_op vkr_op_softmax = { "softmax", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_softmax(struct vkr_graph *g, struct vkr_tensor *x)
{
    return vkr_softmax_axis(g, x, x->desc.rank - 1, 1);
}

struct vkr_tensor *vkr_softmax_axis(struct vkr_graph *g, struct vkr_tensor *x, uint32_t axis, float scale)
{
    return vkr_graph_node(g, &vkr_op_softmax, &(struct params){ axis, scale }, &x, 1);
}
