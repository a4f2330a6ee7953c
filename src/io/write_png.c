/* write_png.c: 8-bit PNG files through libpng's simplified interface, which keeps its own errors and needs no longjmp. */
#include "io/io.h"

#include "base/mem.h"

#include <png.h>
#include <string.h>

vks_status io_write_png(const char *path, enum io_pixels kind, const uint8_t *pixels, uint32_t width, uint32_t height,
                        int overwrite)
{
    static const png_uint_32 formats[] = { PNG_FORMAT_GRAY, PNG_FORMAT_RGB_COLORMAP, PNG_FORMAT_RGB };
    uint8_t colours[256][3] = { { 0, 0, 0 } };
    for (uint32_t i = 1; i < 256; i++)
        io_colour(i - 1, colours[i]);
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = formats[kind];
    image.colormap_entries = kind == IO_PALETTE ? 256 : 0;      /* all, so that the depth is 8 bits whatever the count */
    struct io_output output;
    VKS_TRY(io_output_begin(path, overwrite, &output));
    vks_status status = VKS_OK;
    if (!png_image_write_to_stdio(&image, output.file, 0, pixels, 0, colours))
        status = vks_fail(VKS_ERR_OUTPUT, "%s cannot be written: %s; is the disk full?", path, image.message);
    png_image_free(&image);
    return io_output_end(&output, status);
}
