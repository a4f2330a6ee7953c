/* conv_transpose.c: transposed convolution. A kernel equal to its stride is a matmul whose result is interleaved; other
 * dense kernels are a matmul into columns that are then added up; grouped ones gather directly. */
#include "conv_shape.h"
#include "conv_transpose.h"

struct candidate { const struct conv_shape *shape; const struct vkr_desc *x; };

/* The columns are an extra tensor of taps * outputs floats per input position: the price of a real matmul. */
static bool fits_columns(const void *shape, const struct vkr_target *target)
{
    const struct candidate *c = shape;
    double elements = (double)vkr_rows(c->x) * conv_taps(c->shape) * c->shape->outputs;
    return c->shape->groups == 1 && elements < 2147483648.0 && elements * 4 <= (double)target->caps.max_binding;
}

enum { COLUMNS, GATHER, CHOICES };

static const struct vkr_choice choices[2][CHOICES] = {
    { { "conv_transpose_columns", "f32", 0, false, fits_columns },
      { "conv_transpose", "f32", 0, false, NULL } },
    { { "conv_transpose_columns", "f32", 0, false, fits_columns },
      { "conv_transpose", "f16", VKR_CAP_F16, false, NULL } },
};

/* in: x, w, bias; or, after a matmul: x (for its shape), columns, bias. */
static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct conv_shape *p = params;
    uint32_t space[3];
    VKS_REQUIRE(count == 3, VKS_ERR_INTERNAL, "conv_transpose takes x, w, bias");
    conv_space(&in[0], space);
    for (uint32_t i = 0; i < 3; i++)
        space[i] = (space[i] - 1) * p->stride[i] + p->dilation[i] * (p->kernel[i] - 1) + 1 + p->output_pad[i] -
                   2 * p->pad[i];
    *out = conv_result(&in[0], space, p->outputs);
    return VKS_OK;
}

static vks_status lower_conv_transpose(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in,
                                       uint32_t count, struct vkr_tensor *out)
{
    const struct conv_shape *p = params;
    const struct vkr_choice *choice = &choices[in[1]->desc.dtype == VKR_F16][p->choice];
    struct conv_args args = conv_arguments(p, &in[0]->desc, &out->desc, in[2]);
    struct vkr_dispatch dispatch = { .shader = choice->shader, .variant = choice->variant,
                                     .args = &args, .args_size = sizeof args };
    (void)count;
    if (p->choice == GATHER)
        dispatch.bind[dispatch.bind_count++] = in[0];
    dispatch.bind[dispatch.bind_count++] = in[1];
    dispatch.bind[dispatch.bind_count++] = in[2] ? in[2] : in[0];
    dispatch.writes = 1u << dispatch.bind_count;
    dispatch.bind[dispatch.bind_count++] = out;
    vkr_spread(vkr_lower_target(lower), vkr_groups(vkr_numel(&out->desc), CONV_TRANSPOSE_LOCAL), dispatch.groups);
    return vkr_emit(lower, &dispatch);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    const struct conv_shape *p = params;
    (void)count;
    if (p->choice == COLUMNS)
        return (double)vkr_rows(&in[0]) * conv_taps(p) * p->outputs;
    return 2.0 * (double)vkr_numel(&in[0]) * conv_taps(p) * (vkr_last(out) / p->groups);
}

const struct vkr_op vkr_op_conv_transpose = { "conv_transpose", sizeof(struct conv_shape), infer, lower_conv_transpose,
                                              cost };

/* [C, O, taps..] -> [taps * O, C] */
static struct vkr_tensor *column_weight(struct vkr_graph *g, struct vkr_tensor *w, const struct conv_shape *shape)
{
    uint32_t channels = w->desc.dim[0], taps = conv_taps(shape);
    struct vkr_desc flat = { w->desc.dtype, 3, { channels, shape->outputs, taps } };
    struct vkr_desc matrix = { w->desc.dtype, 2, { taps * shape->outputs, channels } };
    return vkr_reshape(g, vkr_permute(g, vkr_reshape(g, w, flat), (uint32_t[]){ 2, 1, 0 }), matrix);
}

/* Each input position becomes a block of the output: x · wᵀ, then the taps of each axis go beside the positions, unless
 * the blocks are to stay together. */
static struct vkr_tensor *blocks(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w,
                                 struct vkr_tensor *bias, const struct conv_shape *shape, bool together)
{
    uint32_t space[3], out[3], batch = x->desc.dim[0], taps = conv_taps(shape), n = shape->outputs;
    const uint32_t *k = shape->kernel;
    conv_space(&x->desc, space);
    for (uint32_t i = 0; i < 3; i++)
        out[i] = space[i] * k[i];
    struct vkr_desc result = conv_result(&x->desc, out, n);
    if (bias && taps > 1)
        bias = vkr_reshape(g, vkr_broadcast(g, bias, vkr_f32(2, taps, n)), vkr_f32(1, taps * n));
    struct vkr_tensor *y = conv_matmul(g, x, column_weight(g, w, shape), bias, shape->act);
    if (together)
        return vkr_reshape(g, y, conv_result(&x->desc, space, taps * n));
    uint64_t block = (uint64_t)k[1] * k[2] * n;
    y = conv_swap(g, y, (uint64_t)batch * space[0], space[1] * space[2], k[0], block);
    y = conv_swap(g, y, (uint64_t)batch * out[0] * space[1], space[2], k[1], block / k[1]);
    return vkr_reshape(g, y, result);
}

static struct vkr_tensor *alone(struct vkr_graph *g, const void *data, struct vkr_tensor *const *in)
{
    return vkr_conv_transpose(g, in[0], in[1], in[2], data);
}

struct vkr_tensor *vkr_conv_transpose(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w,
                                      struct vkr_tensor *bias, const struct vkr_conv *params)
{
    const struct vkr_desc operands[3] = { x->desc, w->desc, bias ? bias->desc : (struct vkr_desc){ 0 } };
    struct conv_shape shape;
    vks_status status = conv_describe("conv_transpose", true, &operands[0], &operands[1], &operands[2], params, &shape);
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (conv_is_tiling(&shape))
        return blocks(g, x, w, bias, &shape, params->in_blocks);
    if (params->in_blocks)
        return vkr_graph_fail(g, vks_fail(VKS_ERR_ARGUMENT, "conv_transpose: only kernels equal to their stride make blocks"));
    struct vkr_call call = conv_call("conv_transpose", true, &shape, operands, params);
    call.list = choices[w->desc.dtype == VKR_F16];
    call.count = call.rivals = CHOICES;
    call.shape = &(struct candidate){ &shape, &x->desc };
    call.alone = alone;
    status = vkr_choose_call(vkr_graph_target(g), &call, &shape.choice, &(uint32_t){ 0 });
    if (status != VKS_OK)
        return vkr_graph_fail(g, status);
    if (shape.choice == COLUMNS)
        w = vkr_matmul(g, x, column_weight(g, w, &shape), NULL, NULL, VKR_ACT_NONE);
    else
        w = vkr_permute(g, w, w->desc.rank == 5 ? (uint32_t[]){ 2, 3, 4, 0, 1 } : (uint32_t[]){ 2, 3, 0, 1 });
    return vkr_graph_node(g, &vkr_op_conv_transpose, &shape, (struct vkr_tensor *[]){ x, w, bias }, 3);
}
