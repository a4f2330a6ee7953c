/* sniff.c: what kind of file is it? By content; extensions lie. */
#include "io/io.h"

#include <string.h>

struct magic { size_t at, length; const char *bytes; const char *name; };

static bool matches(const struct io_source *source, const struct magic *magic)
{
    return source->size >= magic->at + magic->length &&
           memcmp(source->bytes + magic->at, magic->bytes, magic->length) == 0;
}

static const struct { struct magic magic; enum io_kind kind; } readable[] = {
    { { 0, 8, "\x89PNG\r\n\x1a\n", "PNG" }, IO_PNG },
    { { 0, 3, "\xff\xd8\xff", "JPEG" }, IO_JPEG },
    { { 0, 6, "\x93NUMPY", ".npy" }, IO_NPY },
    { { 0, 2, "BM", "BMP" }, IO_BMP },
    { { 0, 2, "P5", "PNM" }, IO_PNM },
    { { 0, 2, "P6", "PNM" }, IO_PNM },
    { { 0, 4, "II*\0", "TIFF" }, IO_TIFF },
    { { 0, 4, "MM\0*", "TIFF" }, IO_TIFF },
    { { 0, 4, "II+\0", "TIFF" }, IO_TIFF },        /* BigTIFF */
    { { 0, 4, "MM\0+", "TIFF" }, IO_TIFF },
};

static const struct magic strangers[] = {
    { 128, 4, "DICM", "a DICOM file" },
    { 344, 4, "n+1", "a NIfTI volume" },
    { 0, 2, "\x1f\x8b", "a gzip file (perhaps a NIfTI volume)" },
    { 0, 4, "GIF8", "a GIF file" },
    { 8, 4, "WEBP", "a WebP file" },
    { 4, 4, "ftyp", "a HEIF or video file" },
    { 4, 4, "jP  ", "a JPEG 2000 file" },
    { 0, 4, "8BPS", "a Photoshop file" },
    { 0, 4, "%PDF", "a PDF file" },
    { 0, 2, "PK", "a zip archive" },
    { 0, 2, "P2", "a PNM file written as text" },
    { 0, 2, "P3", "a PNM file written as text" },
    { 0, 2, "P1", "a PNM bitmap" },
    { 0, 2, "P4", "a PNM bitmap" },
    { 0, 1, "<", "text, such as a web page" },
    { 0, 15, "version https:/", "a git-lfs pointer; run git lfs pull" },
};

/* TGA has no signature: its header must make sense in every field. */
static bool could_be_tga(const struct io_source *source)
{
    if (source->size < 18)
        return false;
    const unsigned char *h = source->bytes;
    const bool mapped = h[1] == 1, kind_known = (h[2] >= 1 && h[2] <= 3) || (h[2] >= 9 && h[2] <= 11);
    const unsigned bits = h[16];
    if (h[1] > 1 || !kind_known || mapped != ((h[2] & 7) == 1) || (h[12] | h[13]) == 0 || (h[14] | h[15]) == 0)
        return false;
    if (mapped)
        return bits == 8 && (h[7] == 15 || h[7] == 16 || h[7] == 24 || h[7] == 32);
    return (h[2] & 7) == 3 ? bits == 8 : bits == 15 || bits == 16 || bits == 24 || bits == 32;
}

vks_status io_sniff(const struct io_source *source, enum io_kind *kind)
{
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
        if (matches(source, &readable[i].magic)) {
            *kind = readable[i].kind;
            return VKS_OK;
        }
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        VKS_REQUIRE(!matches(source, &strangers[i]), VKS_ERR_CORRUPT,
                    "%s is %s, which is not read as an image; convert it to PNG", source->name, strangers[i].name);
    VKS_REQUIRE(could_be_tga(source), VKS_ERR_CORRUPT,
                "%s is no image of a known kind; PNG, JPEG, BMP, TGA, TIFF, PNM and .npy are read", source->name);
    *kind = IO_TGA;
    return VKS_OK;
}
