/* volume_fuzz.h: opens bytes as a volume and uses all of it; stops at what must never happen. */
#ifndef VOLUME_FUZZ_H
#define VOLUME_FUZZ_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vkseg/vkseg_io.h"

/* Stays on in release builds, unlike assert. */
#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static inline void label_like(const vks_io_volume *volume)
{
    char path[64];
    const size_t count = (size_t)volume->view.size[0] * volume->view.size[1] * volume->view.size[2];
    if (count > 1 << 16)
        return;
    uint8_t *labels = calloc(count, 1);
    MUST(labels);
    labels[count / 2] = 7;
    const vks_label_map map = { labels, VKS_PIXEL_U8, { volume->view.size[0], volume->view.size[1], volume->view.size[2] }, NULL, 0 };
    vks_io_volume back;
    snprintf(path, sizeof path, "/tmp/vkseg-fuzz-%d.nii", (int)getpid());
    MUST(vks_io_write_labels(path, &map, volume, 1) == VKS_OK);
    MUST(vks_io_read_volume(path, NULL, &back) == VKS_OK);
    MUST(memcmp(back.view.voxels, labels, count) == 0);
    vks_io_volume_free(&back);
    remove(path);
    free(labels);
}

static inline void use_volume(vks_io_volume *volume)
{
    char codes[4];
    const vks_volume *view = &volume->view;
    const size_t count = (size_t)view->size[0] * view->size[1] * view->size[2] * view->channels;
    MUST(count > 0);
    float *values = malloc(count * sizeof *values);
    MUST(values);
    vks_volume_floats(view, values);
    free(values);
    vks_volume_orientation((const double (*)[4])view->affine, codes);
    MUST(strcmp(codes, "???") != 0);
    for (int c = 0; c < 3; c++)
        MUST(isfinite(view->spacing[c]) && view->spacing[c] > 0);
    label_like(volume);
    vks_io_volume_free(volume);
}

static inline void open_volume(const uint8_t *data, size_t size, int has_index)
{
    const vks_io_volume_params params = { .struct_size = sizeof params, .has_index = has_index, .index = size ? data[size - 1] % 3u : 0 };
    vks_io_volume volume = { .owned = NULL };
    if (size == 0)
        return;
    const vks_status status = vks_io_read_volume_memory(data, size, &params, &volume);
    if (status != VKS_OK) {
        MUST((status == VKS_ERR_CORRUPT || status == VKS_ERR_ARGUMENT || status == VKS_ERR_HOST_MEMORY) && *vks_last_error());
        MUST(!volume.owned);
        return;
    }
    const vks_volume *view = &volume.view;
    MUST((size_t)view->size[0] * view->size[1] * view->size[2] * view->channels <= 1032 * (uint64_t)size + 131072);
    use_volume(&volume);
}

#endif
