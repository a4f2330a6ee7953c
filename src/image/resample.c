/* resample.c: the choice of resizing, and the plainest of them. */
#include "image/resample.h"

#include "base/status.h"

#include <string.h>

static void resample_nearest(struct image_reader *reader, uint32_t width, uint32_t height, uint8_t *dst)
{
    const uint32_t channels = reader->channels;
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *row = image_row(reader, (uint32_t)((uint64_t)y * reader->height / height));
        for (uint32_t x = 0; x < width; x++, dst += channels)
            memcpy(dst, row + (size_t)((uint64_t)x * reader->width / width) * channels, channels);
    }
}

vks_status resample(struct image_reader *reader, enum resample_filter filter, uint32_t width, uint32_t height,
                    uint8_t *dst)
{
    switch (filter) {
    case RESAMPLE_PILLOW_BILINEAR:
    case RESAMPLE_PILLOW_BICUBIC:
        return resample_pillow(reader, filter, width, height, dst);
    case RESAMPLE_SKIMAGE_CUBIC:
        return resample_spline(reader, width, height, dst);
    case RESAMPLE_TORCH_BILINEAR:
        break;
    case RESAMPLE_NEAREST:
        resample_nearest(reader, width, height, dst);
        return VKS_OK;
    case RESAMPLE_CV2_AREA:
        return resample_area(reader, width, height, dst);
    }
    return vks_fail(VKS_ERR_INTERNAL, "there is no resampling filter %d", (int)filter);
}
