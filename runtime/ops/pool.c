/* pool.c: maximum and average over windows; padding never counts. */
#include "matmul_cells.h"
#include "pool.h"

#include "graph/op.h"
#include "ops.h"

struct params { uint32_t kind, window[3], stride[3], pad[3]; };

static void space_of(const struct vkr_desc *x, uint32_t space[3])
{
    for (uint32_t i = 0; i < 3; i++)
        space[i] = x->rank == 5 ? x->dim[1 + i] : i ? x->dim[i] : 1;
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    uint32_t space[3];
    VKS_REQUIRE(count == 1 && (in[0].rank == 4 || in[0].rank == 5) && in[0].dtype == VKR_F32, VKS_ERR_SHAPE,
                "pool: x %s must be f32 [B, H, W, C] or [B, D, H, W, C]", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(vkr_numel(&in[0]) > 0 && vkr_numel(&in[0]) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "pool: x %s is beyond 2^31 elements, or empty", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(p->kind <= VKR_POOL_AVERAGE, VKS_ERR_ARGUMENT, "pool: kind %u is neither maximum nor average", p->kind);
    space_of(&in[0], space);
    *out = in[0];
    for (uint32_t i = in[0].rank == 5 ? 0 : 1; i < 3; i++) {
        uint64_t padded = space[i] + 2ull * p->pad[i];
        /* More padding than half a window would leave windows without a single element. */
        VKS_REQUIRE(p->pad[i] <= p->window[i] / 2, VKS_ERR_ARGUMENT, "pool: padding %u is more than half the window %u",
                    p->pad[i], p->window[i]);
        VKS_REQUIRE(p->window[i] <= padded && padded < 1u << 30, VKS_ERR_SHAPE, "pool: window %u exceeds x %s",
                    p->window[i], VKR_SHAPE(&in[0]));
        out->dim[in[0].rank - 4 + i] = (uint32_t)((padded - p->window[i]) / p->stride[i] + 1);
    }
    return VKS_OK;
}

struct candidate { const struct params *params; const struct vkr_desc *x; };

static bool fits_max(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct candidate *)shape)->params->kind == VKR_POOL_MAX;
}

static bool fits_average(const void *shape, const struct vkr_target *target)
{
    return !fits_max(shape, target);
}

static bool fits_max_vec(const void *shape, const struct vkr_target *target)
{
    return fits_max(shape, target) && vkr_fits_texels(((const struct candidate *)shape)->x, target);
}

static bool fits_average_vec(const void *shape, const struct vkr_target *target)
{
    return fits_average(shape, target) && vkr_fits_texels(((const struct candidate *)shape)->x, target);
}

/* Maxima of 2 x 2 positions side by side. */
static bool halves(const struct params *p)
{
    bool cells = p->kind == VKR_POOL_MAX && p->window[0] == 1 && p->stride[0] == 1 && !p->pad[0];
    for (uint32_t i = 1; i < 3; i++)
        cells = cells && p->window[i] == 2 && p->stride[i] == 2 && !p->pad[i];
    return cells;
}

static bool fits_halve(const void *shape, const struct vkr_target *target)
{
    return halves(((const struct candidate *)shape)->params) && fits_max_vec(shape, target);
}

/* Averages of positions behind each other. */
static bool fits_planes(const void *shape, const struct vkr_target *target)
{
    const struct params *p = ((const struct candidate *)shape)->params;
    bool flat = !p->pad[0];
    for (uint32_t i = 1; i < 3; i++)
        flat = flat && p->window[i] == 1 && p->stride[i] == 1 && !p->pad[i];
    return flat && POOL_RUN / POOL_LANES * ((uint64_t)p->window[0] + 1) <= VKR_MOST_ROUNDS && fits_average_vec(shape, target);
}

enum { HALVE, MAX_VEC, MAX, PLANES, AVERAGE_VEC, AVERAGE, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    { "pool_halve_vec", "max", VKR_CAP_VEC8, true, fits_halve },
    { "pool", "max_vec", VKR_CAP_VEC8, true, fits_max_vec },
    { "pool", "max", 0, false, fits_max },
    { "pool_planes_vec", "average", VKR_CAP_VEC8, true, fits_planes },
    { "pool", "average_vec", VKR_CAP_VEC8, true, fits_average_vec },
    { "pool", "average", 0, false, fits_average },
};

static bool is_vec(uint32_t choice)
{
    return choice != MAX && choice != AVERAGE;
}

static uint32_t workgroups(const struct pool_args *a, uint32_t choice)
{
    if (choice == HALVE)
        return a->planes * a->out_h * vkr_groups((uint64_t)a->out_w * (a->channels / 4), POOL_RUN);
    if (choice == PLANES)
        return a->planes * vkr_groups((uint64_t)a->in_h * a->in_w * (a->channels / 4), POOL_RUN);
    return is_vec(choice) ? vkr_groups(a->count / 4, POOL_LANES) : vkr_groups(a->count, POOL_LOCAL);
}

static vks_status lower_pool(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    const struct params *p = params;
    uint32_t from[3], to[3], chosen;
    (void)count;
    VKS_TRY(vkr_choose(vkr_lower_target(lower), "pool", choices, CHOICES, &(struct candidate){ p, &in[0]->desc }, &chosen));
    space_of(&in[0]->desc, from);
    space_of(&out->desc, to);
    struct pool_args args = {
        .count = (uint32_t)vkr_numel(&out->desc), .planes = out->desc.dim[0] * to[0], .channels = vkr_last(&out->desc),
        .in_d = from[0], .in_h = from[1], .in_w = from[2], .out_d = to[0], .out_h = to[1], .out_w = to[2],
        .window_d = p->window[0], .window_h = p->window[1], .window_w = p->window[2],
        .stride_d = p->stride[0], .stride_h = p->stride[1], .stride_w = p->stride[2],
        .pad_d = p->pad[0], .pad_h = p->pad[1], .pad_w = p->pad[2],
    };
    struct vkr_dispatch dispatch = { .shader = choices[chosen].shader, .variant = choices[chosen].variant,
                                     .bind = { in[0], out }, .bind_count = 2, .writes = 1u << 1,
                                     .texels = is_vec(chosen), .images = chosen == HALVE || chosen == PLANES,
                                     .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), workgroups(&args, chosen), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct params *p = params;
    (void)in, (void)count;
    return (double)vkr_numel(out) * p->window[0] * p->window[1] * p->window[2];
}

const struct vkr_op vkr_op_pool = { "pool", sizeof(struct params), infer, lower_pool, cost };

struct vkr_tensor *vkr_pool(struct vkr_graph *g, struct vkr_tensor *x, const struct vkr_pool *params)
{
    struct params p = { .kind = (uint32_t)params->kind };
    uint32_t space[3];
    space_of(&x->desc, space);
    for (uint32_t i = 0; i < 3; i++) {
        bool used = i > 0 || x->desc.rank == 5;
        p.window[i] = !used ? 1 : params->window[i] ? params->window[i] : space[i];
        p.stride[i] = !used ? 1 : params->stride[i] ? params->stride[i] : p.window[i];
        p.pad[i] = used ? params->pad[i] : 0;
    }
    struct vkr_tensor *made = halves(&p) ? matmul_of_cells(g, x) : NULL;
    return made ? made : vkr_graph_node(g, &vkr_op_pool, &p, &x, 1);
}
