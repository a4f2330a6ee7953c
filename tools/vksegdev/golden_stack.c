/* golden_stack.c: a case whose input is a stack of slices, followed by a family with a memory. Arrays are sub-sampled
 * evenly: the step is what makes the golden's size of ours. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"
#include "base/npy.h"
#include "image/prepare.h"

#include <stdio.h>
#include <string.h>

struct stack {
    struct golden *golden;
    uint8_t *pixels; /* [slices, height, width] */
    uint32_t slices, height, width;
};

/* A result [height, width, channels] against a golden of fewer rows and columns. */
static vks_status compare_grid(struct golden *golden, const char *name, const char *path, const float *got,
                               const uint32_t shape[3], bool nchw)
{
    const json_t *dims = json_object_get(golden_find(golden, name, NULL), "shape");
    size_t rank = json_array_size(dims);
    if (rank < 3)
        return VKS_OK;
    uint32_t height = (uint32_t)json_integer_value(json_array_get(dims, nchw ? rank - 2 : rank - 3));
    const struct golden_region region = { 0, shape[0], 0, shape[1], height ? shape[0] / height : 1 };
    return golden_compare_region(golden, name, path, got, shape, region, nchw);
}

/* The same for a dumped tensor [.., H, W, C]. */
static vks_status compare_dump(struct golden *golden, const char *name, const char *stage, const char *path, bool nchw)
{
    char file[512];
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    snprintf(file, sizeof file, "%s.%s.npy", stage, path);
    vks_status status = golden_array_read(golden->temporary, file, &got);
    VKS_REQUIRE(status != VKS_ERR_NOT_FOUND, VKS_ERR_CHECK, "%s is not marked by this family", path);
    VKS_TRY(status);
    VKS_REQUIRE(got.desc.rank >= 3, VKS_ERR_CHECK, "%s is no grid", path);
    status = compare_grid(golden, name, path, got.data, got.desc.dim + got.desc.rank - 3, nchw);
    golden_array_free(&got);
    return status;
}

static vks_status set_slice(struct stack *stack, uint32_t slice)
{
    const vks_image image = { .pixels = stack->pixels + (size_t)slice * stack->height * stack->width,
                              .type = VKS_PIXEL_U8,
                              .width = stack->width,
                              .height = stack->height,
                              .channels = 1 };
    return vks_session_set_image(stack->golden->session, &image);
}

/* The goldens of the encoder are of slice 1. */
static vks_status compare_pixels(struct stack *stack)
{
    enum { FROM = 200, SIZE = 64 };
    const vks_image image = { .pixels = stack->pixels + (size_t)stack->height * stack->width,
                              .type = VKS_PIXEL_U8,
                              .width = stack->width,
                              .height = stack->height,
                              .channels = 1 };
    struct prepared prepared = { 0 };
    float crop[SIZE * SIZE * 3];
    VKS_TRY(prepare(&stack->golden->model->network->image, &image, &prepared));
    bool large = prepared.side >= FROM + SIZE;
    for (uint32_t y = 0; large && y < SIZE; y++)
        memcpy(crop + (size_t)y * SIZE * 3, prepared.pixels + ((size_t)(FROM + y) * prepared.side + FROM) * 3,
               SIZE * 3 * sizeof *crop);
    prepared_free(&prepared);
    return large ? golden_compare(stack->golden, "model_input_crop", "pixels", crop, SIZE * SIZE * 3, true) : VKS_OK;
}

static vks_status compare_encoder(struct stack *stack)
{
    struct golden *golden = stack->golden;
    static const struct {
        const char *name, *path;
    } pyramid[] = {
        { "fpn0_sub", "mask_decoder.conv_s0" },
        { "fpn1_sub", "mask_decoder.conv_s1" },
        { "fpn2_sub", "image_encoder.neck.2" },
    };
    VKS_TRY(compare_pixels(stack));
    VKS_TRY(compare_dump(golden, "patch_embed_sub", "encode", "image_encoder.trunk.patch_embed", false));
    VKS_TRY(compare_dump(golden, "pos_embed_sub", "encode", "image_encoder.trunk.pos_embed", false));
    for (unsigned i = 0; i < 64; i++) {
        char name[64], path[128];
        snprintf(name, sizeof name, "block%u_sub", i);
        snprintf(path, sizeof path, "image_encoder.trunk.blocks.%u", i);
        VKS_TRY(compare_dump(golden, name, "encode", path, false));
    }
    for (size_t i = 0; i < sizeof pyramid / sizeof *pyramid; i++)
        VKS_TRY(compare_dump(golden, pyramid[i].name, "encode", pyramid[i].path, true));
    if (golden->summary.half) { /* a rounded copy of what fpn2_sub samples, with a tolerance for f32 alone */
        golden_give(golden, "fpn2_f16");
        return VKS_OK;
    }
    return compare_dump(golden, "fpn2_f16", "encode", "image_encoder.neck.2", true);
}

static vks_status run(struct stack *stack)
{
    VKS_TRY(set_slice(stack, 1));
    VKS_TRY(compare_encoder(stack));
    return VKS_OK;
}

bool golden_is_stack(const struct golden *golden)
{
    return json_object_get(json_array_get(json_object_get(golden->json, "prompts"), 0), "frame") != NULL;
}

vks_status golden_stack(struct golden *golden)
{
    const char *file = json_string_value(json_object_get(json_object_get(golden->json, "input"), "file"));
    struct stack stack = { .golden = golden };
    char path[1024];
    struct vkr_desc desc;
    snprintf(path, sizeof path, "%s/%s", golden->folder, file);
    VKS_TRY(vkr_npy_read(path, &desc, (void **)&stack.pixels));
    stack.slices = desc.dim[0];
    stack.height = desc.dim[1];
    stack.width = desc.dim[2];
    bool fits = desc.dtype == VKR_U8 && desc.rank == 3 && desc.dim[0] >= 2;
    vks_status status = fits ? run(&stack) : vks_fail(VKS_ERR_CORRUPT, "%s is no stack of 8-bit slices", path);
    vkr_free(stack.pixels);
    return status;
}
