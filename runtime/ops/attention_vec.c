/* attention_vec.c: host half of attention in the cpu class. Windows are read from the grid they are cut of, and where their
 * result is put back there, it is made there. With a relative position, operands are packed head by head first. */
#include "attention.h"
#include "attention_shape.h"
#include "window_view.h"

#include "ops.h"

static uint32_t padded_width(const struct attention_shape *s)
{
    return (s->grid_w + 3) / 4 * 4;
}

uint32_t attention_vec_positions(const struct attention_shape *s)
{
    uint32_t count = s->grid_w ? s->grid_h * padded_width(s) : s->keys;
    return (count + ATTENTION_VEC_KEYS - 1) / ATTENTION_VEC_KEYS * ATTENTION_VEC_KEYS;
}

static uint32_t rel_rows_of(const struct attention_shape *s)
{
    return vkr_groups(attention_vec_positions(s), padded_width(s));
}

bool attention_vec_fits(const void *shape, const struct vkr_target *target)
{
    const struct attention_shape *s = shape;
    const struct vkr_caps *caps = &target->caps;
    uint64_t rows = (uint64_t)s->batch * s->heads * ((s->queries + 15) / 16 * 16), keys = (uint64_t)s->kv_batch * s->heads * attention_vec_positions(s);
    uint64_t widest = rows > keys ? rows : keys, bytes = widest * s->head_dim * 4;
    if (s->grid_w && rows * rel_rows_of(s) * 16 > bytes)
        bytes = rows * rel_rows_of(s) * 16;
    if (s->bias && (uint64_t)s->heads * s->queries * attention_vec_positions(s) * 4 > bytes)
        bytes = (uint64_t)s->heads * s->queries * attention_vec_positions(s) * 4;
    return s->head_dim % 4 == 0 && s->at % 4 == 0 && s->q_row % 4 == 0 && s->k_row % 4 == 0 && s->v_row % 4 == 0 &&
           bytes <= caps->max_binding && bytes / 16 <= caps->max_texels && s->heads <= caps->max_groups[1] &&
           s->batch <= caps->max_groups[2] &&
           (uint64_t)s->heads * vkr_groups(s->queries, ATTENTION_VEC_ROWS) <= caps->max_groups[0];
}

/* One of q, k and v: where from, and how much of it. */
struct packing {
    const char *variant, *windowed;             /* of attention_pack */
    struct vkr_tensor *x, *fill;
    uint32_t at, batch, tokens, positions, window;
    bool grid, inside;
};

static struct vkr_tensor *pack(struct vkr_lower *l, const struct attention_shape *s, const struct packing *p, vks_status *status)
{
    uint32_t dim4 = s->head_dim / 4;
    struct attention_pack_args args = { .heads = s->heads, .dim4 = dim4, .tokens = p->tokens, .positions = p->positions,
        .at4 = p->at / 4, .row4 = vkr_last(&p->x->desc) / 4, .grid_w = p->grid ? s->grid_w : 0, .width = padded_width(s) };
    struct vkr_tensor *out = vkr_scratch(l, p->variant, vkr_f32(4, p->batch * s->heads, p->positions, dim4, 4));
    struct vkr_dispatch d = { .shader = "attention_pack", .variant = p->variant, .bind = { p->x, out }, .bind_count = 2,
                              .writes = 1u << 1, .texels = 1u, .args = &args, .args_size = sizeof args,
                              .groups = { p->positions / (p->variant[0] == 'k' ? 32 : 8), s->heads, p->batch } };
    if (p->window) {
        args.window = p->window;
        args.image_h = p->x->desc.dim[1];
        args.image_w = p->x->desc.dim[2];
        args.fill = p->fill != NULL;
        args.inside = p->inside;
        d.variant = p->windowed;
        d.bind[d.bind_count++] = p->fill ? p->fill : p->x;
        d.texels |= 1u << 2;
    }
    if (*status == VKS_OK)
        *status = vkr_emit(l, &d);
    return out;
}

/* The windows that a batch's queries are, and the grids they lie on: (rows, columns). */
struct query_grid { uint32_t window_h, window_w, image_h, image_w, images; };

static struct query_grid query_grid_of(const struct attention_params *p, const struct attention_shape *s, const struct vkr_desc *q)
{
    const uint32_t height = s->grid_w ? s->grid_h : 1, width = s->grid_w ? s->grid_w : s->queries;
    if (p->on_grid)
        return (struct query_grid){ p->window[0], p->window[0], q->dim[1], q->dim[2], q->dim[0] };
    return (struct query_grid){ height, width, height, width, s->batch };
}

/* Says where queries lie; the result is the number of row tiles of all heads of a grid. */
static uint32_t count_tiles(const struct query_grid *g, uint32_t heads, struct attention_args *args)
{
    const uint32_t down = vkr_groups(g->image_h, g->window_h), across = vkr_groups(g->image_w, g->window_w);
    const uint32_t last_h = g->image_h - (down - 1) * g->window_h, last_w = g->image_w - (across - 1) * g->window_w;
    const uint32_t first_h = down > 1 ? g->window_h : last_h, first_w = across > 1 ? g->window_w : last_w;
    const uint32_t rows = ATTENTION_VEC_ROWS;
    args->window_h = g->window_h;
    args->window_w = g->window_w;
    args->image_h = g->image_h;
    args->image_w = g->image_w;
    args->down = down;
    args->across = across;
    args->tiles = heads * vkr_groups(first_h * first_w, rows);
    args->tiles_last = heads * vkr_groups(last_h * first_w, rows);
    args->tiles_across = (across - 1) * args->tiles + heads * vkr_groups(first_h * last_w, rows);
    return (down - 1) * args->tiles_across + (across - 1) * args->tiles_last + heads * vkr_groups(last_h * last_w, rows);
}

static struct vkr_tensor *rel_terms(struct vkr_lower *l, const char *variant, const struct attention_shape *s,
                                    const struct query_grid *grid, struct vkr_tensor *q, struct vkr_tensor *table, uint32_t span,
                                    uint32_t vectors, vks_status *status)
{
    uint32_t blocks = s->batch * s->heads * ((s->queries + 15) / 16 * 2);
    struct attention_rel_args args = { .heads = s->heads, .head_dim = s->head_dim, .queries = s->queries, .batch = s->batch,
        .grid_h = s->grid_h, .grid_w = s->grid_w, .rows = span, .width = span, .image_h = grid->image_h, .image_w = grid->image_w,
        .count = blocks };
    struct vkr_tensor *out = vkr_scratch(l, variant, vkr_f32(4, s->batch * s->heads, s->queries, vectors, 4));
    struct vkr_dispatch d = { .shader = "attention_rel_vec", .variant = variant, .bind = { q, table, out }, .bind_count = 3,
                              .writes = 1u << 2, .texels = 3u, .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(l), blocks, d.groups);
    if (*status == VKS_OK)
        *status = vkr_emit(l, &d);
    return out;
}

enum kind { PLAIN, RELATIVE, BIASED };

/* args: what the kind needs beside what all do. */
static vks_status weigh(struct vkr_lower *l, const struct attention_params *params, const struct attention_shape *s,
                        const struct query_grid *grid, enum kind kind, struct attention_args *args,
                        struct vkr_tensor *const operands[5], struct vkr_tensor *out)
{
    static const char *const variants[][4] = { [PLAIN] = { "d32", "d64", "d96", "d128" },
        [RELATIVE] = { "d32_rel", "d64_rel", "d96_rel", "d128_rel" }, [BIASED] = { "d32_bias", "d64_bias", "d96_bias", "d128_bias" } };
    args->batch = s->batch;
    args->heads = s->heads;
    args->head_dim = s->head_dim;
    args->queries = s->queries;
    args->keys = s->keys;
    args->kv_batch = s->kv_batch > 1;
    args->scale = params->a.scale;
    args->positions = attention_vec_positions(s);
    const uint32_t tiles = count_tiles(grid, s->heads, args);
    return vkr_emit(l, &(struct vkr_dispatch){ .shader = "attention_vec", .variant = variants[kind][(s->head_dim - 1) / 32],
        .bind = { operands[0], operands[1], operands[2], operands[3], operands[4], out }, .bind_count = 6, .writes = 1u << 5,
        .texels = 31u, .images = 31u, .args = args, .args_size = sizeof *args, .groups = { tiles, 1, grid->images } });
}

static vks_status lower_relative(struct vkr_lower *l, const struct attention_params *params, const struct attention_shape *s,
                                 struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    const struct vkr_attention *a = &params->a;
    const uint32_t *window = params->window, positions = attention_vec_positions(s), rows = (s->queries + 15) / 16 * 16;
    const struct query_grid grid = query_grid_of(params, s, &in[0]->desc);
    vks_status status = VKS_OK;
    struct vkr_tensor *q = pack(l, s, &(struct packing){ "queries", "queries_window", in[0], in[6], a->q_offset, s->batch,
                                                         s->queries, rows, window[0], false, params->on_grid }, &status);
    struct vkr_tensor *k = pack(l, s, &(struct packing){ "keys", "keys_window", in[1], in[6], a->k_offset, s->kv_batch, s->keys,
                                                         positions, window[1], true, false }, &status);
    struct vkr_tensor *v = pack(l, s, &(struct packing){ "values", "values_window", in[2], in[6], a->v_offset, s->kv_batch,
                                                         s->keys, positions, window[2], true, false }, &status);
    struct vkr_tensor *rows_of = rel_terms(l, "rows", s, &grid, q, in[3], rel_rows_of(s), rel_rows_of(s), &status);
    struct vkr_tensor *columns = rel_terms(l, "columns", s, &grid, q, in[4], padded_width(s), padded_width(s) / 4, &status);
    VKS_TRY(status);
    struct attention_args args = { .grid_w = s->grid_w, .grid_h = s->grid_h, .width = padded_width(s) };
    return weigh(l, params, s, &grid, RELATIVE, &args, (struct vkr_tensor *[]){ q, k, v, rows_of, columns }, out);
}

vks_status attention_vec_lower(struct vkr_lower *l, const struct attention_params *params, const struct attention_shape *s,
                               struct vkr_tensor *const *in, struct vkr_tensor *out)
{
    const struct vkr_attention *a = &params->a;
    const uint32_t window = params->window[1], *key_grid = in[1]->desc.dim;
    struct vkr_tensor *bias = in[5], *fill = in[6];
    if (in[3])
        return lower_relative(l, params, s, in, out);
    const struct query_grid grid = query_grid_of(params, s, &in[0]->desc);
    struct attention_args args = { .q_at = a->q_offset / 4, .k_at = a->k_offset / 4, .v_at = a->v_offset / 4,
        .q_row = s->q_row / 4, .k_row = s->k_row / 4, .v_row = s->v_row / 4, .fill = fill != NULL,
        .key_window_h = window ? window : 1, .key_window_w = window ? window : s->keys,
        .key_image_h = window ? key_grid[1] : 1, .key_image_w = window ? key_grid[2] : s->keys };
    struct vkr_tensor *operands[] = { in[0], in[1], in[2], fill ? fill : in[0], bias ? bias : in[0] };
    return weigh(l, params, s, &grid, bias ? BIASED : PLAIN, &args, operands, out);
}

/* ---- bias: padded once, at load, for the vec family ------------------------------------------------------------- */

struct bias_params { uint32_t positions; };

static vks_status bias_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct bias_params *p = params;
    VKS_REQUIRE(count == 1 && in[0].rank == 3, VKS_ERR_INTERNAL, "attention_bias takes [heads, Nq, Nk]");
    *out = vkr_f32(3, in[0].dim[0], in[0].dim[1], p->positions);
    return VKS_OK;
}

static vks_status bias_lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    const struct bias_params *p = params;
    struct attention_bias_args args = { in[0]->desc.dim[2], p->positions, (uint32_t)vkr_numel(&out->desc) };
    struct vkr_dispatch d = { .shader = "attention_bias", .variant = "f32", .bind = { in[0], out }, .bind_count = 2,
                              .writes = 1u << 1, .args = &args, .args_size = sizeof args };
    (void)count;
    vkr_spread(vkr_lower_target(l), vkr_groups(args.count, ATTENTION_PACK_LOCAL), d.groups);
    return vkr_emit(l, &d);
}

static const struct vkr_op op_attention_bias = { "attention_bias", sizeof(struct bias_params), bias_infer, bias_lower, NULL };

struct vkr_tensor *attention_vec_bias(struct vkr_graph *g, struct vkr_tensor *bias, uint32_t positions)
{
    return vkr_graph_node(g, &op_attention_bias, &(struct bias_params){ positions }, &bias, 1);
}

static bool same_windows(const struct window_view *a, const struct window_view *b)
{
    const uint32_t *x = a->grid->desc.dim, *y = b->grid->desc.dim;
    return a->size == b->size && a->fill == b->fill && x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* Windows are read from their grid as well as cut: then nobody need cut them. Keys and values are seen as one; queries where
 * they are packed, with a fill of their own only if keys need none. Otherwise queries beyond their grid are nowhere:
 * attention_on_grid may find them to be nobody's. */
void attention_vec_look(const struct vkr_graph *g, struct attention_params *p, struct vkr_tensor *in[ATTENTION_INPUTS])
{
    struct window_view q, k, v;
    bool padded = false;
    if (window_view_of(g, in[1], &k) && window_view_of(g, in[2], &v) && same_windows(&k, &v)) {
        in[1] = k.grid;
        in[2] = v.grid;
        p->window[1] = p->window[2] = k.size;
        padded = k.pads;
        if (padded)
            in[6] = k.fill;
    }
    if (in[3] && window_view_of(g, in[0], &q) && !(q.pads && padded && q.fill != in[6])) {
        in[0] = q.grid;
        p->window[0] = q.size;
        if (q.pads)
            in[6] = q.fill;
    }
}

struct vkr_tensor *attention_on_grid(struct vkr_graph *g, const struct vkr_tensor *x, const struct window_grid *grid)
{
    const void *params;
    struct vkr_desc input;
    if (vkr_graph_producer(g, x, &params, &input) != &vkr_op_attention)
        return NULL;
    struct attention_params p = *(const struct attention_params *)params;
    struct vkr_tensor *in[ATTENTION_INPUTS];
    struct window_view seen;
    for (uint32_t i = 0; i < ATTENTION_INPUTS; i++)
        in[i] = vkr_graph_operand(g, x, i);
    if (p.choice != ATTENTION_VEC || p.on_grid || x->desc.rank != 3 || x->desc.dim[1] != grid->size * grid->size)
        return NULL;
    if (!p.window[0] && window_view_of(g, in[0], &seen)) {      /* no query is beyond its grid: its fill is nobody's */
        in[0] = seen.grid;
        p.window[0] = seen.size;
    }
    const uint32_t *dim = in[0]->desc.dim;
    if (p.window[0] != grid->size || dim[0] != grid->batch || dim[1] != grid->height || dim[2] != grid->width ||
        x->desc.dim[2] != p.a.heads * p.a.head_dim || (in[3] && (p.a.grid_h != grid->size || p.a.grid_w != grid->size)))
        return NULL;
    const struct query_grid all = { grid->size, grid->size, grid->height, grid->width, grid->batch };
    struct attention_args args;
    if (count_tiles(&all, p.a.heads, &args) > vkr_graph_target(g)->caps.max_groups[0])
        return NULL;
    p.on_grid = 1;
    return vkr_graph_node(g, &vkr_op_attention, &p, in, ATTENTION_INPUTS);
}
