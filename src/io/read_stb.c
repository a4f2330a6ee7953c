/* read_stb.c: PNG, BMP and TGA through stb_image, after the file has been found whole and of bearable size. */
#include "io/io.h"
#include "io/stb_setup.h"

#include <string.h>

#include VKS_STB_IMAGE_H

static vks_status undecodable(const struct io_source *source, const char *format)
{
    const char *reason = stbi_failure_reason();
    VKS_REQUIRE(!reason || strcmp(reason, "outofmem") != 0, VKS_ERR_HOST_MEMORY, "out of memory: cannot decode %s", source->name);
    return vks_fail(VKS_ERR_CORRUPT, "%s is a damaged or unusual %s file (%s); open it in another program and save it as PNG",
                    source->name, format, reason ? reason : "no reason known");
}

/* Grey stays grey, everything else becomes RGB; alpha is dropped here, as the library ignores it. EXIF orientation is not
 * applied: the reference codes do not either. */
vks_status io_read_stb(const struct io_source *source, const char *format, vks_io_image *out)
{
    int width, height, found, size = (int)source->size;
    if (!stbi_info_from_memory(source->bytes, size, &width, &height, &found))
        return undecodable(source, format);
    VKS_TRY(io_check_size(source, (uint64_t)width, (uint64_t)height));
    const bool deep = stbi_is_16_bit_from_memory(source->bytes, size);
    const int channels = found <= 2 ? 1 : 3;
    void *pixels = deep ? (void *)stbi_load_16_from_memory(source->bytes, size, &width, &height, &found, channels)
                        : (void *)stbi_load_from_memory(source->bytes, size, &width, &height, &found, channels);
    if (!pixels)
        return undecodable(source, format);
    out->owned = pixels;
    out->view = (vks_image){ .pixels = pixels, .type = deep ? VKS_PIXEL_U16 : VKS_PIXEL_U8, .width = (uint32_t)width,
                             .height = (uint32_t)height, .channels = (uint32_t)channels };
    return VKS_OK;
}
