/* scaling.h: intensities of a whole volume to about 0..1, as networks were trained. Nothing is clipped. */
#ifndef VKS_SCALING_H
#define VKS_SCALING_H

#include "base/status.h"

enum volume_scaling_kind {
    VOLUME_MINMAX,
    VOLUME_QUANTILE,                /* low = sorted[floor(lower N)], high = sorted[ceil(upper N) - 1] */
    VOLUME_QUANTILE_INTERPOLATED    /* between the neighbours of position p (N - 1), as numpy.quantile does */
};

struct volume_scaling {
    enum volume_scaling_kind kind;
    double lower, upper;            /* 0..1; unused by VOLUME_MINMAX */
};

/* What becomes 0 and 1. Errors: ARGUMENT (the volume is empty or both are equal; or it holds a number that is not
 * finite), HOST_MEMORY. */
vks_status volume_scale_limits(const struct volume_scaling *scaling, const float *voxels, size_t count, float *low,
                               float *high);

/* v = (v - low) / (high - low) in place, in single precision. */
void volume_scale(float *voxels, size_t count, float low, float high);

#endif
