/* rates.h: what a device does at best, measured: arithmetic in registers, streams through memory. */
#ifndef VKR_RATES_H
#define VKR_RATES_H

#include "gpu/device.h"

/* 0: the device has no such units, or the build no shader for them. */
struct vkr_rates { double f32_gflops, f16_gflops, matrix_gflops, read_gbs, copy_gbs; };

/* About a second of the device's time, and at most 1/8 of its memory. Errors: DEVICE_*, HOST_MEMORY. */
vks_status vkr_measure_rates(struct vkr_device *device, struct vkr_rates *out);

#endif
