/* conv_slab.c: 3-D convolution by slabs. The depth taps of an output plane may lie in different input slabs; planes
 * whose taps lie alike are one run, and each run takes one dispatch per input slab, partial sums passing in f32. */
#include "conv_slab.h"

#include "graph/op.h"
#include "ops.h"

#include <string.h>

enum { MOST_SLABS = 5, NOWHERE = -1 };

struct params {
    uint32_t slabs, centre, kernel, dilation, channels, outputs; /* channels and outputs of the weight */
    uint32_t act, half, wide, choice;
    int32_t first[5];
};

static uint32_t quads(uint32_t channels)
{
    return (channels + 3) / 4 * 4;
}

/* ---- choice of kernel ------------------------------------------------------------------------------------------ */

struct candidate {
    const struct params *params;
    const struct vkr_desc *x;
};

/* Outputs per panel that multiply the fewest zeros. */
static uint32_t panel_width(uint32_t outputs)
{
    if (outputs <= 8)
        return 8;
    return vkr_groups(outputs, 16) * 16 <= vkr_groups(outputs, 12) * 12 ? 16 : 12;
}

static bool fits(const void *shape, const struct vkr_target *target, uint32_t width, bool one, bool head)
{
    const struct candidate *c = shape;
    const struct params *p = c->params;
    uint32_t stored = vkr_last(c->x);
    uint64_t texels = vkr_numel(c->x) / 4, outputs = vkr_rows(c->x) * quads(p->outputs) / 4;
    return panel_width(p->outputs) == width && (stored == 1) == one && (p->kernel == 1) == head &&
           vkr_numel(c->x) % 4 == 0 && texels <= target->caps.max_texels && outputs <= target->caps.max_texels;
}

#define FITS(name, width, one, head)                                                                                   \
    static bool fits_##name(const void *shape, const struct vkr_target *target)                                        \
    {                                                                                                                  \
        return fits(shape, target, width, one, head);                                                                  \
    }
FITS(c8, 8, false, false)
FITS(c12, 12, false, false)
FITS(c16, 16, false, false)
FITS(one_c8, 8, true, false)
FITS(one_c12, 12, true, false)
FITS(one_c16, 16, true, false)
FITS(head_c8, 8, false, true)
FITS(head_c12, 12, false, true)
FITS(head_c16, 16, false, true)

/* Choices below FEW are conv_slab_winograd; below TILE, of the cpu class. */
enum { FEW = 3, TILE = 9, CHOICES };

static const struct vkr_choice choices[CHOICES] = {
    { "conv_slab_winograd", "c8", VKR_CAP_VEC8, true, fits_c8 },
    { "conv_slab_winograd", "c12", VKR_CAP_VEC8, true, fits_c12 },
    { "conv_slab_winograd", "c16", VKR_CAP_VEC8, true, fits_c16 },
    { "conv_slab_vec", "one_c8", VKR_CAP_VEC8, true, fits_one_c8 },
    { "conv_slab_vec", "one_c12", VKR_CAP_VEC8, true, fits_one_c12 },
    { "conv_slab_vec", "one_c16", VKR_CAP_VEC8, true, fits_one_c16 },
    { "conv_slab_vec", "head_c8", VKR_CAP_VEC8, true, fits_head_c8 },
    { "conv_slab_vec", "head_c12", VKR_CAP_VEC8, true, fits_head_c12 },
    { "conv_slab_vec", "head_c16", VKR_CAP_VEC8, true, fits_head_c16 },
    { "conv_slab", "f32", 0, false, NULL },
};

static const char *tile_variant(enum vkr_dtype x, enum vkr_dtype y, bool half)
{
    if (!half)
        return x == VKR_F16 ? NULL : "f32";
    if (x == VKR_F16)
        return y == VKR_F16 ? "f16" : "f16_sum";
    return y == VKR_F16 ? "f16_first" : "f16_first_sum";
}

/* ---- conv_slab_pack --------------------------------------------------------------------------------------------- */

enum layout { LAYOUT_TILE, LAYOUT_PANELS, LAYOUT_WINOGRAD };

struct pack_params {
    uint32_t outputs, channels, taps, stored, layout, half;
};

static uint32_t pack_width(const struct pack_params *p)
{
    return p->layout != LAYOUT_TILE ? panel_width(p->outputs) : vkr_groups(p->outputs, CONV_SLAB_OUTPUTS) * CONV_SLAB_OUTPUTS;
}

static vks_status pack_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct pack_params *p = params;
    uint32_t width = pack_width(p);
    VKS_REQUIRE(count == 2 && in[0].dtype == VKR_F32, VKS_ERR_INTERNAL, "conv_slab_pack takes w and bias");
    out->dtype = p->half ? VKR_F16 : VKR_F32;
    out->rank = 2;
    out->dim[0] = 2 + p->taps * p->stored;
    out->dim[1] = width;
    if (p->layout == LAYOUT_WINOGRAD) {
        out->dtype = VKR_F32;
        out->dim[0] = vkr_groups(p->outputs, width);
        out->dim[1] = (CONV_SLAB_BIAS + 12 * (quads(p->stored) / 4) * 4 * width) * 4;
    } else if (p->layout == LAYOUT_PANELS) {
        uint32_t steps = p->taps == 1 ? quads(p->stored) / 4 : p->taps / 3;
        out->dim[0] = vkr_groups(p->outputs, width);
        out->dim[1] = (CONV_SLAB_BIAS + steps * vkr_groups(width, 8) * 8) * 4;
    }
    return VKS_OK;
}

static vks_status pack_lower(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    static const char *const variants[][2] = { [LAYOUT_TILE] = { "f32", "f16" },
                                               [LAYOUT_PANELS] = { "vec_f32", "vec_f16" },
                                               [LAYOUT_WINOGRAD] = { "winograd_f32", "winograd_f16" } };
    const struct pack_params *p = params;
    (void)count;
    struct conv_slab_pack_args args = { .count = (uint32_t)vkr_numel(&out->desc),
                                        .outputs = p->outputs,
                                        .channels = p->channels,
                                        .taps = p->taps,
                                        .stored = p->stored,
                                        .width = pack_width(p),
                                        .has_bias = in[1] != NULL };
    struct vkr_dispatch dispatch = { .shader = "conv_slab_pack",
                                     .variant = variants[p->layout][p->half],
                                     .bind = { in[0], in[1] ? in[1] : in[0], out },
                                     .bind_count = 3,
                                     .writes = 1u << 2,
                                     .args = &args,
                                     .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), vkr_groups(args.count, CONV_SLAB_LOCAL), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static const struct vkr_op op_conv_slab_pack = { "conv_slab_pack", sizeof(struct pack_params), pack_infer, pack_lower,
                                                 NULL };

static struct vkr_tensor *pack(struct vkr_graph *g, struct vkr_tensor *w, struct vkr_tensor *bias,
                               const struct params *p, uint32_t stored)
{
    uint32_t taps = p->kernel * p->kernel * p->kernel;
    uint32_t layout = p->choice < FEW ? LAYOUT_WINOGRAD : p->choice < TILE ? LAYOUT_PANELS : LAYOUT_TILE;
    struct pack_params params = { p->outputs, p->channels, taps, stored, layout, p->half };
    return vkr_graph_node(g, &op_conv_slab_pack, &params, (struct vkr_tensor *[]){ w, bias }, 2);
}

/* ---- conv_slab -------------------------------------------------------------------------------------------------- */

/* The operands were checked by describe(), with the weight as the caller has it. */
static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == p->slabs + 1, VKS_ERR_INTERNAL, "conv_slab takes its slabs and a packed weight");
    *out = in[p->centre];
    out->dtype = p->half && !p->wide ? VKR_F16 : VKR_F32;
    out->dim[3] = quads(p->outputs);
    return VKS_OK;
}

/* Which slab holds plane `at` of the volume, and where in it. */
static int find_plane(const struct params *p, struct vkr_tensor *const *in, int64_t at, uint32_t *within)
{
    for (uint32_t i = 0; i < p->slabs; i++)
        if (at >= p->first[i] && at < (int64_t)p->first[i] + in[i]->desc.dim[0]) {
            *within = (uint32_t)(at - p->first[i]);
            return (int)i;
        }
    return NOWHERE;
}

struct taps {
    int slab[3];
    uint32_t plane[3];
}; /* of one output plane */

static struct taps find_taps(const struct params *p, struct vkr_tensor *const *in, uint32_t plane)
{
    struct taps taps = { { NOWHERE, NOWHERE, NOWHERE }, { 0 } };
    int64_t at = (int64_t)p->first[p->centre] + plane;
    for (uint32_t t = 0; t < p->kernel; t++)
        taps.slab[t] = find_plane(p, in, at + ((int64_t)t - p->kernel / 2) * p->dilation, &taps.plane[t]);
    return taps;
}

struct run {
    const struct params *params;
    struct vkr_tensor *const *in;
    const struct vkr_tensor *w;
    struct vkr_tensor *y, *sums[2];
};

static uint64_t count_groups(const struct params *p, const struct conv_slab_args *args)
{
    if (p->choice == TILE) {
        uint64_t positions = (uint64_t)args->planes * args->height * args->width;
        return (uint64_t)vkr_groups(positions, CONV_SLAB_LOCAL) * vkr_groups(args->outputs, CONV_SLAB_OUTPUTS);
    }
    bool few = p->choice < FEW;
    uint64_t pairs = (uint64_t)vkr_groups(args->height, args->dilation * 2) * args->dilation;
    uint64_t rows = few ? (uint64_t)vkr_groups(pairs, CONV_SLAB_BAND) * CONV_SLAB_BAND : args->height;
    uint32_t run = args->dilation * (few ? CONV_SLAB_WIDE : CONV_SLAB_RUN);
    uint64_t slots = (uint64_t)vkr_groups(args->width, run) * args->dilation;
    return args->planes * rows * vkr_groups(slots, CONV_SLAB_LANES) *
           vkr_groups(args->outputs, panel_width(p->outputs));
}

static vks_status emit(struct vkr_lower *lower, const struct run *run, uint32_t slab, const struct vkr_tensor *sum,
                       const struct vkr_tensor *out, struct conv_slab_args *args)
{
    const struct params *p = run->params;
    const struct vkr_desc *x = &run->in[slab]->desc;
    bool vec = p->choice != TILE;
    struct vkr_dispatch dispatch = { .shader = choices[p->choice].shader,
                                     .variant = choices[p->choice].variant,
                                     .bind = { run->in[slab], run->w, sum, out },
                                     .bind_count = 4,
                                     .writes = 1u << 3,
                                     .texels = vec ? 7 : 0,
                                     .args = args,
                                     .args_size = sizeof *args };
    if (vec) {
        dispatch.constants[0] = args->finish ? args->act : 0;
        dispatch.constants[1] = out->desc.dtype == VKR_F16;
        dispatch.constants[2] = args->resume;
        dispatch.constant_count = 3;
    } else {
        dispatch.variant = tile_variant(x->dtype, out->desc.dtype, p->half);
    }
    VKS_REQUIRE(dispatch.variant, VKS_ERR_UNSUPPORTED, "conv_slab: a slab in f16 wants weights in f16 here");
    vkr_spread(vkr_lower_target(lower), count_groups(p, args), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

/* Planes first .. first + planes - 1, whose taps lie in the same slabs. */
static vks_status lower_run(struct vkr_lower *lower, struct run *run, uint32_t first, uint32_t planes)
{
    const struct params *p = run->params;
    const struct vkr_desc *y = &run->y->desc;
    struct taps taps = find_taps(p, run->in, first);
    const struct vkr_tensor *sum = run->w; /* whatever, where there is none yet */
    uint32_t last = p->kernel - 1, turn = 0;
    while (taps.slab[last] == NOWHERE)
        last--;
    for (uint32_t t = 0; t <= last; turn++) {
        if (taps.slab[t] == NOWHERE) { /* a border has no taps before its first */
            t++;
            turn--;
            continue;
        }
        uint32_t count = 1;
        while (t + count <= last && taps.slab[t + count] == taps.slab[t])
            count++;
        bool finish = t + count > last;
        if (!finish && !run->sums[turn % 2])
            run->sums[turn % 2] =
                vkr_scratch(lower, turn % 2 ? "sum1" : "sum0", vkr_f32(4, y->dim[0], y->dim[1], y->dim[2], y->dim[3]));
        const struct vkr_tensor *out = finish ? run->y : run->sums[turn % 2];
        VKS_REQUIRE(out, VKS_ERR_HOST_MEMORY, "out of memory for a partial sum");
        struct conv_slab_args args = {
            .height = y->dim[1],
            .width = y->dim[2],
            .planes = planes,
            .first = first,
            .source = taps.plane[t],
            .tap = t,
            .taps = count,
            .kernel = p->kernel,
            .dilation = p->dilation,
            .channels = vkr_last(&run->in[0]->desc),
            .outputs = y->dim[3],
            .act = p->act,
            .resume = turn > 0,
            .finish = finish,
        };
        VKS_TRY(emit(lower, run, (uint32_t)taps.slab[t], sum, out, &args));
        sum = out;
        t += count;
    }
    return VKS_OK;
}

static vks_status lower_slab(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    const struct params *p = params;
    struct run run = { .params = p, .in = in, .w = in[count - 1], .y = out };
    uint32_t planes = out->desc.dim[0];
    for (uint32_t first = 0, end; first < planes; first = end) {
        struct taps taps = find_taps(p, in, first);
        for (end = first + 1; end < planes; end++) {
            struct taps next = find_taps(p, in, end);
            if (next.slab[0] != taps.slab[0] || next.slab[1] != taps.slab[1] || next.slab[2] != taps.slab[2])
                break;
        }
        VKS_TRY(lower_run(lower, &run, first, end - first));
    }
    return VKS_OK;
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct params *p = params;
    (void)in, (void)count;
    return 2.0 * (double)vkr_rows(out) * p->outputs * p->channels * p->kernel * p->kernel * p->kernel;
}

const struct vkr_op vkr_op_conv_slab = { "conv_slab", sizeof(struct params), infer, lower_slab, cost };

static vks_status describe(struct vkr_tensor *const *x, uint32_t count, const struct vkr_desc *w,
                           const struct vkr_desc *bias, const struct vkr_conv_slab *params, struct params *p)
{
    VKS_REQUIRE(count > 0 && count <= MOST_SLABS && params->centre < count, VKS_ERR_ARGUMENT,
                "conv_slab: slab %u of %u; at most %u may be given", params->centre, count, MOST_SLABS);
    const struct vkr_desc *first = &x[0]->desc;
    for (uint32_t i = 0; i < count; i++) {
        const struct vkr_desc *d = &x[i]->desc;
        VKS_REQUIRE(d->rank == 4 && (d->dtype == VKR_F32 || d->dtype == VKR_F16) && d->dtype == first->dtype &&
                        d->dim[1] == first->dim[1] && d->dim[2] == first->dim[2] && d->dim[3] == first->dim[3],
                    VKS_ERR_SHAPE, "conv_slab: slab %s must be f32 or f16 [planes, H, W, C], like the first, %s",
                    VKR_SHAPE(d), VKR_SHAPE(first));
        VKS_REQUIRE(vkr_numel(d) > 0 && vkr_numel(d) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                    "conv_slab: slab %s is beyond 2^31 elements, or empty", VKR_SHAPE(d));
    }
    uint32_t stored = first->dim[3], k = w->rank == 5 ? w->dim[2] : 0;
    VKS_REQUIRE(w->rank == 5 && w->dtype == VKR_F32 && (k == 1 || k == 3) && w->dim[3] == k && w->dim[4] == k &&
                    w->dim[0] > 0,
                VKS_ERR_SHAPE, "conv_slab: weight %s must be f32 [O, C, k, k, k] with k 1 or 3", VKR_SHAPE(w));
    VKS_REQUIRE(stored == quads(w->dim[1]) || (stored == 1 && w->dim[1] == 1), VKS_ERR_SHAPE,
                "conv_slab: weight %s does not fit the channels of slab %s", VKR_SHAPE(w), VKR_SHAPE(first));
    VKS_REQUIRE(bias->dtype == VKR_NONE || (bias->dtype == VKR_F32 && bias->rank == 1 && bias->dim[0] == w->dim[0]),
                VKS_ERR_SHAPE, "conv_slab: bias %s must be f32 [%u]", VKR_SHAPE(bias), w->dim[0]);
    VKS_REQUIRE(params->act == VKR_ACT_NONE || params->act == VKR_ACT_RELU || params->act == VKR_ACT_GELU ||
                    params->act == VKR_ACT_LEAKY_RELU || params->act == VKR_ACT_ELU,
                VKS_ERR_ARGUMENT, "conv_slab: activation %u is not one of none, relu, gelu, leaky relu, elu",
                (unsigned)params->act);
    VKS_REQUIRE(params->dilation < 1u << 16 && first->dim[1] < 1u << 20 && first->dim[2] < 1u << 20,
                VKS_ERR_UNSUPPORTED, "conv_slab: dilation %u in planes of %s is beyond reason", params->dilation,
                VKR_SHAPE(first));
    *p = (struct params){ .slabs = count,
                          .centre = params->centre,
                          .kernel = k,
                          .dilation = k == 3 && params->dilation ? params->dilation : 1,
                          .channels = w->dim[1],
                          .outputs = w->dim[0],
                          .act = (uint32_t)params->act,
                          .half = params->half, .wide = params->wide };
    memcpy(p->first, params->first, sizeof p->first);
    return VKS_OK;
}

struct vkr_tensor *vkr_conv_slab(struct vkr_graph *g, struct vkr_tensor *const *x, uint32_t count, struct vkr_tensor *w,
                                 struct vkr_tensor *bias, const struct vkr_conv_slab *params)
{
    struct vkr_desc none = { 0 };
    struct params p;
    if (vkr_graph_status(g) != VKS_OK)
        return vkr_graph_fail(g, vkr_graph_status(g));
    vks_status status = describe(x, count, &w->desc, bias ? &bias->desc : &none, params, &p);
    if (status == VKS_OK)
        status = vkr_choose(vkr_graph_target(g), "conv_slab", choices, CHOICES,
                            &(struct candidate){ &p, &x[params->centre]->desc }, &p.choice);
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    struct vkr_tensor *in[VKR_MAX_INPUTS] = { 0 };
    for (uint32_t i = 0; i < count; i++)
        in[i] = x[i];
    in[count] = pack(g, w, bias, &p, vkr_last(&x[0]->desc));
    return vkr_graph_node(g, &vkr_op_conv_slab, &p, in, count + 1);
}
