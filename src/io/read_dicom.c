/* read_dicom.c: a DICOM series as a volume. Stored values are rescaled slice by slice, since some scanners scale each its own
 * way; what stays whole numbers within 16 bits stays 16 bits. */
#include "io/dicom.h"
#include "io/dicom_child.h"
#include "io/dicom_series.h"
#include "io/voxels.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

void dicom_source_free(struct dicom_source **source)
{
    if (!*source)
        return;
    for (uint32_t i = 0; i < (*source)->count; i++) {
        vkr_free((*source)->paths[i]);
        dicom_file_free(&(*source)->files[i]);
    }
    vkr_free((*source)->paths);
    vkr_free((*source)->files);
    vkr_free(*source);
    *source = NULL;
}

/* ---- voxels ---- */

struct fill {
    const struct dicom_entry *entries;
    uint32_t count, slices;
    size_t plane;               /* pixels of a slice */
    bool is_reversed;
    int channels;
    float *floats;              /* [slices * plane * channels] */
    uint8_t *colours;
    bool is_whole, is_byte;     /* every value so far is a whole number; is stored in 8 bits */
    double least, most;
};

static double stored_value(const struct dicom_pixels *pixels, size_t at)
{
    if (pixels->bytes == 1)
        return pixels->is_signed ? (double)((const int8_t *)pixels->values)[at] : (double)((const uint8_t *)pixels->values)[at];
    return pixels->is_signed ? (double)((const int16_t *)pixels->values)[at] : (double)((const uint16_t *)pixels->values)[at];
}

static void fill_slice(struct fill *fill, const struct dicom_pixels *pixels, const struct dicom_frame *frame, size_t from, uint32_t slice)
{
    float *to = fill->floats + slice * fill->plane;
    for (size_t i = 0; i < fill->plane; i++) {
        const double value = frame->slope * stored_value(pixels, from + i) + frame->inter;
        fill->is_whole = fill->is_whole && floor(value) == value;
        fill->least = fmin(fill->least, value);
        fill->most = fmax(fill->most, value);
        to[i] = (float)value;
    }
}

static vks_status read_failed(const char *path, enum dicom_result result, const char *message)
{
    return vks_fail(result == DICOM_MEMORY ? VKS_ERR_HOST_MEMORY : VKS_ERR_CORRUPT, "%s: %s", path, message);
}

static vks_status fill_from(struct fill *fill, struct dicom_child *child, uint32_t entry)
{
    const struct dicom_file *file = &fill->entries[entry].file;
    struct dicom_pixels pixels;
    char message[256];
    const enum dicom_result result = dicom_child_pixels(child, &pixels, message);
    if (result != DICOM_OK)
        return read_failed(fill->entries[entry].path, result, message);
    const size_t values = fill->plane * file->frame_count * (size_t)pixels.channels;
    vks_status status = VKS_OK;
    if (pixels.size / (size_t)pixels.bytes != values || (entry > 0 && pixels.channels != fill->channels))
        status = vks_fail(VKS_ERR_CORRUPT, "%s: its pixels do not fit its header, or its neighbours", fill->entries[entry].path);
    fill->channels = pixels.channels;
    fill->is_byte = fill->is_byte && pixels.bytes == 1;
    const size_t total = fill->plane * fill->slices;
    if (status == VKS_OK && entry == 0 && pixels.channels == 3)
        status = vkr_alloc(total, 3, "the voxels of a volume", (void **)&fill->colours);
    else if (status == VKS_OK && entry == 0)
        status = vkr_alloc(total, sizeof(float), "the voxels of a volume", (void **)&fill->floats);
    for (uint32_t f = 0; status == VKS_OK && f < file->frame_count; f++) {
        const uint32_t at = fill->count == 1 ? f : entry, slice = fill->is_reversed ? fill->slices - 1 - at : at;
        if (pixels.channels == 3)
            memcpy(fill->colours + 3 * fill->plane * slice, (uint8_t *)pixels.values + 3 * fill->plane * f, 3 * fill->plane);
        else
            fill_slice(fill, &pixels, &file->frames[f], f * fill->plane, slice);
    }
    dicom_pixels_free(&pixels);
    return status;
}

/* Floats that are all whole and small are 16-bit integers again: half the memory, and what CT is. */
static vks_status narrow(struct fill *fill, vks_io_volume *out)
{
    const size_t total = fill->plane * fill->slices;
    out->view.type = VKS_PIXEL_F32;
    out->view.voxels = out->owned = fill->floats;
    if (!fill->is_whole || fill->least < -32768 || fill->most > 65535 || (fill->least < 0 && fill->most > 32767))
        return VKS_OK;
    const bool is_signed = fill->least < 0, is_byte = fill->is_byte && !is_signed && fill->most <= 255;
    void *block;
    VKS_TRY(vkr_alloc(total, is_byte ? 1 : 2, "the voxels of a volume", &block));
    for (size_t i = 0; i < total; i++) {
        if (is_signed)
            ((int16_t *)block)[i] = (int16_t)fill->floats[i];
        else if (is_byte)
            ((uint8_t *)block)[i] = (uint8_t)fill->floats[i];
        else
            ((uint16_t *)block)[i] = (uint16_t)fill->floats[i];
    }
    vkr_free(fill->floats);
    fill->floats = NULL;
    out->view.type = is_signed ? VKS_PIXEL_I16 : is_byte ? VKS_PIXEL_U8 : VKS_PIXEL_U16;
    out->view.voxels = out->owned = block;
    return VKS_OK;
}

static vks_status read_voxels(const struct dicom_entry *entries, uint32_t count, const struct dicom_grid *grid, vks_io_volume *out)
{
    struct fill fill = { .entries = entries, .count = count, .slices = grid->slices, .is_reversed = grid->is_reversed,
                         .is_whole = true, .is_byte = true, .least = INFINITY, .most = -INFINITY };
    const uint64_t size[3] = { entries[0].file.columns, entries[0].file.rows, grid->slices };
    size_t voxels;
    VKS_TRY(voxels_check_size(entries[0].path, size, &voxels));
    fill.plane = (size_t)size[0] * size[1];
    struct dicom_child child = { .pid = 0 };
    const char **paths;
    VKS_TRY(vkr_alloc(count, sizeof *paths, "paths", (void **)&paths));
    for (uint32_t i = 0; i < count; i++)
        paths[i] = entries[i].path;
    vks_status status = dicom_child_start(paths, count, DICOM_WORK_PIXELS, &child);
    for (uint32_t i = 0; status == VKS_OK && i < count; i++)
        status = fill_from(&fill, &child, i);
    dicom_child_end(&child);
    vkr_free(paths);
    for (int c = 0; c < 3; c++)
        out->view.size[c] = (uint32_t)size[c];
    out->view.channels = fill.channels == 3 ? 3 : 1;
    if (status == VKS_OK && fill.channels == 3) {
        out->view.type = VKS_PIXEL_U8;
        out->view.voxels = out->owned = fill.colours;
        return VKS_OK;
    }
    if (status == VKS_OK)
        return narrow(&fill, out);
    vkr_free(fill.floats);
    vkr_free(fill.colours);
    return status;
}

/* LPS millimetres to RAS: x and y change sign. */
static void set_affine(const struct dicom_grid *grid, vks_volume *view)
{
    for (int r = 0; r < 3; r++) {
        const double sign = r < 2 ? -1 : 1;
        view->affine[r][0] = sign * grid->row[r];
        view->affine[r][1] = sign * grid->column[r];
        view->affine[r][2] = sign * grid->step[r];
        view->affine[r][3] = sign * grid->origin[r];
    }
    vks_volume_set_spacing(view);
}

static vks_status keep_source(struct dicom_entry *entries, uint32_t count, bool is_reversed, struct dicom_source **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "a DICOM series", (void **)out));
    VKS_TRY(vkr_alloc(count, sizeof *(*out)->paths, "a DICOM series", (void **)&(*out)->paths));
    VKS_TRY(vkr_alloc(count, sizeof *(*out)->files, "a DICOM series", (void **)&(*out)->files));
    for (uint32_t i = 0; i < count; i++) {
        (*out)->paths[i] = entries[i].path;             /* moved, not copied */
        (*out)->files[i] = entries[i].file;
        entries[i].path = NULL;
        entries[i].file.frames = NULL;
    }
    (*out)->count = count;
    (*out)->is_reversed = is_reversed;
    return VKS_OK;
}

static vks_status read_series(const char *path, struct dicom_folder *folder, const vks_io_volume_params *params,
                              vks_io_volume *out, struct dicom_source **source)
{
    uint32_t first = 0, count = 0;
    struct dicom_grid grid;
    VKS_TRY(dicom_choose(path, folder, params ? params->series : NULL, &first, &count));
    struct dicom_entry *entries = folder->entries + first;
    VKS_TRY(dicom_check_grid(entries, count, params && params->allow_nonuniform, &grid));
    VKS_TRY(read_voxels(entries, count, &grid, out));
    set_affine(&grid, &out->view);
    VKS_TRY(voxels_check_place(path, &out->view));
    snprintf(out->format, sizeof out->format, "dicom %.16s", entries[0].file.modality);
    snprintf(out->note, sizeof out->note, "%s", grid.note);
    out->volumes = 1;
    return keep_source(entries, count, grid.is_reversed, source);
}

vks_status dicom_read(const char *path, const vks_io_volume_params *params, vks_io_volume *out, struct dicom_source **source)
{
    struct dicom_folder folder;
    *source = NULL;
    VKS_TRY(dicom_open_folder(path, &folder));
    vks_status status = read_series(path, &folder, params, out, source);
    dicom_close_folder(&folder);
    if (status != VKS_OK)
        dicom_source_free(source);
    return status;
}
