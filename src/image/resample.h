/* resample.h: resizing of 8-bit images exactly as the named references do it. Host only, one thread; the source is read
 * row by row, so a large photograph is never copied whole. */
#ifndef VKS_RESAMPLE_H
#define VKS_RESAMPLE_H

#include "image/image.h"

enum resample_filter {
    /* Pillow's Image.resize, antialiased: every bit as Pillow 9.4, which takes rows before columns. (Pillow 13 takes the
     * cheaper axis first where the height shrinks: one level more or less here and there.) */
    RESAMPLE_PILLOW_BILINEAR,
    RESAMPLE_PILLOW_BICUBIC,
    /* skimage.transform.resize(order=3, anti_aliasing=True, preserve_range=True).astype(uint8). Differs from it, by one
     * level, only where the exact result is a whole number and truncation hangs on the last bit of a double. An image of
     * the wanted size already is left as it is. */
    RESAMPLE_SKIMAGE_CUBIC,
    /* torchvision's Resize of a float tensor, and torch.nn.functional.interpolate(mode="bilinear", antialias=True): never
     * rounded to whole levels, so resample() does not do it: resample_floats does. */
    RESAMPLE_TORCH_BILINEAR,
    RESAMPLE_NEAREST,           /* source index floor(dst * src / dst_size), OpenCV's INTER_NEAREST */
    RESAMPLE_CV2_AREA           /* OpenCV's INTER_AREA: means of areas; where a side grows, its own bilinear variant */
};

/* dst: [height, width, reader->channels]; width and height 1..32768. Errors: HOST_MEMORY. */
vks_status resample(struct image_reader *reader, enum resample_filter filter, uint32_t width, uint32_t height,
                    uint8_t *dst);

/* RESAMPLE_TORCH_BILINEAR of floats: src [src_height, src_width, channels] to dst [height, width, channels]. Errors:
 * HOST_MEMORY. */
vks_status resample_floats(const float *src, uint32_t src_width, uint32_t src_height, uint32_t channels, uint32_t width,
                           uint32_t height, float *dst);

/* The pieces; resample() chooses among them. */
vks_status resample_pillow(struct image_reader *reader, enum resample_filter filter, uint32_t width, uint32_t height,
                           uint8_t *dst);
vks_status resample_spline(struct image_reader *reader, uint32_t width, uint32_t height, uint8_t *dst);
vks_status resample_area(struct image_reader *reader, uint32_t width, uint32_t height, uint8_t *dst);

/* One channel before clipping and truncation: dst [height, width]. */
vks_status resample_spline_plane(struct image_reader *reader, uint32_t channel, uint32_t width, uint32_t height,
                                 double *dst);

#endif
