/* write_masks.c: masks, logits and texts to files; the format follows the extension. */
#include "io/io.h"
#include "io/write_json.h"

#include "base/mem.h"
#include "base/npy.h"

#include <string.h>

static vks_status check_masks(const vks_masks *masks)
{
    VKS_REQUIRE(masks && masks->mask, VKS_ERR_ARGUMENT, "there are no masks to write (NULL)");
    VKS_REQUIRE(masks->objects >= 1 && masks->masks_per_object >= 1 && masks->width >= 1 && masks->height >= 1,
                VKS_ERR_ARGUMENT, "there are no masks to write: %u objects with %u masks of %u x %u pixels", masks->objects,
                masks->masks_per_object, masks->width, masks->height);
    return VKS_OK;
}

/* One object: 0 and 255. Several: the number of the last object that covers the pixel, from 1. */
static void compose(const vks_masks *masks, uint32_t candidate, uint8_t *pixels)
{
    const size_t size = (size_t)masks->width * masks->height;
    for (uint32_t object = 0; object < masks->objects; object++) {
        const uint8_t *mask = masks->mask + ((size_t)object * masks->masks_per_object + candidate) * size;
        const uint8_t value = masks->objects == 1 ? 255 : (uint8_t)(object + 1);
        for (size_t i = 0; i < size; i++)
            if (mask[i])
                pixels[i] = value;
    }
}

static vks_status write_picture(const char *path, const vks_masks *masks, uint32_t candidate, int overwrite)
{
    const size_t size = (size_t)masks->width * masks->height;
    uint8_t *pixels;
    VKS_TRY(io_may_write(path, overwrite));
    VKS_TRY(vkr_alloc(size, 1, "a mask picture", (void **)&pixels));
    compose(masks, candidate, pixels);
    vks_status status = io_write_png(path, masks->objects == 1 ? IO_GREY : IO_PALETTE, pixels, masks->width, masks->height,
                                     overwrite);
    vkr_free(pixels);
    return status;
}

static vks_status for_each_picture(const char *path, const vks_masks *masks, int overwrite, bool only_ask)
{
    for (uint32_t k = 0; k < masks->masks_per_object; k++) {
        char *name;
        VKS_TRY(io_numbered(path, k, &name));
        vks_status status = only_ask ? io_may_write(name, overwrite) : write_picture(name, masks, k, overwrite);
        vkr_free(name);
        VKS_TRY(status);
    }
    return VKS_OK;
}

static vks_status write_pictures(const char *path, const vks_masks *masks, int overwrite)
{
    VKS_REQUIRE(masks->objects <= 255, VKS_ERR_ARGUMENT,
                "a palette has 255 colours, there are %u objects; write .npy or .json instead", masks->objects);
    if (masks->masks_per_object == 1)
        return write_picture(path, masks, 0, overwrite);
    VKS_TRY(for_each_picture(path, masks, overwrite, true));        /* all or none */
    return for_each_picture(path, masks, overwrite, false);
}

vks_status vks_io_write_masks(const char *path, const vks_masks *masks, int overwrite)
{
    VKS_TRY(check_masks(masks));
    VKS_REQUIRE(path, VKS_ERR_ARGUMENT, "no output path was given");
    if (io_ends_with(path, ".png"))
        return write_pictures(path, masks, overwrite);
    if (io_ends_with(path, ".json"))
        return io_write_rle(path, masks, overwrite);
    VKS_REQUIRE(io_ends_with(path, ".npy"), VKS_ERR_ARGUMENT,
                "masks are written as .png, .npy or .json, \"%s\" is none of these", path);
    VKS_TRY(io_may_write(path, overwrite));
    const struct vkr_desc desc = { VKR_U8, 3, { masks->objects * masks->masks_per_object, masks->height, masks->width } };
    return vkr_npy_write(path, &desc, masks->mask);
}

vks_status vks_io_write_logits(const char *path, const vks_masks *masks, int overwrite)
{
    VKS_REQUIRE(masks && masks->logits, VKS_ERR_ARGUMENT, "there are no logits to write (NULL)");
    VKS_REQUIRE(path && io_ends_with(path, ".npy"), VKS_ERR_ARGUMENT, "logits are written as .npy, \"%s\" is none",
                path ? path : "(NULL)");
    VKS_TRY(io_may_write(path, overwrite));
    return vkr_npy_write(path, &vkr_f32(3, masks->objects * masks->masks_per_object, masks->logits_height, masks->logits_width),
                         masks->logits);
}

vks_status vks_io_read_logits(const char *path, float **out, uint32_t *width, uint32_t *height)
{
    struct vkr_desc desc;
    void *data;
    VKS_REQUIRE(path && out && width && height, VKS_ERR_ARGUMENT, "vks_io_read_logits: no argument may be NULL");
    VKS_TRY(vkr_npy_read(path, &desc, &data));
    const uint32_t skip = desc.rank == 3 && desc.dim[0] == 1 ? 1 : 0;
    if (desc.dtype != VKR_F32 || desc.rank != 2 + skip || vkr_numel(&desc) == 0) {
        vkr_free(data);
        return vks_fail(VKS_ERR_CORRUPT, "%s holds %s %s; a mask prompt is float32 of shape [h, w], as --logits writes it", path,
                        vkr_dtype_name(desc.dtype), VKR_SHAPE(&desc));
    }
    *out = data;
    *height = desc.dim[skip];
    *width = desc.dim[skip + 1];
    return VKS_OK;
}

void vks_io_free(void *block)
{
    vkr_free(block);
}

vks_status vks_io_write_text(const char *path, const char *text, int overwrite)
{
    struct io_output output;
    VKS_REQUIRE(text, VKS_ERR_ARGUMENT, "there is no text to write (NULL)");
    VKS_TRY(io_output_begin(path, overwrite, &output));
    return io_output_end(&output, io_put(&output, text, strlen(text)));
}
