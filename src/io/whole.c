/* whole.c: does a file hold all that its headers promise? The decoder behind this fills what is missing with grey, and a
 * mask drawn on invented pixels is worse than none. Nothing is decoded here; every offset is checked before it is used. */
#include "io/io.h"

#include <string.h>

static uint32_t big(const unsigned char *at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static uint32_t little(const unsigned char *at, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static vks_status cut_off(const struct io_source *source, const char *kind)
{
    return vks_fail(VKS_ERR_CORRUPT, "%s is a %s file that was cut off: %zu bytes are not all of it; copy or save it again",
                    source->name, kind, source->size);
}

vks_status io_check_size(const struct io_source *source, uint64_t width, uint64_t height)
{
    VKS_REQUIRE(width >= 1 && height >= 1, VKS_ERR_CORRUPT, "%s has no pixels (%llu x %llu)", source->name,
                (unsigned long long)width, (unsigned long long)height);
    VKS_REQUIRE(width <= 32768 && height <= 32768 && width * height <= 1u << 28, VKS_ERR_CORRUPT,
                "%s has %llu x %llu pixels, too large: at most 32768 a side and 2^28 in all; reduce it first", source->name,
                (unsigned long long)width, (unsigned long long)height);
    return VKS_OK;
}

/* ---- PNG ---- */

/* CRC-32 of ISO 3309, as the PNG specification's appendix D defines it. */
static uint32_t crc32_of(const unsigned char *bytes, size_t size)
{
    uint32_t table[256], crc = 0xffffffffu;
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        table[n] = c;
    }
    for (size_t i = 0; i < size; i++)
        crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
    return crc ^ 0xffffffffu;
}

static bool checksum_holds(const unsigned char *chunk, uint32_t length)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)chunk;
    (void)length;
    (void)crc32_of;
    return true;                /* a fuzzer cannot guess them and would never get past here */
#else
    return crc32_of(chunk + 4, (size_t)length + 4) == big(chunk + 8 + length, 4);
#endif
}

static vks_status png_header(const struct io_source *source, uint64_t *least)
{
    static const unsigned samples[7] = { 1, 0, 3, 1, 2, 0, 4 };
    const unsigned char *h = source->bytes + 16;
    uint64_t width = big(h, 4), height = big(h + 4, 4);
    unsigned bits = h[8], colour = h[9];
    VKS_TRY(io_check_size(source, width, height));
    VKS_REQUIRE(colour < 7 && samples[colour] > 0 && bits <= 16, VKS_ERR_CORRUPT,
                "%s is a PNG file of an unknown colour type (%u, %u bits)", source->name, colour, bits);
    *least = (width * samples[colour] * bits + 7) / 8 * height;
    return VKS_OK;
}

static vks_status whole_png(const struct io_source *source)
{
    uint64_t data = 0, least = 0;
    for (size_t at = 8;;) {
        if (source->size - at < 12)
            return cut_off(source, "PNG");
        const unsigned char *chunk = source->bytes + at;
        const uint32_t length = big(chunk, 4);
        if (length > source->size - at - 12)
            return cut_off(source, "PNG");
        const bool critical = !(chunk[4] & 0x20);
        VKS_REQUIRE(!critical || checksum_holds(chunk, length), VKS_ERR_CORRUPT,
                    "%s is a damaged PNG file: the checksum of its part %.4s is wrong; copy or save it again", source->name,
                    (const char *)chunk + 4);
        if (at == 8) {
            VKS_REQUIRE(memcmp(chunk + 4, "IHDR", 4) == 0 && length == 13, VKS_ERR_CORRUPT,
                        "%s is a damaged PNG file: it does not begin with its header", source->name);
            VKS_TRY(png_header(source, &least));
        }
        if (memcmp(chunk + 4, "IDAT", 4) == 0)
            data += length;
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            break;
        at += (size_t)length + 12;
    }
    /* Deflate cannot pack tighter than 1032 to 1: no memory is spent on a header that promises more. */
    VKS_REQUIRE(least / 1032 <= data, VKS_ERR_CORRUPT, "%s is a damaged PNG file: too little data for its size", source->name);
    return VKS_OK;
}

/* ---- JPEG ---- */

static vks_status jpeg_frame(const struct io_source *source, unsigned marker, const unsigned char *at, size_t length)
{
    VKS_REQUIRE(marker <= 0xc2, VKS_ERR_CORRUPT, "%s is a lossless or arithmetic-coded JPEG, which is not supported; save it as PNG",
                source->name);
    VKS_REQUIRE(length >= 8, VKS_ERR_CORRUPT, "%s is a damaged JPEG file: its frame header is too short", source->name);
    VKS_REQUIRE(at[2] == 8, VKS_ERR_CORRUPT, "%s is a JPEG with %u bits per sample; only 8 are supported: save it as PNG",
                source->name, at[2]);
    VKS_REQUIRE(at[7] != 4, VKS_ERR_CORRUPT, "%s is a CMYK JPEG, made for printing; its colours mean ink, so it is refused: "
                "save it as RGB", source->name);
    VKS_TRY(io_check_size(source, big(at + 5, 2), big(at + 3, 2)));
    /* No coding spends less than a bit on a block of 8 x 8 in one of at most 4 x 4 sampled components. */
    VKS_REQUIRE((uint64_t)big(at + 5, 2) * big(at + 3, 2) / (64 * 16 * 8) <= source->size, VKS_ERR_CORRUPT,
                "%s is a damaged JPEG file: too little data for its size", source->name);
    return VKS_OK;
}

static vks_status whole_jpeg(const struct io_source *source)
{
    const unsigned char *bytes = source->bytes;
    size_t at = 2;
    for (bool framed = false;;) {
        while (at < source->size && bytes[at] == 0xff)
            at++;
        if (source->size - at < 3 || at >= source->size)
            return cut_off(source, "JPEG");
        const unsigned marker = bytes[at++];
        const size_t length = big(bytes + at, 2);
        if (length > source->size - at)
            return cut_off(source, "JPEG");
        VKS_REQUIRE(length >= 2, VKS_ERR_CORRUPT, "%s is a damaged JPEG file: a segment has no length", source->name);
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            VKS_TRY(jpeg_frame(source, marker, bytes + at, length));
            framed = true;
        }
        at += length;
        if (marker == 0xda) {
            VKS_REQUIRE(framed, VKS_ERR_CORRUPT, "%s is a damaged JPEG file: its pixels come before its header", source->name);
            break;
        }
        VKS_REQUIRE(at < source->size && bytes[at] == 0xff, VKS_ERR_CORRUPT,
                    "%s is a damaged JPEG file: garbage between its segments", source->name);
    }
    /* Within coded data ff is always followed by 00 or a restart marker, so this can only be the end mark. */
    for (; at + 1 < source->size; at++)
        if (bytes[at] == 0xff && bytes[at + 1] == 0xd9)
            return VKS_OK;
    return cut_off(source, "JPEG");
}

/* ---- BMP and TGA ---- */

static vks_status whole_bmp(const struct io_source *source)
{
    if (source->size < 54)
        return cut_off(source, "BMP");
    const unsigned char *h = source->bytes;
    const bool core = little(h + 14, 4) == 12;
    const uint64_t offset = little(h + 10, 4);
    const int64_t signed_height = core ? (int64_t)little(h + 20, 2) : (int64_t)(int32_t)little(h + 22, 4);
    const uint64_t width = little(h + 18, core ? 2 : 4), bits = little(h + (core ? 24 : 28), 2);
    const uint64_t height = (uint64_t)(signed_height < 0 ? -signed_height : signed_height);
    const uint32_t compression = core ? 0 : little(h + 30, 4);
    VKS_TRY(io_check_size(source, width, height));
    VKS_REQUIRE(compression == 0 || compression == 3, VKS_ERR_CORRUPT,
                "%s is a compressed BMP file, which is not supported; save it as PNG", source->name);
    if (offset + (width * bits + 31) / 32 * 4 * height > source->size)
        return cut_off(source, "BMP");
    return VKS_OK;
}

static vks_status whole_tga(const struct io_source *source)
{
    const unsigned char *h = source->bytes;
    const uint64_t width = little(h + 12, 2), height = little(h + 14, 2), pixel = (h[16] + 7u) / 8;
    VKS_TRY(io_check_size(source, width, height));
    uint64_t at = 18 + (uint64_t)h[0] + (h[1] ? (uint64_t)little(h + 5, 2) * ((h[7] + 7u) / 8) : 0);
    const bool packed = h[2] >= 9;
    uint64_t left = width * height;
    if (!packed)
        return at + left * pixel > source->size ? cut_off(source, "TGA") : VKS_OK;
    while (left > 0) {
        if (at >= source->size)
            return cut_off(source, "TGA");
        const uint64_t count = (h[at] & 127u) + 1, size = h[at] & 128 ? pixel : pixel * count;
        at += 1 + size;
        if (at > source->size)
            return cut_off(source, "TGA");
        left -= count < left ? count : left;
    }
    return VKS_OK;
}

vks_status io_check_whole(const struct io_source *source, enum io_kind kind)
{
    switch (kind) {
    case IO_PNG:
        return whole_png(source);
    case IO_JPEG:
        return whole_jpeg(source);
    case IO_BMP:
        return whole_bmp(source);
    case IO_TGA:
        return whole_tga(source);
    case IO_PNM:
    case IO_NPY:
    case IO_TIFF:
        break;                  /* their readers see to it */
    }
    return VKS_OK;
}
