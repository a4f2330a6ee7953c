/* sam_synthetic.c: the published configurations (segment_anything/build_sam.py), and a small one for tests. */
#include "models/sam_synthetic.h"

#include "models/sam_decoder.h"
#include "models/sam_encoder.h"

#include <string.h>

static const struct configuration {
    const char *name;
    uint32_t width, depth, heads, window;
    uint64_t global;                    /* bit i: block i attends globally */
    uint32_t grid, channels, decoder_hidden, iou_hidden, mask_channels, adapter;
} configurations[] = {
    { "sam_vit_b", 768, 12, 12, 14, 1u << 2 | 1u << 5 | 1u << 8 | 1u << 11, 64, 256, 2048, 256, 16, 0 },
    { "sam_vit_l", 1024, 24, 16, 14, 1u << 5 | 1u << 11 | 1u << 17 | 1u << 23, 64, 256, 2048, 256, 16, 0 },
    { "sam_vit_h", 1280, 32, 16, 14, 1u << 7 | 1u << 15 | 1u << 23 | 1ull << 31, 64, 256, 2048, 256, 16, 0 },
    { "medsam", 768, 12, 12, 14, 1u << 2 | 1u << 5 | 1u << 8 | 1u << 11, 64, 256, 2048, 256, 16, 0 },
    { "sam_mini", 48, 3, 2, 5, 1u << 2, 8, 64, 96, 48, 8, 0 },
    { "sam_med2d", 768, 12, 12, 14, 1u << 2 | 1u << 5 | 1u << 8 | 1u << 11, 16, 256, 2048, 256, 16, 192 },
    { "sam_med2d_mini", 48, 2, 2, 5, 1u << 1, 8, 64, 96, 48, 8, 12 },
};

void sam_synthetic(const char *name, struct schema *schema)
{
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        const struct configuration *c = &configurations[i];
        if (strcmp(c->name, name) != 0)
            continue;
        struct sam_encoder encoder = { .width = c->width, .depth = c->depth, .heads = c->heads, .hidden = 4 * c->width,
                                       .patch = 16, .grid = c->grid, .channels = c->channels,
                                       .adapter = c->adapter };
        for (uint32_t k = 0; k < c->depth; k++)
            encoder.blocks[k].table_h = encoder.blocks[k].table_w = 2 * (c->global >> k & 1 ? c->grid : c->window) - 1;
        const struct sam_decoder decoder = { .channels = c->channels, .masks = 4, .depth = 2, .cross_inner = c->channels / 2,
                                             .hidden = c->decoder_hidden, .hyper_depth = 3, .iou_depth = 3,
                                             .iou_hidden = c->iou_hidden, .mask_channels = c->mask_channels };
        sam_encoder_tensors(&encoder, schema);
        sam_decoder_tensors(&decoder, schema);
    }
}
