/* write_image.c: an image as it is shown, as a PNG file. */
#include "io/io.h"

#include "base/mem.h"

vks_status vks_io_write_image(const char *path, const vks_image *image, int overwrite)
{
    VKS_REQUIRE(path && image, VKS_ERR_ARGUMENT, "vks_io_write_image: path and image must not be NULL");
    VKS_REQUIRE(io_ends_with(path, ".png"), VKS_ERR_ARGUMENT, "%s: images are written as .png", path);
    VKS_TRY(io_check_image(image));
    VKS_TRY(io_may_write(path, overwrite));
    uint8_t *rgb;
    VKS_TRY(vkr_alloc((size_t)image->width * image->height, 3, path, (void **)&rgb));
    io_display(image, rgb);
    vks_status status = io_write_png(path, IO_RGB, rgb, image->width, image->height, overwrite);
    vkr_free(rgb);
    return status;
}
