/* read_pnm.c: binary PGM and PPM, 8 and 16 bit, as netpbm documents them. 8-bit values are stretched to 0..255 when the
 * file's maximum is another; 16-bit values stay as they are and are windowed later. */
#include "io/io.h"

#include "base/mem.h"

#include <string.h>

/* Next number of the header; comments run from # to the end of the line. -1: there is none. */
static int64_t number(const struct io_source *source, size_t *at)
{
    const unsigned char *bytes = source->bytes;
    for (bool comment = false; *at < source->size; ++*at) {
        const unsigned char c = bytes[*at];
        if (c == '#')
            comment = true;
        else if (c == '\n')
            comment = false;
        else if (!comment && c != ' ' && c != '\t' && c != '\r' && c != '\v' && c != '\f')
            break;
    }
    int64_t value = -1;
    for (; *at < source->size && bytes[*at] >= '0' && bytes[*at] <= '9' && value < 1000000; ++*at)
        value = (value < 0 ? 0 : value * 10) + (bytes[*at] - '0');
    return value;
}

static void copy_8(const unsigned char *src, size_t count, unsigned maximum, uint8_t *dst)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value = src[i] < maximum ? src[i] : maximum;
        dst[i] = (uint8_t)((value * 255 + maximum / 2) / maximum);
    }
}

static void copy_16(const unsigned char *src, size_t count, uint16_t *dst)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = (uint16_t)(src[2 * i] << 8 | src[2 * i + 1]);
}

vks_status io_read_pnm(const struct io_source *source, vks_io_image *out)
{
    size_t at = 2;
    const int64_t width = number(source, &at), height = number(source, &at), maximum = number(source, &at);
    VKS_REQUIRE(width >= 0 && height >= 0 && maximum >= 1 && maximum <= 65535 && at < source->size, VKS_ERR_CORRUPT,
                "%s is a damaged PNM file: its header is not width, height and maximum", source->name);
    VKS_TRY(io_check_size(source, (uint64_t)width, (uint64_t)height));
    at++;                                                   /* one white space ends the header */
    const uint32_t channels = source->bytes[1] == '6' ? 3 : 1;
    const size_t count = (size_t)width * (size_t)height * channels, element = maximum > 255 ? 2 : 1;
    VKS_REQUIRE(count <= (source->size - at) / element, VKS_ERR_CORRUPT,
                "%s is a PNM file that was cut off: %zu bytes are not all of it; copy or save it again", source->name, source->size);
    VKS_TRY(vkr_alloc(count, element, source->name, &out->owned));
    if (element == 2)
        copy_16(source->bytes + at, count, out->owned);
    else
        copy_8(source->bytes + at, count, (unsigned)maximum, out->owned);
    out->view = (vks_image){ .pixels = out->owned, .type = element == 2 ? VKS_PIXEL_U16 : VKS_PIXEL_U8,
                             .width = (uint32_t)width, .height = (uint32_t)height, .channels = channels };
    return VKS_OK;
}
