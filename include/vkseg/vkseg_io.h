/* vkseg_io.h: optional readers and writers (library vksegio). The core library never opens an image file.
 *
 * Every writer writes to a temporary file in the same folder and renames it: never half a file. Without `overwrite`
 * an existing output is refused (VKS_ERR_OUTPUT).
 */
#ifndef VKSEG_VKSEG_IO_H
#define VKSEG_VKSEG_IO_H

#include "vkseg/vkseg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels the library allocated; freed with vks_io_image_free. `view` points into them. */
typedef struct vks_io_image {
    vks_image view;
    char format[32];            /* "png", "jpeg", "npy", ... */
    void *owned;
} vks_io_image;

/* Reads PNG, JPEG, BMP, TGA, PNM (8 and 16 bit, grey, palette, RGB, alpha) and .npy (H x W or H x W x 3, u8, u16, i16, f32),
 * recognised by content. At most 32768 pixels a side and 2^28 pixels. CMYK JPEG is refused.
 * Errors: NOT_FOUND, CORRUPT (malformed, unsupported or too large; the sentence says which), HOST_MEMORY. */
VKS_API vks_status vks_io_read_image(const char *path, vks_io_image *out);
VKS_API vks_status vks_io_read_image_memory(const void *data, size_t size, vks_io_image *out);
VKS_API void vks_io_image_free(vks_io_image *image);

/* Writes masks by the extension of `path`:
 *   .png   one object: 8-bit grey 0/255; several: 8-bit palette, 0 background, 1.. objects (later objects on top);
 *          several masks per object: one file each, NAME_0.png, NAME_1.png, ...
 *   .npy   uint8 0/1 [objects * masks, H, W]
 *   .json  COCO run-length encoding (uncompressed counts, column-major), one entry per mask, with predicted IoU and box
 * Errors: ARGUMENT (unknown extension), OUTPUT. */
VKS_API vks_status vks_io_write_masks(const char *path, const vks_masks *masks, int overwrite);

/* Low-res logits as float32 .npy [objects * masks, lh, lw]. */
VKS_API vks_status vks_io_write_logits(const char *path, const vks_masks *masks, int overwrite);

/* Predicted IoUs as a JSON list, same order. */
VKS_API vks_status vks_io_write_iou(const char *path, const vks_masks *masks, int overwrite);

/* The image with each object outlined and filled translucently in its own colour, prompts drawn on it: RGB PNG. */
VKS_API vks_status vks_io_write_overlay(const char *path, const vks_image *image, const vks_masks *masks,
                                        const vks_prompt *prompts, size_t prompt_count, int overwrite);

/* Embeddings. .npy holds the float32 array [C, H, W] alone; .safetensors holds it with image size, family and hashes and
 * is what vks_io_read_embedding accepts. */
VKS_API vks_status vks_io_write_embedding(const char *path, const vks_embedding *embedding, int overwrite);
VKS_API vks_status vks_io_read_embedding(const char *path, vks_embedding **out);    /* vks_embedding_free */

/* Reads a mask prompt: low-res logits from .npy float32 [h, w] (or [1, h, w]). *out is freed with vks_io_free. */
VKS_API vks_status vks_io_read_logits(const char *path, float **out, uint32_t *width, uint32_t *height);
VKS_API void vks_io_free(void *block);

/* Writes text (a report, a JSON document) atomically. */
VKS_API vks_status vks_io_write_text(const char *path, const char *text, int overwrite);

#ifdef __cplusplus
}
#endif
#endif
