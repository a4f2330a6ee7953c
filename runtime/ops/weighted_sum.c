/* weighted_sum.c: host half of xT w, the product of attention's weights and values when both lie position by position. */
#include "graph/op.h"
#include "ops.h"

#include "weighted_sum.h"

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    (void)params;
    VKS_REQUIRE(count == 2 && in[0].dtype == VKR_F32 && in[1].dtype == VKR_F32 && in[0].rank == 3 && in[1].rank == 3 &&
                in[0].dim[0] == in[1].dim[0] && in[0].dim[1] == in[1].dim[1], VKS_ERR_SHAPE,
                "weighted_sum: x %s and w %s must be f32 [B, K, M] and [B, K, N]", VKR_SHAPE(&in[0]), VKR_SHAPE(&in[1]));
    /* llvmpipe leaves the loops of an invocation after 65535 rounds. */
    VKS_REQUIRE(in[0].dim[1] <= 60000, VKS_ERR_UNSUPPORTED, "weighted_sum: %s sums more than 60000 rows", VKR_SHAPE(&in[0]));
    *out = vkr_f32(3, in[0].dim[0], in[0].dim[2], in[1].dim[2]);
    VKS_REQUIRE(vkr_numel(&in[0]) < 1ull << 31 && vkr_numel(&in[1]) < 1ull << 31 && vkr_numel(out) < 1ull << 31,
                VKS_ERR_UNSUPPORTED, "weighted_sum: %s is beyond 2^31 elements", VKR_SHAPE(&in[0]));
    return VKS_OK;
}

struct shape { uint32_t batch, k, m, n; };

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct shape *s = shape;
    const struct vkr_caps *caps = &target->caps;
    const uint64_t widest = (uint64_t)s->batch * s->k * (s->m > s->n ? s->m : s->n);
    return s->k % WEIGHTED_SUM_STEP == 0 && s->m % 4 == 0 && s->n % 4 == 0 && widest / 4 <= caps->max_texels &&
           vkr_groups(s->m, WEIGHTED_SUM_TILE) <= caps->max_groups[0] && vkr_groups(s->n, WEIGHTED_SUM_TILE) <= caps->max_groups[1] &&
           s->batch <= caps->max_groups[2];
}

enum { VEC, F32, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    [VEC] = { "weighted_sum_vec", "f32", VKR_CAP_VEC8, true, fits_vec },
    [F32] = { "weighted_sum", "f32", 0, false, NULL },
};

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct vkr_target *target = vkr_lower_target(l);
    const struct shape shape = { in[0]->desc.dim[0], in[0]->desc.dim[1], in[0]->desc.dim[2], in[1]->desc.dim[2] };
    uint32_t choice;
    (void)params;
    (void)count;
    VKS_TRY(vkr_choose(target, "weighted_sum", choices, CHOICES, &shape, &choice));
    const uint32_t wide = choice == VEC ? 4 : 1;
    struct weighted_sum_args args = { .batch = shape.batch, .k = shape.k, .m = shape.m / wide, .n = shape.n / wide };
    struct vkr_dispatch d = { .shader = choices[choice].shader, .variant = choices[choice].variant, .bind = { in[0], in[1], out },
        .bind_count = 3, .writes = 1u << 2, .args = &args, .args_size = sizeof args };
    if (choice == VEC) {
        d.texels = d.images = 3u;
        d.groups[0] = vkr_groups(shape.m, WEIGHTED_SUM_TILE);
        d.groups[1] = vkr_groups(shape.n, WEIGHTED_SUM_TILE);
        d.groups[2] = shape.batch;
    } else {
        vkr_spread(target, vkr_groups(vkr_numel(&out->desc), WEIGHTED_SUM_LOCAL), d.groups);
    }
    return vkr_emit(l, &d);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    (void)params;
    (void)count;
    return 2.0 * (double)vkr_numel(out) * in[0].dim[1];
}

const struct vkr_op vkr_op_weighted_sum = { "weighted_sum", 0, infer, lower, cost };

struct vkr_tensor *vkr_weighted_sum(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w)
{
    return vkr_graph_node(g, &vkr_op_weighted_sum, NULL, (struct vkr_tensor *[]){ x, w }, 2);
}

bool vkr_weighted_sum_is_fast(const struct vkr_graph *g, uint32_t batch, uint32_t k, uint32_t m, uint32_t n)
{
    const struct shape shape = { batch, k, m, n };
    uint32_t choice;
    return vkr_choose(vkr_graph_target(g), "weighted_sum", choices, CHOICES, &shape, &choice) == VKS_OK && choice == VEC;
}
