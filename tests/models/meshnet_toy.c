/* meshnet_toy.c: tiny MeshNets of our own (assets/golden/meshnet_toy, made by tools/python/meshnet_toy.py in double):
 * chains and a state dict, normalised over all positions, in f32 and f16, in tiles, cropped, conformed and back. */
//! test models_meshnet_toy
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/device.h"
#include "base/npy.h"
#include "vkseg/vkseg_volume.h"
#include "volume/conform.h"
#include "volume/region.h"
#include "volume/scaling.h"

#define FOLDER VKS_SOURCE_DIR "/assets/golden/meshnet_toy/"
enum { I = 17, J = 22, K = 19, COUNT = I * J * K, CLASSES = 3 };

static vks_context *context;
static uint8_t voxels[COUNT];
static uint32_t planes[K];

static void load(const char *path, void *out, size_t size)
{
    struct vkr_desc desc;
    void *data = NULL;
    if (vkr_npy_read(path, &desc, &data) != VKS_OK)
        fail_msg("%s: %s", path, vks_last_error());
    assert_int_equal(vkr_bytes(&desc), size);
    memcpy(out, data, size);
    free(data);
}

static vks_volume toy_volume(void)
{
    vks_volume volume = { .voxels = voxels, .type = VKS_PIXEL_U8, .size = { I, J, K }, .channels = 1,
                          .affine = { { -1, 0, 0, 8 }, { 0, 0, 1, -9 }, { 0, -1, 0, 11 } } };
    vks_volume_set_spacing(&volume);
    return volume;
}

static vks_model *open_model(vks_context *on, const char *file, const char *options, vks_precision precision)
{
    char path[1024];
    vks_model *model = NULL;
    const vks_model_params params = { .struct_size = sizeof params, .options = options, .precision = precision };
    snprintf(path, sizeof path, FOLDER "%s", file);
    if (vks_model_load(on, path, &params, &model) != VKS_OK)
        fail_msg("%s: %s", path, vks_last_error());
    return model;
}

static vks_labels *run(vks_model *model, const vks_volume *volume, const vks_label_params *params)
{
    vks_labels *labels = NULL;
    if (vks_model_label(model, volume, params, &labels) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return labels;
}

static void matches_golden(const char *name, const char *file, const char *options, vks_precision precision, double allowed)
{
    static float golden[COUNT * CLASSES];
    static uint8_t expected[COUNT];
    char path[1024];
    snprintf(path, sizeof path, FOLDER "%s/logits.npy", name);
    load(path, golden, sizeof golden);
    snprintf(path, sizeof path, FOLDER "%s/labels.npy", name);
    load(path, expected, sizeof expected);
    vks_model *model = open_model(context, file, options, precision);
    const vks_volume volume = toy_volume();
    const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1, .logit_planes = planes,
                                      .logit_plane_count = K };
    vks_labels *labels = run(model, &volume, &params);
    double worst = 0, largest = 0;
    size_t differ = 0;
    for (size_t n = 0; n < COUNT * CLASSES; n++) {
        worst = fmax(worst, fabs((double)labels->logits[n] - (double)golden[n]));
        largest = fmax(largest, fabs((double)golden[n]));
        assert_true(isfinite(labels->logits[n]));
    }
    for (size_t n = 0; n < COUNT; n++)
        differ += labels->voxels[n] != expected[n];
    printf("%s: logits off by %.3g of %.3g, %zu labels differ\n", file, worst, largest, differ);
    assert_true(worst <= allowed * largest);
    assert_true(differ <= (precision == VKS_PRECISION_F16 ? COUNT / 200 : 0));
    vks_labels_free(&labels);
    vks_model_destroy(&model);
}

static void chain_of_relu(void **state)
{
    (void)state;
    matches_golden("relu", "relu/model.json", NULL, VKS_PRECISION_F32, 2e-5);
}

static void chain_of_elu_in_two_files(void **state)
{
    (void)state;
    matches_golden("elu", "elu/model.json", NULL, VKS_PRECISION_F32, 2e-5);
}

static void normalised_over_all(void **state)
{
    (void)state;
    matches_golden("gn", "gn/model.json", NULL, VKS_PRECISION_F32, 2e-5);
}

static void state_dict(void **state)
{
    (void)state;
    matches_golden("norm", "norm/model.pth", "dilations=1+2+1", VKS_PRECISION_F32, 2e-5);
}

static void chain_in_f16(void **state)
{
    vks_device_info info;
    (void)state;
    assert_int_equal(vks_context_device(context, &info), VKS_OK);
    if (!strstr(info.capabilities, "f16"))
        skip();
    matches_golden("elu", "elu/model.json", NULL, VKS_PRECISION_F16, 5e-3);
}

/* Every label sees all it depends on: the same bits in tiles. */
static void tiles_change_nothing(void **state)
{
    enum { WI = 64, WJ = 60, WK = 21 };
    static uint8_t wide[WI * WJ * WK];
    vks_labels *labels[2];
    (void)state;
    for (size_t n = 0; n < sizeof wide; n++)
        wide[n] = (uint8_t)(voxels[n * 7 % COUNT] / 2 + n % 97);
    vks_volume volume = toy_volume();
    volume.voxels = wide;
    memcpy(volume.size, (uint32_t[]){ WI, WJ, WK }, sizeof volume.size);
    for (int i = 0; i < 2; i++) {
        const vks_context_params limits = { .struct_size = sizeof limits, .device = "cpu", .use_environment = 1,
                                            .max_memory = i ? (64 << 20) + 1200000 : 0 };
        vks_context *own = NULL;
        assert_int_equal(vks_context_create(&limits, &own), VKS_OK);
        vks_model *model = open_model(own, "relu/model.json", NULL, VKS_PRECISION_F32);
        const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1 };
        labels[i] = run(model, &volume, &params);
        printf("%u tiles, %u planes at a time\n", labels[i]->estimate.tiles, labels[i]->estimate.planes);
        uint64_t peak = 0;
        assert_int_equal(vks_context_memory(own, NULL, &peak), VKS_OK);
        assert_true(!i || peak <= limits.max_memory);
        vks_model_destroy(&model);
        vks_context_destroy(&own);
    }
    assert_int_equal(labels[0]->estimate.tiles, 1);
    assert_true(labels[1]->estimate.tiles > 1);
    assert_memory_equal(labels[0]->voxels, labels[1]->voxels, sizeof wide);
    vks_labels_free(&labels[0]);
    vks_labels_free(&labels[1]);
}

static void too_little_memory_is_said(void **state)
{
    const vks_context_params limits = { .struct_size = sizeof limits, .device = "cpu", .use_environment = 1,
                                        .max_memory = 64 << 20 };
    vks_context *own = NULL;
    vks_labels *labels = NULL;
    (void)state;
    assert_int_equal(vks_context_create(&limits, &own), VKS_OK);
    vks_model *model = open_model(own, "relu/model.json", NULL, VKS_PRECISION_F32);
    vks_volume volume = toy_volume();
    const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1 };
    assert_int_equal(vks_model_label(model, &volume, &params, &labels), VKS_ERR_DEVICE_MEMORY);
    const char *said = strstr(vks_last_error(), "at least ");
    assert_non_null(said);
    assert_true(strtoul(said + strlen("at least "), NULL, 10) > 64);
    vks_model_destroy(&model);
    vks_context_destroy(&own);
}

/* A crop sees the box alone; labels outside are 0; what is left of a piece after the largest is taken is connected. */
static void crops_and_keeps_the_largest(void **state)
{
    vks_model *model = open_model(context, "elu/model.json", NULL, VKS_PRECISION_F32);
    vks_volume volume = toy_volume();
    (void)state;
    const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1, .crop = 1, .crop_threshold = 0.5f,
                                      .crop_padding = 1, .largest_component = 1 };
    vks_labels *labels = run(model, &volume, &params);
    uint32_t again = 0;
    static uint8_t copy[COUNT];
    memcpy(copy, labels->voxels, sizeof copy);
    assert_true(labels->box_size[0] < I && labels->components > 0);
    for (uint32_t n = 0; n < COUNT; n++) {
        const uint32_t at[3] = { n % I, n / I % J, n / I / J };
        bool inside = true;
        for (int a = 0; a < 3; a++)
            inside = inside && at[a] >= labels->box_first[a] && at[a] < labels->box_first[a] + labels->box_size[a];
        assert_true(inside || labels->voxels[n] == 0);
    }
    assert_int_equal(region_keep_largest(copy, volume.size, &again), VKS_OK);
    assert_true(again == 1 && memcmp(copy, labels->voxels, sizeof copy) == 0);
    vks_labels_free(&labels);
    vks_model_destroy(&model);
}

static void refuses(void **state)
{
    vks_model *model = open_model(context, "relu/model.json", NULL, VKS_PRECISION_F32);
    vks_labels *labels = NULL;
    vks_session *session = NULL;
    vks_volume volume = toy_volume();
    (void)state;
    assert_int_equal(vks_session_create(model, NULL, &session), VKS_ERR_UNSUPPORTED);
    assert_int_equal(vks_model_label(NULL, &volume, NULL, &labels), VKS_ERR_ARGUMENT);
    volume.channels = 3;
    assert_int_equal(vks_model_label(model, &volume, NULL, &labels), VKS_ERR_ARGUMENT);
    volume = toy_volume();
    volume.size[1] = 0;
    assert_int_equal(vks_model_label(model, &volume, NULL, &labels), VKS_ERR_ARGUMENT);
    static const uint8_t flat[COUNT];
    volume = toy_volume();
    volume.voxels = flat;
    const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1 };
    assert_int_equal(vks_model_label(model, &volume, &params, &labels), VKS_ERR_ARGUMENT);
    assert_non_null(strstr(vks_last_error(), "do not differ"));
    assert_null(labels);
    vks_model_destroy(&model);
}

static int stop(void *user, double fraction, const char *stage)
{
    (void)user, (void)fraction, (void)stage;
    return 1;
}

static void can_be_cancelled(void **state)
{
    vks_model *model = open_model(context, "relu/model.json", NULL, VKS_PRECISION_F32);
    vks_labels *labels = NULL;
    vks_volume volume = toy_volume();
    const vks_label_params params = { .struct_size = sizeof params, .as_stored = 1, .progress = stop };
    (void)state;
    assert_int_equal(vks_model_label(model, &volume, &params, &labels), VKS_ERR_CANCELLED);
    assert_null(labels);
    vks_model_destroy(&model);
}

/* ---- on the host -------------------------------------------------------------------------------------------------- */

static void quantiles_are_numpys(void **state)
{
    /* numpy.quantile of these for 0.1 and 0.75: 1.9 and 7.75; ranks floor(1) and ceil(7.5) - 1 of the sorted: 2, 8 */
    const float v[10] = { 7, 1, 9, 3, 8, 2, 10, 4, 6, 5 };
    float low, high;
    (void)state;
    const struct volume_scaling interpolated = { VOLUME_QUANTILE_INTERPOLATED, 0.1, 0.75 };
    assert_int_equal(volume_scale_limits(&interpolated, v, 10, &low, &high), VKS_OK);
    assert_true(fabsf(low - 1.9f) < 1e-6f && fabsf(high - 7.75f) < 1e-6f);
    const struct volume_scaling ranked = { VOLUME_QUANTILE, 0.1, 0.75 };
    assert_int_equal(volume_scale_limits(&ranked, v, 10, &low, &high), VKS_OK);
    assert_true(low == 2 && high == 8);
    const struct volume_scaling all = { .kind = VOLUME_MINMAX };
    assert_int_equal(volume_scale_limits(&all, v, 10, &low, &high), VKS_OK);
    assert_true(low == 1 && high == 10);
    const float bad[2] = { 1, NAN };
    assert_int_equal(volume_scale_limits(&all, bad, 2, &low, &high), VKS_ERR_ARGUMENT);
}

/* The base volume with its axes in the order `axis`, those of `flips` turned round; every voxel stays where it is. */
enum { X = 20, Y = 30, Z = 26, BASE = X * Y * Z, GRID = 40 };

static vks_volume turned(const uint8_t *base, const int axis[3], int flips, uint8_t *out)
{
    const uint32_t size[3] = { X, Y, Z };
    vks_volume v = { .voxels = out, .type = VKS_PIXEL_U8, .channels = 1 };
    for (int a = 0; a < 3; a++) {
        bool flipped = flips >> a & 1;
        v.size[a] = size[axis[a]];
        v.affine[axis[a]][a] = flipped ? -1 : 1;
        v.affine[axis[a]][3] = flipped ? size[axis[a]] - 1 : 0;
    }
    vks_volume_set_spacing(&v);
    for (uint32_t k = 0; k < v.size[2]; k++)
        for (uint32_t j = 0; j < v.size[1]; j++)
            for (uint32_t i = 0; i < v.size[0]; i++) {
                const uint32_t index[3] = { i, j, k };
                uint32_t at[3];
                for (int a = 0; a < 3; a++)
                    at[axis[a]] = flips >> a & 1 ? v.size[a] - 1 - index[a] : index[a];
                out[(k * v.size[1] + j) * v.size[0] + i] = base[(at[2] * Y + at[1]) * X + at[0]];
            }
    return v;
}

static void comes_back_from_every_orientation(void **state)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    static uint8_t base[BASE], mine[BASE], back[BASE], bytes[GRID * GRID * GRID];
    static float floats[BASE], grid[GRID * GRID * GRID];
    size_t mismatches = 0;
    (void)state;
    for (size_t n = 0; n < BASE; n++)
        base[n] = (uint8_t)(n * 2654435761u >> 24);
    base[0] = 0;
    for (int turn = 0; turn < 48; turn++) {
        vks_volume v = turned(base, orders[turn / 8], turn % 8, mine);
        vks_volume_floats(&v, floats);
        assert_int_equal(conform_volume(&v, floats, GRID, grid), VKS_OK);
        for (size_t n = 0; n < GRID * GRID * GRID; n++)
            bytes[n] = (uint8_t)grid[n];
        assert_int_equal(conform_back(&v, bytes, GRID, back), VKS_OK);
        for (size_t n = 0; n < BASE; n++)
            mismatches += back[n] != mine[n];
    }
    assert_int_equal(mismatches, 0);
    /* i to the left, j down, k to the front: of the base itself, whose axes are x, y, z. */
    vks_volume v = turned(base, orders[0], 0, mine);
    vks_volume_floats(&v, floats);
    assert_int_equal(conform_volume(&v, floats, GRID, grid), VKS_OK);
    for (int i = 11; i < 29; i++)
        for (int j = 8; j < 32; j++)
            for (int k = 6; k < 34; k++) {
                int x = X / 2 + GRID / 2 - i, y = Y / 2 + k - GRID / 2, z = Z / 2 + GRID / 2 - j;
                assert_true(grid[(k * GRID + j) * GRID + i] == (float)base[(z * Y + y) * X + x]);
            }
    v.affine[2][2] = 0;
    assert_int_equal(conform_volume(&v, floats, GRID, grid), VKS_ERR_ARGUMENT);
}

/* Not 8 bits: the brightest thousandth of what is not zero is cut to 255. */
static void brightness_is_brought_to_8_bits(void **state)
{
    enum { SIDE = 20 };
    static float floats[SIDE * SIDE * SIDE], grid[SIDE * SIDE * SIDE];
    vks_volume v = { .voxels = floats, .type = VKS_PIXEL_F32, .channels = 1, .size = { SIDE, SIDE, SIDE },
                     .affine = { { -1, 0, 0, 0 }, { 0, 0, 1, 0 }, { 0, -1, 0, 0 } } };
    (void)state;
    for (size_t n = 0; n < SIDE * SIDE * SIDE; n++)
        floats[n] = (float)n;
    assert_int_equal(conform_volume(&v, floats, SIDE, grid), VKS_OK);
    float most = 0;
    for (size_t n = 0; n < SIDE * SIDE * SIDE; n++)
        most = fmaxf(most, grid[n]);
    assert_true(most == 255 && grid[0] == 0);
    assert_true(fabsf(grid[4000] - 127.6f) < 1.5f);
}

static void components_touch_at_corners(void **state)
{
    /* 4 x 3 x 2: a chain over corners, and one voxel apart */
    uint8_t v[24] = { 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 1, 0, 0 };
    const uint32_t size[3] = { 4, 3, 2 };
    uint32_t components;
    (void)state;
    assert_int_equal(region_keep_largest(v, size, &components), VKS_OK);
    assert_int_equal(components, 2);
    assert_true(v[0] == 1 && v[5] == 2 && v[15] == 0 && v[20] == 1 && v[21] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_of_relu),        cmocka_unit_test(chain_of_elu_in_two_files),
        cmocka_unit_test(normalised_over_all),  cmocka_unit_test(state_dict),
        cmocka_unit_test(chain_in_f16),         cmocka_unit_test(tiles_change_nothing),
        cmocka_unit_test(too_little_memory_is_said), cmocka_unit_test(crops_and_keeps_the_largest),
        cmocka_unit_test(refuses),              cmocka_unit_test(can_be_cancelled),
        cmocka_unit_test(quantiles_are_numpys), cmocka_unit_test(components_touch_at_corners),
        cmocka_unit_test(comes_back_from_every_orientation),
        cmocka_unit_test(brightness_is_brought_to_8_bits),
    };
    const vks_context_params params = { .struct_size = sizeof params, .device = "cpu", .use_environment = 1 };
    load(FOLDER "volume.npy", voxels, sizeof voxels);
    for (uint32_t k = 0; k < K; k++)
        planes[k] = k;
    if (vks_context_create(&params, &context) != VKS_OK) {
        printf("SKIPPED: %s\n", vks_last_error());
        return TEST_SKIPPED;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vks_context_destroy(&context);
    return failed;
}
