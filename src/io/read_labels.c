/* read_labels.c: label maps from whatever holds them. A palette's indices are kept: the image reader would turn them into
 * colours. */
#include "io/io.h"

#include "base/mem.h"
#include "base/npy.h"

#include <png.h>

#include <setjmp.h>
#include <string.h>

/* ---- PNG: grey values or palette indices as they are stored ---- */

struct png_reader {
    struct io_source source;
    size_t at;
    png_structp png;
    png_infop info;
    png_bytep *rows;
    uint32_t width, height;
    size_t bytes;               /* of a pixel */
};

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    struct png_reader *reader = png_get_io_ptr(png);
    if (size > reader->source.size - reader->at)
        png_error(png, "cut off");
    memcpy(out, reader->source.bytes + reader->at, size);
    reader->at += size;
}

/* libpng jumps to `trouble` on an error. */
static void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    longjmp(*(jmp_buf *)png_get_error_ptr(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static vks_status damaged(const struct io_source *source)
{
    return vks_fail(VKS_ERR_CORRUPT, "%s is a damaged PNG file", source->name);
}

static vks_status open_png(struct png_reader *reader)
{
    jmp_buf trouble;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &trouble, on_error, on_warning);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    VKS_REQUIRE(reader->info, VKS_ERR_HOST_MEMORY, "out of memory: reading %s", reader->source.name);
    if (setjmp(trouble))
        return damaged(&reader->source);
    png_set_read_fn(reader->png, reader, read_bytes);
    png_read_info(reader->png, reader->info);
    reader->width = png_get_image_width(reader->png, reader->info);
    reader->height = png_get_image_height(reader->png, reader->info);
    const int colour = png_get_color_type(reader->png, reader->info), bits = png_get_bit_depth(reader->png, reader->info);
    VKS_REQUIRE(colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_PALETTE, VKS_ERR_CORRUPT,
                "%s is a colour picture, not labels; a mask is grey or has a palette", reader->source.name);
    reader->bytes = bits == 16 ? 2 : 1;
    png_set_packing(reader->png);
    if (bits == 16)
        png_set_swap(reader->png);
    png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
    return VKS_OK;
}

static vks_status read_rows(struct png_reader *reader)
{
    jmp_buf trouble;
    png_set_error_fn(reader->png, &trouble, on_error, on_warning);
    if (setjmp(trouble))
        return damaged(&reader->source);
    png_read_image(reader->png, reader->rows);
    return VKS_OK;
}

static vks_status read_png(struct png_reader *reader, vks_io_volume *out)
{
    VKS_TRY(io_check_whole(&reader->source, IO_PNG));
    VKS_TRY(open_png(reader));
    unsigned char *pixels;
    VKS_TRY(vkr_alloc((size_t)reader->width * reader->height, reader->bytes, "a mask", (void **)&pixels));
    out->owned = pixels;
    VKS_TRY(vkr_alloc(reader->height, sizeof *reader->rows, "a mask", (void **)&reader->rows));
    for (uint32_t y = 0; y < reader->height; y++)
        reader->rows[y] = pixels + (size_t)y * reader->width * reader->bytes;
    VKS_TRY(read_rows(reader));
    out->view = (vks_volume){ .type = reader->bytes == 2 ? VKS_PIXEL_U16 : VKS_PIXEL_U8, .size = { reader->width, reader->height, 1 } };
    memcpy(out->format, "png", 4);
    return VKS_OK;
}

/* ---- .npy: [H, W], or [N, H, W]: N masks of 0 and 1 as `vks_io_write_masks` writes them, or the slices of a volume ---- */

static bool is_binary(const uint8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] > 1)
            return false;
    return true;
}

static void stack_masks(uint8_t *values, uint32_t masks, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t label = 0;
        for (uint32_t k = 0; k < masks; k++)
            label = values[(size_t)k * pixels + i] ? (uint8_t)(k + 1) : label;
        values[i] = label;
    }
}

static vks_status read_array(const struct io_source *source, vks_io_volume *out)
{
    struct vkr_desc desc;
    VKS_TRY(vkr_npy_parse(source->bytes, source->size, &desc, &out->owned));
    const uint32_t deep = desc.rank == 3 ? desc.dim[0] : 1;
    VKS_REQUIRE((desc.rank == 2 || desc.rank == 3) && vkr_numel(&desc) > 0, VKS_ERR_CORRUPT,
                "%s holds an array of shape %s; labels are H x W, or masks x H x W, or D x H x W", source->name, VKR_SHAPE(&desc));
    out->view.size[0] = desc.dim[desc.rank - 1];
    out->view.size[1] = desc.dim[desc.rank - 2];
    out->view.size[2] = deep;
    VKS_TRY(io_check_size(source, out->view.size[0], (uint64_t)out->view.size[1]));
    const size_t count = (size_t)vkr_numel(&desc);
    if (desc.dtype == VKR_U8 && deep > 1 && deep < 256 && is_binary(out->owned, count)) {
        stack_masks(out->owned, deep, count / deep);
        out->view.size[2] = 1;
    } else if (desc.dtype != VKR_U8) {
        void *floats;
        VKS_TRY(vkr_alloc(count, sizeof(float), "labels", &floats));
        vks_status status = vkr_convert(floats, VKR_F32, out->owned, desc.dtype, count);
        vkr_free(out->owned);
        out->owned = floats;
        VKS_TRY(status);
    }
    out->view.type = desc.dtype == VKR_U8 ? VKS_PIXEL_U8 : VKS_PIXEL_F32;
    memcpy(out->format, "npy", 4);
    return VKS_OK;
}

static vks_status read_tiff(const struct io_source *source, vks_io_volume *out)
{
    vks_io_image image = { .owned = NULL };
    VKS_TRY(io_read_tiff(source, &image));
    out->owned = image.owned;
    VKS_REQUIRE(image.view.channels == 1, VKS_ERR_CORRUPT, "%s is a colour picture, not labels; a mask is grey", source->name);
    out->view = (vks_volume){ .type = image.view.type, .size = { image.view.width, image.view.height, 1 } };
    memcpy(out->format, "tiff", 5);
    return VKS_OK;
}

static vks_status read_picture(const struct io_source *source, vks_io_volume *out)
{
    enum io_kind kind;
    VKS_TRY(io_sniff(source, &kind));
    VKS_REQUIRE(kind == IO_PNG || kind == IO_NPY || kind == IO_TIFF, VKS_ERR_CORRUPT,
                "%s is no label map: .nii.gz, .nii, .png, .tif and .npy are read; JPEG and others change or lack labels", source->name);
    if (kind == IO_TIFF) {
        VKS_TRY(read_tiff(source, out));
    } else if (kind == IO_NPY) {
        VKS_TRY(read_array(source, out));
    } else {
        struct png_reader reader = { .source = *source };
        vks_status status = read_png(&reader, out);
        png_destroy_read_struct(&reader.png, &reader.info, NULL);
        vkr_free(reader.rows);
        VKS_TRY(status);
    }
    out->view.voxels = out->owned;
    out->view.channels = 1;
    out->volumes = 1;
    for (int c = 0; c < 3; c++)
        out->view.affine[c][c] = out->view.spacing[c] = 1;
    return VKS_OK;
}

vks_status vks_io_read_labels(const char *path, const vks_io_volume_params *params, vks_io_volume *out)
{
    struct io_source source = { .name = path };
    unsigned char *bytes;
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_io_read_labels: out must not be NULL");
    if (vks_io_is_volume(path))
        return vks_io_read_volume(path, params, out);
    VKS_TRY(io_read_file(path, &bytes, &source.size));
    source.bytes = bytes;
    vks_io_volume made = { .owned = NULL };
    vks_status status = read_picture(&source, &made);
    vkr_free(bytes);
    if (status == VKS_OK)
        *out = made;
    else
        vks_io_volume_free(&made);
    return status;
}
