/* sam2_synthetic.c: the published configurations (sam2/configs/sam2.1). */
#include "models/sam2_synthetic.h"

#include "models/sam2_encoder.h"
#include "models/sam2_keys.h"
#include "models/sam2_memory.h"
#include "models/sam_decoder.h"

#include <string.h>

static const struct configuration {
    const char *name;
    uint32_t width, stages[SAM2_STAGES], background;
} configurations[] = {
    { "medsam2", 96, { 1, 2, 7, 2 }, 7 },        { "sam2_hiera_t", 96, { 1, 2, 7, 2 }, 7 },
    { "sam2_hiera_s", 96, { 1, 2, 11, 2 }, 7 },  { "sam2_hiera_b", 112, { 2, 3, 16, 3 }, 14 },
    { "sam2_hiera_l", 144, { 2, 6, 36, 4 }, 7 },
};

static void list(const struct configuration *c, struct schema *schema)
{
    struct sam2_encoder encoder = { .width = c->width,
                                    .background = { c->background, c->background },
                                    .tile = 8,
                                    .channels = 256,
                                    .high = { 32, 64 },
                                    .stages = SAM2_STAGES };
    uint32_t width = c->width;
    for (uint32_t stage = 0; stage < SAM2_STAGES; stage++)
        for (uint32_t i = 0; i < c->stages[stage]; i++) {
            struct sam2_block *b = &encoder.blocks[encoder.depth++];
            *b = (struct sam2_block){ .inputs = width, .pool = stage > 0 && i == 0, .last = i + 1 == c->stages[stage] };
            width = b->outputs = b->pool ? 2 * width : width;
            b->hidden = 4 * width;
        }
    const struct sam_decoder decoder = { .channels = 256,
                                         .masks = 4,
                                         .depth = 2,
                                         .cross_inner = 128,
                                         .hidden = 2048,
                                         .hyper_depth = 3,
                                         .iou_depth = 3,
                                         .iou_hidden = 256,
                                         .mask_channels = 16,
                                         .score_depth = 3,
                                         .score_hidden = 256 };
    const struct sam2_memory memory = { .channels = 256,
                                        .width = 64,
                                        .layers = 4,
                                        .hidden = 2048,
                                        .steps = { 4, 16, 64, 256 },
                                        .mixers = 2,
                                        .mixer_hidden = 1024,
                                        .bank = { .frames = 7 } };
    sam2_encoder_tensors(&encoder, schema);
    sam_decoder_tensors(&decoder, schema);
    sam2_memory_tensors(&memory, schema);
    schema_add(schema, vkr_f32(3, 1, 1, 256), "no_mem_embed");
    schema_add(schema, vkr_f32(3, 1, 1, 256), "no_mem_pos_enc");
}

/* Elements depend on names, so those of the published files are used. */
void sam2_synthetic(const char *name, struct schema *schema)
{
    struct schema ours = { 0 };
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++)
        if (strcmp(configurations[i].name, name) == 0)
            list(&configurations[i], &ours);
    for (uint32_t i = 0; i < ours.count; i++) {
        char key[SCHEMA_KEY];
        sam2_key_published(NULL, ours.entries[i].name, 0, key, sizeof key);
        schema_add(schema, ours.entries[i].desc, "%s", key);
    }
    if (ours.error != VKS_OK)
        schema->error = ours.error;
    schema_free(&ours);
}
