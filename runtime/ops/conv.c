/* conv.c: convolution. Patches that do not overlap, 1x1 kernels and, in the cpu class, few channels are a matmul;
 * everything else is one node whose weight was re-laid by a folded node to suit the chosen kernel. */
#include "conv_shape.h"

#include <stdio.h>
#include <string.h>

void conv_space(const struct vkr_desc *x, uint32_t space[3])
{
    for (uint32_t i = 0; i < 3; i++)
        space[i] = x->rank == 5 ? x->dim[1 + i] : i ? x->dim[i] : 1;
}

struct vkr_desc conv_result(const struct vkr_desc *x, const uint32_t space[3], uint32_t channels)
{
    if (x->rank == 5)
        return vkr_f32(5, x->dim[0], space[0], space[1], space[2], channels);
    return vkr_f32(4, x->dim[0], space[1], space[2], channels);
}

uint32_t conv_taps(const struct conv_shape *shape)
{
    return shape->kernel[0] * shape->kernel[1] * shape->kernel[2];
}

bool conv_is_tiling(const struct conv_shape *shape)
{
    for (uint32_t i = 0; i < 3; i++)
        if (shape->kernel[i] != shape->stride[i] || shape->pad[i] || shape->output_pad[i] ||
            (shape->dilation[i] != 1 && shape->kernel[i] != 1))
            return false;
    return shape->groups == 1;
}

void conv_result_space(const struct conv_shape *shape, const struct vkr_desc *x, uint32_t space[3])
{
    conv_space(x, space);
    for (uint32_t i = 0; i < 3; i++)
        space[i] = (space[i] + 2 * shape->pad[i] - shape->dilation[i] * (shape->kernel[i] - 1) - 1) / shape->stride[i] + 1;
}

uint64_t conv_positions(const struct conv_shape *shape, const struct vkr_desc *x)
{
    uint32_t space[3];
    conv_result_space(shape, x, space);
    return (uint64_t)x->dim[0] * space[0] * space[1] * space[2];
}

static vks_status check_operands(const char *op, bool transposed, const struct vkr_desc *x, const struct vkr_desc *w,
                                 const struct vkr_desc *bias, struct conv_shape *shape)
{
    VKS_REQUIRE((x->rank == 4 || x->rank == 5) && x->dtype == VKR_F32, VKS_ERR_SHAPE,
                "%s: x %s must be f32 [B, H, W, C] or [B, D, H, W, C]", op, VKR_SHAPE(x));
    VKS_REQUIRE(vkr_numel(x) > 0 && vkr_numel(x) < 1ull << 31, VKS_ERR_UNSUPPORTED,
                "%s: x %s is beyond 2^31 elements, or empty", op, VKR_SHAPE(x));
    VKS_REQUIRE(w->rank == x->rank && (w->dtype == VKR_F32 || w->dtype == VKR_F16) && vkr_numel(w) > 0, VKS_ERR_SHAPE,
                "%s: weight %s must be f32 or f16 of the rank of x %s", op, VKR_SHAPE(w), VKR_SHAPE(x));
    uint32_t channels = vkr_last(x), groups = shape->groups;
    uint64_t expected = transposed ? w->dim[0] : (uint64_t)w->dim[1] * groups;
    shape->outputs = transposed ? w->dim[1] * groups : w->dim[0];
    VKS_REQUIRE(channels == expected && channels % groups == 0 && shape->outputs % groups == 0, VKS_ERR_SHAPE,
                "%s: weight %s in %u groups does not fit the channels of x %s", op, VKR_SHAPE(w), groups, VKR_SHAPE(x));
    VKS_REQUIRE(bias->dtype == VKR_NONE ||
                    (bias->dtype == VKR_F32 && bias->rank == 1 && bias->dim[0] == shape->outputs),
                VKS_ERR_SHAPE, "%s: bias %s must be f32 [%u] for weight %s", op, VKR_SHAPE(bias), shape->outputs,
                VKR_SHAPE(w));
    return VKS_OK;
}

/* The span of input (transposed: output) positions stays below 2^30: int arithmetic in the kernels cannot wrap. */
static vks_status check_axis(const char *op, bool transposed, const struct conv_shape *shape, uint32_t axis,
                             uint64_t size)
{
    uint64_t reach = (uint64_t)shape->dilation[axis] * (shape->kernel[axis] - 1) + 1;
    uint64_t padded = transposed ? (size - 1) * shape->stride[axis] + reach + shape->output_pad[axis]
                                 : size + 2ull * shape->pad[axis];
    VKS_REQUIRE(padded < 1ull << 30 && reach < 1ull << 30, VKS_ERR_UNSUPPORTED,
                "%s: a span of %llu positions is too long", op, (unsigned long long)(padded > reach ? padded : reach));
    if (transposed) {
        VKS_REQUIRE(padded > 2ull * shape->pad[axis], VKS_ERR_SHAPE, "%s: padding %u leaves nothing of %llu positions",
                    op, shape->pad[axis], (unsigned long long)padded);
        VKS_REQUIRE(shape->output_pad[axis] < shape->stride[axis] || shape->output_pad[axis] < shape->dilation[axis],
                    VKS_ERR_ARGUMENT, "%s: output padding %u must be smaller than stride %u or dilation %u", op,
                    shape->output_pad[axis], shape->stride[axis], shape->dilation[axis]);
        return VKS_OK;
    }
    VKS_REQUIRE(padded >= reach, VKS_ERR_SHAPE,
                "%s: a kernel reaching over %llu positions exceeds the padded input of %llu", op,
                (unsigned long long)reach, (unsigned long long)padded);
    return VKS_OK;
}

vks_status conv_describe(const char *op, bool transposed, const struct vkr_desc *x, const struct vkr_desc *w,
                         const struct vkr_desc *bias, const struct vkr_conv *params, struct conv_shape *out)
{
    *out = (struct conv_shape){ .groups = params->groups ? params->groups : 1, .act = (uint32_t)params->act };
    VKS_REQUIRE(params->act == VKR_ACT_NONE || params->act == VKR_ACT_RELU || params->act == VKR_ACT_GELU ||
                    params->act == VKR_ACT_LEAKY_RELU,
                VKS_ERR_ARGUMENT, "%s: activation %u is not one of none, relu, gelu, leaky relu", op,
                (unsigned)params->act);
    VKS_TRY(check_operands(op, transposed, x, w, bias, out));
    uint32_t space[3];
    conv_space(x, space);
    for (uint32_t i = 0; i < 3; i++) {
        bool used = i > 0 || x->rank == 5;
        out->kernel[i] = used ? w->dim[w->rank - 3 + i] : 1;
        out->stride[i] = used && params->stride[i] ? params->stride[i] : 1;
        out->pad[i] = used ? params->pad[i] : 0;
        out->dilation[i] = used && params->dilation[i] ? params->dilation[i] : 1;
        out->output_pad[i] = used && transposed ? params->output_pad[i] : 0;
        VKS_TRY(check_axis(op, transposed, out, i, space[i]));
    }
    return VKS_OK;
}

struct conv_args conv_arguments(const struct conv_shape *shape, const struct vkr_desc *x, const struct vkr_desc *y,
                                const struct vkr_tensor *bias)
{
    uint32_t in[3], out[3], channels = vkr_last(x);
    conv_space(x, in);
    conv_space(y, out);
    return (struct conv_args){
        .pixels = (uint32_t)vkr_rows(y), .channels = channels, .outputs = shape->outputs,
        .group_channels = channels / shape->groups, .group_outputs = shape->outputs / shape->groups,
        .in_d = in[0], .in_h = in[1], .in_w = in[2], .out_d = out[0], .out_h = out[1], .out_w = out[2],
        .kernel_d = shape->kernel[0], .kernel_h = shape->kernel[1], .kernel_w = shape->kernel[2],
        .stride_d = shape->stride[0], .stride_h = shape->stride[1], .stride_w = shape->stride[2],
        .pad_d = shape->pad[0], .pad_h = shape->pad[1], .pad_w = shape->pad[2],
        .dilation_d = shape->dilation[0], .dilation_h = shape->dilation[1], .dilation_w = shape->dilation[2],
        .act = shape->act, .has_bias = bias != NULL,
        .slope = shape->act == VKR_ACT_RELU ? 0.0f : shape->act == VKR_ACT_LEAKY_RELU ? 0.01f : 1.0f,
    };
}

struct vkr_tensor *conv_swap(struct vkr_graph *g, struct vkr_tensor *x, uint64_t n, uint32_t a, uint64_t b, uint64_t c)
{
    if (a == 1 || b == 1)
        return x;
    struct vkr_desc split = vkr_f32(4, (uint32_t)n, a, (uint32_t)b, (uint32_t)c);
    return vkr_permute(g, vkr_reshape(g, x, split), (uint32_t[]){ 0, 2, 1, 3 });
}

struct vkr_tensor *conv_patch_weight(struct vkr_graph *g, struct vkr_tensor *w, const struct conv_shape *shape)
{
    uint32_t channels = w->desc.dim[1], taps = conv_taps(shape);
    struct vkr_desc flat = { w->desc.dtype, 3, { shape->outputs, channels, taps } };
    struct vkr_desc matrix = { w->desc.dtype, 2, { shape->outputs, taps * channels } };
    if (channels > 1 && taps > 1)
        w = vkr_permute(g, vkr_reshape(g, w, flat), (uint32_t[]){ 0, 2, 1 });
    return vkr_reshape(g, w, matrix);
}

struct vkr_tensor *conv_matmul(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                               uint32_t act)
{
    bool fused = act == VKR_ACT_NONE || act == VKR_ACT_RELU || act == VKR_ACT_GELU;
    struct vkr_tensor *y = vkr_matmul(g, x, w, bias, NULL, fused ? (enum vkr_activation)act : VKR_ACT_NONE);
    return fused ? y : vkr_unary(g, y, (enum vkr_activation)act);
}

/* ---- the call, for timing -------------------------------------------------------------------------------------- */

/* " 3x3" or, in 3-D, " 3x3x3", after `word`. */
static void add_extent(char *text, size_t size, const char *word, const uint32_t v[3], bool deep)
{
    size_t used = strlen(text);
    if (deep)
        snprintf(text + used, size - used, " %s%ux%ux%u", word, v[0], v[1], v[2]);
    else
        snprintf(text + used, size - used, " %s%ux%u", word, v[1], v[2]);
}

static bool is_one(const uint32_t v[3])
{
    return v[0] == 1 && v[1] == 1 && v[2] == 1;
}

struct vkr_call conv_call(const char *op, bool transposed, const struct conv_shape *shape, const struct vkr_desc operands[3],
                          const struct vkr_conv *params)
{
    const struct vkr_desc *x = &operands[0];
    const uint32_t *s = shape->stride;
    uint64_t positions = vkr_rows(x) / (transposed ? 1 : (uint64_t)s[0] * s[1] * s[2]);
    uint32_t channels = vkr_last(x) / shape->groups;
    struct vkr_call call = { .op = op, .operands = { operands[0], operands[1], operands[2] }, .weights = 3u << 1, .data = params,
        .data_size = sizeof *params, .flops = 2.0 * (double)positions * shape->outputs * channels * conv_taps(shape) };
    snprintf(call.name, sizeof call.name, "%s %ux%ux%u", op, vkr_class_of(positions), shape->outputs, channels);
    add_extent(call.name, sizeof call.name, "", shape->kernel, x->rank == 5);
    if (!is_one(shape->stride))
        add_extent(call.name, sizeof call.name, "stride ", shape->stride, x->rank == 5);
    if (!is_one(shape->dilation))
        add_extent(call.name, sizeof call.name, "dilation ", shape->dilation, x->rank == 5);
    strncat(call.name, operands[1].dtype == VKR_F16 ? " f16" : " f32", sizeof call.name - strlen(call.name) - 1);
    return call;
}

/* ---- choice of kernel ------------------------------------------------------------------------------------------ */

struct candidate { const struct conv_shape *shape; const struct vkr_desc *x; };

static uint32_t padded_channels(uint32_t channels)
{
    return (channels + 3) / 4 * 4;
}

static bool fits_panels(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    uint64_t channels = padded_channels(vkr_last(c->x));
    uint64_t weights = channels * conv_taps(c->shape) * vkr_groups(c->shape->outputs, CONV_PANEL) * CONV_PANEL;
    uint64_t texels = vkr_rows(c->x) * channels / 4;
    return c->shape->groups == 1 && conv_taps(c->shape) * (channels / 4 + 1) <= VKR_MOST_ROUNDS &&
           texels <= target->caps.max_texels && weights / 4 <= target->caps.max_texels && texels < 1u << 29 &&
           weights < 1u << 31;
}

/* Few channels, no whole fours, would be padded, and conv_vec spends its time between taps: a matrix of patches pays for
 * being written and read. The limits are those of the matmul. */
static bool fits_patches(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    const struct vkr_caps *caps = &target->caps;
    uint64_t pixels = conv_positions(c->shape, c->x), elements = (pixels + 7) / 8 * 8 * conv_patch_row(c->shape, c->x);
    const uint32_t channels = vkr_last(c->x), longest = c->x->dim[c->x->rank - 2] + 2 * c->shape->pad[2];
    const bool forced = vkr_options_forced(&target->options, "conv") != NULL;
    return c->shape->groups == 1 && c->shape->act != VKR_ACT_LEAKY_RELU && vkr_numel(c->x) % 4 == 0 &&
           vkr_numel(c->x) / 4 <= caps->max_texels && elements / 4 <= caps->max_texels && elements * 4 <= caps->max_binding &&
           pixels / 16 < caps->max_groups[0] && longest <= VKR_MOST_ROUNDS &&
           (forced || (channels % 4 != 0 && channels < 16));
}

static bool fits_depthwise(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    uint32_t channels = vkr_last(c->x);
    return c->shape->groups == channels && c->shape->outputs == channels && channels % 4 == 0 &&
           CONV_ROW_PART / CONV_RUN * (2ull * conv_taps(c->shape) + 1) <= VKR_MOST_ROUNDS &&
           vkr_numel(c->x) / 4 <= target->caps.max_texels;
}

static bool gelu(const void *shape)
{
    return ((const struct candidate *)shape)->shape->act == VKR_ACT_GELU;
}

static bool three(const void *shape)
{
    const struct conv_shape *s = ((const struct candidate *)shape)->shape;
    return s->kernel[2] == 3 && s->stride[2] == 1 && s->dilation[2] == 1;
}

#define FITS(name, condition)                                                  \
    static bool fits_##name(const void *shape, const struct vkr_target *target) \
    {                                                                          \
        return (condition);                                                    \
    }
/* Wide tiles pay when there are several of them. */
static bool fits_wide_tile(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    return vkr_last(c->x) % 8 == 0 && conv_positions(c->shape, c->x) >= 2 * CONV_WIDE_ROWS && fits_panels(shape, target);
}

FITS(wide, !gelu(shape) && fits_wide_tile(shape, target))
FITS(wide_gelu, gelu(shape) && fits_wide_tile(shape, target))
FITS(vec, !gelu(shape) && fits_panels(shape, target))
FITS(vec_gelu, gelu(shape) && fits_panels(shape, target))
FITS(three, !gelu(shape) && three(shape) && fits_depthwise(shape, target))
FITS(three_gelu, gelu(shape) && three(shape) && fits_depthwise(shape, target))
FITS(each, !gelu(shape) && fits_depthwise(shape, target))
FITS(each_gelu, gelu(shape) && fits_depthwise(shape, target))

/* The tile is 64 outputs wide: with few of them most of it would multiply zeros. */
static bool fits_tile(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    (void)target;
    return c->shape->outputs / c->shape->groups >= 16;
}

enum { PATCHES, WIDE, WIDE_GELU, VEC, VEC_GELU, DEPTHWISE, DEPTHWISE_LAST = DEPTHWISE + 3, TILE, DIRECT, CHOICES };

static const struct vkr_choice choices[2][CHOICES] = {
    { { "conv_patches", "f32", VKR_CAP_VEC8, true, fits_patches },
      { "conv_vec", "wide", VKR_CAP_VEC8, true, fits_wide },
      { "conv_vec", "wide_gelu", VKR_CAP_VEC8, true, fits_wide_gelu },
      { "conv_vec", "f32", VKR_CAP_VEC8, true, fits_vec },
      { "conv_vec", "f32_gelu", VKR_CAP_VEC8, true, fits_vec_gelu },
      { "conv_depthwise_vec", "f32_3", VKR_CAP_VEC8, true, fits_three },
      { "conv_depthwise_vec", "f32_3_gelu", VKR_CAP_VEC8, true, fits_three_gelu },
      { "conv_depthwise_vec", "f32", VKR_CAP_VEC8, true, fits_each },
      { "conv_depthwise_vec", "f32_gelu", VKR_CAP_VEC8, true, fits_each_gelu },
      { "conv", "f32", 0, false, fits_tile },
      { "conv_direct", "f32", 0, false, NULL } },
    { { "conv_patches", "f32", VKR_CAP_VEC8, true, fits_patches },
      { "conv_vec", "wide_half", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_wide },
      { "conv_vec", "wide_half_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_wide_gelu },
      { "conv_vec", "f16", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_vec },
      { "conv_vec", "f16_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_vec_gelu },
      { "conv_depthwise_vec", "f16_3", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_three },
      { "conv_depthwise_vec", "f16_3_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_three_gelu },
      { "conv_depthwise_vec", "f16", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_each },
      { "conv_depthwise_vec", "f16_gelu", VKR_CAP_VEC8 | VKR_CAP_F16, true, fits_each_gelu },
      { "conv", "f16", VKR_CAP_F16, false, fits_tile },
      { "conv_direct", "f16", VKR_CAP_F16, false, NULL } },
};

static bool is_wide(uint32_t choice)
{
    return choice == WIDE || choice == WIDE_GELU;
}

static bool uses_panels(uint32_t choice)
{
    return is_wide(choice) || choice == VEC || choice == VEC_GELU;
}

/* ---- conv_pack: the weight as panels of 32 outputs --------------------------------------------------------------- */

struct pack_params { uint32_t padded; };

static vks_status pack_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct pack_params *p = params;
    VKS_REQUIRE(count == 1 && in[0].rank == 3, VKS_ERR_INTERNAL, "conv_pack takes [O, C, taps]");
    uint32_t panels = vkr_groups(in[0].dim[0], CONV_PANEL);
    *out = (struct vkr_desc){ in[0].dtype, 3, { panels, in[0].dim[2] * p->padded, CONV_PANEL } };
    return VKS_OK;
}

static vks_status pack_lower(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    const struct pack_params *p = params;
    const struct vkr_desc *w = &in[0]->desc;
    (void)count;
    struct conv_pack_args args = { (uint32_t)vkr_numel(&out->desc), w->dim[0], w->dim[1], w->dim[2], p->padded };
    struct vkr_dispatch dispatch = { .shader = "conv_pack", .variant = w->dtype == VKR_F16 ? "f16" : "f32",
                                     .bind = { in[0], out }, .bind_count = 2, .writes = 1u << 1,
                                     .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), vkr_groups(args.count, CONV_LOCAL), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static const struct vkr_op op_conv_pack = { "conv_pack", sizeof(struct pack_params), pack_infer, pack_lower, NULL };

static struct vkr_tensor *pack(struct vkr_graph *g, struct vkr_tensor *w, const struct conv_shape *shape)
{
    uint32_t channels = w->desc.dim[1];
    struct vkr_desc flat = { w->desc.dtype, 3, { shape->outputs, channels, conv_taps(shape) } };
    return vkr_graph_node(g, &op_conv_pack, &(struct pack_params){ padded_channels(channels) },
                          (struct vkr_tensor *[]){ vkr_reshape(g, w, flat) }, 1);
}

/* ---- conv -------------------------------------------------------------------------------------------------------- */

/* The operands were checked by conv_describe(), on the weight as the caller has it. */
static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct conv_shape *p = params;
    uint32_t space[3];
    VKS_REQUIRE(count == 3, VKS_ERR_INTERNAL, "conv takes x, w, bias");
    conv_result_space(p, &in[0], space);
    *out = conv_result(&in[0], space, p->outputs);
    return VKS_OK;
}

static vks_status pad_channels(struct vkr_lower *lower, const struct vkr_tensor **x)
{
    struct vkr_desc desc = (*x)->desc;
    desc.dim[desc.rank - 1] = padded_channels(vkr_last(&desc));
    const struct vkr_tensor *from = *x;
    *x = vkr_scratch(lower, "padded", desc);
    return conv_emit_pad(lower, from, *x);
}

static uint64_t workgroups(const struct conv_args *a, uint32_t choice)
{
    if (uses_panels(choice))
        return (uint64_t)vkr_groups(a->pixels, is_wide(choice) ? CONV_WIDE_ROWS : CONV_ROWS) * vkr_groups(a->outputs, CONV_PANEL);
    if (choice <= DEPTHWISE_LAST)
        return vkr_groups((uint64_t)(a->pixels / a->out_w) * vkr_groups(a->out_w, CONV_ROW_PART) * (a->channels / 4),
                          CONV_LANES);
    if (choice == TILE)
        return (uint64_t)vkr_groups(a->pixels, CONV_TILE) * vkr_groups(a->group_outputs, CONV_TILE) *
               (a->channels / a->group_channels);
    return vkr_groups((uint64_t)a->pixels * a->outputs, CONV_LOCAL);
}

/* Of the texels, those read as images: x, and w where it is f32. */
static uint32_t images_of(uint32_t choice, const struct vkr_desc *w)
{
    if (is_wide(choice))
        return w->dtype == VKR_F16 ? 1 : 3;
    return choice >= DEPTHWISE && choice <= DEPTHWISE_LAST ? 1 : 0;
}

static vks_status lower_conv(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                             struct vkr_tensor *out)
{
    const struct conv_shape *p = params;
    const struct vkr_choice *choice = &choices[in[1]->desc.dtype == VKR_F16][p->choice];
    const struct vkr_tensor *x = in[0];
    uint32_t texels = uses_panels(p->choice) ? 3 : p->choice <= DEPTHWISE_LAST ? 7 : 0; /* x, w; and bias */
    (void)count;
    if (uses_panels(p->choice) && vkr_last(&x->desc) % 4 != 0)
        VKS_TRY(pad_channels(lower, &x));
    struct conv_args args = conv_arguments(p, &x->desc, &out->desc, in[2]);
    struct vkr_dispatch dispatch = { .shader = choice->shader, .variant = choice->variant,
                                     .bind = { x, in[1], in[2] ? in[2] : in[0], out }, .bind_count = 4,
                                     .writes = 1u << 3, .texels = texels,
                                     .images = images_of(p->choice, &in[1]->desc),
                                     .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), workgroups(&args, p->choice), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct conv_shape *p = params;
    (void)count;
    return 2.0 * (double)vkr_numel(out) * conv_taps(p) * (vkr_last(&in[0]) / p->groups);
}

const struct vkr_op vkr_op_conv = { "conv", sizeof(struct conv_shape), infer, lower_conv, cost };

/* Patches that do not overlap: gather each into a row, then multiply. */
static struct vkr_tensor *patches(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w,
                                  struct vkr_tensor *bias, const struct conv_shape *shape)
{
    uint32_t space[3], batch = x->desc.dim[0], channels = vkr_last(&x->desc), out[3];
    const uint32_t *k = shape->kernel;
    conv_space(&x->desc, space);
    for (uint32_t i = 0; i < 3; i++)
        out[i] = space[i] / k[i];
    uint64_t run = (uint64_t)k[2] * channels;
    struct vkr_desc result = conv_result(&x->desc, out, shape->outputs);
    struct vkr_desc rows = vkr_f32(2, (uint32_t)vkr_rows(&result), conv_taps(shape) * channels);
    x = conv_swap(g, x, (uint64_t)batch * space[0] * out[1], k[1], out[2], run);
    x = conv_swap(g, x, (uint64_t)batch * out[0], k[0], (uint64_t)out[1] * out[2], run * k[1]);
    struct vkr_tensor *y = conv_matmul(g, vkr_reshape(g, x, rows), conv_patch_weight(g, w, shape), bias, shape->act);
    return vkr_reshape(g, y, result);
}

static bool divides(const struct conv_shape *shape, const struct vkr_desc *x)
{
    uint32_t space[3];
    conv_space(x, space);
    for (uint32_t i = 0; i < 3; i++)
        if (space[i] % shape->kernel[i])
            return false;
    return true;
}

static struct vkr_tensor *alone(struct vkr_graph *g, const void *data, struct vkr_tensor *const *in)
{
    return vkr_conv(g, in[0], in[1], in[2], data);
}

struct vkr_tensor *vkr_conv(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                            const struct vkr_conv *params)
{
    const struct vkr_desc operands[3] = { x->desc, w->desc, bias ? bias->desc : (struct vkr_desc){ 0 } };
    struct conv_shape shape;
    vks_status status = conv_describe("conv", false, &operands[0], &operands[1], &operands[2], params, &shape);
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (conv_is_tiling(&shape) && divides(&shape, &x->desc))
        return patches(g, x, w, bias, &shape);
    struct vkr_call call = conv_call("conv", false, &shape, operands, params);
    call.list = choices[w->desc.dtype == VKR_F16];
    call.count = call.rivals = CHOICES;
    call.shape = &(struct candidate){ &shape, &x->desc };
    call.alone = alone;
    status = vkr_choose_call(vkr_graph_target(g), &call, &shape.choice, &(uint32_t){ 0 });
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (shape.choice == PATCHES)
        return conv_gathered(g, x, w, bias, &shape);
    if (uses_panels(shape.choice))
        w = pack(g, w, &shape);
    else
        w = vkr_permute(g, w, w->desc.rank == 5 ? (uint32_t[]){ 2, 3, 4, 1, 0 } : (uint32_t[]){ 2, 3, 1, 0 });
    return vkr_graph_node(g, &vkr_op_conv, &shape, (struct vkr_tensor *[]){ x, w, bias }, 3);
}
