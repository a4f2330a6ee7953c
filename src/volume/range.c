/* range.c: order statistics of a volume without sorting it: floats compare as integers do once the sign is folded, and two
 * counts of 16 bits each find any of them exactly. */
#include "volume/geometry.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { BINS = 65536 };

static double value_at(const vks_volume *volume, size_t i)
{
    switch (volume->type) {
    case VKS_PIXEL_U8:
        return ((const uint8_t *)volume->voxels)[i];
    case VKS_PIXEL_U16:
        return ((const uint16_t *)volume->voxels)[i];
    case VKS_PIXEL_I16:
        return ((const int16_t *)volume->voxels)[i];
    case VKS_PIXEL_F32:
        break;
    }
    return (double)((const float *)volume->voxels)[i];
}

/* The bits of a positive float: they grow with it. */
static uint32_t key_of(double value)
{
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

struct counts { uint64_t high[BINS], low[BINS]; };   /* by the upper 16 bits; by the lower, of one upper */

/* The value with `rank` smaller ones before it, among those above 0. */
static double positive_of_rank(const vks_volume *volume, size_t count, struct counts *counts, uint64_t rank)
{
    uint32_t high = 0, low = 0;
    while (rank >= counts->high[high])
        rank -= counts->high[high++];
    memset(counts->low, 0, sizeof counts->low);
    for (size_t i = 0; i < count; i++) {
        const double value = value_at(volume, i);
        if (value > 0 && isfinite(value) && key_of(value) >> 16 == high)
            counts->low[key_of(value) & 0xffff]++;
    }
    while (rank >= counts->low[low])
        rank -= counts->low[low++];
    const uint32_t bits = high << 16 | low;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double percentile(const vks_volume *volume, size_t count, struct counts *counts, uint64_t positive, double percent)
{
    const double place = percent / 100 * (double)(positive - 1), below = floor(place);
    const double a = positive_of_rank(volume, count, counts, (uint64_t)below);
    if (place == below)
        return a;
    return a + (positive_of_rank(volume, count, counts, (uint64_t)below + 1) - a) * (place - below);
}

vks_status vks_volume_get_range(const vks_volume *volume, double low_percent, double high_percent, vks_volume_range *out)
{
    struct counts *counts;
    VKS_TRY(vkr_alloc(1, sizeof *counts, "a histogram", (void **)&counts));
    const size_t count = (size_t)volume->size[0] * volume->size[1] * volume->size[2] * volume->channels;
    bool is_any = false;
    *out = (vks_volume_range){ .least = 0 };
    for (size_t i = 0; i < count; i++) {
        const double value = value_at(volume, i);
        if (!isfinite(value))
            continue;
        out->least = is_any ? fmin(out->least, value) : value;
        out->most = is_any ? fmax(out->most, value) : value;
        is_any = true;
        if (value > 0) {
            counts->high[key_of(value) >> 16]++;
            out->positive++;
        }
    }
    if (out->positive > 0) {
        out->low = percentile(volume, count, counts, out->positive, low_percent);
        out->high = percentile(volume, count, counts, out->positive, high_percent);
    }
    vkr_free(counts);
    return VKS_OK;
}
