/* generated.h: a generated MedSAM2 at 64 x 64 and pictures for it. */
#ifndef TESTS_API_GENERATED_H
#define TESTS_API_GENERATED_H

#include <stdint.h>

#include "support/device.h"
#include "vkseg/vkseg.h"

/* 0, or 1 as for cmocka: vks_last_error() says what went wrong. */
static inline int open_generated(vks_context **context, vks_model **model)
{
    const vks_context_params where = { .struct_size = sizeof where,
                                       .device = test_device(),
                                       .options = test_options() };
    const vks_model_params what = { .struct_size = sizeof what, .options = "image_size=64" };
    return vks_context_create(&where, context) != VKS_OK ||
           vks_model_load(*context, "synthetic:medsam2", &what, model) != VKS_OK;
}

/* A bright disc about (x, y) on a dark ground, both a little uneven. */
static inline void paint_disc(uint8_t *pixels, int side, int x, int y)
{
    for (int i = 0; i < side * side; i++) {
        int dx = i % side - x, dy = i / side - y;
        pixels[i] = (uint8_t)(dx * dx + dy * dy < 90 ? 200 - i % 7 : 40 + i % 11);
    }
}

#endif
