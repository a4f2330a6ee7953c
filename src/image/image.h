/* image.h: what an image handed to the library must satisfy, and its pixels as packed 8-bit rows of one or three
 * channels. Host only; nothing is copied unless its layout or type asks for it. */
#ifndef VKS_IMAGE_H
#define VKS_IMAGE_H

#include "vkseg/vkseg.h"

enum { IMAGE_MAX_SIDE = 32768, IMAGE_MAX_PIXELS = 1 << 28 };

/* Errors: ARGUMENT, one sentence per thing that can be wrong. Every other function here presumes a valid image. */
vks_status image_validate(const vks_image *image);

/* Bytes of one element of a channel; 0 for a type that does not exist. */
size_t image_type_size(vks_pixel_type type);

/* Rows of an image as 8-bit values. 8-bit pixels pass unchanged (the window does not apply). All others become
 * floor((value - low) * 255 / (high - low) + 0.5), clamped to 0..255, computed in double, where low and high are the
 * window's ends or, with width 0, the least and greatest finite value of the image's colour channels. A constant image
 * and NaN become 0. */
struct image_reader {
    const vks_image *image;
    uint32_t width, height;
    uint32_t channels;          /* of what image_row gives: 1 (grey) or 3 (RGB) */
    size_t row_bytes;           /* of the source */
    double low, scale;
    uint8_t *row;               /* [width, channels]; NULL where the source's own rows serve */
    uint8_t *table;             /* 16-bit types: value for each of the 65536 patterns */
};

/* `image` must outlive the reader and pass image_validate. Close also after a failure. Errors: HOST_MEMORY. */
vks_status image_reader_open(const vks_image *image, struct image_reader *reader);
void image_reader_close(struct image_reader *reader);

/* Row y, [width, channels]; valid until the next call. */
const uint8_t *image_row(struct image_reader *reader, uint32_t y);

/* The whole image as RGB into `rgb`, [height, width, 3]; grey is repeated. */
vks_status image_to_rgb(const vks_image *image, uint8_t *rgb);

#endif
