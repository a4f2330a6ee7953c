/* npz_boxes.c: the boxes of a challenge's file: numbers [N, 4] (x0, y0, x1, y1) beside an image, [N, 6] (x0, y0, z0, x1, y1, z1)
 * beside a volume, or, since 2025, dictionaries in an array of objects. These are data to the reader of pickles: what it
 * would have to run is refused by name. */
#include "io/npz.h"
#include "io/npz_archive.h"

#include "base/mem.h"
#include "weights/pickle.h"
#include "weights/pickle_globals.h"

#include <math.h>
#include <string.h>

enum { MOST_BOXES = 65535 };    /* labels of 16 bits */

struct boxes { vks_io_box *list; size_t count; const char *name; const uint32_t *size; };

/* `corners`: x0, y0, z0, x1, y1, z1; `middle` is where the box was drawn, NaN: in the middle. */
static vks_status add_box(struct boxes *boxes, const double corners[6], double middle)
{
    vks_io_box *box = &boxes->list[boxes->count];
    for (int c = 0; c < 3; c++)     /* the far end may be meant to be outside */
        VKS_REQUIRE(corners[c] >= 0 && corners[c] <= corners[c + 3] && corners[c + 3] <= boxes->size[c] && corners[c] < boxes->size[c],
                    VKS_ERR_CORRUPT, "%s: box %zu goes from %g to %g along %c, where the image has %u", boxes->name, boxes->count + 1,
                    corners[c], corners[c + 3], "xyz"[c], boxes->size[c]);
    if (!isfinite(middle))
        middle = floor((corners[2] + corners[5]) / 2);
    *box = (vks_io_box){ .x0 = (float)corners[0], .y0 = (float)corners[1], .x1 = (float)corners[3], .y1 = (float)corners[4] };
    box->first = (uint32_t)corners[2];
    box->last = corners[5] < boxes->size[2] ? (uint32_t)corners[5] : boxes->size[2] - 1;
    VKS_REQUIRE(middle >= box->first && middle <= corners[5], VKS_ERR_CORRUPT, "%s: box %zu was drawn on slice %g, outside of it",
                boxes->name, boxes->count + 1, middle);
    box->slice = middle < box->last ? (uint32_t)middle : box->last;
    boxes->count++;
    return VKS_OK;
}

static vks_status reserve(struct boxes *boxes, size_t count)
{
    VKS_REQUIRE(count <= MOST_BOXES, VKS_ERR_CORRUPT, "%s holds %zu boxes; %d can be read", boxes->name, count, MOST_BOXES);
    return count ? vkr_alloc(count, sizeof *boxes->list, "boxes", (void **)&boxes->list) : VKS_OK;
}

/* ---- numbers ---- */

static vks_status take_numbers(struct boxes *boxes, const struct vkr_desc *desc, const float *values)
{
    const uint32_t each = desc->rank ? desc->dim[desc->rank - 1] : 0, count = desc->rank == 2 ? desc->dim[0] : 1;
    VKS_REQUIRE((desc->rank == 1 || desc->rank == 2) && (each == 6 || (each == 4 && boxes->size[2] == 1)), VKS_ERR_CORRUPT,
                "%s: boxes has the shape %s; N x 4 beside an image and N x 6 beside a volume are read", boxes->name, VKR_SHAPE(desc));
    VKS_TRY(reserve(boxes, count));
    for (uint32_t i = 0; i < count; i++) {
        const float *v = values + (size_t)i * each;
        const double flat[6] = { (double)v[0], (double)v[1], 0, (double)v[2], (double)v[3], 0 };
        double deep[6];
        for (uint32_t c = 0; c < each && each == 6; c++)
            deep[c] = (double)v[c];
        VKS_TRY(add_box(boxes, each == 4 ? flat : deep, (double)NAN));
    }
    return VKS_OK;
}

static vks_status read_numbers(struct boxes *boxes, const struct zipdir *zip)
{
    struct vkr_desc desc;
    void *data, *floats;
    bool is_u16;
    VKS_TRY(npz_numbers(zip, "boxes", &desc, &data, &is_u16));
    const size_t count = (size_t)vkr_numel(&desc);
    vks_status status = count ? vkr_alloc(count, sizeof(float), "boxes", &floats) : VKS_OK;
    if (count && status == VKS_OK) {
        status = vkr_convert(floats, VKR_F32, data, desc.dtype, count);
        if (status == VKS_OK)
            status = take_numbers(boxes, &desc, floats);
        vkr_free(floats);
    }
    vkr_free(data);
    return status;
}

/* ---- objects ---- */

static bool is_text(const struct pickle_value *value, const char *text)
{
    return value->kind == PICKLE_TEXT && value->text.length == strlen(text) && memcmp(value->text.bytes, text, value->text.length) == 0;
}

/* Of numpy's: scalar(dtype(code, ...), bytes). */
static bool scalar_number(const struct pickle_value *value, double *out)
{
    const struct pickle_value *args = value->call.args;
    if (!strstr(value->call.known->name, " scalar") || args->tuple.count != 2)
        return false;
    const struct pickle_value *dtype = args->tuple.items[0], *bytes = args->tuple.items[1];
    if (dtype->kind != PICKLE_CALL || dtype->call.args->tuple.count < 1 || bytes->kind != PICKLE_BYTES || bytes->text.length > 8)
        return false;
    const struct pickle_value *code = dtype->call.args->tuple.items[0], *state = dtype->call.state;
    const bool is_big = state && state->kind == PICKLE_TUPLE && state->tuple.count > 1 && is_text(state->tuple.items[1], ">");
    const size_t size = bytes->text.length;
    union { float f4; double f8; uint64_t bits; } raw = { .bits = 0 };
    if (code->kind != PICKLE_TEXT || code->text.length != 2 || (size_t)(code->text.bytes[1] - '0') != size || is_big)
        return false;
    memcpy(&raw, bytes->text.bytes, size);
    const uint64_t sign = size > 0 ? UINT64_C(1) << (8 * size - 1) : 1;
    switch (code->text.bytes[0]) {
    case 'f': *out = size == 4 ? (double)raw.f4 : raw.f8; return size == 4 || size == 8;
    case 'i': *out = (double)(int64_t)((raw.bits ^ sign) - sign); return size > 0;
    case 'u': *out = (double)raw.bits; return size > 0;
    default: return false;
    }
}

static bool number_of(const struct pickle_value *value, double *out)
{
    if (value && value->kind == PICKLE_INT)
        *out = (double)value->integer;
    else if (value && value->kind == PICKLE_FLOAT)
        *out = value->number;
    else
        return value && value->kind == PICKLE_CALL && scalar_number(value, out);
    return true;
}

static vks_status take_dictionary(struct boxes *boxes, const struct pickle_value *dictionary)
{
    static const char *const keys[] = { "z_mid_x_min", "z_mid_y_min", "z_min", "z_mid_x_max", "z_mid_y_max", "z_max" };
    double corners[6], middle = (double)NAN;
    VKS_REQUIRE(dictionary->kind == PICKLE_DICT, VKS_ERR_CORRUPT, "%s: box %zu is no dictionary with z_min, z_mid_x_min, ...",
                boxes->name, boxes->count + 1);
    for (int i = 0; i < 6; i++)
        VKS_REQUIRE(number_of(pickle_get(dictionary, keys[i]), &corners[i]) && isfinite(corners[i]), VKS_ERR_CORRUPT,
                    "%s: box %zu has no number %s", boxes->name, boxes->count + 1, keys[i]);
    const struct pickle_value *drawn = pickle_get(dictionary, "z_mid");
    VKS_REQUIRE(!drawn || number_of(drawn, &middle), VKS_ERR_CORRUPT, "%s: z_mid of box %zu is no number", boxes->name, boxes->count + 1);
    return add_box(boxes, corners, middle);
}

/* _reconstruct(...) with the state (version, shape, dtype, is Fortran's, list of items). */
static vks_status take_objects(struct boxes *boxes, const struct pickle_value *root)
{
    const struct pickle_value *state = root->kind == PICKLE_CALL && strstr(root->call.known->name, " _reconstruct") ? root->call.state : NULL;
    VKS_REQUIRE(state && state->kind == PICKLE_TUPLE && state->tuple.count == 5 && state->tuple.items[4]->kind == PICKLE_LIST,
                VKS_ERR_CORRUPT, "%s: boxes is damaged: its pickle is no array of objects", boxes->name);
    size_t count = 0;
    const struct pickle_pair *first = state->tuple.items[4]->dict.first;
    for (const struct pickle_pair *pair = first; pair; pair = pair->next)
        count++;
    VKS_TRY(reserve(boxes, count));
    for (const struct pickle_pair *pair = first; pair; pair = pair->next)
        VKS_TRY(take_dictionary(boxes, pair->value));
    return VKS_OK;
}

static vks_status read_objects(struct boxes *boxes, const struct npz_bytes *array, size_t at)
{
    struct vkr_arena arena = { NULL };
    const struct pickle_value *root;
    vks_status status = npz_as_corrupt(pickle_read(array->bytes + at, array->size - at, PICKLE_ARRAY, boxes->name, &arena, &root));
    if (status == VKS_OK)
        status = take_objects(boxes, root);
    vkr_arena_destroy(&arena);
    return status;
}

static vks_status read_boxes(struct boxes *boxes, const struct zipdir *zip)
{
    struct npz_bytes array;
    size_t at;
    VKS_TRY(npz_get(zip, "boxes", &array));
    if (!array.bytes)
        return VKS_OK;
    const vks_status status = npz_has_objects(&array, &at) ? read_objects(boxes, &array, at) : read_numbers(boxes, zip);
    vkr_free(array.owned);
    return status;
}

vks_status vks_io_read_boxes_memory(const void *data, size_t size, const uint32_t grid[3], vks_io_box **out, size_t *count)
{
    struct boxes boxes = { .name = "the volume", .size = grid };
    struct zipdir zip;
    VKS_REQUIRE(data && grid && out && count, VKS_ERR_ARGUMENT, "vks_io_read_boxes_memory: an argument is NULL");
    *out = NULL;
    *count = 0;
    if (!npz_recognise(data, size))
        return VKS_OK;
    VKS_TRY(npz_open(data, size, boxes.name, &zip));
    const vks_status status = read_boxes(&boxes, &zip);
    zipdir_close(&zip);
    if (status != VKS_OK || boxes.count == 0) {
        vkr_free(boxes.list);
        return status;
    }
    *out = boxes.list;
    *count = boxes.count;
    return VKS_OK;
}

vks_status vks_io_read_boxes(const char *path, const uint32_t grid[3], vks_io_box **out, size_t *count)
{
    unsigned char *bytes, head[64];
    size_t size;
    VKS_REQUIRE(path && out && count, VKS_ERR_ARGUMENT, "vks_io_read_boxes: an argument is NULL");
    *out = NULL;
    *count = 0;
    FILE *file = fopen(path, "rb");     /* a folder of DICOM opens, and reads as nothing */
    size = file ? fread(head, 1, sizeof head, file) : 0;
    if (file)
        fclose(file);
    if (!npz_recognise(head, size))
        return VKS_OK;
    VKS_TRY(io_read_file(path, &bytes, &size));
    const vks_status status = vks_io_read_boxes_memory(bytes, size, grid, out, count);
    vkr_free(bytes);
    return status;
}
