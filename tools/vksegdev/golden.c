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

const json_t *golden_find(const struct golden *golden, const char *name, size_t *index)
{
    size_t i;
    json_t *array, *arrays = json_object_get(golden->json, "arrays");
    char file[256];
    snprintf(file, sizeof file, "%s.npy", name);
    json_array_foreach(arrays, i, array)
    {
        const char *found = json_string_value(json_object_get(array, "file"));
        if (found && strcmp(found, file) == 0) {
            if (index)
                *index = i;
            return array;
        }
    }
    return NULL;
}

void golden_give(struct golden *golden, const char *name)
{
    size_t index;
    if (golden_find(golden, name, &index) && golden->fate[index] == GOLDEN_FORGOTTEN)
        golden->fate[index] = GOLDEN_GIVEN;
}

double golden_limit(const struct golden *golden, const json_t *array, const char *key)
{
    const json_t *half = json_object_get(array, "tol_fp16");
    bool own = golden->summary.half && json_is_object(half);
    const json_t *limit = json_object_get(own ? half : json_object_get(array, "tol_fp32"), key);
    return json_is_number(limit) ? json_number_value(limit) : -1;
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
    uint32_t height = array->desc.dim[rank - 3], width = array->desc.dim[rank - 2],
             channels = array->desc.dim[rank - 1];
    float *kept = array->data; /* indices ascend, so nothing is overwritten before it is read */
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

vks_status golden_keep_rows(struct golden_array *array, const size_t *rows, size_t count)
{
    uint32_t channels = vkr_last(&array->desc);
    uint64_t limit = vkr_rows(&array->desc);
    for (size_t i = 0; i < count; i++)
        VKS_REQUIRE(rows[i] < limit, VKS_ERR_CORRUPT, "a golden wants row %zu of %llu", rows[i],
                    (unsigned long long)limit);
    if (count == 0)
        return VKS_OK;
    float *kept;
    VKS_TRY(vkr_alloc(count * channels, sizeof *kept, "rows of a dump", (void **)&kept));
    for (size_t i = 0; i < count; i++)
        memcpy(kept + i * channels, array->data + rows[i] * channels, channels * sizeof *kept);
    vkr_free(array->data);
    array->data = kept;
    array->desc = vkr_f32(2, (uint32_t)count, channels);
    return VKS_OK;
}

/* ---- comparison --------------------------------------------------------------------------------------------- */

struct errors {
    double max_abs, rel_rms, iou, exact;
};

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

/* error / tolerance, of whichever bound is nearest; `text` says what was measured. < 0: the case has no bound at all.
 */
static double judge(const struct golden *golden, const struct errors *e, const json_t *array, char *text, size_t size)
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
    double worst = -1;
    size_t used = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double bound = golden_limit(golden, array, rows[i].key), value = rows[i].value;
        if (bound < 0)
            continue;
        double error = rows[i].least ? 1 - value : value, room = rows[i].least ? 1 - bound : bound;
        double part = error <= 0 ? 0 : room > 0 ? error / room : INFINITY;
        used += (size_t)snprintf(text + used, size - used, "%s%s %.3g (at %s %.3g)", used ? "  " : "", rows[i].key,
                                 value, rows[i].least ? "least" : "most", bound);
        worst = part > worst || isnan(part) ? part : worst;
    }
    return worst;
}

void golden_judge(struct golden *golden, const char *name, const char *path, double worst, const char *text)
{
    struct golden_summary *s = &golden->summary;
    bool good = worst <= 1;
    s->outside += !good;
    if (golden->show || !good)
        printf("%-52s %-28s  %s  %s\n", path, name, text, good ? "ok" : "FAILED");
    if (!(worst <= s->worst)) {
        s->worst = worst;
        snprintf(s->worst_name, sizeof s->worst_name, "%s", name);
    }
}

static vks_status claim(struct golden *golden, const char *name, size_t index)
{
    VKS_REQUIRE(golden->fate[index] != GOLDEN_COMPARED && golden->fate[index] != GOLDEN_ELSEWHERE, VKS_ERR_INTERNAL,
                "%s is compared twice, or belongs to the case's other half", name);
    golden->fate[index] = GOLDEN_COMPARED;
    return VKS_OK;
}

static void compare(struct golden *golden, const json_t *array, const char *name, const char *path, const float *got,
                    uint64_t count, const struct golden_array *want)
{
    char text[256];
    double worst = INFINITY;
    if (count != vkr_numel(&want->desc)) {
        snprintf(text, sizeof text, "%llu values, the golden has %llu", (unsigned long long)count,
                 (unsigned long long)vkr_numel(&want->desc));
    } else {
        struct errors e = measure(got, want->data, count);
        worst = judge(golden, &e, array, text, sizeof text);
        if (worst < 0) {
            snprintf(text, sizeof text, "the case gives no tolerance");
            worst = INFINITY;
        }
    }
    golden->summary.within += worst <= 1;
    golden_judge(golden, name, path, worst, text);
}

vks_status golden_compare(struct golden *golden, const char *name, const char *path, const float *got, uint64_t count,
                          bool nchw)
{
    size_t index;
    const json_t *array = golden_find(golden, name, &index);
    struct golden_array want;
    char file[256];
    if (!array)
        return VKS_OK;
    VKS_TRY(claim(golden, name, index));
    snprintf(file, sizeof file, "%s.npy", name);
    VKS_TRY(golden_array_read(golden->folder, file, &want));
    vks_status status = nchw ? to_channels_last(&want) : VKS_OK;
    if (status == VKS_OK)
        compare(golden, array, name, path, got, count, &want);
    golden_array_free(&want);
    return status;
}

vks_status golden_compare_region(struct golden *golden, const char *name, const char *path, const float *got,
                                 const uint32_t shape[3], struct golden_region region, bool nchw)
{
    uint32_t height = shape[0], width = shape[1], channels = shape[2];
    float *kept;
    size_t count = 0;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    VKS_REQUIRE(region.y1 <= height && region.x1 <= width && region.step >= 1, VKS_ERR_CORRUPT,
                "%s.npy is a part of more than %u x %u", name, width, height);
    VKS_TRY(vkr_alloc((size_t)height * width * channels, sizeof *kept, name, (void **)&kept));
    for (size_t y = region.y0; y < region.y1; y += region.step)
        for (size_t x = region.x0; x < region.x1; x += region.step, count += channels)
            memcpy(kept + count, got + (y * width + x) * channels, channels * sizeof *kept);
    vks_status status = golden_compare(golden, name, path, kept, count, nchw);
    vkr_free(kept);
    return status;
}

vks_status golden_compare_grid(struct golden *golden, const char *name, const char *path, const float *got,
                               const uint32_t shape[3], bool nchw)
{
    const json_t *dims = json_object_get(golden_find(golden, name, NULL), "shape");
    size_t rank = json_array_size(dims);
    if (rank < 3)
        return VKS_OK;
    uint32_t height = (uint32_t)json_integer_value(json_array_get(dims, nchw ? rank - 2 : rank - 3));
    const struct golden_region region = { 0, shape[0], 0, shape[1], height ? shape[0] / height : 1 };
    return golden_compare_region(golden, name, path, got, shape, region, nchw);
}

vks_status golden_compare_dump(struct golden *golden, const char *name, const char *stage, const char *path, bool nchw)
{
    char file[512], sub[256];
    struct golden_array got;
    snprintf(sub, sizeof sub, "%s_sub", name);
    bool whole = golden_find(golden, name, NULL) != NULL, part = golden_find(golden, sub, NULL) != NULL;
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
