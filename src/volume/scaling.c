/* scaling.c: limits by rank; the volume itself is never reordered. */
#include "volume/scaling.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* The element of rank `rank` (0: smallest) of values[0..count), which is left partly ordered: everything before that
 * position is at most, everything behind it at least that. */
static float select_rank(float *values, size_t count, size_t rank)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            float swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        /* values[low..j] <= pivot <= values[j + 1..high] */
        j = values[j] > pivot ? j - 1 : j;
        if (rank <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[rank];
}

/* Between ranks floor(p) and floor(p) + 1. */
static float interpolated_rank(float *values, size_t count, double p)
{
    size_t below = (size_t)floor(p);
    float a = select_rank(values, count, below);
    if (below + 1 >= count)
        return a;
    float b = select_rank(values, count, below + 1);
    return (float)((double)a + ((double)b - (double)a) * (p - (double)below));
}

static vks_status quantiles(const struct volume_scaling *scaling, const float *voxels, size_t count, float *low,
                            float *high)
{
    float *copy;
    VKS_TRY(vkr_alloc(count, sizeof *copy, "quantiles", (void **)&copy));
    memcpy(copy, voxels, count * sizeof *copy);
    if (scaling->kind == VOLUME_QUANTILE) {
        size_t from = (size_t)floor((double)count * scaling->lower), to = (size_t)ceil((double)count * scaling->upper);
        *low = select_rank(copy, count, from < count ? from : count - 1);
        *high = select_rank(copy, count, to > 0 ? to - 1 : 0);
    } else {
        *low = interpolated_rank(copy, count, scaling->lower * (double)(count - 1));
        *high = interpolated_rank(copy, count, scaling->upper * (double)(count - 1));
    }
    vkr_free(copy);
    return VKS_OK;
}

vks_status volume_scale_limits(const struct volume_scaling *scaling, const float *voxels, size_t count, float *low,
                               float *high)
{
    VKS_REQUIRE(count > 0, VKS_ERR_ARGUMENT, "the volume has no voxel");
    float least = voxels[0], most = voxels[0];
    for (size_t i = 0; i < count; i++) {
        VKS_REQUIRE(isfinite(voxels[i]), VKS_ERR_ARGUMENT, "voxel %zu of the volume is not a finite number", i);
        least = voxels[i] < least ? voxels[i] : least;
        most = voxels[i] > most ? voxels[i] : most;
    }
    *low = least;
    *high = most;
    if (scaling->kind != VOLUME_MINMAX)
        VKS_TRY(quantiles(scaling, voxels, count, low, high));
    VKS_REQUIRE(*low < *high, VKS_ERR_ARGUMENT,
                "the volume's intensities do not differ where the model scales them: "
                "what should become 0 and what should become 1 are both %g",
                (double)*low);
    return VKS_OK;
}

void volume_scale(float *voxels, size_t count, float low, float high)
{
    float range = high - low;
    for (size_t i = 0; i < count; i++)
        voxels[i] = (voxels[i] - low) / range;
}
