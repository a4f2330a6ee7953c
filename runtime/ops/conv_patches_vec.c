/* conv_patches_vec.c: convolution of few channels in the cpu class: patches, which may overlap, gathered into the rows of a
 * matmul. A row's terms lie as those of conv_patch_weight() do, filled up with zeros on both sides. */
#include "conv_shape.h"

uint64_t conv_patch_row(const struct conv_shape *shape, const struct vkr_desc *x)
{
    return ((uint64_t)conv_taps(shape) * vkr_last(x) + 7) / 8 * 8;
}

/* ---- rows filled up with zeros: the operand of a kernel, or weights --------------------------------------------------- */

vks_status conv_emit_pad(struct vkr_lower *lower, const struct vkr_tensor *x, const struct vkr_tensor *y)
{
    struct conv_pad_args args = { y ? (uint32_t)vkr_numel(&y->desc) : 0, vkr_last(&x->desc), y ? vkr_last(&y->desc) : 1 };
    struct vkr_dispatch dispatch = { .shader = "conv_pad", .variant = x->desc.dtype == VKR_F16 ? "f16" : "f32",
                                     .bind = { x, y }, .bind_count = 2, .writes = 1u << 1, .args = &args,
                                     .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), vkr_groups(args.count, CONV_LOCAL), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

struct pad_params { uint32_t columns; };

static vks_status pad_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    VKS_REQUIRE(count == 1, VKS_ERR_INTERNAL, "conv_pad takes rows");
    *out = in[0];
    out->dim[out->rank - 1] = ((const struct pad_params *)params)->columns;
    return VKS_OK;
}

static vks_status pad_lower(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                            struct vkr_tensor *out)
{
    (void)params, (void)count;
    return conv_emit_pad(lower, in[0], out);
}

static const struct vkr_op op_conv_pad = { "conv_pad", sizeof(struct pad_params), pad_infer, pad_lower, NULL };

/* ---- patches that overlap, in the cpu class --------------------------------------------------------------------------- */

static vks_status gather_infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    VKS_REQUIRE(count == 1, VKS_ERR_INTERNAL, "conv_patches takes x");
    *out = vkr_f32(2, (uint32_t)conv_positions(params, &in[0]), (uint32_t)conv_patch_row(params, &in[0]));
    return VKS_OK;
}

static vks_status gather_lower(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                               struct vkr_tensor *out)
{
    const struct conv_shape *p = params;
    const struct vkr_desc *x = &in[0]->desc;
    uint32_t from[3], to[3];
    (void)count;
    conv_space(x, from);
    conv_result_space(p, x, to);
    struct conv_patches_args args = {
        .rows = x->dim[0] * to[0] * to[1], .terms = conv_taps(p) * vkr_last(x), .texels = vkr_last(&out->desc) / 4,
        .channels = vkr_last(x), .in_d = from[0], .in_h = from[1], .in_w = from[2],
        .out_d = to[0], .out_h = to[1], .out_w = to[2], .kernel_h = p->kernel[1], .kernel_w = p->kernel[2],
        .stride_d = p->stride[0], .stride_h = p->stride[1], .stride_w = p->stride[2],
        .pad_d = p->pad[0], .pad_h = p->pad[1], .pad_w = p->pad[2],
        .dilation_d = p->dilation[0], .dilation_h = p->dilation[1], .dilation_w = p->dilation[2],
    };
    struct vkr_dispatch dispatch = { .shader = "conv_patches", .variant = "f32", .bind = { in[0], out }, .bind_count = 2,
                                     .writes = 1u << 1, .texels = 1, .images = 1, .args = &args, .args_size = sizeof args };
    vkr_spread(vkr_lower_target(lower), (uint64_t)args.rows * vkr_groups(args.texels, CONV_LANES), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static const struct vkr_op op_conv_patches = { "conv_patches", sizeof(struct conv_shape), gather_infer, gather_lower, NULL };

struct vkr_tensor *conv_gathered(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *bias,
                                 const struct conv_shape *shape)
{
    struct pad_params row = { (uint32_t)conv_patch_row(shape, &x->desc) };
    uint32_t space[3];
    conv_result_space(shape, &x->desc, space);
    struct vkr_desc result = conv_result(&x->desc, space, shape->outputs);
    w = conv_patch_weight(g, w, shape);
    if (vkr_last(&w->desc) != row.columns)
        w = vkr_graph_node(g, &op_conv_pad, &row, &w, 1);
    struct vkr_tensor *rows = vkr_graph_node(g, &op_conv_patches, shape, &x, 1);
    return vkr_reshape(g, conv_matmul(g, rows, w, bias, shape->act), result);
}
