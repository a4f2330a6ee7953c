/* copy.c: host half of data movement: permute, slice, concatenate and broadcast are one strided copy. */
#include "graph/op.h"
#include "ops.h"

#include "copy.h"

#include <string.h>

enum kind { PERMUTE, SLICE, CONCAT, BROADCAST };

struct params {
    enum kind kind;
    uint32_t order[VKR_MAX_DIMS];       /* permute */
    uint32_t axis, start, count;        /* slice, concat */
    struct vkr_desc shape;              /* broadcast */
};

static vks_status infer_permute(const struct params *p, const struct vkr_desc *x, struct vkr_desc *out)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        VKS_REQUIRE(p->order[i] < x->rank && !(seen >> p->order[i] & 1u), VKS_ERR_ARGUMENT, "permute: the order is no permutation of %u axes", x->rank);
        seen |= 1u << p->order[i];
        out->dim[i] = x->dim[p->order[i]];
    }
    return VKS_OK;
}

static vks_status infer_concat(const struct params *p, const struct vkr_desc *in, struct vkr_desc *out)
{
    VKS_REQUIRE(in[1].dtype == in[0].dtype && in[1].rank == in[0].rank && p->axis < in[0].rank, VKS_ERR_SHAPE,
                "concat: %s and %s along axis %u", VKR_SHAPE(&in[0]), VKR_SHAPE(&in[1]), p->axis);
    for (uint32_t i = 0; i < in[0].rank; i++)
        VKS_REQUIRE(i == p->axis || in[0].dim[i] == in[1].dim[i], VKS_ERR_SHAPE, "concat: %s and %s along axis %u",
                    VKR_SHAPE(&in[0]), VKR_SHAPE(&in[1]), p->axis);
    out->dim[p->axis] += in[1].dim[p->axis];
    return VKS_OK;
}

static vks_status infer_broadcast(const struct params *p, const struct vkr_desc *x, struct vkr_desc *out)
{
    VKS_REQUIRE(x->rank <= p->shape.rank, VKS_ERR_SHAPE, "broadcast: %s to %s", VKR_SHAPE(x), VKR_SHAPE(&p->shape));
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t from = x->dim[i], to = p->shape.dim[i + p->shape.rank - x->rank];
        VKS_REQUIRE(from == to || from == 1, VKS_ERR_SHAPE, "broadcast: %s to %s", VKR_SHAPE(x), VKR_SHAPE(&p->shape));
    }
    *out = p->shape;
    out->dtype = x->dtype;
    return VKS_OK;
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count >= 1 && (in[0].dtype == VKR_F32 || in[0].dtype == VKR_F16), VKS_ERR_SHAPE, "copy: elements must be f32 or f16");
    *out = in[0];
    switch (p->kind) {
    case PERMUTE: return infer_permute(p, in, out);
    case CONCAT: return infer_concat(p, in, out);
    case BROADCAST: return infer_broadcast(p, in, out);
    default: break;
    }
    VKS_REQUIRE(p->axis < in[0].rank && p->count > 0 && p->start < in[0].dim[p->axis] &&
                p->count <= in[0].dim[p->axis] - p->start, VKS_ERR_SHAPE, "slice: %u from %u along axis %u of %s", p->count,
                p->start, p->axis, VKR_SHAPE(&in[0]));
    out->dim[p->axis] = p->count;
    return VKS_OK;
}

/* One strided copy, outermost dimension first as given; merged and turned innermost first by compress(). */
struct move {
    enum vkr_dtype dtype;
    uint32_t rank, dim[VKR_MAX_DIMS], x[VKR_MAX_DIMS], y[VKR_MAX_DIMS], x_at, y_at;
    uint64_t elements;                  /* of the tensor read */
};

static void dense(const struct vkr_desc *desc, uint32_t *stride)
{
    uint32_t step = 1;
    for (uint32_t i = desc->rank; i-- > 0; step *= desc->dim[i])
        stride[i] = step;
}

static struct move compress(const struct move *m)
{
    struct move out = { .dtype = m->dtype, .x_at = m->x_at, .y_at = m->y_at, .elements = m->elements };
    for (uint32_t i = m->rank; i-- > 0;) {
        if (m->dim[i] == 1)
            continue;
        uint32_t last = out.rank - 1;
        if (out.rank && m->x[i] == out.x[last] * out.dim[last] && m->y[i] == out.y[last] * out.dim[last]) {
            out.dim[last] *= m->dim[i];
            continue;
        }
        out.dim[out.rank] = m->dim[i];
        out.x[out.rank] = m->x[i];
        out.y[out.rank++] = m->y[i];
    }
    for (uint32_t i = out.rank; i < VKR_MAX_DIMS; i++)
        out.dim[i] = 1;
    if (out.rank == 0)
        out.x[0] = out.y[0] = 1;
    return out;
}

static bool fits_x4(const void *shape, const struct vkr_target *target)
{
    const struct move *m = shape;
    (void)target;
    bool fits = m->dtype == VKR_F32 && m->x[0] == 1 && m->y[0] == 1 && m->dim[0] % 4 == 0 && m->x_at % 4 == 0 &&
                m->y_at % 4 == 0 && m->elements % 4 == 0;
    for (uint32_t i = 1; i < VKR_MAX_DIMS; i++)
        fits = fits && m->x[i] % 4 == 0 && m->y[i] % 4 == 0;
    return fits;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    return fits_x4(shape, target) && ((const struct move *)shape)->elements / 4 <= target->caps.max_texels;
}

static bool is_f32(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct move *)shape)->dtype == VKR_F32;
}

static bool is_f16(const void *shape, const struct vkr_target *target)
{
    (void)target;
    return ((const struct move *)shape)->dtype == VKR_F16;
}

const struct vkr_choice vkr_copy_choices[] = {
    { "copy", "f16", VKR_CAP_F16, false, is_f16 },
    { "copy", "vec", VKR_CAP_VEC8, true, fits_vec },
    { "copy", "x4", 0, false, fits_x4 },
    { "copy", "f32", 0, false, is_f32 },
};
const uint32_t vkr_copy_choice_count = 4;

static vks_status emit(struct vkr_lower *l, const struct move *move, struct vkr_tensor *x, struct vkr_tensor *out)
{
    const struct vkr_target *target = vkr_lower_target(l);
    struct move m = compress(move);
    uint32_t choice, total = 1;
    VKS_TRY(vkr_choose(target, "copy", vkr_copy_choices, vkr_copy_choice_count, &m, &choice));
    uint32_t per = choice == 1 || choice == 2 ? 4 : 1;
    for (uint32_t i = 1; i < VKR_MAX_DIMS; i++)
        total *= m.dim[i];
    struct copy_args args = { .inner = m.dim[0] / per, .rows = total, .d1 = m.dim[1], .d2 = m.dim[2], .d3 = m.dim[3],
        .x0 = m.x[0], .x1 = m.x[1] / per, .x2 = m.x[2] / per, .x3 = m.x[3] / per, .x4 = m.x[4] / per,
        .y0 = m.y[0], .y1 = m.y[1] / per, .y2 = m.y[2] / per, .y3 = m.y[3] / per, .y4 = m.y[4] / per,
        .x_at = m.x_at / per, .y_at = m.y_at / per };
    struct vkr_dispatch d = { .shader = "copy", .variant = vkr_copy_choices[choice].variant, .bind = { x, out },
        .bind_count = 2, .writes = 1u << 1, .texels = choice == 1 ? 1u : 0u, .args = &args, .args_size = sizeof args };
    d.groups[0] = vkr_groups(args.inner, COPY_LOCAL * COPY_PER_LANE);
    vkr_spread_rows(target, args.rows, d.groups);
    return vkr_emit(l, &d);
}

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_desc *x = &in[0]->desc;
    struct move m = { .dtype = x->dtype, .rank = out->desc.rank, .elements = vkr_numel(x) };
    uint32_t stride[VKR_MAX_DIMS];
    (void)count;
    memcpy(m.dim, out->desc.dim, sizeof m.dim);
    dense(&out->desc, m.y);
    dense(x, stride);
    switch (p->kind) {
    case PERMUTE:
        for (uint32_t i = 0; i < m.rank; i++)
            m.x[i] = stride[p->order[i]];
        break;
    case SLICE:
        memcpy(m.x, stride, sizeof stride);
        m.x_at = p->start * stride[p->axis];
        break;
    case BROADCAST:
        for (uint32_t i = 0; i < x->rank; i++)
            m.x[i + m.rank - x->rank] = x->dim[i] == 1 ? 0 : stride[i];
        break;
    case CONCAT:
        memcpy(m.x, stride, sizeof stride);
        memcpy(m.dim, x->dim, sizeof m.dim);
        VKS_TRY(emit(l, &m, in[0], out));
        dense(&in[1]->desc, m.x);
        memcpy(m.dim, in[1]->desc.dim, sizeof m.dim);
        m.elements = vkr_numel(&in[1]->desc);
        m.y_at = x->dim[p->axis] * m.y[p->axis];
        return emit(l, &m, in[1], out);
    }
    return emit(l, &m, in[0], out);
}

const struct vkr_op vkr_op_copy = { "copy", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_permute(struct vkr_graph *g, struct vkr_tensor *x, const uint32_t *order)
{
    struct params params = { .kind = PERMUTE };
    memcpy(params.order, order, x->desc.rank * sizeof *order);
    return vkr_graph_node(g, &vkr_op_copy, &params, &x, 1);
}

struct vkr_tensor *vkr_slice(struct vkr_graph *g, struct vkr_tensor *x, uint32_t axis, uint32_t start, uint32_t count)
{
    struct params params = { .kind = SLICE, .axis = axis, .start = start, .count = count };
    return vkr_graph_node(g, &vkr_op_copy, &params, &x, 1);
}

struct vkr_tensor *vkr_concat(struct vkr_graph *g, struct vkr_tensor *a, struct vkr_tensor *b, uint32_t axis)
{
    struct params params = { .kind = CONCAT, .axis = axis };
    return vkr_graph_node(g, &vkr_op_copy, &params, (struct vkr_tensor *[]){ a, b }, 2);
}

struct vkr_tensor *vkr_broadcast(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_desc desc)
{
    struct params params = { .kind = BROADCAST, .shape = desc };
    params.shape.dtype = x->desc.dtype;
    return vkr_graph_node(g, &vkr_op_copy, &params, &x, 1);
}
