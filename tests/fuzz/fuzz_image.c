/* fuzz_image.c: any bytes as an image file; what opens is a valid view that can be prepared, read to the last pixel.
 * Seeds and former finds: tests/fuzz/corpus/image. */
#include <stdint.h>
#include <stdlib.h>

#include "image/image.h"
#include "vkseg/vkseg_io.h"

/* Stays on in release builds, unlike assert. */
#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vks_io_image image;
    vks_status status = vks_io_read_image_memory(data, size, &image);
    if (status != VKS_OK) {
        MUST((status == VKS_ERR_CORRUPT || status == VKS_ERR_UNSUPPORTED || status == VKS_ERR_HOST_MEMORY) && *vks_last_error());
        return 0;
    }
    MUST(image_validate(&image.view) == VKS_OK);
    if ((uint64_t)image.view.width * image.view.height <= 1 << 20) {
        struct image_reader reader;
        MUST(image_reader_open(&image.view, &reader) == VKS_OK);
        unsigned sum = 0;
        for (uint32_t y = 0; y < reader.height; y++) {
            const uint8_t *row = image_row(&reader, y);
            for (size_t i = 0; i < (size_t)reader.width * reader.channels; i++)
                sum += row[i];
        }
        MUST(sum <= 255u * 3u << 20);
        image_reader_close(&reader);
    }
    vks_io_image_free(&image);
    return 0;
}
