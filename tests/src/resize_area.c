/* resize_area.c: OpenCV's INTER_AREA, bit for bit. The checksums are of cv2.resize(.., interpolation=cv2.INTER_AREA) of
 * opencv-python-headless 4.10.0 (5.0.0 gives the same) on the pixels that image() makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "image/resample.h"

static uint8_t *image(uint32_t width, uint32_t height, uint32_t channels)
{
    uint32_t count = width * height * channels;
    uint8_t *pixels = vkr_calloc(count, 1);
    assert_non_null(pixels);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t x = i / channels % width, y = i / channels / width, c = i % channels;
        pixels[i] = (uint8_t)(((x * 3 + y * 5 + c * 40) & 127) + (i * 2654435761u >> 25));
    }
    return pixels;
}

static const struct {
    uint32_t width, height, channels, to_width, to_height, crc;
} cases[] = {
    { 64, 48, 3, 32, 24, 0x07b2fd0c },     /* two by two */
    { 64, 48, 1, 32, 24, 0x09d5835c },
    { 96, 60, 3, 32, 20, 0xba7b6c77 },     /* other whole factors */
    { 96, 60, 1, 32, 30, 0x598418bc },
    { 37, 23, 3, 11, 7, 0x763c2f26 },      /* shrinking */
    { 350, 267, 3, 256, 195, 0x57ec7259 },
    { 257, 256, 1, 256, 255, 0xbf704be9 },
    { 100, 80, 3, 256, 205, 0x6962f45d },  /* growing, in one direction or both */
    { 40, 5, 3, 45, 3, 0x8f696a8e },
    { 5, 40, 1, 3, 45, 0xd5c020be },
    { 1, 7, 3, 1, 256, 0x9dcb3439 },
    { 63, 41, 3, 63, 41, 0xc4cb9bad },     /* as it is */
};

static vks_status run(size_t index, uint8_t *pixels, uint8_t *out)
{
    const vks_image view = { .pixels = pixels, .type = VKS_PIXEL_U8, .width = cases[index].width,
                             .height = cases[index].height, .channels = cases[index].channels };
    struct image_reader reader;
    vks_status status = image_reader_open(&view, &reader);
    if (status == VKS_OK)
        status = resample(&reader, RESAMPLE_CV2_AREA, cases[index].to_width, cases[index].to_height, out);
    image_reader_close(&reader);
    return status;
}

static void equals_opencv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = (size_t)cases[i].to_width * cases[i].to_height * cases[i].channels;
        uint8_t *pixels = image(cases[i].width, cases[i].height, cases[i].channels), *out = vkr_calloc(size, 1);
        assert_non_null(out);
        assert_int_equal(run(i, pixels, out), VKS_OK);
        if (crc32(0, out, (uInt)size) != cases[i].crc)
            fail_msg("%u x %u x %u to %u x %u differs", cases[i].width, cases[i].height, cases[i].channels,
                     cases[i].to_width, cases[i].to_height);
        vkr_free(pixels);
        vkr_free(out);
    }
}

/* Out of memory at every allocation in turn, in each of the ways to resize. */
static void survives_lack_of_memory(void **state)
{
    static const size_t chosen[] = { 0, 4, 8 };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        size_t i = chosen[k], size = (size_t)cases[i].to_width * cases[i].to_height * cases[i].channels;
        uint8_t *pixels = image(cases[i].width, cases[i].height, cases[i].channels), *out = vkr_calloc(size, 1);
        assert_non_null(out);
        vks_status status = VKS_ERR_HOST_MEMORY;
        for (uint64_t n = 1; status != VKS_OK; n++) {
            assert_int_equal(status, VKS_ERR_HOST_MEMORY);
            vkr_mem_fail_at(n);
            status = run(i, pixels, out);
            vkr_mem_fail_at(0);
        }
        vkr_free(pixels);
        vkr_free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(equals_opencv), cmocka_unit_test(survives_lack_of_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
