/* label_values.c: is this volume a label map, and which labels has it? */
#include "base/status.h"

#include "vkseg/vkseg_volume.h"

#include <math.h>

vks_status vks_volume_labels(const vks_volume *volume, uint16_t *out)
{
    VKS_REQUIRE(volume && volume->voxels && out, VKS_ERR_ARGUMENT, "vks_volume_labels: no argument may be NULL");
    VKS_REQUIRE(volume->channels == 1, VKS_ERR_ARGUMENT, "a colour image holds no labels");
    const size_t count = (size_t)volume->size[0] * volume->size[1] * volume->size[2];
    for (size_t i = 0; i < count; i++) {
        double value = 0;
        switch (volume->type) {
        case VKS_PIXEL_U8:
            value = ((const uint8_t *)volume->voxels)[i];
            break;
        case VKS_PIXEL_U16:
            value = ((const uint16_t *)volume->voxels)[i];
            break;
        case VKS_PIXEL_I16:
            value = ((const int16_t *)volume->voxels)[i];
            break;
        case VKS_PIXEL_F32:
            value = (double)((const float *)volume->voxels)[i];
            break;
        }
        VKS_REQUIRE(value >= 0 && value <= 65535 && floor(value) == value, VKS_ERR_ARGUMENT,
                    "a label is a whole number from 0 to 65535; this volume holds %g, so it is an image, not labels", value);
        out[i] = (uint16_t)value;
    }
    return VKS_OK;
}
