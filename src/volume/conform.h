/* conform.h: a head in the grid networks were trained on: 256 x 256 x 256 voxels of 1 mm, 8 bits, i to the left, j down,
 * k to the front ("LIA"); and labels of that grid back in the grid they came from. */
#ifndef VKS_CONFORM_H
#define VKS_CONFORM_H

#include "base/status.h"
#include "vkseg/vkseg_volume.h"

#include <stdbool.h>

/* Size, type and orientation as above? (The voxel size is not asked, as in the reference.) */
bool conform_is_done(const vks_volume *volume, uint32_t grid);

/* Trilinear into out[grid * grid * grid]; voxel (grid / 2, ..) lies where index (size / 2, ..) of the volume does. Values
 * are moved to 0..255 so that 0.1 % of what is not zero lies above. `floats` are the volume's voxels (vks_volume_floats).
 * Errors: ARGUMENT (an affine without inverse). */
vks_status conform_volume(const vks_volume *volume, const float *floats, uint32_t grid, float *out);

/* Each voxel of the volume takes the label of the conformed voxel nearest to it; 0 outside. `labels` has the volume's
 * size. Errors: ARGUMENT. */
vks_status conform_back(const vks_volume *volume, const uint8_t *conformed, uint32_t grid, uint8_t *labels);

#endif
