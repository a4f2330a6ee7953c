/* tiny.h: a SAM checkpoint of toy size, made in memory, with an image and prompts for it. The tests of this folder need no
 * file: the weights are a counter-based pseudo-random function of name and position, so every run sees the same ones. */
#ifndef TINY_H
#define TINY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/device.h"
#include "vkseg/vkseg.h"

#define assert_ok(expression) \
    do { \
        if ((expression) != VKS_OK) \
            fail_msg("%s: %s", #expression, vks_last_error()); \
    } while (0)

/* `word` must be in the sentence: the user is told what was wrong. */
#define assert_refused(status, word, expression) \
    do { \
        vks_status got_ = (expression); \
        if (got_ != (status) || !strstr(vks_last_error(), (word))) \
            fail_msg("%s: expected %s with \"%s\", got %s: %s", #expression, vks_status_name(status), (word), \
                     vks_status_name(got_), vks_last_error()); \
    } while (0)

enum {
    TINY_SIDE = 64,             /* image side the encoder sees */
    TINY_GRID = TINY_SIDE / 16,
    TINY_WIDTH = 32,            /* encoder width, 2 heads */
    TINY_DEPTH = 2,             /* block 0 with windows of 3, block 1 global */
    TINY_DECODER = 64,          /* decoder width, 8 heads */
    TINY_LOW = 4 * TINY_GRID,   /* side of the low-res logits */
    TINY_IMAGE_WIDTH = 50,
    TINY_IMAGE_HEIGHT = 40
};

/* ---- the checkpoint, as .safetensors bytes ------------------------------------------------------------------- */

struct tiny_file {
    char *header;
    float *data;
    size_t header_size, header_room, count, room;       /* count, room: elements of data */
};

static inline float tiny_random(uint64_t *state)        /* splitmix64, -1..1 */
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (float)((double)(int64_t)(z >> 40) / 8388608.0 - 1.0);
}

/* One tensor of `center` + `spread` * random; dims end with 0. */
static inline void tiny_tensor(struct tiny_file *file, const char *name, float center, float spread, const uint32_t *dims)
{
    size_t elements = 1;
    char shape[80] = "";
    for (const uint32_t *d = dims; *d; d++) {
        elements *= *d;
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), d == dims ? "%u" : ",%u", *d);
    }
    if (file->header_size + strlen(name) + 256 > file->header_room) {
        file->header_room = file->header_room * 2 + 4096;
        file->header = realloc(file->header, file->header_room);
    }
    if (file->count + elements > file->room) {
        file->room = (file->count + elements) * 2;
        file->data = realloc(file->data, file->room * sizeof *file->data);
    }
    assert_non_null(file->header);
    assert_non_null(file->data);
    file->header_size += (size_t)snprintf(file->header + file->header_size, file->header_room - file->header_size,
                                          "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                                          file->header_size ? ',' : '{', name, shape, file->count * 4,
                                          (file->count + elements) * 4);
    uint64_t state = 0xcbf29ce484222325u;               /* FNV-1a of the name */
    for (const char *c = name; *c; c++)
        state = (state ^ (unsigned char)*c) * 0x100000001b3u;
    for (size_t i = 0; i < elements; i++)
        file->data[file->count++] = center + spread * tiny_random(&state);
}

#define TINY(file, center, spread, name, ...) \
    tiny_tensor((file), (name), (center), (spread), (const uint32_t[]){ __VA_ARGS__, 0 })

static inline const char *tiny_name(char name[200], const char *prefix, const char *suffix)
{
    int written = snprintf(name, 200, "%s.%s", prefix, suffix);
    assert_in_range(written, 1, 199);
    return name;
}

static inline void tiny_linear(struct tiny_file *file, const char *prefix, uint32_t out, uint32_t in)
{
    char name[200];
    float spread = 1.2f / (in > 60 ? 4.0f : in > 30 ? 3.0f : 2.0f);
    TINY(file, 0, spread, tiny_name(name, prefix, "weight"), out, in);
    TINY(file, 0, 0.2f, tiny_name(name, prefix, "bias"), out);
}

static inline void tiny_norm(struct tiny_file *file, const char *prefix, uint32_t width)
{
    char name[200];
    TINY(file, 1, 0.3f, tiny_name(name, prefix, "weight"), width);
    TINY(file, 0, 0.2f, tiny_name(name, prefix, "bias"), width);
}

static inline void tiny_attention(struct tiny_file *file, const char *prefix, uint32_t width, uint32_t inner)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    char name[200];
    for (int i = 0; i < 3; i++)
        tiny_linear(file, tiny_name(name, prefix, parts[i]), inner, width);
    tiny_linear(file, tiny_name(name, prefix, "out_proj"), width, inner);
}

static inline void tiny_encoder(struct tiny_file *file)
{
    enum { C = TINY_WIDTH, D = TINY_DECODER };
    char block[100], name[200];
    TINY(file, 0, 0.5f, "image_encoder.pos_embed", 1, TINY_GRID, TINY_GRID, C);
    TINY(file, 0, 0.06f, "image_encoder.patch_embed.proj.weight", C, 3, 16, 16);
    TINY(file, 0, 0.2f, "image_encoder.patch_embed.proj.bias", C);
    for (uint32_t i = 0; i < TINY_DEPTH; i++) {
        uint32_t table = i == 0 ? 2 * 3 - 1 : 2 * TINY_GRID - 1;
        snprintf(block, sizeof block, "image_encoder.blocks.%u", i);
        tiny_norm(file, tiny_name(name, block, "norm1"), C);
        TINY(file, 0, 0.3f, tiny_name(name, block, "attn.rel_pos_h"), table, C / 2);
        TINY(file, 0, 0.3f, tiny_name(name, block, "attn.rel_pos_w"), table, C / 2);
        tiny_linear(file, tiny_name(name, block, "attn.qkv"), 3 * C, C);
        tiny_linear(file, tiny_name(name, block, "attn.proj"), C, C);
        tiny_norm(file, tiny_name(name, block, "norm2"), C);
        tiny_linear(file, tiny_name(name, block, "mlp.lin1"), 4 * C, C);
        tiny_linear(file, tiny_name(name, block, "mlp.lin2"), C, 4 * C);
    }
    TINY(file, 0, 0.3f, "image_encoder.neck.0.weight", D, C, 1, 1);
    tiny_norm(file, "image_encoder.neck.1", D);
    TINY(file, 0, 0.07f, "image_encoder.neck.2.weight", D, D, 3, 3);
    tiny_norm(file, "image_encoder.neck.3", D);
}

static inline void tiny_prompts(struct tiny_file *file)
{
    enum { D = TINY_DECODER };
    char name[200];
    TINY(file, 0, 1.7f, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", 2, D / 2);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "prompt_encoder.point_embeddings.%d.weight", i);
        TINY(file, 0, 1, name, 1, D);
    }
    TINY(file, 0, 1, "prompt_encoder.not_a_point_embed.weight", 1, D);
    TINY(file, 0, 1, "prompt_encoder.no_mask_embed.weight", 1, D);
    TINY(file, 0, 1, "prompt_encoder.mask_downscaling.0.weight", 2, 1, 2, 2);
    TINY(file, 0, 0.2f, "prompt_encoder.mask_downscaling.0.bias", 2);
    tiny_norm(file, "prompt_encoder.mask_downscaling.1", 2);
    TINY(file, 0, 0.8f, "prompt_encoder.mask_downscaling.3.weight", 8, 2, 2, 2);
    TINY(file, 0, 0.2f, "prompt_encoder.mask_downscaling.3.bias", 8);
    tiny_norm(file, "prompt_encoder.mask_downscaling.4", 8);
    TINY(file, 0, 0.8f, "prompt_encoder.mask_downscaling.6.weight", D, 8, 1, 1);
    TINY(file, 0, 0.2f, "prompt_encoder.mask_downscaling.6.bias", D);
}

static inline void tiny_decoder(struct tiny_file *file)
{
    enum { D = TINY_DECODER };
    char layer[100], name[200];
    for (int i = 0; i < 2; i++) {
        snprintf(layer, sizeof layer, "mask_decoder.transformer.layers.%d", i);
        tiny_attention(file, tiny_name(name, layer, "self_attn"), D, D);
        tiny_attention(file, tiny_name(name, layer, "cross_attn_token_to_image"), D, D / 2);
        tiny_attention(file, tiny_name(name, layer, "cross_attn_image_to_token"), D, D / 2);
        tiny_linear(file, tiny_name(name, layer, "mlp.lin1"), 96, D);
        tiny_linear(file, tiny_name(name, layer, "mlp.lin2"), D, 96);
        for (int n = 1; n <= 4; n++) {
            char norm[8];
            snprintf(norm, sizeof norm, "norm%d", n);
            tiny_norm(file, tiny_name(name, layer, norm), D);
        }
    }
    tiny_attention(file, "mask_decoder.transformer.final_attn_token_to_image", D, D / 2);
    tiny_norm(file, "mask_decoder.transformer.norm_final_attn", D);
    TINY(file, 0, 1, "mask_decoder.iou_token.weight", 1, D);
    TINY(file, 0, 1, "mask_decoder.mask_tokens.weight", 4, D);
    TINY(file, 0, 0.3f, "mask_decoder.output_upscaling.0.weight", D, D / 4, 2, 2);
    TINY(file, 0, 0.2f, "mask_decoder.output_upscaling.0.bias", D / 4);
    tiny_norm(file, "mask_decoder.output_upscaling.1", D / 4);
    TINY(file, 0, 0.6f, "mask_decoder.output_upscaling.3.weight", D / 4, D / 8, 2, 2);
    TINY(file, 0, 0.2f, "mask_decoder.output_upscaling.3.bias", D / 8);
    for (int m = 0; m < 4; m++) {
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "mask_decoder.output_hypernetworks_mlps.%d.layers.%d", m, i);
            tiny_linear(file, name, i < 2 ? D : D / 8, D);
        }
    }
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "mask_decoder.iou_prediction_head.layers.%d", i);
        tiny_linear(file, name, i < 2 ? 48 : 4, i == 0 ? D : 48);
    }
}

/* malloc'ed; `size` bytes. */
static inline unsigned char *tiny_checkpoint(size_t *size)
{
    struct tiny_file file = { 0 };
    tiny_encoder(&file);
    tiny_prompts(&file);
    tiny_decoder(&file);
    file.header_size += (size_t)snprintf(file.header + file.header_size, file.header_room - file.header_size, "}");
    while (file.header_size % 8)
        file.header[file.header_size++] = ' ';
    *size = 8 + file.header_size + file.count * sizeof(float);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)file.header_size >> (8 * i));
    memcpy(bytes + 8, file.header, file.header_size);
    memcpy(bytes + 8 + file.header_size, file.data, file.count * sizeof(float));
    free(file.header);
    free(file.data);
    return bytes;
}

/* ---- using it ------------------------------------------------------------------------------------------------ */

static inline int tiny_usable(void)
{
    vks_device_info *devices = NULL;
    size_t count = 0;
    vks_status status = vks_devices_list(&devices, &count);
    int usable = status == VKS_OK && count > 0 && devices[0].usable;
    vks_devices_free(&devices);
    return usable;
}

/* Of a test, not of a setup: skips it on machines without a device. */
static inline void tiny_need(void)
{
    if (!tiny_usable()) {
        print_message("skipped: no usable Vulkan device\n");
        skip();
    }
}

/* The test device, under the validation layer where it is installed. */
static inline vks_status tiny_context(vks_context **context)
{
    const vks_context_params params = { .struct_size = sizeof params,
                                        .device = test_device(),
                                        .options = test_options() };
    return vks_context_create(&params, context);
}

static inline vks_status tiny_load(vks_context *context, vks_model **model)
{
    const vks_model_params params = { .struct_size = sizeof params, .family = "sam", .precision = VKS_PRECISION_F32 };
    size_t size;
    unsigned char *bytes = tiny_checkpoint(&size);
    vks_status status = vks_model_load_memory(context, bytes, size, &params, model);
    free(bytes);
    return status;
}

static inline vks_image tiny_image(uint8_t pixels[TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH * 3])
{
    for (int y = 0; y < TINY_IMAGE_HEIGHT; y++)
        for (int x = 0; x < TINY_IMAGE_WIDTH; x++)
            for (int c = 0; c < 3; c++)
                pixels[(y * TINY_IMAGE_WIDTH + x) * 3 + c] =
                    (uint8_t)((x * (4 + c) + y * 3 + ((x - 20) * (x - 20) + (y - 18) * (y - 18) < 90 ? 120 : 0)) & 255);
    return (vks_image){ .pixels = pixels,
                        .type = VKS_PIXEL_U8,
                        .width = TINY_IMAGE_WIDTH,
                        .height = TINY_IMAGE_HEIGHT,
                        .channels = 3 };
}

struct tiny_result {
    uint32_t foreground;
    float iou, logits[TINY_LOW * TINY_LOW];
};

static inline vks_status tiny_decode(vks_session *session, struct tiny_result *result)
{
    const vks_prompt prompts[] = {
        { .kind = VKS_PROMPT_POINT, .x0 = 20, .y0 = 18, .label = 1 },
        { .kind = VKS_PROMPT_BOX, .x0 = 8, .y0 = 6, .x1 = 33, .y1 = 30 },
    };
    vks_masks *masks = NULL;
    vks_status status = vks_session_predict(session, prompts, 2, 0, &masks);
    if (status != VKS_OK)
        return status;
    assert_int_equal(masks->objects, 1);
    assert_int_equal(masks->masks_per_object, 1);
    assert_int_equal(masks->width, TINY_IMAGE_WIDTH);
    assert_int_equal(masks->height, TINY_IMAGE_HEIGHT);
    assert_int_equal(masks->logits_width, TINY_LOW);
    assert_int_equal(masks->logits_height, TINY_LOW);
    memset(result, 0, sizeof *result);
    result->iou = masks->iou[0];
    memcpy(result->logits, masks->logits, sizeof result->logits);
    for (int i = 0; i < TINY_IMAGE_WIDTH * TINY_IMAGE_HEIGHT; i++)
        result->foreground += masks->mask[i];
    vks_masks_free(&masks);
    return VKS_OK;
}

static inline vks_status tiny_predict(vks_session *session, struct tiny_result *result)
{
    uint8_t pixels[TINY_IMAGE_HEIGHT * TINY_IMAGE_WIDTH * 3];
    const vks_image image = tiny_image(pixels);
    vks_status status = vks_session_set_image(session, &image);
    return status == VKS_OK ? tiny_decode(session, result) : status;
}

#endif
