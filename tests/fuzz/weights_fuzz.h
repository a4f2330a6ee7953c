/* weights_fuzz.h: opens bytes as a checkpoint and reads all of it; stops at what must never happen. */
#ifndef WEIGHTS_FUZZ_H
#define WEIGHTS_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

/* Stays on in release builds, unlike assert. */
#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static inline void read_all(const struct weights *weights)
{
    for (uint32_t i = 0; i < weights_count(weights); i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        uint64_t count = vkr_numel(&entry->desc);
        MUST(weights_find(weights, entry->name) == entry);
        weights_release(weights, entry);
        if (count > 1 << 16)                            /* a view that repeats itself */
            continue;
        float *values = malloc(count ? count * sizeof *values : 1);
        MUST(values);
        MUST(weights_read(weights, entry, VKR_F32, values) == VKS_OK);
        MUST(weights_read(weights, entry, VKR_F16, values) == VKS_OK);
        free(values);
    }
}

static inline void open_and_read(const uint8_t *data, size_t size)
{
    struct weights *weights;
    vks_status status = weights_open_memory(data, size, &weights);
    if (status != VKS_OK) {
        MUST(status == VKS_ERR_MODEL && !weights && *vks_last_error());
        return;
    }
    read_all(weights);
    weights_close(&weights);
}

#endif
