/* resize.c: resizing against Pillow and scikit-image (../shared/oracle/00p_preprocessing): bit for bit where the
 * reference is integers, within the case's tolerance where it is not. Every array of the case is compared or named with
 * the reason why not. VKS_SHARED names the folder; those tests skip without it. The rest needs no file. */
//! test src_resize
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/npy.h"
#include "image/prepare.h"

static char folder[1024];
static json_t *description;

struct picture {
    uint32_t height, width, channels;
    uint8_t *pixels;
};
struct region {
    unsigned y0, y1, x0, x1;
}; /* both ends included */

static void need_case(void)
{
    if (!description) {
        print_message("no %s: skipped\n", folder);
        skip();
    }
}

static void *read_array(const char *file, struct vkr_desc *desc)
{
    char path[1200];
    void *data = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (vkr_npy_read(path, desc, &data) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return data;
}

static struct picture read_picture(const char *file)
{
    struct vkr_desc desc;
    struct picture picture = { .pixels = read_array(file, &desc) };
    assert_int_equal(desc.dtype, VKR_U8);
    picture.height = desc.dim[0];
    picture.width = desc.dim[1];
    picture.channels = desc.rank == 3 ? desc.dim[2] : 1;
    return picture;
}

static vks_image image_of(const struct picture *p)
{
    return (vks_image){
        .pixels = p->pixels, .type = VKS_PIXEL_U8, .width = p->width, .height = p->height, .channels = p->channels
    };
}

static struct picture resized(const struct picture *from, enum resample_filter filter, uint32_t height, uint32_t width)
{
    struct picture to = { height, width, from->channels, NULL };
    const vks_image image = image_of(from);
    struct image_reader reader;
    to.pixels = malloc((size_t)height * width * from->channels);
    assert_non_null(to.pixels);
    assert_int_equal(image_reader_open(&image, &reader), VKS_OK);
    assert_int_equal(resample(&reader, filter, width, height, to.pixels), VKS_OK);
    image_reader_close(&reader);
    return to;
}

/* ---- the case ----------------------------------------------------------------------------------------------- */

/* "rows 321..368, cols 952..1023", "top-left 24x24", "same region" (as before), or all of it. */
static void read_region(const char *meaning, uint32_t height, uint32_t width, struct region *region)
{
    const char *rows = strstr(meaning, "rows "), *corner = strstr(meaning, "top-left ");
    unsigned h, w;
    if (strstr(meaning, "same region"))
        return;
    *region = (struct region){ 0, height - 1, 0, width - 1 };
    const char *columns = rows ? strstr(rows, "cols ") : NULL;
    if (columns) {
        assert_int_equal(sscanf(rows, "rows %u..%u", &region->y0, &region->y1), 2);
        assert_int_equal(sscanf(columns, "cols %u..%u", &region->x0, &region->x1), 2);
    } else if (corner && sscanf(corner, "top-left %ux%u", &h, &w) == 2) {
        *region = (struct region){ 0, h - 1, 0, w - 1 };
    }
    assert_true(region->y1 < height && region->x1 < width);
}

/* Fraction of equal values; the largest difference must not exceed `largest`. */
static double compare_pixels(const char *file, const struct picture *got, const struct region *r, int largest)
{
    struct vkr_desc desc;
    uint8_t *want = read_array(file, &desc);
    size_t row = (size_t)(r->x1 - r->x0 + 1) * got->channels, rows = r->y1 - r->y0 + 1, equal = 0;
    assert_int_equal(vkr_numel(&desc), row * rows);
    for (size_t y = 0; y < rows; y++)
        for (size_t i = 0; i < row; i++) {
            int value = got->pixels[((y + r->y0) * got->width + r->x0) * got->channels + i];
            int difference = abs(value - want[y * row + i]);
            if (difference > largest)
                fail_msg("%s: element %zu of row %zu is %d, expected %d", file, i, y, value, want[y * row + i]);
            equal += difference == 0;
        }
    vkr_free(want);
    return (double)equal / (double)(row * rows);
}

static void check_checksum(const char *input, uint32_t side, const struct picture *got)
{
    size_t i;
    json_t *entry, *list = json_object_get(description, "resize_longest_side");
    json_array_foreach(list, i, entry)
    {
        const json_t *size = json_object_get(entry, "out_hw");
        char hex[9];
        if (strcmp(json_string_value(json_object_get(entry, "input")), input) != 0 ||
            json_integer_value(json_object_get(entry, "long_side")) != side)
            continue;
        assert_int_equal(json_integer_value(json_array_get(size, 0)), got->height);
        assert_int_equal(json_integer_value(json_array_get(size, 1)), got->width);
        snprintf(hex, sizeof hex, "%08lx", crc32(0, got->pixels, got->height * got->width * got->channels));
        assert_string_equal(hex, json_string_value(json_object_get(entry, "crc32")));
        return;
    }
    fail_msg("no checksum for %s to %u", input, side);
}

/* SAM's resize: the longest side becomes `side`. The whole picture is right when its checksum is. */
static void check_longest(const char *file, const char *meaning, const char *input, uint32_t side)
{
    const struct image_spec spec = { .side = side, .keep_aspect = true };
    struct picture from = read_picture(input);
    uint32_t width, height;
    struct region region;
    prepare_size(&spec, from.width, from.height, &width, &height);
    struct picture to = resized(&from, RESAMPLE_PILLOW_BILINEAR, height, width);
    read_region(meaning, height, width, &region);
    compare_pixels(file, &to, &region, 0);
    check_checksum(input, side, &to);
    free(to.pixels);
    vkr_free(from.pixels);
}

static void check_square(const char *file, const char *meaning, enum resample_filter filter, uint32_t side,
                         struct region *region)
{
    struct picture from = read_picture("ct.npy"), to = resized(&from, filter, side, side);
    bool exact = filter == RESAMPLE_PILLOW_BICUBIC;
    read_region(meaning, side, side, region);
    double equal = compare_pixels(file, &to, region, exact ? 0 : 1);
    if (equal < (exact ? 1 : 0.999))
        fail_msg("%s: only %.5f of the pixels are equal", file, equal);
    free(to.pixels);
    vkr_free(from.pixels);
}

/* The spline before truncation, clipped to the range of the source as scikit-image clips. */
static void check_plane(const char *file, const json_t *entry, uint32_t side, struct region *region)
{
    struct picture from = read_picture("ct.npy");
    const vks_image image = image_of(&from);
    struct image_reader reader;
    struct vkr_desc desc;
    double tolerance = json_number_value(json_object_get(json_object_get(entry, "tol_fp32"), "max_abs")), low = 255,
           high = 0;
    double *plane = malloc((size_t)side * side * sizeof *plane);
    float *want = read_array(file, &desc);
    assert_non_null(plane);
    assert_int_equal(image_reader_open(&image, &reader), VKS_OK);
    assert_int_equal(resample_spline_plane(&reader, 0, side, side, plane), VKS_OK);
    image_reader_close(&reader);
    for (size_t i = 0; i < (size_t)from.width * from.height; i++) {
        low = fmin(low, from.pixels[i]);
        high = fmax(high, from.pixels[i]);
    }
    read_region(json_string_value(json_object_get(entry, "meaning")), side, side, region);
    size_t row = region->x1 - region->x0 + 1, rows = region->y1 - region->y0 + 1;
    assert_int_equal(vkr_numel(&desc), row * rows);
    for (size_t i = 0; i < row * rows; i++) {
        double value = fmin(fmax(plane[(i / row + region->y0) * side + i % row + region->x0], low), high);
        if (!(fabs(value - (double)want[i]) <= tolerance))
            fail_msg("%s: element %zu is %g, expected %g", file, i, value, (double)want[i]);
    }
    free(plane);
    vkr_free(want);
    vkr_free(from.pixels);
}

/* torch's antialiased bilinear filter on values of 0 to 1. */
static void check_floats(const char *file, const json_t *entry, uint32_t side, struct region *region)
{
    struct picture from = read_picture("ct.npy");
    struct vkr_desc desc;
    const double tolerance = json_number_value(json_object_get(json_object_get(entry, "tol_fp32"), "max_abs"));
    const size_t count = (size_t)from.width * from.height;
    float *source = malloc(count * sizeof *source), *got = malloc((size_t)side * side * sizeof *got);
    float *want = read_array(file, &desc);
    assert_true(source && got && from.channels == 1);
    for (size_t i = 0; i < count; i++)
        source[i] = (float)from.pixels[i] / 255;
    assert_int_equal(resample_floats(source, from.width, from.height, 1, side, side, got), VKS_OK);
    read_region(json_string_value(json_object_get(entry, "meaning")), side, side, region);
    size_t row = region->x1 - region->x0 + 1, rows = region->y1 - region->y0 + 1;
    assert_int_equal(vkr_numel(&desc), row * rows);
    for (size_t i = 0; i < row * rows; i++) {
        float value = got[(i / row + region->y0) * side + i % row + region->x0];
        if (!(fabs((double)value - (double)want[i]) <= tolerance))
            fail_msg("%s: element %zu is %g, expected %g", file, i, (double)value, (double)want[i]);
    }
    free(source);
    free(got);
    vkr_free(want);
    vkr_free(from.pixels);
}

/* False: nothing of the library makes this array. */
static bool check_array(const json_t *entry, struct region *region)
{
    const char *file = json_string_value(json_object_get(entry, "file"));
    const char *meaning = json_string_value(json_object_get(entry, "meaning"));
    unsigned side;
    if (sscanf(file, "pil_photo_small_%u", &side) == 1)
        check_longest(file, meaning, "photo_small.npy", side);
    else if (sscanf(file, "pil_photo_%u", &side) == 1)
        check_longest(file, meaning, "photo.npy", side);
    else if (sscanf(file, "pil_bicubic_ct_%u", &side) == 1)
        check_square(file, meaning, RESAMPLE_PILLOW_BICUBIC, side, region);
    else if (sscanf(file, "torch_bilinear_antialias_ct_%u", &side) == 1)
        check_floats(file, entry, side, region);
    else if (sscanf(file, "skimage_cubic_ct_%u", &side) != 1)
        return false;
    else if (strstr(file, "_f32"))
        check_plane(file, entry, side, region);
    else
        check_square(file, meaning, RESAMPLE_SKIMAGE_CUBIC, side, region);
    return true;
}

static void test_case(void **state)
{
    (void)state;
    need_case();
    struct region region = { 0 };
    size_t i, compared = 0;
    json_t *entry, *arrays = json_object_get(description, "arrays");
    json_array_foreach(arrays, i, entry)
    {
        if (!check_array(entry, &region))
            fail_msg("nothing compares %s", json_string_value(json_object_get(entry, "file")));
        compared++;
    }
    print_message("oracle 00p_preprocessing: all %zu arrays compared\n", compared);
    assert_true(compared >= 30);
}

/* Sizes of the official code. A side that it would make 0 is 1 here: it fails on those, a thin image is none of its
 * cases. */
static void test_sizes(void **state)
{
    (void)state;
    need_case();
    size_t i;
    json_t *row, *table = json_object_get(description, "preprocess_shape_h_w_L_newh_neww");
    assert_true(json_array_size(table) > 20);
    json_array_foreach(table, i, row)
    {
        uint32_t v[5], width, height;
        for (size_t k = 0; k < 5; k++)
            v[k] = (uint32_t)json_integer_value(json_array_get(row, k));
        const struct image_spec spec = { .side = v[2], .keep_aspect = true };
        prepare_size(&spec, v[1], v[0], &width, &height);
        assert_int_equal(height, v[3] ? v[3] : 1);
        assert_int_equal(width, v[4] ? v[4] : 1);
    }
}

/* ---- without a file ----------------------------------------------------------------------------------------- */

static struct picture make_picture(uint32_t height, uint32_t width, uint32_t channels)
{
    struct picture p = { height, width, channels, malloc((size_t)height * width * channels) };
    uint32_t seed = 7;
    assert_non_null(p.pixels);
    for (size_t i = 0; i < (size_t)height * width * channels; i++) {
        seed = seed * 1664525u + 1013904223u;
        p.pixels[i] = (uint8_t)(seed >> 24);
    }
    return p;
}

static const enum resample_filter filters[] = { RESAMPLE_PILLOW_BILINEAR, RESAMPLE_PILLOW_BICUBIC,
                                                RESAMPLE_SKIMAGE_CUBIC, RESAMPLE_NEAREST };

/* A constant stays what it is, the same size stays bit for bit, channels do not mix, whatever the filter. */
static void test_properties(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 3 }, { 17, 41 }, { 64, 50 } };
    for (size_t f = 0; f < 4; f++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct picture flat = make_picture(13, 11, 3);
            memset(flat.pixels, 93, 13 * 11 * 3);
            struct picture to = resized(&flat, filters[f], sizes[s][0], sizes[s][1]);
            for (size_t i = 0; i < (size_t)to.height * to.width * 3; i++)
                assert_int_equal(to.pixels[i], 93);
            free(to.pixels);
            free(flat.pixels);
            struct picture rgb = make_picture(13, 11, 3), grey = make_picture(13, 11, 1);
            for (size_t i = 0; i < 13 * 11; i++)
                grey.pixels[i] = rgb.pixels[3 * i + 1];
            struct picture three = resized(&rgb, filters[f], sizes[s][0], sizes[s][1]);
            struct picture one = resized(&grey, filters[f], sizes[s][0], sizes[s][1]);
            for (size_t i = 0; i < (size_t)one.height * one.width; i++)
                assert_int_equal(three.pixels[3 * i + 1], one.pixels[i]);
            free(three.pixels);
            free(one.pixels);
            free(rgb.pixels);
            free(grey.pixels);
        }
        struct picture from = make_picture(23, 31, 3), same = resized(&from, filters[f], 23, 31);
        assert_memory_equal(from.pixels, same.pixels, 23 * 31 * 3);
        free(from.pixels);
        free(same.pixels);
    }
}

/* Running out of memory at any allocation is a status, and nothing leaks. */
static void test_memory(void **state)
{
    (void)state;
    struct picture from = make_picture(19, 23, 3);
    const vks_image image = image_of(&from);
    uint8_t *to = malloc(31 * 29 * 3);
    assert_non_null(to);
    for (size_t f = 0; f < 4; f++) {
        for (uint64_t n = 1;; n++) {
            struct image_reader reader;
            vkr_mem_fail_at(n);
            vks_status status = image_reader_open(&image, &reader);
            if (status == VKS_OK)
                status = resample(&reader, filters[f], 31, 29, to);
            image_reader_close(&reader);
            bool reached = vkr_mem_calls() >= n;
            vkr_mem_fail_at(0);
            assert_int_equal(status, reached ? VKS_ERR_HOST_MEMORY : VKS_OK);
            if (!reached)
                break;
        }
    }
    free(to);
    free(from.pixels);
}

int main(void)
{
    const char *shared = getenv("VKS_SHARED");
    char path[1100];
    snprintf(folder, sizeof folder, "%s/oracle/00p_preprocessing", shared ? shared : VKS_SHARED_DIR);
    snprintf(path, sizeof path, "%s/case.json", folder);
    description = json_load_file(path, 0, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_memory),
    };
    int failed = cmocka_run_group_tests_name("resize", tests, NULL, NULL);
    json_decref(description);
    return failed;
}
