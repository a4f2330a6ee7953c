/* planes.c: whatever the order and direction of storage, the same patient gives the same picture. */
//! test io_planes
#include "volumes.h"

enum { SIDE = 12 };

static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

/* Voxel (x, y, z) of the patient, x to the right, y to anterior, z to superior: no two directions look alike. */
static uint8_t patient(const int p[3])
{
    return (uint8_t)(20 + 6 * p[0] + 4 * p[1] + 9 * p[2]);
}

static uint8_t patient_label(const int p[3])
{
    return p[0] >= 7 && p[1] >= 5 && p[1] < 9 && p[2] < 4 ? 1 : p[0] < 3 && p[1] < 2 ? 2 : 0;
}

static void store(int order, int signs, uint8_t *voxels, uint8_t *labels, vks_volume *volume)
{
    *volume = (vks_volume){ .voxels = voxels, .type = VKS_PIXEL_U8, .size = { SIDE, SIDE, SIDE }, .channels = 1 };
    for (int c = 0; c < 3; c++) {
        const int row = orders[order][c];
        volume->affine[row][c] = signs >> c & 1 ? -2.0 : 2.0;
    }
    vks_volume_set_spacing(volume);
    for (int at = 0; at < SIDE * SIDE * SIDE; at++) {
        const int index[3] = { at % SIDE, at / SIDE % SIDE, at / SIDE / SIDE };
        int p[3];
        for (int c = 0; c < 3; c++)
            p[orders[order][c]] = signs >> c & 1 ? SIDE - 1 - index[c] : index[c];
        voxels[at] = patient(p);
        labels[at] = patient_label(p);
    }
}

/* The caption in the corner names the stored axis and slice: it may differ. */
static void hide_captions(vks_io_image *image)
{
    uint8_t *rgb = image->owned;
    for (uint32_t y = image->view.height - 40; y < image->view.height; y++)
        for (uint32_t x = 0; x < image->view.width; x++)
            if ((x - 8) % 428 < 64)
                memset(rgb + ((size_t)y * image->view.width + x) * 3, 0, 3);
}

static void looks_the_same_from_every_storage(void **state)
{
    (void)state;
    static uint8_t voxels[SIDE * SIDE * SIDE], labels[SIDE * SIDE * SIDE];
    vks_io_image first = { .owned = NULL };
    const vks_label_map map = { labels, VKS_PIXEL_U8, { SIDE, SIDE, SIDE }, NULL, 0 };
    for (int order = 0; order < 6; order++)
        for (int signs = 0; signs < 8; signs++) {
            vks_volume volume;
            vks_io_image image;
            store(order, signs, voxels, labels, &volume);
            assert_ok(vks_io_write_planes(scratch("planes.png"), &volume, &map, NULL, 1));
            assert_ok(vks_io_read_image(scratch("planes.png"), &image));
            hide_captions(&image);
            if (!first.owned) {
                first = image;
                continue;
            }
            assert_int_equal(image.view.width, first.view.width);
            assert_int_equal(image.view.height, first.view.height);
            const uint8_t *a = first.owned, *b = image.owned;
            for (size_t i = 0; i < (size_t)image.view.width * image.view.height * 3; i++)
                if (abs(a[i] - b[i]) > 1)
                    fail_msg("order %d, signs %d: byte %zu is %d, expected %d", order, signs, i, b[i], a[i]);
            vks_io_image_free(&image);
        }
    /* Axial, left to right: R to L, so darker; top to bottom: A to P, darker as well. */
    const uint8_t *rgb = first.owned;
    const size_t width = first.view.width;
    const uint8_t *right = rgb + (60 * width + 8 + 60) * 3, *left = rgb + (60 * width + 8 + 360) * 3;
    const uint8_t *back = rgb + (340 * width + 8 + 60) * 3;
    assert_true(right[0] > left[0] && right[0] > back[0]);
    vks_io_image_free(&first);
    remove(scratch("planes.png"));
}

static void draws_sheets(void **state)
{
    (void)state;
    static uint8_t voxels[SIDE * SIDE * SIDE], labels[SIDE * SIDE * SIDE];
    const vks_label_map map = { labels, VKS_PIXEL_U8, { SIDE, SIDE, SIDE }, NULL, 0 };
    vks_volume volume;
    store(4, 5, voxels, labels, &volume);
    for (int axis = 0; axis < 3; axis++)
        for (uint32_t tiles = 0; tiles < 20; tiles += 7) {
            const vks_io_view_params params = { .struct_size = sizeof params, .axis = (vks_axis)axis, .tiles = tiles };
            assert_ok(vks_io_write_sheet(scratch("sheet.png"), &volume, tiles ? &map : NULL, &params, 1));
        }
    assert_refused(VKS_ERR_OUTPUT, "exists already", vks_io_write_sheet(scratch("sheet.png"), &volume, NULL, NULL, 0));
    volume.affine[0][0] = volume.affine[0][1] = volume.affine[0][2] = 0;
    assert_refused(VKS_ERR_ARGUMENT, "singular", vks_io_write_planes(scratch("sheet.png"), &volume, NULL, NULL, 1));
    remove(scratch("sheet.png"));
}

/* Labels that occur, and not those that do not, stand below the planes: a square in the colour, then the name. */
static void names_labels(void **state)
{
    (void)state;
    static uint8_t voxels[SIDE * SIDE * SIDE], labels[SIDE * SIDE * SIDE];
    static const vks_label names[] = {
        { 0, "background", { 9, 9, 9 } }, { 1, "Nucleus-x_1.", { 200, 10, 20 } },
        { 2, "jkq", { 10, 220, 30 } },    { 7, "not there", { 1, 2, 250 } },
    };
    const vks_label_map plain = { labels, VKS_PIXEL_U8, { SIDE, SIDE, SIDE }, NULL, 0 };
    vks_label_map map = { labels, VKS_PIXEL_U8, { SIDE, SIDE, SIDE }, names, 4 };
    vks_volume volume;
    vks_io_image without, with;
    store(0, 0, voxels, labels, &volume);
    assert_ok(vks_io_write_planes(scratch("planes.png"), &volume, &plain, NULL, 1));
    assert_ok(vks_io_read_image(scratch("planes.png"), &without));
    assert_ok(vks_io_write_planes(scratch("planes.png"), &volume, &map, NULL, 1));
    assert_ok(vks_io_read_image(scratch("planes.png"), &with));
    const uint32_t width = with.view.width, top = without.view.height;
    assert_int_equal(width, without.view.width);
    assert_true(with.view.height > top);
    size_t found[4] = { 0 }, white = 0;
    const uint8_t *rgb = with.owned;
    for (size_t i = (size_t)top * width; i < (size_t)with.view.height * width; i++) {
        for (int n = 0; n < 4; n++)
            found[n] += memcmp(rgb + i * 3, names[n].rgb, 3) == 0;
        white += rgb[i * 3] == 255 && rgb[i * 3 + 1] == 255 && rgb[i * 3 + 2] == 255;
    }
    assert_true(found[1] > 80 && found[2] > 80 && white > 300);
    assert_true(!found[0] && !found[3]);
    uint16_t wide[SIDE * SIDE * SIDE];
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        wide[i] = labels[i];
    map.voxels = wide;
    map.type = VKS_PIXEL_U16;
    vks_io_image same;
    assert_ok(vks_io_write_planes(scratch("planes.png"), &volume, &map, NULL, 1));
    assert_ok(vks_io_read_image(scratch("planes.png"), &same));
    assert_int_equal(same.view.height, with.view.height);
    assert_memory_equal(same.owned, with.owned, (size_t)width * with.view.height * 3);
    vks_io_image_free(&without);
    vks_io_image_free(&with);
    vks_io_image_free(&same);
    remove(scratch("planes.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(looks_the_same_from_every_storage), cmocka_unit_test(draws_sheets),
                                        cmocka_unit_test(names_labels) };
    return cmocka_run_group_tests_name("planes", tests, NULL, NULL);
}
