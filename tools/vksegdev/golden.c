/* golden.c: arrays of a golden case and their comparison. A comparison never stops the check: failures are counted. */
#include "golden.h"

#include "base/mem.h"
#include "base/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

vks_status golden_array_read(const char *folder, const char *file, struct golden_array *out)
{
    char path[2048];
    void *raw = NULL;
    *out = (struct golden_array){ 0 };
    snprintf(path, sizeof path, "%s/%s", folder, file);
    VKS_TRY(vkr_npy_read(path, &out->desc, &raw));
    size_t count = (size_t)vkr_numel(&out->desc);
    vks_status status = vkr_alloc(count, sizeof *out->data, file, (void **)&out->data);
    if (status == VKS_OK)
        status = vkr_convert(out->data, VKR_F32, raw, out->desc.dtype, count);
    vkr_free(raw);
    if (status != VKS_OK)
        golden_array_free(out);
    return status;
}

void golden_array_free(struct golden_array *array)
{
    vkr_free(array->data);
    array->data = NULL;
}

const json_t *golden_find(const struct golden *golden, const char *name)
{
    size_t i;
    json_t *array, *arrays = json_object_get(golden->json, "arrays");
    char file[256];
    snprintf(file, sizeof file, "%s.npy", name);
    json_array_foreach(arrays, i, array) {
        const char *found = json_string_value(json_object_get(array, "file"));
        if (found && strcmp(found, file) == 0)
            return array;
    }
    return NULL;
}

/* ---- layouts ------------------------------------------------------------------------------------------------ */

/* [N, C, positions] to [N, positions, C]. */
static vks_status to_channels_last(struct golden_array *array)
{
    const struct vkr_desc *desc = &array->desc;
    if (desc->rank < 3)
        return VKS_OK;
    size_t batch = desc->dim[0], channels = desc->dim[1], positions = 1;
    for (uint32_t i = 2; i < desc->rank; i++)
        positions *= desc->dim[i];
    float *moved;
    VKS_TRY(vkr_alloc(batch * channels * positions, sizeof *moved, "a golden array", (void **)&moved));
    for (size_t n = 0; n < batch; n++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < positions; p++)
                moved[(n * positions + p) * channels + c] = array->data[(n * channels + c) * positions + p];
    vkr_free(array->data);
    array->data = moved;
    return VKS_OK;
}

/* Keeps the tokens at config.sub_rows x config.sub_cols of a [1, H, W, C] array, in place. */
static vks_status gather(const struct golden *golden, struct golden_array *array)
{
    const json_t *config = json_object_get(golden->json, "config");
    json_t *rows = json_object_get(config, "sub_rows"), *columns = json_object_get(config, "sub_cols");
    uint32_t rank = array->desc.rank;
    VKS_REQUIRE(rank >= 3 && json_array_size(rows) > 0, VKS_ERR_CORRUPT, "case.json has no config.sub_rows");
    uint32_t height = array->desc.dim[rank - 3], width = array->desc.dim[rank - 2], channels = array->desc.dim[rank - 1];
    float *kept = array->data;          /* indices ascend, so nothing is overwritten before it is read */
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t c = 0; c < json_array_size(columns); c++) {
            size_t y = (size_t)json_integer_value(json_array_get(rows, r));
            size_t x = (size_t)json_integer_value(json_array_get(columns, c));
            VKS_REQUIRE(y < height && x < width, VKS_ERR_CORRUPT, "case.json: sub_rows or sub_cols leave the grid");
            memmove(kept, array->data + (y * width + x) * channels, channels * sizeof *kept);
            kept += channels;
        }
    }
    array->desc = vkr_f32(1, (uint32_t)(kept - array->data));
    return VKS_OK;
}

/* ---- comparison --------------------------------------------------------------------------------------------- */

struct errors { double max_abs, rel_rms, iou, exact; };

static struct errors measure(const float *got, const float *want, uint64_t count)
{
    struct errors e = { 0 };
    double difference = 0, norm = 0, both = 0, any = 0, equal = 0;
    for (uint64_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        if (!(d <= e.max_abs))
            e.max_abs = isnan(d) ? INFINITY : d;
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
        both += got[i] > 0 && want[i] > 0;
        any += got[i] > 0 || want[i] > 0;
        equal += got[i] == want[i];
    }
    e.rel_rms = norm > 0 ? sqrt(difference / norm) : sqrt(difference);
    e.iou = any > 0 ? both / any : 1;
    e.exact = count ? equal / (double)count : 1;
    return e;
}

/* Prints what the tolerance names; true when all of it holds. */
static bool judge(const struct errors *e, const json_t *tolerance)
{
    const struct {
        const char *key;
        double value;
        bool least;
    } rows[] = {
        { "max_abs", e->max_abs, false },
        { "rel_rms", e->rel_rms, false },
        { "min_iou", e->iou, true },
        { "fraction_exact_min", e->exact, true },
    };
    bool good = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *limit = json_object_get(tolerance, rows[i].key);
        if (!limit)
            continue;
        double bound = json_number_value(limit);
        printf("  %s %.3g (%s %.3g)", rows[i].key, rows[i].value, rows[i].least ? "at least" : "at most", bound);
        good = good && (rows[i].least ? rows[i].value >= bound : rows[i].value <= bound);
    }
    return good;
}

static void compare(struct golden *golden, const json_t *entry, const char *name, const char *path, const float *got,
                    uint64_t count, const struct golden_array *want)
{
    const json_t *tolerance = json_object_get(entry, golden->half ? "tol_fp16" : "tol_fp32");
    bool good = false;
    printf("%-52s %-28s", path, name);
    if (count != vkr_numel(&want->desc)) {
        printf("  %llu values, the golden has %llu", (unsigned long long)count, (unsigned long long)vkr_numel(&want->desc));
    } else if (!tolerance) {
        printf("  no tolerance for this precision\n");
        return;
    } else {
        struct errors e = measure(got, want->data, count);
        good = judge(&e, tolerance);
    }
    printf("  %s\n", good ? "ok" : "FAILED");
    *(good ? &golden->passed : &golden->failed) += 1;
}

vks_status golden_compare(struct golden *golden, const char *name, const char *path, const float *got, uint64_t count,
                          bool nchw)
{
    const json_t *entry = golden_find(golden, name);
    struct golden_array want;
    char file[256];
    if (!entry)
        return VKS_OK;
    snprintf(file, sizeof file, "%s.npy", name);
    VKS_TRY(golden_array_read(golden->folder, file, &want));
    vks_status status = nchw ? to_channels_last(&want) : VKS_OK;
    if (status == VKS_OK)
        compare(golden, entry, name, path, got, count, &want);
    golden_array_free(&want);
    return status;
}

vks_status golden_compare_dump(struct golden *golden, const char *name, const char *stage, const char *path, bool nchw)
{
    char file[512], sub[256];
    struct golden_array got;
    snprintf(sub, sizeof sub, "%s_sub", name);
    bool whole = golden_find(golden, name) != NULL, part = golden_find(golden, sub) != NULL;
    if (!whole && !part)
        return VKS_OK;
    snprintf(file, sizeof file, "%s.%s.npy", stage, path);
    vks_status status = golden_array_read(golden->temporary, file, &got);
    if (status == VKS_ERR_NOT_FOUND) {
        printf("%-52s %-28s  is not marked by this family\n", path, name);
        return VKS_OK;
    }
    VKS_TRY(status);
    if (whole)
        status = golden_compare(golden, name, path, got.data, vkr_numel(&got.desc), nchw);
    if (status == VKS_OK && part)
        status = gather(golden, &got);
    if (status == VKS_OK && part)
        status = golden_compare(golden, sub, path, got.data, vkr_numel(&got.desc), nchw);
    golden_array_free(&got);
    return status;
}
