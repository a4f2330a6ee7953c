/* meshnet_golden.c: published MeshNet models on a real MRI against an independent implementation (../shared/meshnet,
 * with its tolerances). `small`: a crop, all networks, f32 and f16. `full NAME f32|f16`: the whole volume; `app
 * NAME`: the same with crop and largest component, as the application does it. NAME may be a list with commas, or `all`:
 * CTest runs all five in f32 and the quick ones of the rest; tests/README.md says how to run all. */
//! test models_meshnet small label=slow
//! test models_meshnet_full full model5_gw_ae,model11_gw_ae f32 label=slow timeout=900
//! test models_meshnet_full_f16 full model5_gw_ae f16 label=slow timeout=900
//! test models_meshnet_app app model11_gw_ae,model18cls label=slow timeout=900
//! test models_meshnet_full_wide full model18cls,model30chan18cls f32 label=slow timeout=900
//! test models_meshnet_full_pth full meshnet15_bn_pth f32 label=slow timeout=900
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/npy.h"
#include "support/device.h"
#include "vkseg/vkseg_io.h"

#include <jansson.h>

enum { NAMES = 5 };

/* Tolerances of README.md: f32 logits of the whole volume and of the crop, share of equal labels of the whole volume; f16
 * logits of the crop, share of equal labels there; share of equal labels of the whole volume in f16, which allows three
 * times what its emulation shows (of the last two there is none: that of the crop). */
static const struct network {
    const char *name, *file;
    double full_logits, small_logits, full_labels, half_logits, half_labels, full_half_labels;
} networks[] = {
    { "model5_gw_ae", "model.json", 2.9e-4, 2.4e-4, 0.999994, 0.54, 0.9978, 0.99993 },
    { "model11_gw_ae", "model.json", 2.6e-3, 2.0e-3, 0.999951, 2.5, 0.9982, 0.99993 },
    { "model18cls", "model.json", 6.9e-4, 2.7e-4, 0.999954, 0.08, 0.9981, 0.99974 },
    { "model30chan18cls", "model.json", 5.7e-4, 2.7e-4, 0.999975, 0.069, 0.9983, 0.9983 },
    { "meshnet15_bn_pth", "model.pth", 5.2e-2, 3.9e-2, 0.999974, 4.4e2, 0.9802, 0.9802 },
};

struct array {
    float *values;
    uint32_t dim[5], rank;
};

static const char *folder = VKS_SHARED_DIR "/meshnet";
static vks_context *context;

static void load(const struct network *network, const char *name, struct array *out)
{
    char path[1024];
    struct vkr_desc desc;
    void *data = NULL;
    snprintf(path, sizeof path, "%s/%s/%s", folder, network->name, name);
    if (vkr_npy_read(path, &desc, &data) != VKS_OK || desc.dtype != VKR_F32)
        fail_msg("%s: %s", path, vks_last_error());
    out->values = data;
    out->rank = desc.rank;
    memcpy(out->dim, desc.dim, sizeof out->dim);
}

static void read_volume(const char *relative, vks_io_volume *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, relative);
    if (vks_io_read_volume(path, NULL, out) != VKS_OK)
        fail_msg("%s: %s", path, vks_last_error());
}

static vks_model *open_model(const struct network *network, const char *file, vks_precision precision)
{
    char path[1024];
    vks_model *model = NULL;
    const vks_model_params params = { .struct_size = sizeof params, .precision = precision };
    snprintf(path, sizeof path, "%s/%s/%s", folder, network->name, file);
    if (vks_model_load(context, path, &params, &model) != VKS_OK)
        fail_msg("%s: %s", path, vks_last_error());
    return model;
}

/* Where the logits of voxel (i, j, k) of a box of `size` lie when planes[] were asked for. */
static const float *logits_at(const vks_labels *labels, const uint32_t *planes, size_t count, const uint32_t at[3])
{
    for (size_t n = 0; n < count; n++)
        if (planes[n] == at[2])
            return labels->logits +
                   ((n * labels->box_size[1] + at[1]) * labels->box_size[0] + at[0]) * labels->name_count;
    fail_msg("plane %u was not asked for", at[2]);
    return NULL;
}

/* Compares golden[i][j][k][c] with voxel start + step * (i, j, k). */
static double compare(const vks_labels *labels, const uint32_t *planes, size_t count, const struct array *golden,
                      const uint32_t start[3], uint32_t step)
{
    double worst = 0;
    const float *expected = golden->values;
    uint32_t depth = golden->rank == 4 ? golden->dim[2] : 1, classes = golden->dim[golden->rank - 1];
    assert_int_equal(classes, labels->name_count);
    for (uint32_t i = 0; i < golden->dim[0]; i++)
        for (uint32_t j = 0; j < golden->dim[1]; j++)
            for (uint32_t k = 0; k < depth; k++) {
                const uint32_t at[3] = { start[0] + step * i, start[1] + step * j, start[2] + step * k };
                const float *got = logits_at(labels, planes, count, at);
                for (uint32_t c = 0; c < classes; c++, expected++) {
                    double error = fabs((double)got[c] - (double)*expected);
                    worst = error > worst || isnan(error) ? error : worst;
                }
            }
    return worst;
}

static double equal_share(const vks_labels *labels, const char *relative, double *dice)
{
    vks_io_volume golden;
    size_t equal = 0, count = (size_t)labels->size[0] * labels->size[1] * labels->size[2];
    read_volume(relative, &golden);
    assert_int_equal(golden.view.type, VKS_PIXEL_U8);
    assert_memory_equal(golden.view.size, labels->size, sizeof labels->size);
    const uint8_t *expected = golden.view.voxels;
    size_t both[256] = { 0 }, sum[256] = { 0 };
    for (size_t n = 0; n < count; n++) {
        equal += labels->voxels[n] == expected[n];
        both[expected[n]] += labels->voxels[n] == expected[n];
        sum[expected[n]]++;
        sum[labels->voxels[n]]++;
    }
    *dice = 1;
    for (int c = 0; c < 256; c++)
        if (sum[c] && 2.0 * (double)both[c] / (double)sum[c] < *dice)
            *dice = 2.0 * (double)both[c] / (double)sum[c];
    vks_io_volume_free(&golden);
    return (double)equal / (double)count;
}

/* ---- the crop -----------------------------------------------------------------------------------------------------
 */

static void check_small(const struct network *network, const char *file, vks_precision precision)
{
    vks_io_volume volume;
    struct array golden;
    char path[256];
    double dice, share, error;
    const uint32_t zero[3] = { 0, 0, 0 };
    uint32_t planes[16];
    for (uint32_t k = 0; k < 16; k++)
        planes[k] = 3 * k;
    read_volume("small/t1_small.nii.gz", &volume);
    vks_model *model = open_model(network, file, precision);
    const vks_label_params params = {
        .struct_size = sizeof params, .as_stored = 1, .logit_planes = planes, .logit_plane_count = 16
    };
    vks_labels *labels = NULL;
    if (vks_model_label(model, &volume.view, &params, &labels) != VKS_OK)
        fail_msg("%s: %s", network->name, vks_last_error());
    load(network, "small/logits_lattice.npy", &golden);
    error = compare(labels, planes, 16, &golden, zero, 3);
    snprintf(path, sizeof path, "%s/small/labels.nii.gz", network->name);
    share = equal_share(labels, path, &dice);
    bool half = precision == VKS_PRECISION_F16;
    printf("%s/%s %s: logits off by %.3g (allowed %.3g), labels equal %.6f, least Dice %.4f, %.1f s\n", network->name,
           file, half ? "f16" : "f32", error, half ? network->half_logits : network->small_logits, share, dice,
           labels->run_ms * 1e-3);
    assert_true(error <= (half ? network->half_logits : network->small_logits));
    assert_true(share >= (half ? network->half_labels : 0.9998));
    free(golden.values);
    vks_labels_free(&labels);
    vks_model_destroy(&model);
    vks_io_volume_free(&volume);
}

static void small_f32(void **state)
{
    check_small(*state, ((const struct network *)*state)->file, VKS_PRECISION_F32);
}

static void small_f16(void **state)
{
    check_small(*state, ((const struct network *)*state)->file, VKS_PRECISION_F16);
}

/* The state dict of the same network gives the same. */
static void small_dict(void **state)
{
    check_small(*state, "model.pth", VKS_PRECISION_F32);
}

/* ---- the whole volume ---------------------------------------------------------------------------------------------
 */

static json_t *read_case(const struct network *network)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s/case.json", folder, network->name);
    json_t *text = json_load_file(path, 0, &error);
    if (!text)
        fail_msg("%s: %s", path, error.text);
    return text;
}

/* Planes of the block, the lattice and the slice, ascending. */
static size_t wanted_planes(const uint32_t block[3], uint32_t planes[64])
{
    size_t count = 0;
    for (uint32_t k = 0; k < 256; k++)
        if (k % 16 == 8 || k == 128 || (k >= block[2] && k < block[2] + 24))
            planes[count++] = k;
    return count;
}

static void check_full(const struct network *network, vks_precision precision)
{
    vks_io_volume volume;
    json_t *text = read_case(network);
    json_t *origin = json_object_get(json_object_get(json_object_get(text, "golden"), "block"), "origin_xyz");
    uint32_t block[3], planes[64];
    for (size_t a = 0; a < 3; a++)
        block[a] = (uint32_t)json_integer_value(json_array_get(origin, a));
    json_decref(text);
    size_t count = wanted_planes(block, planes);
    read_volume("t1_crop.nii.gz", &volume);
    vks_model *model = open_model(network, network->file, precision);
    bool half = precision == VKS_PRECISION_F16;
    const vks_label_params params = { .struct_size = sizeof params,
                                      .logit_planes = planes,
                                      .logit_plane_count = half ? 0 : count };
    vks_labels *labels = NULL;
    if (vks_model_label(model, &volume.view, &params, &labels) != VKS_OK)
        fail_msg("%s: %s", network->name, vks_last_error());
    assert_false(labels->conformed);
    char path[256];
    double dice, error = 0;
    snprintf(path, sizeof path, "%s/golden/labels.nii.gz", network->name);
    double share = equal_share(labels, path, &dice);
    static const struct {
        const char *file;
        uint32_t start[3], step;
    } goldens[] = {
        { "golden/logits_lattice.npy", { 8, 8, 8 }, 16 },
        { "golden/logits_slice.npy", { 0, 0, 128 }, 4 },
        { "golden/logits_block.npy", { 0, 0, 0 }, 1 },
    };
    for (size_t i = 0; i < 3 && !half; i++) {
        struct array golden;
        load(network, goldens[i].file, &golden);
        error =
            fmax(error, compare(labels, planes, count, &golden, i == 2 ? block : goldens[i].start, goldens[i].step));
        free(golden.values);
    }
    char logits[64] = "";
    if (!half)
        snprintf(logits, sizeof logits, "logits off by %.3g (allowed %.3g), ", error, network->full_logits);
    printf("%s %s: %slabels equal %.7f, least Dice %.5f, %u tiles, %u planes, %.0f MiB, %.1f s\n", network->name,
           half ? "f16" : "f32", logits, share, dice, labels->estimate.tiles, labels->estimate.planes,
           (double)labels->estimate.device_bytes / (1 << 20), labels->run_ms * 1e-3);
    assert_true(half || error <= network->full_logits);
    assert_true(share >= (half ? network->full_half_labels : network->full_labels) && dice >= 0.97);
    vks_labels_free(&labels);
    vks_model_destroy(&model);
    vks_io_volume_free(&volume);
}

static void full_f32(void **state)
{
    check_full(*state, VKS_PRECISION_F32);
}

static void full_f16(void **state)
{
    check_full(*state, VKS_PRECISION_F16);
}

/* Crop and largest component by the rules that made labels_app.nii.gz; the box and the number of components are known. */
static void full_app(void **state)
{
    const struct network *network = *state;
    vks_io_volume volume;
    json_t *text = read_case(network), *rules = json_object_get(text, "application");
    const vks_label_params params = { .struct_size = sizeof params,
                                      .crop = 1,
                                      .crop_threshold = (float)json_number_value(json_object_get(rules, "threshold")),
                                      .crop_padding = (uint32_t)json_integer_value(json_object_get(rules, "padding")),
                                      .largest_component = 1 };
    vks_labels *labels = NULL;
    read_volume("t1_crop.nii.gz", &volume);
    vks_model *model = open_model(network, network->file, VKS_PRECISION_F32);
    if (vks_model_label(model, &volume.view, &params, &labels) != VKS_OK)
        fail_msg("%s: %s", network->name, vks_last_error());
    json_t *box = json_object_get(rules, "box_inclusive_xyz");
    for (size_t a = 0; a < 3; a++) {
        json_t *ends = json_array_get(box, a);
        assert_int_equal(labels->box_first[a], json_integer_value(json_array_get(ends, 0)));
        assert_int_equal(labels->box_first[a] + labels->box_size[a] - 1, json_integer_value(json_array_get(ends, 1)));
    }
    char path[256];
    double dice;
    snprintf(path, sizeof path, "%s/golden/labels_app.nii.gz", network->name);
    double share = equal_share(labels, path, &dice);
    printf("%s as the application: labels equal %.7f, least Dice %.5f, %u components (golden %d), %.1f s\n",
           network->name, share, dice, labels->components,
           (int)json_integer_value(json_object_get(rules, "components")), labels->run_ms * 1e-3);
    assert_true(share >= network->full_labels && dice >= 0.99);
    json_decref(text);
    vks_labels_free(&labels);
    vks_model_destroy(&model);
    vks_io_volume_free(&volume);
}

/* ---- choosing -----------------------------------------------------------------------------------------------------
 */

static struct CMUnitTest tests[2 * NAMES + 1];
static char titles[2 * NAMES + 1][64];
static size_t test_count;

static void add(const struct network *network, const char *title, CMUnitTestFunction call)
{
    snprintf(titles[test_count], sizeof titles[0], "%s %s", network->name, title);
    tests[test_count] = (struct CMUnitTest){ titles[test_count], call, NULL, NULL, (void *)(uintptr_t)network };
    test_count++;
}

/* Is `name` in `list`, separated by commas? */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at++)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length]))
            return true;
    return strcmp(list, "all") == 0;
}

static void choose(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "small", *list = argc > 2 ? argv[2] : "all";
    bool half = argc > 3 && strcmp(argv[3], "f16") == 0;
    for (size_t i = 0; i < NAMES; i++) {
        const struct network *network = &networks[i];
        if (!listed(list, network->name))
            continue;
        if (strcmp(mode, "small") == 0) {
            add(network, "f32", small_f32);
            add(network, "f16", small_f16);
        } else if (strcmp(mode, "full") == 0) {
            add(network, half ? "f16" : "f32", half ? full_f16 : full_f32);
        } else if (strcmp(mode, "app") == 0 && i < NAMES - 1) {
            add(network, "as the application", full_app);
        }
    }
    if (strcmp(mode, "small") == 0)
        add(&networks[0], "state dict", small_dict);
}

int main(int argc, char **argv)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/t1_crop.nii.gz", folder);
    if (!vks_io_is_volume(path)) {
        printf("SKIPPED: %s is not here\n", folder);
        return TEST_SKIPPED;
    }
    const vks_context_params params = { .struct_size = sizeof params, .device = "cpu", .use_environment = 1 };
    if (vks_context_create(&params, &context) != VKS_OK) {
        printf("SKIPPED: %s\n", vks_last_error());
        return TEST_SKIPPED;
    }
    choose(argc, argv);
    int failed = _cmocka_run_group_tests("meshnet", tests, test_count, NULL, NULL);
    vks_context_destroy(&context);
    return failed;
}
