/* matmul.c: host half of linear layers. Four families: `matmul_vec` (cpu class, packed panels), `matmul_coopmat` (f16
 * operands, cooperative matrices), `matmul_tile` (GPUs) and `matmul` (portable). */
#include "graph/op.h"
#include "ops.h"

#include "matmul.h"
#include "matmul_cells.h"
#include "matmul_tiles.h"
#include "row_panels.h"

#include <stdio.h>

enum kind { MULTIPLY, PACK_WEIGHTS, PACK_ROWS, PACK_HALF };
enum { VEC, COOPMAT, COOPMAT2, TILE, PORTABLE };  /* indices into vkr_matmul_choices */

struct params {
    enum kind kind;
    enum vkr_activation act;
    uint32_t batch, m, n, k;            /* batch: of w when packing weights, else of x */
    uint32_t w_batch;                   /* 0: one w for all batches */
    uint32_t choice;                    /* MULTIPLY: index into vkr_matmul_choices */
    uint32_t cut;                       /* MULTIPLY: index into the tiles of that choice */
    uint32_t rows_packed;               /* MULTIPLY: x is in row panels */
    uint32_t half;                      /* MULTIPLY: w is f16 */
    uint32_t padded;                    /* PACK_HALF: rows written per batch */
    uint32_t packs_rows;                /* MULTIPLY: y is to be in row panels */
    uint32_t grid_w;                    /* MULTIPLY: y is of each 2 x 2 cell of a grid this wide; 0: of each row */
};

static uint32_t depth_of(uint32_t k)
{
    return (k + 3) / 4 * 4;
}

static uint64_t panel_elements(uint32_t n, uint32_t k)
{
    return (uint64_t)vkr_groups(n, MATMUL_PANEL) * (depth_of(k) + MATMUL_BIAS_ROWS) * MATMUL_PANEL;
}

static uint32_t half_row(uint32_t k)
{
    return vkr_groups(k, MATMUL_COOPMAT_DEPTH) * MATMUL_COOPMAT_DEPTH;
}

/* Shapes were checked by the builder's call of check(); here only the result is said. */
static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    (void)count;
    if (p->kind == PACK_WEIGHTS) {
        *out = (struct vkr_desc){ in[0].dtype, 4, { p->batch, vkr_groups(p->n, MATMUL_PANEL), depth_of(p->k) + MATMUL_BIAS_ROWS,
                                                    MATMUL_PANEL } };
    } else if (p->kind == PACK_HALF) {
        *out = (struct vkr_desc){ VKR_F16, 3, { p->batch, p->padded, half_row(p->k) } };
    } else if (p->kind == PACK_ROWS || p->packs_rows) {
        *out = vkr_f32(5, p->batch, vkr_groups(p->m, 8), depth_of(p->kind == PACK_ROWS ? p->k : p->n) / 4, 8, 4);
    } else if (p->grid_w) {
        *out = vkr_f32(2, p->m / 4, p->n);
    } else {
        *out = p->batch > 1 || p->w_batch ? vkr_f32(3, p->batch, p->m, p->n) : vkr_f32(2, p->m, p->n);
    }
    return VKS_OK;
}

static vks_status check(const struct vkr_desc *x, const struct vkr_desc *w, const struct vkr_desc *bias,
                        const struct vkr_desc *residual, enum vkr_activation act)
{
    VKS_REQUIRE(x->dtype == VKR_F32 && (w->dtype == VKR_F32 || w->dtype == VKR_F16), VKS_ERR_SHAPE,
                "matmul: x must be f32 and w f32 or f16, not %s and %s", vkr_dtype_name(x->dtype), vkr_dtype_name(w->dtype));
    VKS_REQUIRE(x->rank >= 1 && (w->rank == 2 || (w->rank == 3 && x->rank == 3 && x->dim[0] == w->dim[0])) &&
                vkr_last(x) == vkr_last(w), VKS_ERR_SHAPE, "matmul: x %s and w %s do not fit", VKR_SHAPE(x), VKR_SHAPE(w));
    uint32_t n = w->dim[w->rank - 2];
    VKS_REQUIRE(bias->dtype == VKR_NONE || (bias->dtype == VKR_F32 && bias->rank == 1 && bias->dim[0] == n), VKS_ERR_SHAPE,
                "matmul: bias must be f32 [%u], not %s", n, VKR_SHAPE(bias));
    struct vkr_desc y = *x;
    y.dim[y.rank - 1] = n;
    VKS_REQUIRE(residual->dtype == VKR_NONE || (residual->dtype == VKR_F32 && vkr_numel(residual) == vkr_numel(&y)), VKS_ERR_SHAPE,
                "matmul: residual must be f32 %s, not %s", VKR_SHAPE(&y), VKR_SHAPE(residual));
    VKS_REQUIRE(act == VKR_ACT_NONE || act == VKR_ACT_RELU || act == VKR_ACT_GELU, VKS_ERR_ARGUMENT,
                "matmul: activation must be none, ReLU or GELU");
    VKS_REQUIRE(vkr_numel(&y) < 1ull << 31, VKS_ERR_UNSUPPORTED, "matmul: a result of shape %s is beyond 2^31 elements", VKR_SHAPE(&y));
    return VKS_OK;
}

static bool fits_vec(const void *shape, const struct vkr_target *target)
{
    const struct params *p = shape;
    uint64_t limit = target->caps.max_texels;
    uint64_t rows = (uint64_t)p->batch * vkr_groups(p->m, 8) * 8 * depth_of(p->k) / 4;
    uint64_t weights = panel_elements(p->n, p->k) / 4 * (p->w_batch ? p->batch : 1);
    return rows <= limit && weights <= limit && weights * 16 <= target->caps.max_binding && rows * 16 <= target->caps.max_binding &&
           (uint64_t)p->batch * p->m * p->n / 4 <= limit && vkr_groups(p->m, MATMUL_VEC_ROWS) <= target->caps.max_groups[0] &&
           vkr_groups(p->n, MATMUL_PANEL) <= target->caps.max_groups[1] && p->batch <= target->caps.max_groups[2];
}

/* Of a choice with tiles: what one workgroup computes. */
static struct matmul_tile tile_of(uint32_t choice, uint32_t cut, const struct vkr_caps *caps)
{
    const struct matmul_fragments *f = &matmul_fragments_all[cut];
    return choice == COOPMAT ? (struct matmul_tile){ fragments_m(f, caps), fragments_n(f, caps) }
        : choice == COOPMAT2 ? matmul_workgroup_tiles[cut] : matmul_tiles[cut];
}

static bool tile_runs(uint32_t choice, uint32_t cut, const struct vkr_caps *caps)
{
    return choice == COOPMAT ? fragments_run(&matmul_fragments_all[cut], caps)
        : choice == COOPMAT2 || matmul_tile_runs(&matmul_tiles[cut], caps);
}

/* Operands of the matrix kernels are padded to whole tiles. */
static bool tile_fits(const struct params *p, uint32_t choice, struct matmul_tile t, const struct vkr_caps *caps)
{
    uint64_t m = vkr_groups(p->m, t.m), n = vkr_groups(p->n, t.n), row = (uint64_t)half_row(p->k) * 2;
    return m <= caps->max_groups[0] && n <= caps->max_groups[1] && p->batch <= caps->max_groups[2] &&
           (choice == TILE || (p->batch * m * t.m * row <= caps->max_binding &&
                               (p->w_batch ? p->batch : 1) * n * t.n * row <= caps->max_binding));
}

static uint32_t list_cuts(const void *shape, const struct vkr_target *target, uint32_t choice, struct vkr_cut out[VKR_MAX_CUTS])
{
    static const char *const names[][MATMUL_TILES] = { [COOPMAT] = { "4x2x2x4", "2x2x2x4", "2x2x2x2" },
        [COOPMAT2] = { "128x256", "128x128", "64x128" }, [TILE] = { "128x128", "64x128", "64x64" } };
    const struct params *p = shape;
    uint32_t count = 0;
    if (choice == VEC || choice == PORTABLE) {
        out[0] = (struct vkr_cut){ "", 0, 0 };
        return 1;
    }
    for (uint32_t i = 0; i < MATMUL_TILES; i++) {
        if (!tile_runs(choice, i, &target->caps))
            continue;
        struct matmul_tile t = tile_of(choice, i, &target->caps);
        if (tile_fits(p, choice, t, &target->caps))
            out[count++] = (struct vkr_cut){ names[choice][i], i, matmul_tile_cost(p->m, p->n, p->batch, t.m, t.n, &target->caps) };
    }
    return count;
}

static bool fits_coopmat(const void *shape, const struct vkr_target *target)
{
    const struct params *p = shape;
    const struct vkr_caps *caps = &target->caps;
    const bool forced = vkr_options_forced(&target->options, "matmul") != NULL;
    return p->half && caps->coopmat_m && caps->max_storage_buffers >= 5 &&
           (forced || (caps->device_class != VKR_CLASS_CPU && p->m >= 32 && p->n >= 32 && p->k >= 32));
}

/* After matmul_coopmat: a higher tier must have won on the device to be used. */
static bool fits_coopmat2(const void *shape, const struct vkr_target *target)
{
    const struct params *p = shape;
    return p->half && target->caps.max_storage_buffers >= 5;
}

static bool fits_tile(const void *shape, const struct vkr_target *target)
{
    const struct params *p = shape;
    const bool forced = vkr_options_forced(&target->options, "matmul") != NULL;
    return p->k % 4 == 0 && (forced || (target->caps.device_class != VKR_CLASS_CPU && p->m >= 16));
}

const struct vkr_choice vkr_matmul_choices[] = {
    { "matmul_vec", "vec", VKR_CAP_VEC8, true, fits_vec },
    { "matmul_coopmat", "f16", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_COOPMAT, false, fits_coopmat },
    { "matmul_coopmat2", "f16", VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_COOPMAT | VKR_CAP_COOPMAT2, false, fits_coopmat2 },
    { "matmul_tile", "f32", 0, false, fits_tile },
    { "matmul", "f32", 0, false, NULL },
};
const uint32_t vkr_matmul_choice_count = 5;

static vks_status lower_pack(struct vkr_lower *l, const struct params *p, struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    const bool weights = p->kind == PACK_WEIGHTS;
    struct matmul_pack_args args = { .rows = weights ? p->n : p->m, .k = p->k, .count = (uint32_t)(vkr_numel(&out->desc) / 4),
        .panels = weights ? vkr_groups(p->n, MATMUL_PANEL) : vkr_groups(p->m, 8), .bias = weights && in[1] };
    struct vkr_dispatch d = { .args = &args, .args_size = sizeof args };
    bool texel = !weights && p->k % 4 == 0;
    if (weights)
        d = (struct vkr_dispatch){ .shader = "matmul_pack", .variant = in[0]->desc.dtype == VKR_F16 ? "f16" : "f32",
            .bind = { in[0], in[1] ? in[1] : in[0], out }, .bind_count = 3, .writes = 1u << 2, .args = &args, .args_size = sizeof args };
    else
        d = (struct vkr_dispatch){ .shader = "matmul_rows", .variant = texel ? "vec" : "f32", .bind = { in[0], out },
            .bind_count = 2, .writes = 1u << 1, .texels = texel ? 1u : 0u, .args = &args, .args_size = sizeof args };
    uint32_t groups = texel ? p->batch * args.panels : vkr_groups(args.count, MATMUL_PACK_LOCAL);
    vkr_spread(vkr_lower_target(l), groups, d.groups);
    return vkr_emit(l, &d);
}

/* Wide tiles pay when there are several of them; their kernel takes K by eight and stores whole texels. */
static bool is_wide(const struct params *p)
{
    return p->m >= 2 * MATMUL_WIDE_ROWS && p->k % 8 == 0 && p->n % 4 == 0;
}

/* Row tiles that a panel meets before the next panel is read. Small weights stay in a core's second-level cache as a whole:
 * then a tile meets all panels, which writes its rows from left to right. Otherwise as many rows as the cache holds beside
 * a panel: 400 KB. */
static uint32_t wide_tiles_per_block(const struct params *p)
{
    if (panel_elements(p->n, p->k) * 4 <= 256 << 10)
        return 1;
    uint32_t count = 400000 / (p->k * 4 * MATMUL_WIDE_ROWS);
    return count < 2 ? 2 : count;
}

static vks_status lower_vec(struct vkr_lower *l, const struct params *p, struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    enum { ROWS_8, ROWS_16, ROWS_32, ROWS_32_HALF };
    static const char *const variants[][3] = { { "few", "few_relu", "few_gelu" }, { "vec", "vec_relu", "vec_gelu" },
        { "wide", "wide_relu", "wide_gelu" }, { "wide_half", "wide_half_relu", "wide_half_gelu" } };
    static const char *const cells[] = { [ROWS_32] = "wide_cells", [ROWS_32_HALF] = "wide_half_cells" };
    const struct vkr_caps *caps = &vkr_lower_target(l)->caps;
    uint32_t k4 = depth_of(p->k) / 4, count = vkr_groups(p->m, MATMUL_VEC_ROWS), blocks = 1;
    bool wide = is_wide(p), half = in[1]->desc.dtype == VKR_F16;
    uint32_t kind = wide ? (half ? ROWS_32_HALF : ROWS_32) : p->m <= 8 ? ROWS_8 : ROWS_16;
    if (wide) {
        uint32_t all = vkr_groups(p->m, MATMUL_WIDE_ROWS);
        count = wide_tiles_per_block(p) < all ? wide_tiles_per_block(p) : all;
        if ((uint64_t)vkr_groups(all, count) * p->batch > caps->max_groups[2])
            count = all;
        blocks = vkr_groups(all, count);
    }
    struct matmul_args args = { .m = p->m, .n = p->n, .k = p->k, .act = (uint32_t)p->act,
        .x_batch = p->rows_packed ? vkr_groups(p->m, 8) * 8 * k4 : p->m * k4,
        .w_batch = p->w_batch ? (uint32_t)(panel_elements(p->n, p->k) / 4) : 0,
        .flags = (in[3] ? 2u : 0u) | (p->rows_packed ? 4u : 0u) | (p->packs_rows ? 8u : 0u), .blocks = blocks,
        .cells_w = p->grid_w / 2 };
    return vkr_emit(l, &(struct vkr_dispatch){ .shader = "matmul_vec",
        .variant = p->grid_w ? cells[kind] : variants[kind][p->act],
        .images = !wide ? 0u : half ? 1u : 3u,
        .bind = { in[0], in[1], in[3] ? in[3] : in[0], out, out }, .bind_count = 5, .writes = 3u << 3, .texels = 7u,
        .args = &args, .args_size = sizeof args,
        .groups = { count, vkr_groups(p->n, MATMUL_PANEL), blocks * p->batch } });
}

static vks_status lower_half(struct vkr_lower *l, const struct params *p, struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    struct matmul_half_args args = { .rows = p->m, .padded = p->padded, .k = p->k, .count = (uint32_t)(vkr_numel(&out->desc) / 8) };
    struct vkr_dispatch d = { .shader = "matmul_half", .variant = in[0]->desc.dtype == VKR_F16 ? "f16" : "f32",
        .bind = { in[0], out }, .bind_count = 2, .writes = 1u << 1, .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(l), vkr_groups(args.count, MATMUL_PACK_LOCAL), d.groups);
    return vkr_emit(l, &d);
}

static vks_status lower_coopmat(struct vkr_lower *l, const struct params *p, struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    const struct vkr_caps *caps = &vkr_lower_target(l)->caps;
    const struct matmul_fragments *t = &matmul_fragments_all[p->cut];
    uint32_t row4 = half_row(p->k) / 8, groups_m = vkr_groups(p->m, fragments_m(t, caps)), groups_n = vkr_groups(p->n, fragments_n(t, caps));
    struct matmul_args args = { .m = p->m, .n = p->n, .k = p->k, .act = (uint32_t)p->act, .flags = in[2] ? 1u : 0u,
        .x_batch = groups_m * fragments_m(t, caps) * row4, .w_batch = p->w_batch ? groups_n * fragments_n(t, caps) * row4 : 0 };
    return vkr_emit(l, &(struct vkr_dispatch){ .shader = "matmul_coopmat", .variant = in[3] ? "f16_add" : "f16",
        .bind = { in[0], in[1], in[2] ? in[2] : in[0], out, in[3] }, .bind_count = in[3] ? 5 : 4, .writes = 1u << 3,
        .args = &args, .args_size = sizeof args, .groups = { groups_m, groups_n, p->batch },
        .constants = { fragments_local(t, caps), caps->coopmat_m, caps->coopmat_n, caps->coopmat_k, t->waves_m, t->waves_n, t->count_m,
                       t->count_n }, .constant_count = 8 });
}

static vks_status lower_coopmat2(struct vkr_lower *l, const struct params *p, struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    const struct matmul_tile t = matmul_workgroup_tiles[p->cut];
    uint32_t row4 = half_row(p->k) / 8, m = vkr_groups(p->m, t.m), n = vkr_groups(p->n, t.n);
    struct matmul_args args = { .m = p->m, .n = p->n, .k = p->k, .act = (uint32_t)p->act, .flags = in[2] ? 1u : 0u,
        .x_batch = m * t.m * row4, .w_batch = p->w_batch ? n * t.n * row4 : 0 };
    return vkr_emit(l, &(struct vkr_dispatch){ .shader = "matmul_coopmat2", .variant = in[3] ? "f16_add" : "f16",
        .bind = { in[0], in[1], in[2] ? in[2] : in[0], out, in[3] }, .bind_count = in[3] ? 5 : 4, .writes = 1u << 3,
        .args = &args, .args_size = sizeof args, .groups = { m, n, p->batch }, .constants = { t.m, t.n }, .constant_count = 2 });
}

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    (void)count;
    if (p->kind == PACK_HALF)
        return lower_half(l, p, in, out);
    if (p->kind != MULTIPLY)
        return lower_pack(l, p, in, out);
    if (p->choice == VEC)
        return lower_vec(l, p, in, out);
    if (p->choice == COOPMAT)
        return lower_coopmat(l, p, in, out);
    if (p->choice == COOPMAT2)
        return lower_coopmat2(l, p, in, out);
    bool half = in[1]->desc.dtype == VKR_F16;
    struct matmul_args args = { .m = p->m, .n = p->n, .k = p->k, .act = (uint32_t)p->act, .x_batch = p->m * p->k,
        .w_batch = p->w_batch ? p->n * p->k : 0, .flags = in[2] ? 1u : 0u };
    struct vkr_dispatch d = { .shader = "matmul", .variant = in[3] ? (half ? "f16_add" : "f32_add") : (half ? "f16" : "f32"),
        .bind = { in[0], in[1], in[2] ? in[2] : in[0], out, in[3] }, .bind_count = in[3] ? 5 : 4, .writes = 1u << 3,
        .args = &args, .args_size = sizeof args,
        .groups = { vkr_groups(p->m, MATMUL_TILE), vkr_groups(p->n, MATMUL_TILE), p->batch } };
    if (p->choice == TILE) {
        const struct matmul_tile *t = &matmul_tiles[p->cut];
        d.shader = "matmul_tile";
        d.groups[0] = vkr_groups(p->m, t->m);
        d.groups[1] = vkr_groups(p->n, t->n);
        d.constants[0] = matmul_tile_local(t);
        d.constants[1] = t->m;
        d.constants[2] = t->n;
        d.constant_count = 3;
    }
    return vkr_emit(l, &d);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct params *p = params;
    (void)in;
    (void)count;
    return p->kind == MULTIPLY ? 2.0 * (double)p->k * (double)vkr_numel(out) * (p->grid_w ? 4 : 1) : 0;
}

const struct vkr_op vkr_op_matmul = { "matmul", sizeof(struct params), infer, lower, cost };

/* Row-major reads of sixteen rows share one cache set when a row is a multiple of 4 KiB; panels read in a line. */
static bool wants_row_panels(const struct params *p)
{
    return p->k % 4 != 0 || (p->k % 1024 == 0 && p->m > 16);
}

/* x in row panels by whoever makes it, NULL when its producer cannot. */
static struct vkr_tensor *made_in_panels(struct vkr_graph *g, const struct params *p, struct vkr_tensor *x)
{
    const void *params;
    struct vkr_desc input;
    const struct vkr_op *op = vkr_graph_producer(g, x, &params, &input);
    if (!op || p->k % 4 != 0 || p->batch != 1 || vkr_last(&x->base->desc) != p->k)
        return NULL;
    if (op == &vkr_op_layer_norm)
        return layer_norm_in_panels(g, x, params, &input);
    if (op != &vkr_op_matmul)
        return NULL;
    struct params twin = *(const struct params *)params;
    if (twin.kind != MULTIPLY || twin.choice != VEC || twin.batch != 1 || twin.grid_w)
        return NULL;
    twin.packs_rows = 1;
    return vkr_graph_twin(g, x, &twin);
}

struct vkr_tensor *matmul_of_cells(struct vkr_graph *g, struct vkr_tensor *x)
{
    const void *params;
    struct vkr_desc input, y = x->desc;
    if (vkr_graph_producer(g, x, &params, &input) != &vkr_op_matmul || y.rank < 3)
        return NULL;
    struct params twin = *(const struct params *)params;
    uint32_t *height = &y.dim[y.rank - 3], *width = &y.dim[y.rank - 2];
    if (twin.kind != MULTIPLY || twin.choice != VEC || !is_wide(&twin) || twin.batch != 1 || twin.w_batch ||
        twin.packs_rows || twin.grid_w || twin.act != VKR_ACT_NONE || vkr_graph_operand(g, x, 3) ||
        vkr_last(&y) != twin.n || *height % 2 || *width % 2)
        return NULL;
    twin.grid_w = *width;
    *height /= 2;
    *width /= 2;
    return vkr_reshape(g, vkr_graph_twin(g, x, &twin), y);
}

static struct vkr_tensor *build_vec(struct vkr_graph *g, struct params *p, struct vkr_tensor *x, struct vkr_tensor *w,
                                    struct vkr_tensor *bias, struct vkr_tensor *residual)
{
    struct params pack = { .kind = PACK_WEIGHTS, .batch = p->w_batch ? p->batch : 1, .n = p->n, .k = p->k };
    w = vkr_graph_node(g, &vkr_op_matmul, &pack, (struct vkr_tensor *[]){ w, bias }, 2);
    /* Short rows are read as fast as they lie; making them in panels as well would be work done twice. */
    struct vkr_tensor *panels = is_wide(p) && p->k >= 512 ? made_in_panels(g, p, x) : NULL;
    p->rows_packed = panels || wants_row_panels(p);
    if (panels) {
        x = panels;
    } else if (p->rows_packed) {
        struct params rows = { .kind = PACK_ROWS, .batch = p->batch, .m = p->m, .k = p->k };
        x = vkr_graph_node(g, &vkr_op_matmul, &rows, &x, 1);
    }
    return vkr_graph_node(g, &vkr_op_matmul, p, (struct vkr_tensor *[]){ x, w, NULL, residual }, 4);
}

static struct vkr_tensor *build_coopmat(struct vkr_graph *g, const struct params *p, struct vkr_tensor *x, struct vkr_tensor *w,
                                        struct vkr_tensor *bias, struct vkr_tensor *residual)
{
    const struct matmul_tile tile = tile_of(p->choice, p->cut, &vkr_graph_target(g)->caps);
    struct params rows = { .kind = PACK_HALF, .batch = p->batch, .m = p->m, .k = p->k, .padded = vkr_groups(p->m, tile.m) * tile.m };
    struct params weights = { .kind = PACK_HALF, .batch = p->w_batch ? p->batch : 1, .m = p->n, .k = p->k,
                              .padded = vkr_groups(p->n, tile.n) * tile.n };
    x = vkr_graph_node(g, &vkr_op_matmul, &rows, &x, 1);
    w = vkr_graph_node(g, &vkr_op_matmul, &weights, &w, 1);
    return vkr_graph_node(g, &vkr_op_matmul, p, (struct vkr_tensor *[]){ x, w, bias, residual }, 4);
}

/* A matmul by itself, for timing: without what is added to it. */
static struct vkr_tensor *build_alone(struct vkr_graph *g, const void *data, struct vkr_tensor *const *in)
{
    return vkr_matmul(g, in[0], in[1], NULL, NULL, *(const enum vkr_activation *)data);
}

static vks_status choose(const struct vkr_target *target, const struct vkr_desc *x, const struct vkr_desc *w, struct params *p)
{
    struct vkr_call call = { .op = "matmul", .list = vkr_matmul_choices, .count = vkr_matmul_choice_count, .shape = p, .cuts = list_cuts,
        .rivals = PORTABLE, .flops = 2.0 * p->batch * p->m * p->n * p->k, .alone = build_alone, .operands = { *x, *w },
        .weights = 1u << 1, .data = &p->act, .data_size = sizeof p->act };
    snprintf(call.name, sizeof call.name, "matmul %ux%ux%ux%u %s%s", p->batch, vkr_class_of(p->m), p->n, p->k, p->half ? "f16" : "f32",
             p->w_batch ? " batched" : "");
    return vkr_choose_call(target, &call, &p->choice, &p->cut);
}

struct vkr_tensor *vkr_matmul(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                              struct vkr_tensor *residual, enum vkr_activation act)
{
    const struct vkr_target *target = vkr_graph_target(g);
    const struct vkr_desc none = { 0 }, *d = &x->desc;
    if (vkr_graph_status(g) != VKS_OK)
        return vkr_graph_fail(g, VKS_OK);
    vks_status status = check(d, &w->desc, bias ? &bias->desc : &none, residual ? &residual->desc : &none, act);
    bool batched = w->desc.rank == 3;
    struct vkr_desc y = *d;
    y.dim[y.rank - 1] = w->desc.dim[w->desc.rank - 2];
    struct params p = { .act = act, .half = w->desc.dtype == VKR_F16, .batch = batched ? d->dim[0] : 1, .k = vkr_last(d), .n = vkr_last(&y), .w_batch = batched };
    p.m = batched ? d->dim[1] : (uint32_t)vkr_rows(d);
    if (status == VKS_OK)
        status = choose(target, d, &w->desc, &p);
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    /* Some devices bind four storage buffers only; a texel view needs whole texels: then the residual is added apart. */
    bool apart = residual && (p.choice == VEC ? p.n % 4 != 0 : target->caps.max_storage_buffers < 5);
    struct vkr_tensor *fused = apart ? NULL : residual;
    struct vkr_tensor *out = p.choice == VEC ? build_vec(g, &p, x, w, bias, fused)
        : p.choice == COOPMAT || p.choice == COOPMAT2 ? build_coopmat(g, &p, x, w, bias, fused)
        : vkr_graph_node(g, &vkr_op_matmul, &p, (struct vkr_tensor *[]){ x, w, bias, fused }, 4);
    out = vkr_reshape(g, out, y);
    return apart ? vkr_add(g, out, vkr_reshape(g, residual, y)) : out;
}
