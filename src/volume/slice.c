/* slice.c: planes of a volume, in the order of storage: rows and columns as they lie, never flipped. */
#include "volume/geometry.h"

#include "base/status.h"

#include <string.h>

void vks_volume_slice_size(const uint32_t size[3], vks_axis axis, uint32_t *width, uint32_t *height, uint32_t *count)
{
    *width = size[axis == VKS_AXIS_SAGITTAL ? 1 : 0];
    *height = size[axis == VKS_AXIS_AXIAL ? 1 : 2];
    *count = size[axis == VKS_AXIS_AXIAL ? 2 : axis == VKS_AXIS_CORONAL ? 1 : 0];
}

size_t vks_volume_slice_index(const uint32_t size[3], vks_axis axis, uint32_t slice, uint32_t x, uint32_t y)
{
    const size_t row = size[0], plane = (size_t)size[0] * size[1];
    switch (axis) {
    case VKS_AXIS_CORONAL:
        return y * plane + slice * row + x;
    case VKS_AXIS_SAGITTAL:
        return y * plane + x * row + slice;
    case VKS_AXIS_AXIAL:
        break;
    }
    return slice * plane + y * row + x;
}

static size_t element_bytes(const vks_volume *volume)
{
    static const size_t bytes[] = { 1, 2, 2, 4 };
    return bytes[volume->type] * volume->channels;
}

vks_status vks_volume_slice(const vks_volume *volume, vks_axis axis, uint32_t slice, void *buffer, vks_image *out)
{
    VKS_REQUIRE(volume && volume->voxels && out, VKS_ERR_ARGUMENT, "vks_volume_slice: volume and out must not be NULL");
    vks_image image = { .type = volume->type, .channels = volume->channels };
    uint32_t count;
    vks_volume_slice_size(volume->size, axis, &image.width, &image.height, &count);
    VKS_REQUIRE(slice < count, VKS_ERR_ARGUMENT, "slice %u: the volume has slices 0 to %u across this axis", slice, count - 1);
    const size_t bytes = element_bytes(volume);
    const unsigned char *from = volume->voxels;
    if (axis == VKS_AXIS_AXIAL) {
        image.pixels = from + vks_volume_slice_index(volume->size, axis, slice, 0, 0) * bytes;
        *out = image;
        return VKS_OK;
    }
    VKS_REQUIRE(buffer, VKS_ERR_ARGUMENT, "vks_volume_slice: slices across this axis need a buffer");
    unsigned char *to = buffer;
    for (uint32_t y = 0; y < image.height; y++)
        for (uint32_t x = 0; x < image.width; x++, to += bytes)
            memcpy(to, from + vks_volume_slice_index(volume->size, axis, slice, x, y) * bytes, bytes);
    image.pixels = buffer;
    *out = image;
    return VKS_OK;
}

void vks_volume_floats(const vks_volume *volume, float *out)
{
    const size_t count = (size_t)volume->size[0] * volume->size[1] * volume->size[2] * volume->channels;
    switch (volume->type) {
    case VKS_PIXEL_U8:
        for (size_t i = 0; i < count; i++)
            out[i] = ((const uint8_t *)volume->voxels)[i];
        break;
    case VKS_PIXEL_U16:
        for (size_t i = 0; i < count; i++)
            out[i] = ((const uint16_t *)volume->voxels)[i];
        break;
    case VKS_PIXEL_I16:
        for (size_t i = 0; i < count; i++)
            out[i] = ((const int16_t *)volume->voxels)[i];
        break;
    case VKS_PIXEL_F32:
        memcpy(out, volume->voxels, count * sizeof *out);
        break;
    }
}
