/* golden_stack.c: a case whose input is a stack of slices, followed by a family with a memory. Arrays are sub-sampled
 * evenly: the step is what makes the golden's size of ours. */
#include "golden.h"

#include "api/follow.h"
#include "base/mem.h"
#include "base/npy.h"
#include "image/prepare.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SLICES = 16 };

struct stack {
    struct golden *golden;
    uint8_t *pixels; /* [slices, height, width] */
    uint32_t slices, height, width;
    float *features[MOST_SLICES][FAMILY_FEATURES]; /* of slices already encoded: scenarios share them */
};

/* A dumped tensor [.., H, W, C] against a golden of fewer rows and columns. */
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
    status = golden_compare_grid(golden, name, path, got.data, got.desc.dim + got.desc.rank - 3, nchw);
    golden_array_free(&got);
    return status;
}

static vks_image slice_image(const struct stack *stack, uint32_t slice)
{
    return (vks_image){ .pixels = stack->pixels + (size_t)slice * stack->height * stack->width,
                        .type = VKS_PIXEL_U8,
                        .width = stack->width,
                        .height = stack->height,
                        .channels = 1 };
}

/* The goldens of the encoder are of slice 1. */
static vks_status compare_pixels(struct stack *stack)
{
    enum { FROM = 200, SIZE = 64 };
    const vks_image image = slice_image(stack, 1);
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

/* The position of each cell, a constant of the network. */
static vks_status compare_position(struct golden *golden)
{
    static const char name[] = "image_encoder.position";
    const struct network *network = golden->model->network;
    const uint32_t shape[3] = { network->grid, network->grid, network->channels };
    const struct vkr_desc desc = vkr_f32(3, shape[0], shape[1], shape[2]);
    float *values;
    VKS_TRY(vkr_alloc((size_t)vkr_numel(&desc), sizeof *values, name, (void **)&values));
    vks_status status = family_read(golden->model->network, name, &desc, values);
    if (status == VKS_OK)
        status = golden_compare_grid(golden, "vision_pos_enc2_sub", name, values, shape, true);
    vkr_free(values);
    return status;
}

/* ---- slices ------------------------------------------------------------------------------------------------- */

static size_t feature_size(const struct network *network, uint32_t feature)
{
    return (size_t)vkr_bytes(&network->features[feature].desc);
}

static vks_status keep_features(struct stack *stack, const vks_session *session, uint32_t slice)
{
    const struct network *network = session->model->network;
    for (uint32_t i = 0; i < network->feature_count; i++) {
        size_t size = feature_size(network, i);
        VKS_TRY(vkr_alloc(1, size, "features", (void **)&stack->features[slice][i]));
        VKS_TRY(vkr_slot_read(session->slots[i], stack->features[slice][i], size));
    }
    return VKS_OK;
}

static vks_status set_slice(struct stack *stack, vks_tracker *tracker, uint32_t slice)
{
    const struct network *network = stack->golden->model->network;
    if (stack->features[slice][0]) {
        for (uint32_t i = 0; i < network->feature_count; i++)
            VKS_TRY(vkr_slot_write(tracker->session->slots[i], stack->features[slice][i], feature_size(network, i)));
        session_set_size(tracker->session, stack->width, stack->height);
        tracker->slice = slice;
        tracker->ready = tracker->session->ready = true;
        return VKS_OK;
    }
    const vks_image image = slice_image(stack, slice);
    VKS_TRY(vks_tracker_set_slice(tracker, slice, &image));
    return keep_features(stack, tracker->session, slice);
}

/* ---- scenarios ---------------------------------------------------------------------------------------------- */

struct scenario {
    struct stack *stack;
    vks_tracker *tracker;
    const char *id;
};

static const char *join(const struct scenario *s, uint32_t slice, const char *name, char text[64])
{
    snprintf(text, 64, "%s_f%u_%s", s->id, slice, name);
    return text;
}

/* A small dumped tensor, the first `skip` values left out. */
static vks_status compare_values(struct golden *golden, const char *name, const char *path, size_t skip, size_t count)
{
    char file[256];
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    snprintf(file, sizeof file, "decode.%s.npy", path);
    VKS_TRY(golden_array_read(golden->temporary, file, &got));
    vks_status status = VKS_OK;
    if (skip + count <= vkr_numel(&got.desc))
        status = golden_compare(golden, name, path, got.data + skip, count, false);
    golden_array_free(&got);
    return status;
}

/* Masks `first` .. `first + count - 1` of the last decoder run, every second row and column. */
static vks_status compare_masks(struct golden *golden, const char *name, uint32_t first, uint32_t count)
{
    static const char path[] = "mask_decoder.masks";
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    VKS_TRY(golden_array_read(golden->temporary, "decode.mask_decoder.masks.npy", &got));
    const uint32_t low = vkr_last(&got.desc);
    float *to = got.data;
    for (size_t m = first; m < first + count; m++)
        for (size_t y = 0; y < low; y += 2)
            for (size_t x = 0; x < low; x += 2)
                *to++ = got.data[(m * low + y) * low + x];
    vks_status status = golden_compare(golden, name, path, got.data, (uint64_t)(to - got.data), false);
    golden_array_free(&got);
    return status;
}

/* Every 17th cell. */
static vks_status compare_recalled(struct golden *golden, const char *name)
{
    enum { STEP = 17 };
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    VKS_TRY(golden_array_read(golden->temporary, "recall.memory_attention.norm.npy", &got));
    const size_t cells = (size_t)vkr_rows(&got.desc), channels = vkr_last(&got.desc);
    size_t kept = 0;
    for (size_t i = 0; i < cells; i += STEP)
        memmove(got.data + channels * kept++, got.data + i * channels, channels * sizeof *got.data);
    vks_status status = golden_compare(golden, name, "memory_attention.norm", got.data, kept * channels, false);
    golden_array_free(&got);
    return status;
}

/* Before what is added for an object that is not there, and before rounding. */
static vks_status compare_memory(const struct scenario *s, const char *name)
{
    struct golden *golden = s->stack->golden;
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    VKS_TRY(golden_array_read(golden->temporary, "remember.memory_encoder.npy", &got));
    vks_status status = golden_compare_grid(golden, name, "memory_encoder", got.data, got.desc.dim + got.desc.rank - 3, true);
    golden_array_free(&got);
    return status;
}

static vks_status compare_video(struct golden *golden, const char *name, const vks_masks *masks)
{
    size_t count = (size_t)masks->width * masks->height;
    float *values;
    VKS_TRY(vkr_alloc(count, sizeof *values, "a mask", (void **)&values));
    for (size_t i = 0; i < count; i++)
        values[i] = masks->mask[i];
    vks_status status = golden_compare(golden, name, "masks", values, count, false);
    vkr_free(values);
    return status;
}

/* What a slice left behind. */
static vks_status compare_entry(const struct scenario *s, uint32_t slice, const vks_masks *masks)
{
    struct golden *golden = s->stack->golden;
    const struct network *network = golden->model->network;
    const struct bank_entry *entry = &s->tracker->banks[0].entries[slice];
    char name[64];
    VKS_TRY(compare_memory(s, join(s, slice, "memory", name)));
    VKS_TRY(
        golden_compare(golden, join(s, slice, "obj_ptr", name), "obj_ptr", entry->pointer, network->channels, false));
    const uint32_t shape[3] = { network->low, network->low, 1 };
    VKS_TRY(golden_compare_grid(golden, join(s, slice, "lowres", name), "logits", entry->logits, shape, true));
    return compare_video(golden, join(s, slice, "video_mask", name), masks);
}

static vks_status compare_sparse(const struct scenario *s, const json_t *box)
{
    struct golden *golden = s->stack->golden;
    char name[64];
    snprintf(name, sizeof name, "%s_prompt_sparse", s->id);
    const struct network *network = golden->model->network;
    struct finish_size size = golden->session->size;
    struct prompt_point points[2];
    float rows[3 * 4096];
    for (size_t i = 0; i < 2; i++)
        points[i] = (struct prompt_point){
            json_number_value(json_array_get(box, 2 * i)) * size.resized_width / size.width,
            json_number_value(json_array_get(box, 2 * i + 1)) * size.resized_height / size.height,
            i ? PROMPT_BOTTOM_RIGHT : PROMPT_TOP_LEFT,
        };
    const struct prompt_object object = { .points = points, .count = 2, .box = true };
    if (!golden_find(golden, name, NULL) || network->family->tokens(network, &object) != 3 || network->channels > 4096)
        return VKS_OK;
    network->family->embed(network, &object, rows);
    return golden_compare(golden, name, "prompt_encoder", rows, 3 * (uint64_t)network->channels, false);
}

static vks_status give_hint(const struct scenario *s, const json_t *prompt, vks_masks **masks)
{
    struct golden *golden = s->stack->golden;
    const json_t *box = json_object_get(prompt, "box");
    const char *file = json_string_value(json_object_get(prompt, "mask_file"));
    struct golden_array mask = { 0 };
    vks_prompt hint = { .kind = VKS_PROMPT_BOX };
    float *const corners[] = { &hint.x0, &hint.y0, &hint.x1, &hint.y1 };
    if (file) {
        VKS_TRY(golden_array_read(golden->folder, file, &mask));
        golden_give(golden, "mask_prompt");
        hint = (vks_prompt){ .kind = VKS_PROMPT_MASK,
                             .logits = mask.data,
                             .logits_width = s->stack->width,
                             .logits_height = s->stack->height };
    } else {
        VKS_TRY(compare_sparse(s, box));
        for (size_t i = 0; i < 4; i++)
            *corners[i] = (float)json_number_value(json_array_get(box, i));
    }
    vks_status status = vks_tracker_prompt(s->tracker, &hint, 1, masks);
    golden_array_free(&mask);
    return status;
}

static vks_status compare_hint(const struct scenario *s, uint32_t slice, const vks_masks *masks)
{
    struct golden *golden = s->stack->golden;
    char name[64];
#define OWN(text) (snprintf(name, sizeof name, "%s_prompt_%s", s->id, text), name)
    VKS_TRY(compare_masks(golden, OWN("decoder_masks"), 0, 1));
    VKS_TRY(compare_values(golden, OWN("decoder_iou"), "mask_decoder.iou", 0, 1));
    VKS_TRY(compare_values(golden, OWN("obj_score"), "mask_decoder.object_score", 0, 1));
    VKS_TRY(compare_video(golden, OWN("video_mask"), masks));
#undef OWN
    return compare_entry(s, slice, masks);
}

static vks_status compare_followed(const struct scenario *s, uint32_t slice, const vks_masks *masks)
{
    struct golden *golden = s->stack->golden;
    const uint32_t candidates = golden->model->network->masks - 1;
    char name[64];
    VKS_TRY(compare_recalled(golden, join(s, slice, "memattn", name)));
    VKS_TRY(compare_masks(golden, join(s, slice, "dec_masks", name), 1, candidates));
    VKS_TRY(compare_values(golden, join(s, slice, "dec_iou", name), "mask_decoder.iou", 1, candidates));
    VKS_TRY(compare_values(golden, join(s, slice, "obj_score", name), "mask_decoder.object_score", 0, 1));
    return compare_entry(s, slice, masks);
}

static vks_status run_slice(const struct scenario *s, const json_t *prompt, uint32_t slice, bool first)
{
    vks_masks *masks = NULL;
    VKS_REQUIRE(slice < s->stack->slices, VKS_ERR_CORRUPT, "case.json: frame %u is not of the stack", slice);
    VKS_TRY(set_slice(s->stack, s->tracker, slice));
    if (first)
        VKS_TRY(give_hint(s, prompt, &masks));
    else
        VKS_TRY(vks_tracker_follow(s->tracker, json_is_true(json_object_get(prompt, "reverse")), &masks));
    vks_status status = first ? compare_hint(s, slice, masks) : compare_followed(s, slice, masks);
    vks_masks_free(&masks);
    return status;
}

static vks_status run_scenario(struct stack *stack, const json_t *prompt)
{
    struct scenario s = { .stack = stack, .id = json_string_value(json_object_get(prompt, "id")) };
    json_t *order = json_object_get(prompt, "frames_in_order"), *item;
    size_t i;
    VKS_REQUIRE(s.id, VKS_ERR_CORRUPT, "case.json: a prompt without id");
    VKS_TRY(vks_tracker_create(stack->golden->model, NULL, stack->slices, &s.tracker));
    vks_status status = VKS_OK;
    json_array_foreach(order, i, item)
    {
        if (status == VKS_OK)
            status = run_slice(&s, prompt, (uint32_t)json_integer_value(item), i == 0);
    }
    vks_tracker_destroy(&s.tracker);
    return status;
}

static vks_status run(struct stack *stack)
{
    const vks_image image = slice_image(stack, 1);
    json_t *prompts = json_object_get(stack->golden->json, "prompts"), *prompt;
    size_t i;
    VKS_TRY(vks_session_set_image(stack->golden->session, &image));
    VKS_TRY(keep_features(stack, stack->golden->session, 1));
    VKS_TRY(compare_encoder(stack));
    VKS_TRY(compare_position(stack->golden));
    if (json_object_get(stack->golden->json, "stills"))
        VKS_TRY(golden_prompts(stack->golden));
    json_array_foreach(prompts, i, prompt)
    {
        VKS_TRY(run_scenario(stack, prompt));
    }
    const struct golden_slices slices = { stack->pixels, stack->slices, stack->height, stack->width };
    return golden_steps(stack->golden, &slices);
}

bool golden_is_stack(const struct golden *golden)
{
    return json_object_get(golden->json, "steps") ||
           json_object_get(json_array_get(json_object_get(golden->json, "prompts"), 0), "frame");
}

vks_status golden_stack(struct golden *golden)
{
    const char *file = json_string_value(json_object_get(json_object_get(golden->json, "input"), "file"));
    struct stack stack = { .golden = golden };
    char path[1024];
    struct vkr_desc desc;
    snprintf(path, sizeof path, "%s/%s", golden->folder, file);
    VKS_TRY(vkr_npy_read(path, &desc, (void **)&stack.pixels));
    golden_give(golden, "volume");
    stack.slices = desc.dim[0];
    stack.height = desc.dim[1];
    stack.width = desc.dim[2];
    bool fits = desc.dtype == VKR_U8 && desc.rank == 3 && desc.dim[0] >= 2 && desc.dim[0] <= MOST_SLICES;
    vks_status status = fits ? run(&stack) : vks_fail(VKS_ERR_CORRUPT, "%s is no stack of 8-bit slices", path);
    for (uint32_t i = 0; i < MOST_SLICES; i++)
        for (uint32_t k = 0; k < FAMILY_FEATURES; k++)
            vkr_free(stack.features[i][k]);
    vkr_free(stack.pixels);
    return status;
}
