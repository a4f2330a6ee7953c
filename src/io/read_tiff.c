/* read_tiff.c: TIFF and BigTIFF through libtiff, from memory: one page, grey or colour, of 8 or 16 bits or floats. Memory is
 * bounded by what the bytes of the file could hold, before libtiff is asked for a pixel; nothing it says reaches a terminal. */
#include "io/io.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

#include <tiffio.h>

enum { MOST_PACKED = 3000, SPARE = 1 << 16, MOST_PAGES = 4096 };    /* no code of ours makes more of a byte (LZW: 2730) */

struct decoder {
    const struct io_source *source;
    uint64_t at;
    char reason[200];           /* the first complaint */
    TIFF *tiff;
    uint32_t width, height;
    uint16_t samples, bits, format, photometric, compression, planes;
    vks_pixel_type type;
    size_t bytes;               /* of a sample */
    uint32_t channels;          /* of the image: 1 or 3 */
    unsigned char *pixels;
};

/* ---- libtiff's view of memory ---- */

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t size)
{
    struct decoder *decoder = handle;
    const uint64_t left = decoder->at < decoder->source->size ? decoder->source->size - decoder->at : 0;
    const size_t got = (uint64_t)size < left ? (size_t)size : (size_t)left;
    if (size <= 0 || got == 0)
        return 0;
    memcpy(out, decoder->source->bytes + decoder->at, got);
    decoder->at += got;
    return (tmsize_t)got;
}

static tmsize_t write_nothing(thandle_t handle, void *bytes, tmsize_t size)
{
    (void)handle;
    (void)bytes;
    (void)size;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    struct decoder *decoder = handle;
    decoder->at = whence == SEEK_CUR ? decoder->at + offset : whence == SEEK_END ? decoder->source->size + offset : offset;
    return decoder->at;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle)
{
    return ((struct decoder *)handle)->source->size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    struct decoder *decoder = user;
    (void)tiff;
    (void)module;
    if (!*decoder->reason)
        vsnprintf(decoder->reason, sizeof decoder->reason, format, arguments);
    return 1;
}

/* Where libjpeg would go on with invented pixels, its warning is an error. */
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    if (module && strcmp(module, "JPEGLib") == 0)
        return on_error(tiff, user, module, format, arguments);
    return 1;
}

static uint64_t most_bytes(const struct decoder *decoder)
{
    return (uint64_t)decoder->source->size * MOST_PACKED + SPARE;
}

static vks_status open_tiff(struct decoder *decoder)
{
    const uint64_t most = most_bytes(decoder);
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    VKS_REQUIRE(options, VKS_ERR_HOST_MEMORY, "out of memory: cannot decode %s", decoder->source->name);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, most < INT32_MAX ? (tmsize_t)most : INT32_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, decoder);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, decoder);
    decoder->tiff = TIFFClientOpenExt("", "rm", decoder, read_bytes, write_nothing, seek, close_nothing, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return VKS_OK;
}

static vks_status damaged(const struct decoder *decoder)
{
    VKS_REQUIRE(strncmp(decoder->reason, "Read error", 10) != 0, VKS_ERR_CORRUPT,
                "%s is a TIFF file that was cut off: %zu bytes are not all of it; copy or save it again", decoder->source->name,
                decoder->source->size);
    return vks_fail(VKS_ERR_CORRUPT, "%s is a damaged or unusual TIFF file (%s); open it in another program and save it as PNG",
                    decoder->source->name, *decoder->reason ? decoder->reason : "no reason known");
}

/* ---- what it says it holds ---- */

static vks_status read_tags(struct decoder *decoder)
{
    TIFF *tiff = decoder->tiff;
    uint16_t orientation = ORIENTATION_TOPLEFT;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &decoder->width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &decoder->height) ||
        !TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &decoder->bits) ||
        !TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &decoder->samples) ||
        !TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &decoder->format) ||
        !TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &decoder->planes) ||
        !TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &decoder->compression))
        return damaged(decoder);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &decoder->photometric))
        decoder->photometric = decoder->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    VKS_REQUIRE(orientation == ORIENTATION_TOPLEFT, VKS_ERR_CORRUPT,
                "%s is a TIFF file whose rows are to be turned or mirrored (orientation %u); save it upright", decoder->source->name,
                orientation);
    return io_check_size(decoder->source, decoder->width, decoder->height);
}

static vks_status choose_type(struct decoder *decoder)
{
    const unsigned bits = decoder->bits, format = decoder->format;
    if (bits == 8 && format == SAMPLEFORMAT_UINT)
        decoder->type = VKS_PIXEL_U8;
    else if (bits == 16 && (format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_INT))
        decoder->type = format == SAMPLEFORMAT_INT ? VKS_PIXEL_I16 : VKS_PIXEL_U16;
    else if (bits == 32 && format == SAMPLEFORMAT_IEEEFP)
        decoder->type = VKS_PIXEL_F32;
    else
        return vks_fail(VKS_ERR_CORRUPT, "%s is a TIFF file of %u-bit %s; 8 and 16 bits and 32-bit floats are read", decoder->source->name,
                        bits, format == SAMPLEFORMAT_IEEEFP ? "floats" : format == SAMPLEFORMAT_INT ? "signed numbers" : "numbers");
    decoder->bytes = bits / 8;
    return VKS_OK;
}

static vks_status choose_colour(struct decoder *decoder)
{
    const char *name = decoder->source->name;
    const bool is_jpeg = decoder->compression == COMPRESSION_JPEG;
    switch (decoder->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
        decoder->channels = 1;
        VKS_REQUIRE(decoder->type != VKS_PIXEL_F32 || decoder->photometric == PHOTOMETRIC_MINISBLACK, VKS_ERR_CORRUPT,
                    "%s is a TIFF file of floats in which less is brighter; invert it first", name);
        break;
    case PHOTOMETRIC_RGB:
        decoder->channels = 3;
        break;
    case PHOTOMETRIC_PALETTE:
        decoder->channels = 3;
        VKS_REQUIRE(decoder->type == VKS_PIXEL_U8 && decoder->samples == 1, VKS_ERR_CORRUPT,
                    "%s is a TIFF file with a palette of more than 256 colours; save it as RGB", name);
        break;
    case PHOTOMETRIC_YCBCR:
        decoder->channels = 3;
        VKS_REQUIRE(is_jpeg && TIFFSetField(decoder->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB), VKS_ERR_CORRUPT,
                    "%s is a TIFF file of YCbCr colours without JPEG; save it as RGB", name);
        break;
    default:
        return vks_fail(VKS_ERR_CORRUPT, "%s is a TIFF file whose colours are not grey, palette or RGB (kind %u); save it as RGB", name,
                        decoder->photometric);
    }
    const unsigned least = decoder->photometric == PHOTOMETRIC_PALETTE ? 1 : decoder->channels;
    VKS_REQUIRE(decoder->samples >= least && decoder->samples <= least + 1, VKS_ERR_CORRUPT,
                "%s is a TIFF file of %u samples a pixel; grey and RGB with or without alpha are read", name, decoder->samples);
    return VKS_OK;
}

static vks_status check_claim(const struct decoder *decoder)
{
    static const uint16_t known[] = { COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_JPEG, COMPRESSION_ADOBE_DEFLATE,
                                      COMPRESSION_DEFLATE, COMPRESSION_PACKBITS };
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || decoder->compression == known[i];
    VKS_REQUIRE(is_known && TIFFIsCODECConfigured(decoder->compression), VKS_ERR_CORRUPT,
                "%s is a TIFF file compressed in a way that is not read (%u); save it with LZW or deflate", decoder->source->name,
                decoder->compression);
    const uint64_t wanted = (uint64_t)decoder->width * decoder->height * decoder->samples * decoder->bytes;
    const uint64_t most = decoder->compression == COMPRESSION_NONE ? decoder->source->size : most_bytes(decoder);
    VKS_REQUIRE(wanted <= most && (!TIFFIsTiled(decoder->tiff) || TIFFTileSize64(decoder->tiff) <= most_bytes(decoder)), VKS_ERR_CORRUPT,
                "%s is a TIFF file that was cut off: %zu bytes cannot hold %u x %u pixels", decoder->source->name,
                decoder->source->size, decoder->width, decoder->height);
    return VKS_OK;
}

/* Small copies for lists of files do not count; a second page would be left out in silence. */
static vks_status check_pages(struct decoder *decoder)
{
    uint32_t pages = 1;
    for (uint32_t i = 0; i < MOST_PAGES && !TIFFLastDirectory(decoder->tiff); i++) {
        uint32_t kind = 0;
        if (!TIFFReadDirectory(decoder->tiff))
            return damaged(decoder);
        TIFFGetFieldDefaulted(decoder->tiff, TIFFTAG_SUBFILETYPE, &kind);
        pages += !(kind & FILETYPE_REDUCEDIMAGE);
    }
    VKS_REQUIRE(pages == 1, VKS_ERR_CORRUPT, "%s holds %u pages; one image is read: save the page as a file of its own, or the "
                "volume as NIfTI", decoder->source->name, pages);
    return TIFFSetDirectory(decoder->tiff, 0) ? VKS_OK : damaged(decoder);
}

/* ---- pixels ---- */

/* `count` pixels of one row from a buffer in which they lie `samples` apart. `channel` -1: all channels of each. */
static void place(const struct decoder *decoder, const unsigned char *from, uint32_t samples, int channel, uint32_t x, uint32_t y,
                  uint32_t count)
{
    const uint32_t stored = decoder->photometric == PHOTOMETRIC_PALETTE ? 1 : decoder->channels;
    const size_t bytes = decoder->bytes;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < (channel < 0 ? stored : 1); c++) {
            const uint32_t to = channel < 0 ? c : (uint32_t)channel;
            memcpy(decoder->pixels + (((size_t)y * decoder->width + x + i) * decoder->channels + to) * bytes,
                   from + ((size_t)i * samples + c) * bytes, bytes);
        }
}

static bool read_rows(struct decoder *decoder, unsigned char *buffer, uint32_t samples, int channel)
{
    for (uint32_t y = 0; y < decoder->height; y++) {
        if (TIFFReadScanline(decoder->tiff, buffer, y, (uint16_t)(channel < 0 ? 0 : channel)) != 1)
            return false;
        place(decoder, buffer, samples, channel, 0, y, decoder->width);
    }
    return true;
}

static bool read_tiles(struct decoder *decoder, unsigned char *buffer, uint32_t samples, int channel)
{
    uint32_t wide = 0, high = 0;
    TIFFGetField(decoder->tiff, TIFFTAG_TILEWIDTH, &wide);
    TIFFGetField(decoder->tiff, TIFFTAG_TILELENGTH, &high);
    const uint64_t row = (uint64_t)wide * samples * decoder->bytes;
    if (!wide || !high || row * high != TIFFTileSize64(decoder->tiff))
        return false;
    for (uint32_t y = 0; y < decoder->height; y += high)
        for (uint32_t x = 0; x < decoder->width; x += wide) {
            if (TIFFReadTile(decoder->tiff, buffer, x, y, 0, (uint16_t)(channel < 0 ? 0 : channel)) < 0)
                return false;
            const uint32_t count = decoder->width - x < wide ? decoder->width - x : wide;
            for (uint32_t r = 0; r < high && y + r < decoder->height; r++)
                place(decoder, buffer + r * row, samples, channel, x, y + r, count);
        }
    return true;
}

static vks_status read_pixels(struct decoder *decoder)
{
    const bool is_tiled = TIFFIsTiled(decoder->tiff), is_split = decoder->planes == PLANARCONFIG_SEPARATE && decoder->samples > 1;
    const uint32_t samples = is_split ? 1 : decoder->samples;
    const uint64_t size = is_tiled ? TIFFTileSize64(decoder->tiff) : TIFFScanlineSize64(decoder->tiff);
    if (size == 0 || (!is_tiled && size != (uint64_t)decoder->width * samples * decoder->bytes))
        return damaged(decoder);
    unsigned char *buffer;
    VKS_TRY(vkr_alloc((size_t)size, 1, "a TIFF image", (void **)&buffer));
    bool is_whole = true;
    for (uint32_t c = 0; is_whole && c < (is_split ? decoder->channels : 1); c++)
        is_whole = (is_tiled ? read_tiles : read_rows)(decoder, buffer, samples, is_split ? (int)c : -1);
    vkr_free(buffer);
    return is_whole && !*decoder->reason ? VKS_OK : damaged(decoder);
}

static void invert(const struct decoder *decoder)
{
    const size_t size = (size_t)decoder->width * decoder->height * decoder->bytes;
    for (size_t i = 0; i < size; i++)       /* of 16 bits, signed or not, both bytes */
        decoder->pixels[i] = (unsigned char)~decoder->pixels[i];
}

/* Colours of 16 bits, as the specification has them; of 8 where a careless program wrote those. */
static vks_status apply_palette(const struct decoder *decoder)
{
    uint16_t *map[3];
    unsigned most = 0;
    if (!TIFFGetField(decoder->tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return damaged(decoder);
    for (int i = 0; i < 3 * 256; i++)
        most = map[i / 256][i % 256] > most ? map[i / 256][i % 256] : most;
    for (size_t i = 0; i < (size_t)decoder->width * decoder->height; i++) {
        const unsigned char index = decoder->pixels[3 * i];
        for (int c = 0; c < 3; c++)
            decoder->pixels[3 * i + (size_t)c] = (unsigned char)(most > 255 ? map[c][index] >> 8 : map[c][index]);
    }
    return VKS_OK;
}

static vks_status decode(struct decoder *decoder)
{
    if (!decoder->tiff)
        return damaged(decoder);
    VKS_TRY(check_pages(decoder));
    VKS_TRY(read_tags(decoder));
    VKS_TRY(choose_type(decoder));
    VKS_TRY(choose_colour(decoder));
    VKS_TRY(check_claim(decoder));
    VKS_TRY(vkr_alloc((size_t)decoder->width * decoder->height, decoder->channels * decoder->bytes, "a TIFF image",
                      (void **)&decoder->pixels));
    VKS_TRY(read_pixels(decoder));
    if (decoder->photometric == PHOTOMETRIC_MINISWHITE)
        invert(decoder);
    return decoder->photometric == PHOTOMETRIC_PALETTE ? apply_palette(decoder) : VKS_OK;
}

vks_status io_read_tiff(const struct io_source *source, vks_io_image *out)
{
    struct decoder decoder = { .source = source };
    VKS_TRY(open_tiff(&decoder));
    const vks_status status = decode(&decoder);
    if (decoder.tiff)
        TIFFClose(decoder.tiff);
    if (status != VKS_OK) {
        vkr_free(decoder.pixels);
        return status;
    }
    out->owned = decoder.pixels;
    out->view = (vks_image){ .pixels = decoder.pixels, .type = decoder.type, .width = decoder.width, .height = decoder.height,
                             .channels = decoder.channels };
    return VKS_OK;
}
