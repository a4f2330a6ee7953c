/* layer_norm.c: host half of layer normalisation over the last dimension. (torch.nn.functional.layer_norm) */
#include "graph/op.h"
#include "ops.h"

#include "layer_norm.h"
#include "row_panels.h"

struct params { float eps; uint32_t panels; };  /* panels: the result is in the row panels of matmul_vec */

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 3 && in[0].dtype == VKR_F32 && in[0].rank >= 1, VKS_ERR_SHAPE, "layer_norm: x must be f32 of rank 1 to 5");
    VKS_REQUIRE((in[1].dtype == VKR_NONE) == (in[2].dtype == VKR_NONE), VKS_ERR_ARGUMENT,
                "layer_norm: weight and bias come together or not at all");
    for (uint32_t i = 1; i < 3 && in[i].dtype != VKR_NONE; i++)
        VKS_REQUIRE(in[i].dtype == VKR_F32 && in[i].rank == 1 && in[i].dim[0] == vkr_last(&in[0]), VKS_ERR_SHAPE,
                    "layer_norm: weight and bias must be f32 [%u], not %s", vkr_last(&in[0]), VKR_SHAPE(&in[i]));
    *out = in[0];
    if (p->panels)
        *out = vkr_f32(5, 1, vkr_groups(vkr_rows(&in[0]), 8), vkr_last(&in[0]) / 4, 8, 4);
    return VKS_OK;
}

const struct vkr_choice vkr_layer_norm_choices[] = {
    { "layer_norm_vec", "f32", VKR_CAP_VEC8, true, vkr_fits_texels },
    { "layer_norm", "f32", 0, false, NULL },
};
const uint32_t vkr_layer_norm_choice_count = 2;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    uint32_t rows = (uint32_t)vkr_rows(&in[0]->desc), choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "layer_norm", vkr_layer_norm_choices, vkr_layer_norm_choice_count, &in[0]->desc, &choice));
    struct layer_norm_args args = { .rows = rows, .cols = vkr_last(&in[0]->desc), .affine = in[1] != NULL, .eps = p->eps,
                                    .panels = p->panels };
    struct vkr_dispatch d = { .shader = vkr_layer_norm_choices[choice].shader, .variant = "f32",
        .bind = { in[0], in[1] ? in[1] : in[0], in[2] ? in[2] : in[0], out }, .bind_count = 4, .writes = 1u << 3,
        .texels = choice == 0 ? 7u : 0u, .args = &args, .args_size = sizeof args };
    vkr_spread(target, choice == 0 ? vkr_groups(rows, LAYER_NORM_VEC_ROWS) : rows, d.groups);
    return vkr_emit(l, &d);
}

static double cost(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out)
{
    (void)params;
    (void)in;
    (void)count;
    return 8.0 * (double)vkr_numel(out);
}

const struct vkr_op vkr_op_layer_norm = { "layer_norm", sizeof(struct params), infer, lower, cost };

struct vkr_tensor *vkr_layer_norm(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *w, struct vkr_tensor *b, float eps)
{
    return vkr_graph_node(g, &vkr_op_layer_norm, &(struct params){ .eps = eps }, (struct vkr_tensor *[]){ x, w, b }, 3);
}

struct vkr_tensor *layer_norm_in_panels(struct vkr_graph *g, const struct vkr_tensor *x, const void *params,
                                        const struct vkr_desc *input)
{
    struct params twin = *(const struct params *)params;
    uint32_t choice;
    if (vkr_choose(vkr_graph_target(g), "layer_norm", vkr_layer_norm_choices, vkr_layer_norm_choice_count, input,
                   &choice) != VKS_OK || choice != 0)
        return NULL;
    twin.panels = 1;
    return vkr_graph_twin(g, x, &twin);
}
