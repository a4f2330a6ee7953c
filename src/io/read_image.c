/* read_image.c: the public readers of images: recognise, check, decode. */
#include "io/io.h"

#include "base/mem.h"

#include <string.h>

static vks_status read_source(const struct io_source *source, vks_io_image *out)
{
    static const char *const names[] = { "png", "jpeg", "bmp", "tga", "pnm", "npy", "tiff" };
    vks_io_image made = { .owned = NULL };
    enum io_kind kind;
    VKS_TRY(io_sniff(source, &kind));
    VKS_TRY(io_check_whole(source, kind));
    if (kind == IO_PNM)
        VKS_TRY(io_read_pnm(source, &made));
    else if (kind == IO_JPEG)
        VKS_TRY(io_read_jpeg(source, &made));
    else if (kind == IO_NPY)
        VKS_TRY(io_read_npy(source, &made));
    else if (kind == IO_TIFF)
        VKS_TRY(io_read_tiff(source, &made));
    else
        VKS_TRY(io_read_stb(source, names[kind], &made));
    memcpy(made.format, names[kind], strlen(names[kind]) + 1);
    *out = made;
    return VKS_OK;
}

vks_status vks_io_read_image_memory(const void *data, size_t size, vks_io_image *out)
{
    VKS_REQUIRE(data && out, VKS_ERR_ARGUMENT, "vks_io_read_image_memory: data and out must not be NULL");
    VKS_REQUIRE(size > 0, VKS_ERR_CORRUPT, "the image is empty: no bytes");
    VKS_REQUIRE(size <= INT32_MAX, VKS_ERR_CORRUPT, "the image has more than 2 GiB, which no image should");
    return read_source(&(struct io_source){ data, size, "the image" }, out);
}

vks_status vks_io_read_image(const char *path, vks_io_image *out)
{
    struct io_source source = { .name = path };
    unsigned char *bytes;
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_io_read_image: out must not be NULL");
    VKS_TRY(io_read_file(path, &bytes, &source.size));
    source.bytes = bytes;
    vks_status status = read_source(&source, out);
    vkr_free(bytes);
    return status;
}

void vks_io_image_free(vks_io_image *image)
{
    if (!image)
        return;
    vkr_free(image->owned);
    *image = (vks_io_image){ .owned = NULL };
}
