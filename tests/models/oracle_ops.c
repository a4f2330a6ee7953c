/* oracle_ops.c: every operator case of shared/oracle/00_ops (PyTorch in double) through the public builders, with f32
 * and, where a product has weights, with f16 weights. VKS_SHARED names the folder; the program skips without it. */
#include "oracle_case.h"

#include "gpu/device.h"
#include "support/device.h"
#include "graph/plan.h"
#include "ops.h"

#include <math.h>

static struct vkr_device *device;
static char folder[1024];
static unsigned passed, skipped;

/* ---- operators --------------------------------------------------------------------------------------------------- */

static struct vkr_tensor *convolution(struct call *c, bool transposed)
{
    struct vkr_conv p = { .groups = (uint32_t)number(c, "groups", 1) };
    axes(c, "stride", 1, p.stride);
    axes(c, "padding", 0, p.pad);
    axes(c, "dilation", 1, p.dilation);
    axes(c, "output_padding", 0, p.output_pad);
    struct vkr_tensor *x = input(c, "x", true), *w = matrix(c, "w"), *b = vector(c, "b");
    return transposed ? vkr_conv_transpose(c->graph, x, w, b, &p) : vkr_conv(c->graph, x, w, b, &p);
}

/* (x - mean) / sqrt(var + eps) * w + b as x * scale + shift. */
static struct vkr_tensor *batch_norm(struct call *c)
{
    struct array mean = load(c, file_of(c, "inputs", "running_mean"));
    struct array var = load(c, file_of(c, "inputs", "running_var"));
    struct array scale = load(c, file_of(c, "inputs", "w")), shift = load(c, file_of(c, "inputs", "b"));
    for (uint32_t i = 0; i < scale.desc.dim[0]; i++) {
        double factor = scale.data[i] / sqrt((double)var.data[i] + number(c, "eps", 1e-5));
        scale.data[i] = (float)factor;
        shift.data[i] = (float)(shift.data[i] - mean.data[i] * factor);
    }
    vkr_free(mean.data);
    vkr_free(var.data);
    struct vkr_tensor *s = vkr_graph_param(c->graph, "scale", keep(c, scale, "scale", false)->desc);
    struct vkr_tensor *t = vkr_graph_param(c->graph, "shift", keep(c, shift, "shift", false)->desc);
    return vkr_add(c->graph, vkr_binary(c->graph, VKR_MUL, input(c, "x", true), s), t);
}

static struct vkr_tensor *activation(struct call *c)
{
    static const struct { const char *name; enum vkr_activation act; } table[] = {
        { "act_relu", VKR_ACT_RELU }, { "act_gelu_erf", VKR_ACT_GELU }, { "act_gelu_tanh", VKR_ACT_GELU_TANH },
        { "act_sigmoid", VKR_ACT_SIGMOID }, { "act_silu", VKR_ACT_SILU }, { "act_tanh", VKR_ACT_TANH },
        { "act_softplus", VKR_ACT_SOFTPLUS }, { "act_leaky_relu_001", VKR_ACT_LEAKY_RELU },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (named(c, "name", table[i].name))
            return vkr_unary(c->graph, input(c, "x", false), table[i].act);
    return NULL;
}

static struct vkr_tensor *heads_input(struct call *c, const char *name)
{
    struct array a = load(c, file_of(c, "inputs", name));
    reorder(&a, (uint32_t[]){ 0, 2, 1, 3 });
    a.desc = vkr_f32(3, a.desc.dim[0], a.desc.dim[1], a.desc.dim[2] * a.desc.dim[3]);
    return vkr_graph_input(c->graph, name, keep(c, a, name, true)->desc);
}

static struct vkr_tensor *attention_plain(struct call *c)
{
    const json_t *shape = json_object_get(file_of(c, "inputs", "q"), "shape");
    uint32_t dim = (uint32_t)json_integer_value(json_array_get(shape, 3));
    struct vkr_attention p = { .heads = (uint32_t)json_integer_value(json_array_get(shape, 1)), .head_dim = dim,
                               .scale = 1.0f / sqrtf((float)dim) };
    return vkr_attention(c->graph, heads_input(c, "q"), heads_input(c, "k"), heads_input(c, "v"), NULL, NULL, &p);
}

/* The table of relative positions for a grid of `size`, interpolated when it was made for another. */
static struct vkr_tensor *relative(struct call *c, const char *name, uint32_t size)
{
    struct vkr_tensor *table = vector(c, name);
    uint32_t rows = table->desc.dim[0], dim = table->desc.dim[1], wanted = 2 * size - 1;
    if (rows == wanted)
        return table;
    struct vkr_tensor *image = vkr_reshape(c->graph, table, vkr_f32(4, 1, rows, 1, dim));
    table = vkr_reshape(c->graph, vkr_resize(c->graph, image, (uint32_t[]){ 1, wanted, 1 }, VKR_LINEAR),
                        vkr_f32(2, wanted, dim));
    if (!c->half)                       /* the f16 run leaves it to be folded at load */
        vkr_graph_output(c->graph, table, name);
    return table;
}

/* x [B, h * w, C]; names: qkv weight and bias, projection weight and bias, tables of rows and columns. */
static struct vkr_tensor *self_attention(struct call *c, struct vkr_tensor *x, uint32_t h, uint32_t w,
                                         const char *const names[6])
{
    uint32_t heads = (uint32_t)number(c, "heads", 1), width = vkr_last(&x->desc), dim = width / heads;
    struct vkr_attention p = { .heads = heads, .head_dim = dim, .k_offset = width, .v_offset = 2 * width,
                               .scale = 1.0f / sqrtf((float)dim), .grid_h = h, .grid_w = w };
    struct vkr_tensor *qkv = vkr_matmul(c->graph, x, matrix(c, names[0]), vector(c, names[1]), NULL, VKR_ACT_NONE);
    struct vkr_tensor *rel_h = relative(c, names[4], h), *rel_w = relative(c, names[5], w);
    struct vkr_tensor *y = vkr_attention(c->graph, qkv, qkv, qkv, rel_h, rel_w, &p);
    return vkr_matmul(c->graph, y, matrix(c, names[2]), vector(c, names[3]), NULL, VKR_ACT_NONE);
}

static struct vkr_tensor *attention_relpos(struct call *c)
{
    static const char *const names[] = { "qkv_w", "qkv_b", "proj_w", "proj_b", "rel_pos_h", "rel_pos_w" };
    uint32_t h = (uint32_t)number(c, "H", 0), w = (uint32_t)number(c, "W", 0);
    struct vkr_tensor *x = input(c, "x", false);
    struct vkr_desc shape = x->desc;
    x = vkr_reshape(c->graph, x, vkr_f32(3, shape.dim[0], h * w, shape.dim[3]));
    return vkr_reshape(c->graph, self_attention(c, x, h, w, names), shape);
}

static struct vkr_tensor *vit_block(struct call *c)
{
    static const char *const names[] = { "attn_qkv_weight", "attn_qkv_bias", "attn_proj_weight", "attn_proj_bias",
                                         "attn_rel_pos_h", "attn_rel_pos_w" };
    struct vkr_graph *g = c->graph;
    uint32_t h = (uint32_t)number(c, "H", 0), w = (uint32_t)number(c, "W", 0), size = (uint32_t)number(c, "window", 0);
    float eps = (float)number(c, "ln_eps", 1e-6);
    struct vkr_tensor *x = input(c, "x", false);
    struct vkr_tensor *y = vkr_layer_norm(g, x, vector(c, "norm1_weight"), vector(c, "norm1_bias"), eps);
    y = self_attention(c, vkr_window(g, y, NULL, size), size, size, names);
    x = vkr_add(g, x, vkr_unwindow(g, y, x->desc.dim[0], h, w, size));
    y = vkr_layer_norm(g, x, vector(c, "norm2_weight"), vector(c, "norm2_bias"), eps);
    y = vkr_matmul(g, y, matrix(c, "mlp_lin1_weight"), vector(c, "mlp_lin1_bias"), NULL, VKR_ACT_GELU);
    return vkr_matmul(g, y, matrix(c, "mlp_lin2_weight"), vector(c, "mlp_lin2_bias"), x, VKR_ACT_NONE);
}

static struct vkr_tensor *interpolate(struct call *c)
{
    struct vkr_tensor *x = input(c, "x", true);
    enum vkr_resize_mode mode = named(c, "mode", "nearest")                 ? VKR_NEAREST
                                : named(c, "mode", "bicubic")               ? VKR_CUBIC
                                : json_is_true(param(c, "align_corners"))   ? VKR_LINEAR_ALIGN_CORNERS
                                                                            : VKR_LINEAR;
    uint32_t size[3];
    axes(c, "size", 0, size);
    if (named(c, "mode", "linear"))
        size[1] = (uint32_t)number(c, "size", 0), size[2] = 1;
    for (uint32_t i = 0; param(c, "scale_factor") && i < 3; i++)
        size[i] = (i ? x->desc.dim[x->desc.rank - 4 + i] : 1) * (uint32_t)number(c, "scale_factor", 1);
    return vkr_resize(c->graph, x, size, mode);
}

static struct vkr_tensor *pool(struct call *c, enum vkr_pool_kind kind)
{
    struct vkr_pool p = { .kind = kind };
    axes(c, "k", 0, p.window);
    axes(c, "s", 0, p.stride);
    axes(c, "p", 0, p.pad);
    return vkr_pool(c->graph, input(c, "x", true), &p);
}

static struct vkr_tensor *normalise(struct call *c, bool instances)
{
    struct vkr_tensor *x = input(c, "x", true);
    uint32_t groups = instances ? vkr_last(&x->desc) : (uint32_t)number(c, "groups", 1);
    return vkr_group_norm(c->graph, x, vector(c, "w"), vector(c, "b"), groups, (float)number(c, "eps", 1e-5));
}

enum layout { PLAIN, IMAGES, HEADS };

/* The result, or NULL when no builder does this operator. *layout: how y differs from the golden. */
static struct vkr_tensor *build(struct call *c, enum layout *layout)
{
    float eps = (float)number(c, "eps", 1e-5);
    *layout = IMAGES;
    if (named(c, "op", "conv2d") || named(c, "op", "conv3d"))
        return convolution(c, false);
    if (named(c, "op", "conv_transpose2d") || named(c, "op", "conv_transpose3d"))
        return convolution(c, true);
    if (named(c, "op", "layernorm2d"))
        return vkr_layer_norm(c->graph, input(c, "x", true), vector(c, "w"), vector(c, "b"), eps);
    if (named(c, "op", "batchnorm2d"))
        return batch_norm(c);
    if (named(c, "op", "interpolate"))
        return interpolate(c);
    if (named(c, "op", "maxpool2d"))
        return pool(c, VKR_POOL_MAX);
    if (named(c, "op", "avgpool"))
        return pool(c, VKR_POOL_AVERAGE);
    if (named(c, "op", "groupnorm") || named(c, "op", "instancenorm2d") || named(c, "op", "instancenorm3d"))
        return normalise(c, !named(c, "op", "groupnorm"));
    *layout = PLAIN;
    if (named(c, "op", "linear"))
        return vkr_matmul(c->graph, input(c, "x", false), matrix(c, "w"), vector(c, "b"), NULL, VKR_ACT_NONE);
    if (named(c, "op", "layernorm"))
        return vkr_layer_norm(c->graph, input(c, "x", false), vector(c, "w"), vector(c, "b"), eps);
    if (named(c, "op", "activation"))
        return activation(c);
    if (named(c, "op", "softmax"))
        return vkr_softmax(c->graph, input(c, "x", false));
    if (named(c, "op", "attention")) {
        *layout = HEADS;
        return attention_plain(c);
    }
    if (named(c, "op", "attention_relpos"))
        return attention_relpos(c);
    if (named(c, "op", "vit_block"))
        return vit_block(c);
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void compare(struct call *c, const char *name, const float *got, const float *golden, uint64_t count)
{
    const json_t *file = file_of(c, "outputs", name);
    double tolerance =
        json_number_value(json_object_get(json_object_get(file, c->half ? "tol_fp16" : "tol_fp32"), "max_abs"));
    double worst = 0;
    for (uint64_t i = 0; i < count; i++) {
        double error = fabs((double)got[i] - golden[i]);
        worst = error <= worst ? worst : error;         /* a NaN is kept */
    }
    if (!(worst <= tolerance))
        fail_msg("%s: worst error %g, tolerance %g", name, worst, tolerance);
}

/* Rh[q, k] is row q - k + size - 1 of the table that was interpolated on the device. */
static void check_table(struct call *c, struct vkr_plan *plan, const char *table, const char *golden_name)
{
    struct array golden = load(c, file_of(c, "outputs", golden_name));
    uint32_t size = golden.desc.dim[0], dim = golden.desc.dim[2];
    struct vkr_desc rows = vkr_f32(2, 2 * size - 1, dim);
    float *data = vkr_calloc(vkr_numel(&rows), sizeof *data);
    float *gathered = vkr_calloc(vkr_numel(&golden.desc), sizeof *data);
    assert_true(data && gathered);
    assert_int_equal(vkr_plan_read(plan, table, data, vkr_bytes(&rows)), VKS_OK);
    for (uint32_t q = 0; q < size; q++)
        for (uint32_t k = 0; k < size; k++)
            memcpy(gathered + (q * size + k) * dim, data + (q + size - 1 - k) * dim, dim * sizeof *data);
    compare(c, golden_name, gathered, golden.data, vkr_numel(&golden.desc));
    vkr_free(data);
    vkr_free(gathered);
    vkr_free(golden.data);
}

static void check(struct call *c, struct vkr_plan *plan, enum layout layout)
{
    struct array golden = load(c, file_of(c, "outputs", "y"));
    if (layout == IMAGES)
        to_channels_last(&golden);
    if (layout == HEADS)
        reorder(&golden, (uint32_t[]){ 0, 2, 1, 3 });
    uint64_t count = vkr_numel(&golden.desc);
    float *y = vkr_calloc(count, sizeof *y);
    assert_non_null(y);
    if (vkr_plan_read(plan, "y", y, count * sizeof *y) != VKS_OK)
        fail_msg("%s", vks_last_error());
    compare(c, "y", y, golden.data, count);
    vkr_free(y);
    vkr_free(golden.data);
    bool interpolated = strstr(json_string_value(json_object_get(c->json, "name")), "interp_") != NULL;
    if (!c->half && interpolated && file_of(c, "outputs", "Rh")) {
        check_table(c, plan, "rel_pos_h", "Rh");
        check_table(c, plan, "rel_pos_w", "Rw");
    }
}

static void run(struct call *c, struct vkr_tensor *y, enum layout layout)
{
    struct vkr_params *params = NULL;
    struct vkr_plan *plan = NULL;
    vkr_graph_output(c->graph, y, "y");
    vks_status status = vkr_params_create(device, &(struct vkr_params_source){ read_array, c }, &params);
    if (status == VKS_OK)
        status = vkr_plan_create(device, c->graph, params, &plan);
    for (uint32_t i = 0; i < c->count && status == VKS_OK; i++)
        if (c->arrays[i].input)
            status = vkr_plan_write(plan, c->arrays[i].name, c->arrays[i].data, vkr_bytes(&c->arrays[i].desc));
    if (status == VKS_OK)
        status = vkr_plan_run(plan, NULL);
    if (status != VKS_OK)
        fail_msg("%s", vks_last_error());
    check(c, plan, layout);
    vkr_plan_destroy(&plan);
    vkr_params_destroy(&params);
}

static void test_case(void **state)
{
    const struct call *given = *state;
    struct call c = *given;
    struct vkr_target target = { .caps = *vkr_device_caps(device), .options = *vkr_device_options(device) };
    enum layout layout;
    assert_int_equal(vkr_graph_create(&target, &c.graph), VKS_OK);
    struct vkr_tensor *y = build(&c, &layout);
    if (y)
        run(&c, y, layout);
    for (uint32_t i = 0; i < c.count; i++)
        vkr_free(c.arrays[i].data);
    vkr_graph_destroy(&c.graph);
    if (!y) {
        print_message("no builder does %s\n", json_string_value(json_object_get(c.json, "op")));
        skipped++;
        skip();
    }
    passed++;
}

static bool has_matrix(json_t *json)
{
    const char *op = json_string_value(json_object_get(json, "op"));
    return strncmp(op, "conv", 4) == 0 || strcmp(op, "linear") == 0 || strcmp(op, "attention_relpos") == 0 ||
           strcmp(op, "vit_block") == 0;
}

static int run_all(json_t *ops)
{
    size_t count = 0;
    bool half = (vkr_device_caps(device)->bits & VKR_CAP_F16) != 0;
    struct CMUnitTest *tests = calloc(2 * json_array_size(ops), sizeof *tests);
    struct call *calls = calloc(2 * json_array_size(ops), sizeof *calls);
    char(*names)[96] = calloc(2 * json_array_size(ops), sizeof *names);
    for (size_t i = 0; tests && calls && names && i < json_array_size(ops); i++)
        for (int precision = 0; precision < 2; precision++) {
            json_t *json = json_array_get(ops, i);
            if (precision == 1 && (!half || !has_matrix(json)))
                continue;
            calls[count] = (struct call){ .json = json, .half = precision == 1, .folder = folder };
            snprintf(names[count], sizeof *names, "%s %s", json_string_value(json_object_get(json, "name")),
                     precision ? "f16" : "f32");
            tests[count] = (struct CMUnitTest){ names[count], test_case, NULL, NULL, &calls[count] };
            count++;
        }
    int failed = _cmocka_run_group_tests("oracle 00_ops", tests, count, NULL, NULL);
    printf("oracle 00_ops: %u cases passed, %u skipped%s\n", passed, skipped, half ? "" : " (no f16 on this device)");
    free(tests);
    free(calls);
    free(names);
    return failed;
}

int main(int argc, char **argv)
{
    const char *shared = getenv("VKS_SHARED");
    char path[1100];
    struct vkr_options options = { 0 };
    snprintf(folder, sizeof folder, "%s/oracle/00_ops", shared ? shared : VKS_SHARED_DIR);
    snprintf(path, sizeof path, "%s/case.json", folder);
    json_t *root = json_load_file(path, 0, NULL);
    if (!root) {
        printf("oracle 00_ops: skipped, the goldens are absent (set VKS_SHARED)\n");
        return TEST_SKIPPED;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = 1;
    if (vkr_options_parse(&options, test_options()) == VKS_OK &&
        vkr_device_open(test_device(), &options, NULL, &device) == VKS_OK)
        failed = run_all(json_object_get(root, "ops"));
    else
        printf("oracle 00_ops: %s\n", vks_last_error());
    failed += vkr_validation_messages() != 0;
    vkr_device_release(&device);
    json_decref(root);
    return failed != 0;
}
