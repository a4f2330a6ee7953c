/* window.c: host half of window partition and its inverse (segment_anything/modeling/image_encoder.py does the same with
 * pad, view and permute). */
#include "graph/op.h"
#include "ops.h"

#include "window.h"
#include "window_view.h"

#include <string.h>

struct params { uint32_t size, inverse, batch, height, width; };

struct vkr_desc window_view_shape(const struct vkr_desc *grid, uint32_t size)
{
    return vkr_f32(3, grid->dim[0] * vkr_groups(grid->dim[1], size) * vkr_groups(grid->dim[2], size), size * size, grid->dim[3]);
}

static vks_status infer(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out)
{
    const struct params *p = params;
    VKS_REQUIRE(count == 2 && in[0].dtype == VKR_F32 && p->size > 0, VKS_ERR_ARGUMENT, "window: x must be f32 and size positive");
    if (p->inverse) {
        uint32_t rows = vkr_groups(p->height, p->size), cols = vkr_groups(p->width, p->size);
        VKS_REQUIRE(in[0].rank == 3 && in[0].dim[0] == p->batch * rows * cols && in[0].dim[1] == p->size * p->size, VKS_ERR_SHAPE,
                    "unwindow: %s is no partition of %u x %u x %u into windows of %u", VKR_SHAPE(&in[0]), p->batch, p->height,
                    p->width, p->size);
        *out = vkr_f32(4, p->batch, p->height, p->width, in[0].dim[2]);
        return VKS_OK;
    }
    VKS_REQUIRE(in[0].rank == 4, VKS_ERR_SHAPE, "window: x must be [B, H, W, C], not %s", VKR_SHAPE(&in[0]));
    VKS_REQUIRE(in[1].dtype == VKR_NONE || (in[1].dtype == VKR_F32 && in[1].rank == 1 && in[1].dim[0] == in[0].dim[3]), VKS_ERR_SHAPE,
                "window: fill must be f32 [%u], not %s", in[0].dim[3], VKR_SHAPE(&in[1]));
    *out = window_view_shape(&in[0], p->size);
    return VKS_OK;
}

/* Partition and inverse are the same list; lower() puts "un" in front. */
const struct vkr_choice vkr_window_choices[] = {
    { "window", "part_vec", VKR_CAP_VEC8, true, vkr_fits_texels },
    { "window", "part_x4", 0, false, vkr_fits_fours },
    { "window", "part_f32", 0, false, NULL },
};
const uint32_t vkr_window_choice_count = 3;

static vks_status lower(struct vkr_lower *l, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out)
{
    static const char *const inverse[] = { "unpart_vec", "unpart_x4", "unpart_f32" };
    const struct params *p = params;
    const struct vkr_target *target = vkr_lower_target(l);
    const struct vkr_desc *grid = p->inverse ? &out->desc : &in[0]->desc;
    const struct vkr_desc *larger = p->inverse ? &in[0]->desc : &out->desc;
    uint32_t choice;
    (void)count;
    VKS_TRY(vkr_choose(target, "window", vkr_window_choices, vkr_window_choice_count, larger, &choice));
    struct window_args args = { .height = grid->dim[1], .width = grid->dim[2], .size = p->size,
        .rows = vkr_groups(grid->dim[1], p->size), .cols = vkr_groups(grid->dim[2], p->size),
        .channels = grid->dim[3] / (choice < 2 ? 4 : 1), .tokens = (uint32_t)vkr_rows(&out->desc), .fill = in[1] != NULL };
    struct vkr_dispatch d = { .shader = "window", .variant = p->inverse ? inverse[choice] : vkr_window_choices[choice].variant,
        .bind = { in[0], in[1] ? in[1] : in[0], out }, .bind_count = 3, .writes = 1u << 2, .texels = choice == 0 ? 3u : 0u,
        .args = &args, .args_size = sizeof args };
    vkr_spread(target, args.tokens, d.groups);
    return vkr_emit(l, &d);
}

const struct vkr_op vkr_op_window = { "window", sizeof(struct params), infer, lower, NULL };

struct vkr_tensor *vkr_window(struct vkr_graph *g, struct vkr_tensor *x, struct vkr_tensor *fill, uint32_t size)
{
    return vkr_graph_node(g, &vkr_op_window, &(struct params){ .size = size }, (struct vkr_tensor *[]){ x, fill }, 2);
}

struct vkr_tensor *vkr_unwindow(struct vkr_graph *g, struct vkr_tensor *x, uint32_t batch, uint32_t height, uint32_t width,
                                uint32_t size)
{
    struct params params = { size, 1, batch, height, width };
    struct vkr_tensor *made = attention_on_grid(g, x, &(struct window_grid){ size, batch, height, width });
    return made ? made : vkr_graph_node(g, &vkr_op_window, &params, (struct vkr_tensor *[]){ x, NULL }, 2);
}

bool window_view_of(const struct vkr_graph *graph, const struct vkr_tensor *x, struct window_view *out)
{
    const void *params;
    struct vkr_desc input;
    const struct params *p;
    if (vkr_graph_producer(graph, x, &params, &input) != &vkr_op_window)
        return false;
    p = params;
    const struct vkr_desc shape = window_view_shape(&input, p->size);
    if (p->inverse || x->desc.rank != shape.rank || memcmp(x->desc.dim, shape.dim, sizeof shape.dim) != 0)
        return false;
    *out = (struct window_view){ vkr_graph_operand(graph, x, 0), vkr_graph_operand(graph, x, 1), p->size,
                                  input.dim[1] % p->size != 0 || input.dim[2] % p->size != 0 };
    return true;
}
