/* unary.c: host half of elementwise activations. */
#include "graph/op.h"
#include "ops.h"

#include "unary.h"

struct params { enum vkr_activation act; };

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 1 && in[0].dtype == VKR_F32, VKS_ERR_SHAPE, "unary: x must be f32");
    VKS_REQUIRE(p->act <= VKR_ACT_ELU, VKS_ERR_ARGUMENT, "unary: no activation has the number %d", (int)p->act);
    *out = in[0];
    return VKS_OK;
}

struct shape { uint64_t count; enum vkr_activation act; };

static bool fits_x4(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct shape *)shape)->count % 4 == 0;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct shape *s = shape;
    return s->count % 4 == 0 && s->count / 4 <= target->caps.max_texels;
}

static bool fits_relu(const void *shape, const struct vkr_target *target)
{
    return ((const struct shape *)shape)->act == VKR_ACT_RELU && fits_vec(shape, target);
}

static bool fits_gelu(const void *shape, const struct vkr_target *target)
{
    return ((const struct shape *)shape)->act == VKR_ACT_GELU && fits_vec(shape, target);
}

enum { VEC_RELU, VEC_GELU, VEC, X4, F32 };

const struct vkr_choice vkr_unary_choices[] = {
    [VEC_RELU] = { "unary", "vec_relu", VKR_CAP_VEC8, true, fits_relu },
    [VEC_GELU] = { "unary", "vec_gelu", VKR_CAP_VEC8, true, fits_gelu },
    [VEC] = { "unary", "vec", VKR_CAP_VEC8, true, fits_vec },
    [X4] = { "unary", "x4", 0, false, fits_x4 },
    [F32] = { "unary", "f32", 0, false, NULL },
};
const uint32_t vkr_unary_choice_count = 5;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    const struct shape shape = { vkr_numel(&out->desc), p->act };
    uint32_t choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "unary", vkr_unary_choices, vkr_unary_choice_count, &shape, &choice));
    struct unary_args args = { .count = (uint32_t)shape.count / (choice == F32 ? 1 : 4), .kind = (uint32_t)p->act };
    struct vkr_dispatch d = { .shader = "unary", .variant = vkr_unary_choices[choice].variant, .bind = { in[0], out },
        .bind_count = 2, .writes = 1u << 1, .texels = choice <= VEC ? 1u : 0u, .args = &args, .args_size = sizeof args };
    vkr_spread(target, vkr_groups(args.count, UNARY_LOCAL * UNARY_PER_LANE), d.groups);
    return vkr_emit(l, &d);
}

const struct vkr_op vkr_op_unary = { "unary", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_unary(struct vkr_graph *g, struct vkr_tensor *x, enum vkr_activation act)
{
    return vkr_graph_node(g, &vkr_op_unary, &(struct params){ act }, &x, 1);
}
