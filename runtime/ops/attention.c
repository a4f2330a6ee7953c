/* attention.c: host half of fused attention. No [Nq, Nk] tensor exists in either family; relative position terms are
 * O(N (H + W)). (segment_anything/modeling/image_encoder.py, add_decomposed_rel_pos) */
#include "graph/op.h"
#include "ops.h"

#include "attention.h"
#include "attention_shape.h"
#include "window_view.h"

#include <stdio.h>
#include <string.h>

enum { MAX_HEAD = 128 };

static struct attention_shape shape_of(const struct vkr_attention *a, const struct vkr_desc *q, const struct vkr_desc *k,
                             const struct vkr_desc *v, bool bias)
{
    return (struct attention_shape){ .head_dim = a->head_dim, .heads = a->heads, .batch = q->dim[0], .kv_batch = k->dim[0], .queries = q->dim[1],
        .keys = k->dim[1], .q_row = q->dim[2], .k_row = k->dim[2], .v_row = v->dim[2],
        .at = a->q_offset | a->k_offset | a->v_offset, .grid_h = a->grid_h, .grid_w = a->grid_w, .bias = bias, .half = a->half };
}

/* The vec family has the bias with rows padded to whole tiles. */
static vks_status check_bias(const struct attention_params *p, const struct vkr_desc *in)
{
    const struct vkr_desc *bias = &in[5];
    struct attention_shape s = shape_of(&p->a, &in[0], &in[1], &in[2], true);
    uint32_t keys = p->choice == ATTENTION_VEC ? attention_vec_positions(&s) : s.keys;
    VKS_REQUIRE(in[3].dtype == VKR_NONE, VKS_ERR_ARGUMENT, "attention: a bias and a relative position exclude each other");
    VKS_REQUIRE(bias->dtype == VKR_F32 && bias->rank == 3 && bias->dim[0] == s.heads && bias->dim[1] == s.queries &&
                bias->dim[2] == keys, VKS_ERR_SHAPE, "attention: bias %s must be f32 [%u, %u, %u]", VKR_SHAPE(bias), s.heads,
                s.queries, keys);
    return VKS_OK;
}

/* Operands as attention sees them: grids as the windows they are read as. */
static void view(const struct attention_params *p, const struct vkr_desc *operands, struct vkr_desc out[6])
{
    memcpy(out, operands, 6 * sizeof *out);
    for (uint32_t i = 0; i < 3; i++)
        if (p->window[i])
            out[i] = window_view_shape(&operands[i], p->window[i]);
}

static vks_status infer(const void *params, const struct vkr_desc *operands, uint32_t count, struct vkr_desc *out)
{
    const struct attention_params *p = params;
    const struct vkr_attention *a = &p->a;
    struct vkr_desc in[6];
    view(p, operands, in);
    uint32_t inner = a->heads * a->head_dim;
    VKS_REQUIRE(count == ATTENTION_INPUTS && a->heads > 0 && a->head_dim > 0 && a->head_dim <= MAX_HEAD, VKS_ERR_UNSUPPORTED,
                "attention: heads must be 1 to %d wide, not %u", MAX_HEAD, a->head_dim);
    const uint32_t offsets[] = { a->q_offset, a->k_offset, a->v_offset };
    for (uint32_t i = 0; i < 3; i++)
        VKS_REQUIRE(in[i].dtype == VKR_F32 && in[i].rank == 3 && offsets[i] <= in[i].dim[2] && inner <= in[i].dim[2] - offsets[i],
                    VKS_ERR_SHAPE, "attention: %u heads of %u from %u do not fit %s", a->heads, a->head_dim, offsets[i], VKR_SHAPE(&in[i]));
    VKS_REQUIRE(in[1].dim[0] == in[2].dim[0] && in[1].dim[1] == in[2].dim[1] && (in[1].dim[0] == in[0].dim[0] || in[1].dim[0] == 1),
                VKS_ERR_SHAPE, "attention: q %s, k %s and v %s do not fit", VKR_SHAPE(&in[0]), VKR_SHAPE(&in[1]), VKR_SHAPE(&in[2]));
    VKS_REQUIRE((in[3].dtype == VKR_NONE) == (in[4].dtype == VKR_NONE), VKS_ERR_ARGUMENT, "attention: rel_h and rel_w come together");
    if (in[3].dtype != VKR_NONE) {
        VKS_REQUIRE(a->grid_h * a->grid_w == in[0].dim[1] && in[1].dim[1] == in[0].dim[1], VKS_ERR_SHAPE,
                    "attention: %u tokens are no %u x %u grid", in[0].dim[1], a->grid_h, a->grid_w);
        VKS_REQUIRE(in[3].dtype == VKR_F32 && in[4].dtype == VKR_F32 && in[3].rank == 2 && in[4].rank == 2 &&
                    in[3].dim[0] == 2 * a->grid_h - 1 && in[4].dim[0] == 2 * a->grid_w - 1 &&
                    in[3].dim[1] == a->head_dim && in[4].dim[1] == a->head_dim, VKS_ERR_SHAPE,
                    "attention: rel_h %s and rel_w %s do not fit a %u x %u grid of width %u", VKR_SHAPE(&in[3]), VKR_SHAPE(&in[4]),
                    a->grid_h, a->grid_w, a->head_dim);
    }
    if (in[5].dtype != VKR_NONE)
        VKS_TRY(check_bias(p, in));
    if (p->on_grid)
        *out = vkr_f32(4, operands[0].dim[0], operands[0].dim[1], operands[0].dim[2], inner);
    else
        *out = vkr_f32(3, in[0].dim[0], in[0].dim[1], inner);
    return VKS_OK;
}

/* ---- cooperative matrices ------------------------------------------------------------------------------------- */

/* A workgroup: its subgroups, keys per tile, and head width in whole fragments. keys 0: it does not run here. */
struct cut { uint32_t waves, keys, width; };

/* In the static order. */
enum { CUTS = 4 };
static const struct { const char *name; uint32_t waves, keys; } cuts[CUTS] = {
    { "4x64", 4, 64 }, { "4x32", 4, 32 }, { "2x64", 2, 64 }, { "2x32", 2, 32 } };

static uint64_t shared_bytes(const struct cut *c, const struct vkr_caps *caps)
{
    uint64_t rows = (uint64_t)c->waves * caps->coopmat_m;
    return 2ull * c->keys * (c->width / 8 + 1) * 16 + rows * (c->keys + 4) * 4 + rows * (c->keys + 8) * 2 + rows * caps->coopmat_n * 4;
}

static struct cut cut_of(const struct attention_shape *s, uint32_t index, const struct vkr_caps *caps)
{
    struct cut c = { .waves = cuts[index].waves, .keys = cuts[index].keys, .width = (s->head_dim + 15) / 16 * 16 };
    const bool lanes = caps->coopmat_m && caps->subgroup_size % caps->coopmat_m == 0;   /* whole lanes to a row */
    if (!lanes || shared_bytes(&c, caps) > caps->max_shared || c.waves * caps->subgroup_size > caps->max_invocations)
        return (struct cut){ 0 };
    uint64_t heads = (uint64_t)s->heads * c.width * 2, rows = c.waves * caps->coopmat_m;
    uint64_t q = s->batch * heads * (vkr_groups(s->queries, (uint32_t)rows) * rows);
    uint64_t k = s->kv_batch * heads * ((uint64_t)vkr_groups(s->keys, c.keys) * c.keys);
    return q <= caps->max_binding && k <= caps->max_binding ? c : (struct cut){ 0 };
}

static uint32_t list_cuts(const void *shape, const struct vkr_target *target, uint32_t choice, struct vkr_cut out[VKR_MAX_CUTS])
{
    uint32_t count = 0;
    if (choice != ATTENTION_COOPMAT) {
        out[0] = (struct vkr_cut){ "", 0, 0 };
        return 1;
    }
    for (uint32_t i = 0; i < CUTS; i++)
        if (cut_of(shape, i, &target->caps).keys)
            out[count++] = (struct vkr_cut){ cuts[i].name, i, i };
    return count;
}

static bool fits_coopmat(const void *shape, const struct vkr_target *target)
{
    const struct attention_shape *s = shape;
    const struct vkr_caps *caps = &target->caps;
    const bool forced = vkr_options_forced(&target->options, "attention") != NULL;
    return (forced || (s->half && caps->device_class != VKR_CLASS_CPU && s->queries >= 32 && s->keys >= 32)) &&
           caps->max_storage_buffers >= 5 && s->heads <= caps->max_groups[1] && s->batch <= caps->max_groups[2];
}

const struct vkr_choice vkr_attention_choices[] = {
    { "attention_vec", "d64", VKR_CAP_VEC8, true, attention_vec_fits },
    { "attention_coopmat", "plain", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_SHUFFLE | VKR_CAP_COOPMAT, false, fits_coopmat },
    { "attention", "d64", 0, false, NULL },
};
const uint32_t vkr_attention_choice_count = 3;

static struct vkr_tensor *pack_half(struct vkr_lower *l, const char *name, const struct attention_shape *s, uint32_t width, struct vkr_tensor *x,
                                    uint32_t at, uint32_t padded, vks_status *status)
{
    const struct vkr_desc *d = &x->desc;
    struct attention_half_args args = { .heads = s->heads, .head_dim = s->head_dim, .tokens = d->dim[1], .padded = padded, .at = at,
        .row = d->dim[2], .width = width, .count = d->dim[0] * s->heads * padded * (width / 8) };
    struct vkr_tensor *out = vkr_scratch(l, name, (struct vkr_desc){ VKR_F16, 4, { d->dim[0], s->heads, padded, width } });
    struct vkr_dispatch dispatch = { .shader = "attention_half", .variant = "f32", .bind = { x, out }, .bind_count = 2,
                                     .writes = 1u << 1, .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(l), vkr_groups(args.count, ATTENTION_PACK_LOCAL), dispatch.groups);
    if (*status == VKS_OK)
        *status = vkr_emit(l, &dispatch);
    return out;
}

/* q·Rh and q·Rw of every query, [B, H, Nq, grid_h + grid_w]. */
static struct vkr_tensor *terms(struct vkr_lower *l, const struct vkr_attention *a, const struct attention_shape *s,
                                struct vkr_tensor *const *in, vks_status *status)
{
    struct vkr_tensor *rel = vkr_scratch(l, "rel", vkr_f32(4, s->batch, s->heads, s->queries, s->grid_h + s->grid_w));
    struct attention_rel_args args = { .heads = s->heads, .head_dim = s->head_dim, .queries = s->queries, .batch = s->batch,
        .q_at = a->q_offset, .q_row = s->q_row, .grid_h = s->grid_h, .grid_w = s->grid_w,
        .count = s->batch * s->heads * s->queries * (s->grid_h + s->grid_w) };
    struct vkr_dispatch d = { .shader = "attention_rel", .variant = "f32", .bind = { in[0], in[3], in[4], rel }, .bind_count = 4,
                              .writes = 1u << 3, .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(l), vkr_groups(args.count, ATTENTION_PACK_LOCAL), d.groups);
    if (*status == VKS_OK)
        *status = vkr_emit(l, &d);
    return rel;
}

static vks_status lower_coopmat(struct vkr_lower *l, const struct attention_params *p, const struct attention_shape *s, struct vkr_tensor *const *in,
                                struct vkr_tensor *out)
{
    const struct vkr_attention *a = &p->a;
    const struct vkr_caps *caps = &vkr_lower_target(l)->caps;
    const struct cut c = cut_of(s, p->cut, caps);
    uint32_t rows = c.waves * caps->coopmat_m, groups = vkr_groups(s->queries, rows), positions = vkr_groups(s->keys, c.keys) * c.keys;
    vks_status status = VKS_OK;
    struct vkr_tensor *q = pack_half(l, "queries", s, c.width, in[0], a->q_offset, groups * rows, &status);
    struct vkr_tensor *k = pack_half(l, "keys", s, c.width, in[1], a->k_offset, positions, &status);
    struct vkr_tensor *v = pack_half(l, "values", s, c.width, in[2], a->v_offset, positions, &status);
    struct vkr_tensor *rel = in[3] ? terms(l, a, s, in, &status) : in[5];
    VKS_TRY(status);
    struct attention_args args = { .batch = s->batch, .heads = s->heads, .head_dim = s->head_dim, .queries = s->queries,
        .keys = s->keys, .kv_batch = s->kv_batch > 1, .scale = a->scale, .grid_w = s->grid_w, .grid_h = s->grid_h,
        .positions = positions };
    return vkr_emit(l, &(struct vkr_dispatch){ .shader = "attention_coopmat", .variant = in[3] ? "rel" : in[5] ? "bias" : "plain",
        .bind = { q, k, v, out, rel }, .bind_count = rel ? 5 : 4, .writes = 1u << 3, .args = &args, .args_size = sizeof args,
        .groups = { groups, s->heads, s->batch },
        .constants = { c.waves * caps->subgroup_size, caps->coopmat_m, caps->coopmat_n, caps->coopmat_k, c.waves, c.keys, c.width },
        .constant_count = 7 });
}

static vks_status lower_portable(struct vkr_lower *l, const struct vkr_attention *a, const struct attention_shape *s,
                                 struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    static const char *const variants[3][4] = { { "d16", "d32", "d64", "d128" }, { "d16_rel", "d32_rel", "d64_rel", "d128_rel" },
                                                { "d16_bias", "d32_bias", "d64_bias", "d128_bias" } };
    vks_status status = VKS_OK;
    struct attention_args args = { .batch = s->batch, .heads = s->heads, .head_dim = s->head_dim, .queries = s->queries,
        .keys = s->keys, .q_at = a->q_offset, .k_at = a->k_offset, .v_at = a->v_offset, .q_row = s->q_row, .k_row = s->k_row,
        .v_row = s->v_row, .kv_batch = s->kv_batch > 1, .scale = a->scale, .grid_w = s->grid_w, .grid_h = s->grid_h };
    uint32_t width = s->head_dim <= 16 ? 0 : s->head_dim <= 32 ? 1 : s->head_dim <= 64 ? 2 : 3;
    struct vkr_dispatch d = { .shader = "attention", .variant = variants[in[3] ? 1 : in[5] ? 2 : 0][width], .bind = { in[0], in[1], in[2], out }, .bind_count = 4,
        .writes = 1u << 3, .args = &args, .args_size = sizeof args,
        .groups = { vkr_groups(s->queries, ATTENTION_LOCAL), s->heads, s->batch } };
    if (in[5])
        d.bind[2] = in[5];                      /* k and v are one tensor: the builder saw to it */
    if (in[3]) {
        d.bind[1] = terms(l, a, s, in, &status);        /* q, k and v are one tensor: the builder saw to it */
        d.bind[2] = out;
        d.bind[3] = NULL;
        d.bind_count = 3;
        d.writes = 1u << 2;
        VKS_TRY(status);
    }
    return vkr_emit(l, &d);
}

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct attention_params *p = params;
    const struct vkr_desc operands[6] = { in[0]->desc, in[1]->desc, in[2]->desc };
    struct vkr_desc seen[6];
    view(p, operands, seen);
    struct attention_shape s = shape_of(&p->a, &seen[0], &seen[1], &seen[2], in[5] != NULL);
    (void)count;
    return p->choice == ATTENTION_VEC ? attention_vec_lower(l, p, &s, in, out) : p->choice == ATTENTION_COOPMAT ? lower_coopmat(l, p, &s, in, out)
        : lower_portable(l, &p->a, &s, in, out);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct vkr_attention *a = &((const struct attention_params *)params)->a;
    struct vkr_desc seen[6];
    (void)count;
    view(params, in, seen);
    return 4.0 * (double)vkr_numel(out) * (double)seen[1].dim[1] + 2.0 * (double)vkr_numel(out) * (double)(a->grid_h + a->grid_w);
}

const struct vkr_op vkr_op_attention = { "attention", sizeof(struct attention_params), infer, lower, cost };

/* ---- builders --------------------------------------------------------------------------------------------------- */

struct again { struct vkr_attention a; uint32_t k_is_q, v_is_k; };

static struct vkr_tensor *build(struct vkr_graph *g, struct vkr_tensor *const operands[6], const struct vkr_attention *attention);

/* An attention by itself, for timing. */
static struct vkr_tensor *build_alone(struct vkr_graph *g, const void *data, struct vkr_tensor *const *in)
{
    const struct again *again = data;
    struct vkr_tensor *k = again->k_is_q ? in[0] : in[1], *v = again->v_is_k ? k : in[2];
    return build(g, (struct vkr_tensor *[]){ in[0], k, v, in[3], in[4], in[5] }, &again->a);
}

static vks_status choose(const struct vkr_target *target, const struct attention_shape *s, struct vkr_tensor *const in[6],
                         const struct vkr_desc desc[6], struct attention_params *p)
{
    const struct again again = { p->a, in[1]->base == in[0]->base, in[2]->base == in[1]->base };
    struct vkr_call call = { .op = "attention", .list = vkr_attention_choices, .count = vkr_attention_choice_count, .shape = s,
        .cuts = list_cuts, .rivals = vkr_attention_choice_count, .alone = build_alone, .weights = 7u << 3, .data = &again,
        .data_size = sizeof again, .flops = 4.0 * s->batch * s->heads * s->head_dim * s->queries * s->keys };
    for (uint32_t i = 0; i < 6; i++)
        if (!(i == 1 && again.k_is_q) && !(i == 2 && again.v_is_k))
            call.operands[i] = desc[i];
    snprintf(call.name, sizeof call.name, "attention %ux%ux%ux%ux%u%s%s%s", vkr_class_of(s->batch), s->heads, vkr_class_of(s->queries),
             vkr_class_of(s->keys), s->head_dim, in[3] ? " relative" : "", in[5] ? " biased" : "", s->half ? " f16" : " f32");
    return vkr_choose_call(target, &call, &p->choice, &p->cut);
}

static struct vkr_tensor *build(struct vkr_graph *g, struct vkr_tensor *const operands[6], const struct vkr_attention *attention)
{
    struct attention_params p = { .a = *attention, .choice = ATTENTION_PORTABLE };
    struct vkr_tensor *in[ATTENTION_INPUTS] = { NULL };
    struct vkr_desc desc[6] = { 0 }, out;
    if (vkr_graph_status(g) != VKS_OK)
        return vkr_graph_fail(g, VKS_OK);
    for (uint32_t i = 0; i < 6; i++)
        if ((in[i] = operands[i]) != NULL)
            desc[i] = in[i]->desc;
    if (!in[3])
        p.a.grid_h = p.a.grid_w = 0;
    vks_status status = infer(&p, desc, ATTENTION_INPUTS, &out);
    struct attention_shape s = { 0 };
    if (status == VKS_OK) {
        s = shape_of(&p.a, &desc[0], &desc[1], &desc[2], in[5] != NULL);
        status = choose(vkr_graph_target(g), &s, in, desc, &p);
    }
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (p.choice == ATTENTION_VEC && in[5])
        in[5] = attention_vec_bias(g, in[5], attention_vec_positions(&s));
    if (p.choice == ATTENTION_VEC)
        attention_vec_look(g, &p, in);
    if (p.choice == ATTENTION_PORTABLE && in[5] && in[1]->base != in[2]->base) {     /* fewer buffers for the portable kernel */
        p.a.v_offset += desc[1].dim[2];
        in[1] = in[2] = vkr_concat(g, in[1], in[2], 2);
    }
    if (p.choice == ATTENTION_PORTABLE && in[3] && (in[0]->base != in[1]->base || in[0]->base != in[2]->base)) {
        p.a.k_offset += desc[0].dim[2];
        p.a.v_offset += desc[0].dim[2] + desc[1].dim[2];
        in[0] = in[1] = in[2] = vkr_concat(g, vkr_concat(g, in[0], in[1], 2), in[2], 2);
    }
    return vkr_graph_node(g, &vkr_op_attention, &p, in, ATTENTION_INPUTS);
}

struct vkr_tensor *vkr_attention(struct vkr_graph *g, struct vkr_tensor *q, struct vkr_tensor *k, struct vkr_tensor *v,
                                 struct vkr_tensor *rel_h, struct vkr_tensor *rel_w, const struct vkr_attention *params)
{
    return build(g, (struct vkr_tensor *[]){ q, k, v, rel_h, rel_w, NULL }, params);
}

struct vkr_tensor *vkr_attention_biased(struct vkr_graph *g, struct vkr_tensor *q, struct vkr_tensor *k,
                                        struct vkr_tensor *v, struct vkr_tensor *bias, const struct vkr_attention *params)
{
    return build(g, (struct vkr_tensor *[]){ q, k, v, NULL, NULL, bias }, params);
}
