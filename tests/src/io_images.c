/* io_images.c: every flavour of image file: its pixels, or one sentence that says what is wrong. The files are those of
 * tests/fuzz/corpus/image, which tools/python/image_seeds.py writes; a file without a row here fails the test. */
//! test src_io_images
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vkseg/vkseg_io.h"

enum { WIDTH = 7, HEIGHT = 5 };

static unsigned grey(unsigned x, unsigned y)
{
    return (x * 30 + y * 7) % 256;
}

static unsigned inverse(unsigned x, unsigned y)
{
    return 255 - grey(x, y);
}

static unsigned half(unsigned x, unsigned y)
{
    return grey(x, y) / 2;
}

/* What a readable file holds: `scale` times the pattern (16-bit types) plus `offset`, within `error`. */
struct readable {
    const char *name;
    vks_pixel_type type;
    uint32_t channels;
    double scale, offset, error;
};

static const struct readable readables[] = {
    { "grey.png", VKS_PIXEL_U8, 1, 1, 0, 0 },      { "rgb.png", VKS_PIXEL_U8, 3, 1, 0, 0 },
    { "rgba.png", VKS_PIXEL_U8, 3, 1, 0, 0 },      { "grey16.png", VKS_PIXEL_U16, 1, 257, 0, 0 },
    { "rgb.bmp", VKS_PIXEL_U8, 3, 1, 0, 0 },       { "rgb.tga", VKS_PIXEL_U8, 3, 1, 0, 0 },
    { "grey.pgm", VKS_PIXEL_U8, 1, 1, 0, 0 },      { "grey16.pgm", VKS_PIXEL_U16, 1, 257, 0, 0 },
    { "rgb.ppm", VKS_PIXEL_U8, 3, 1, 0, 0 },       { "u8.npy", VKS_PIXEL_U8, 1, 1, 0, 0 },
    { "u16.npy", VKS_PIXEL_U16, 1, 257, 0, 0 },    { "i16.npy", VKS_PIXEL_I16, 1, 1, -100, 0 },
    { "f32.npy", VKS_PIXEL_F32, 1, 0.5, 0, 0 },    { "rgb.npy", VKS_PIXEL_U8, 3, 1, 0, 0 },
    { "grey.jpg", VKS_PIXEL_U8, 1, 1, 0, 12 },     { "rgb.jpg", VKS_PIXEL_U8, 3, 1, 0, 60 },
    { "progressive.jpg", VKS_PIXEL_U8, 3, 1, 0, 90 },
    { "grey16.tif", VKS_PIXEL_U16, 1, 257, 0, 0 }, { "grey16-big.tif", VKS_PIXEL_U16, 1, 257, 0, 0 },
    { "i16.tif", VKS_PIXEL_I16, 1, 1, -100, 0 },   { "f32.tif", VKS_PIXEL_F32, 1, 0.5, 0, 0 },
    { "white.tif", VKS_PIXEL_U16, 1, 257, 0, 0 },  { "tiles.tif", VKS_PIXEL_U8, 3, 1, 0, 0 },
    { "planes.tif", VKS_PIXEL_U8, 3, 1, 0, 0 },    { "rgba.tif", VKS_PIXEL_U8, 3, 1, 0, 0 },
    { "grey-lzw.tif", VKS_PIXEL_U8, 1, 1, 0, 0 },  { "rgb-jpeg.tif", VKS_PIXEL_U8, 3, 1, 0, 90 },
};

/* Readable too, with pixels of their own: looked at below. */
static const char *const special[] = { "palette.png", "one_bit.png", "palette.tif" };

static const struct {
    const char *name, *sentence;
} refused[] = {
    { "no_pixels.png", "no pixels" },    { "huge.png", "too large" },       { "wide.png", "too large" },
    { "lying.png", "too little data" },  { "cut.png", "cut off" },          { "bad_crc.png", "checksum" },
    { "cmyk.jpg", "CMYK" },              { "cut.jpg", "cut off" },          { "huge.pgm", "too large" },
    { "zero.pgm", "no pixels" },         { "text.pgm", "as text" },         { "volume.npy", "no image" },
    { "huge.npy", "the file has" },      { "cut.npy", "the file has" },     { "picture.gif", "GIF" },
    { "picture.tiff", "TIFF" },          { "pages.tif", "holds 2 pages" },  { "double.tif", "64-bit floats" },
    { "turned.tif", "orientation 6" },   { "cut.tif", "cut off" },          { "lying.tif", "cannot hold 16384 x 16384" },
};

/* A build without libtiff refuses every TIFF by that name. */
static bool has_tiff;

static bool is_left_out(const char *name)
{
    char path[1024];
    vks_io_image image = { .owned = NULL };
    const size_t length = strlen(name);
    if (has_tiff || length < 5 || !(strcmp(name + length - 4, ".tif") == 0 || strcmp(name + length - 5, ".tiff") == 0))
        return false;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/image/%s", VKS_SOURCE_DIR, name);
    assert_int_equal(vks_io_read_image(path, &image), VKS_ERR_UNSUPPORTED);
    assert_non_null(strstr(vks_last_error(), "made without libtiff"));
    return true;
}

static void path_of(const char *name, char path[1024])
{
    snprintf(path, 1024, "%s/tests/fuzz/corpus/image/%s", VKS_SOURCE_DIR, name);
}

static double value_at(const vks_image *view, uint32_t x, uint32_t y, uint32_t c)
{
    const size_t i = ((size_t)y * view->width + x) * view->channels + c;
    switch (view->type) {
    case VKS_PIXEL_U8: return ((const uint8_t *)view->pixels)[i];
    case VKS_PIXEL_U16: return ((const uint16_t *)view->pixels)[i];
    case VKS_PIXEL_I16: return ((const int16_t *)view->pixels)[i];
    case VKS_PIXEL_F32: return (double)((const float *)view->pixels)[i];
    }
    return -1;
}

static void test_pixels(void **state)
{
    (void)state;
    unsigned (*const pattern[])(unsigned, unsigned) = { grey, inverse, half };
    for (size_t i = 0; i < sizeof readables / sizeof *readables; i++) {
        const struct readable *r = &readables[i];
        char path[1024];
        vks_io_image image;
        if (is_left_out(r->name))
            continue;
        path_of(r->name, path);
        if (vks_io_read_image(path, &image) != VKS_OK)
            fail_msg("%s: %s", r->name, vks_last_error());
        assert_int_equal(image.view.width, WIDTH);
        assert_int_equal(image.view.height, HEIGHT);
        assert_int_equal(image.view.type, r->type);
        assert_int_equal(image.view.channels, r->channels);
        for (unsigned y = 0; y < HEIGHT; y++)
            for (unsigned x = 0; x < WIDTH; x++)
                for (unsigned c = 0; c < r->channels; c++) {
                    const double expected = pattern[c](x, y) * r->scale + r->offset;
                    const double found = value_at(&image.view, x, y, c);
                    if (found < expected - r->error || found > expected + r->error)
                        fail_msg("%s: pixel %u,%u,%u is %g, expected %g", r->name, x, y, c, found, expected);
                }
        vks_io_image_free(&image);
        assert_null(image.owned);
    }
}

/* Colours come from the palette, single bits become 0 and 255. */
static void test_special(void **state)
{
    (void)state;
    char path[1024];
    vks_io_image image;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "palette.tif" : "palette.png";
        if (is_left_out(name))
            continue;
        path_of(name, path);
        assert_int_equal(vks_io_read_image(path, &image), VKS_OK);
        assert_int_equal(image.view.channels, 3);
        const unsigned entry = grey(3, 2) / 4;
        assert_int_equal(value_at(&image.view, 3, 2, 0), entry * 4);
        assert_int_equal(value_at(&image.view, 3, 2, 1), 255 - entry * 4);
        assert_int_equal(value_at(&image.view, 3, 2, 2), entry * 2);
        vks_io_image_free(&image);
    }
    path_of("one_bit.png", path);
    assert_int_equal(vks_io_read_image(path, &image), VKS_OK);
    assert_int_equal(value_at(&image.view, 0, 0, 0), 255);
    assert_int_equal(value_at(&image.view, 1, 0, 0), 0);
    vks_io_image_free(&image);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[1024];
        vks_io_image image = { .owned = NULL };
        if (is_left_out(refused[i].name))
            continue;
        path_of(refused[i].name, path);
        vks_status status = vks_io_read_image(path, &image);
        if (status != VKS_ERR_CORRUPT || !strstr(vks_last_error(), refused[i].sentence))
            fail_msg("%s: %s: %s", refused[i].name, vks_status_name(status), vks_last_error());
        assert_null(image.owned);
    }
}

static bool listed(const char *name)
{
    for (size_t i = 0; i < sizeof readables / sizeof *readables; i++)
        if (strcmp(name, readables[i].name) == 0)
            return true;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(name, special[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(name, refused[i].name) == 0)
            return true;
    return strncmp(name, "find-", 5) == 0;
}

static unsigned char *slurp(const char *name, size_t *size)
{
    char path[1024];
    path_of(name, path);
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(1 << 20);
    assert_non_null(file);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* Every file of the corpus, whole and cut after each byte: a view or a sentence, never a crash. */
static void test_cut(void **state)
{
    (void)state;
    char path[1024];
    path_of("", path);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *item; (item = readdir(folder));) {
        if (item->d_name[0] == '.')
            continue;
        if (!listed(item->d_name))
            fail_msg("%s stands in no list of this test", item->d_name);
        size_t size;
        unsigned char *bytes = slurp(item->d_name, &size);
        for (size_t cut = 1; cut <= size; cut++) {
            vks_io_image image;
            unsigned char *exact = malloc(cut);         /* so that a sanitizer sees one byte too far */
            assert_non_null(exact);
            memcpy(exact, bytes, cut);
            vks_status status = vks_io_read_image_memory(exact, cut, &image);
            if (status == VKS_OK)
                vks_io_image_free(&image);
            else
                assert_true(*vks_last_error());
            free(exact);
        }
        free(bytes);
    }
    closedir(folder);
}

/* TIFF masks are labels as they are. */
static void test_labels(void **state)
{
    (void)state;
    char path[1024];
    vks_io_volume labels;
    if (is_left_out("grey16.tif"))
        return;
    path_of("grey16.tif", path);
    assert_int_equal(vks_io_read_labels(path, NULL, &labels), VKS_OK);
    assert_int_equal(labels.view.type, VKS_PIXEL_U16);
    assert_int_equal(((const uint16_t *)labels.view.voxels)[WIDTH + 2], 257 * grey(2, 1));
    vks_io_volume_free(&labels);
    path_of("tiles.tif", path);
    assert_int_equal(vks_io_read_labels(path, NULL, &labels), VKS_ERR_CORRUPT);
    assert_non_null(strstr(vks_last_error(), "not labels"));
}

int main(void)
{
    vks_io_image image;
    has_tiff = vks_io_read_image(VKS_SOURCE_DIR "/tests/fuzz/corpus/image/grey16.tif", &image) != VKS_ERR_UNSUPPORTED;
    if (has_tiff)
        vks_io_image_free(&image);
    else
        printf("SKIPPED: this build reads no TIFF\n");
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pixels), cmocka_unit_test(test_special),
                                        cmocka_unit_test(test_refused), cmocka_unit_test(test_cut),
                                        cmocka_unit_test(test_labels) };
    return cmocka_run_group_tests_name("io_images", tests, NULL, NULL);
}
