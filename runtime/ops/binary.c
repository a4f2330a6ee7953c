/* binary.c: host half of add, subtract and multiply with NumPy broadcasting. */
#include "graph/op.h"
#include "ops.h"

#include "binary.h"

struct params { enum vkr_binary_kind kind; };

/* Dimension `axis` of a result of rank `rank`, seen by an operand that may have fewer. */
static uint32_t dim_at(const struct vkr_desc *desc, uint32_t rank, uint32_t axis)
{
    uint32_t missing = rank - desc->rank;
    return axis < missing ? 1 : desc->dim[axis - missing];
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    (void)params;
    VKS_REQUIRE(count == 2 && in[0].dtype == VKR_F32 && in[1].dtype == VKR_F32, VKS_ERR_SHAPE, "binary: operands must be f32");
    *out = (struct vkr_desc){ .dtype = VKR_F32, .rank = in[0].rank > in[1].rank ? in[0].rank : in[1].rank };
    for (uint32_t i = 0; i < out->rank; i++) {
        uint32_t a = dim_at(&in[0], out->rank, i), b = dim_at(&in[1], out->rank, i);
        VKS_REQUIRE(a == b || a == 1 || b == 1, VKS_ERR_SHAPE, "binary: %s and %s do not broadcast", VKR_SHAPE(&in[0]),
                    VKR_SHAPE(&in[1]));
        out->dim[i] = a > b ? a : b;
    }
    return VKS_OK;
}

/* Dimensions innermost first with the strides of both operands; neighbours that step alike are merged. */
struct layout { uint32_t rank, dim[VKR_MAX_DIMS], a[VKR_MAX_DIMS], b[VKR_MAX_DIMS]; };

static void strides(const struct vkr_desc *desc, const struct vkr_desc *out, uint32_t *stride)
{
    uint32_t step = 1;
    for (uint32_t i = out->rank; i-- > 0;) {
        uint32_t dim = dim_at(desc, out->rank, i);
        stride[i] = dim == 1 ? 0 : step;
        step *= dim;
    }
}

static struct layout lay_out(const struct vkr_desc *a, const struct vkr_desc *b, const struct vkr_desc *out)
{
    uint32_t sa[VKR_MAX_DIMS], sb[VKR_MAX_DIMS];
    struct layout l = { .rank = 0 };
    strides(a, out, sa);
    strides(b, out, sb);
    for (uint32_t i = out->rank; i-- > 0;) {
        if (out->dim[i] == 1)
            continue;
        if (l.rank && sa[i] == l.a[l.rank - 1] * l.dim[l.rank - 1] && sb[i] == l.b[l.rank - 1] * l.dim[l.rank - 1]) {
            l.dim[l.rank - 1] *= out->dim[i];
            continue;
        }
        l.dim[l.rank] = out->dim[i];
        l.a[l.rank] = sa[i];
        l.b[l.rank++] = sb[i];
    }
    for (uint32_t i = l.rank; i < VKR_MAX_DIMS; i++)
        l.dim[i] = 1;
    return l;
}

/* Four elements at a time: the innermost dimension is dense in both operands and everything is a multiple of 4. */
static bool fits_x4(const void *shape, const struct vkr_target *target)
{
    const struct layout *l = shape;
    (void)target;
    bool fits = l->a[0] == 1 && l->b[0] == 1 && l->dim[0] % 4 == 0;
    for (uint32_t i = 1; i < l->rank; i++)
        fits = fits && l->a[i] % 4 == 0 && l->b[i] % 4 == 0;
    return fits;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct layout *l = shape;
    uint64_t total = 1;
    for (uint32_t i = 0; i < l->rank; i++)
        total *= l->dim[i];
    return fits_x4(shape, target) && total / 4 <= target->caps.max_texels;
}

const struct vkr_choice vkr_binary_choices[] = {
    { "binary", "vec", VKR_CAP_VEC8, true, fits_vec },
    { "binary", "x4", 0, false, fits_x4 },
    { "binary", "f32", 0, false, NULL },
};
const uint32_t vkr_binary_choice_count = 3;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    struct layout s = lay_out(&in[0]->desc, &in[1]->desc, &out->desc);
    uint32_t choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "binary", vkr_binary_choices, vkr_binary_choice_count, &s, &choice));
    uint32_t per = choice < 2 ? 4 : 1;
    struct binary_args args = { .inner = s.dim[0] / per, .rows = (uint32_t)(vkr_numel(&out->desc) / s.dim[0]),
        .d1 = s.dim[1], .d2 = s.dim[2], .d3 = s.dim[3], .a0 = s.a[0], .a1 = s.a[1] / per, .a2 = s.a[2] / per,
        .a3 = s.a[3] / per, .a4 = s.a[4] / per, .b0 = s.b[0], .b1 = s.b[1] / per, .b2 = s.b[2] / per, .b3 = s.b[3] / per,
        .b4 = s.b[4] / per, .kind = (uint32_t)p->kind };
    struct vkr_dispatch d = { .shader = "binary", .variant = vkr_binary_choices[choice].variant,
        .bind = { in[0], in[1], out }, .bind_count = 3, .writes = 1u << 2, .texels = choice == 0 ? 3u : 0u,
        .args = &args, .args_size = sizeof args };
    d.groups[0] = vkr_groups(args.inner, BINARY_LOCAL * BINARY_PER_LANE);
    vkr_spread_rows(target, args.rows, d.groups);
    return vkr_emit(l, &d);
}

const struct vkr_op vkr_op_binary = { "binary", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_binary(struct vkr_graph *g, enum vkr_binary_kind kind, struct vkr_tensor *a, struct vkr_tensor *b)
{
    return vkr_graph_node(g, &vkr_op_binary, &(struct params){ kind }, (struct vkr_tensor *[]){ a, b }, 2);
}

struct vkr_tensor *vkr_add(struct vkr_graph *g, struct vkr_tensor *a, struct vkr_tensor *b)
{
    return vkr_binary(g, VKR_ADD, a, b);
}
