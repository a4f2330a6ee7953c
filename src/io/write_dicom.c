/* write_dicom.c: a label map as frames of a segmentation object: one for each label on each slice where it is. */
#include "io/dicom.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct labels { const vks_label_map *map; size_t plane; };

static uint16_t label_at(const struct labels *labels, size_t at)
{
    return labels->map->type == VKS_PIXEL_U8 ? ((const uint8_t *)labels->map->voxels)[at] : ((const uint16_t *)labels->map->voxels)[at];
}

/* presence[label * slices + slice] */
static vks_status find_frames(const struct labels *labels, uint8_t *presence, uint32_t *segments, uint32_t *frames)
{
    const uint32_t slices = labels->map->size[2];
    *segments = *frames = 0;
    for (uint32_t k = 0; k < slices; k++)
        for (size_t i = 0; i < labels->plane; i++)
            presence[(size_t)label_at(labels, k * labels->plane + i) * slices + k] = 1;
    for (uint32_t label = 1; label < 65536; label++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < slices; k++)
            count += presence[(size_t)label * slices + k];
        *frames += count;
        *segments += count > 0;
    }
    VKS_REQUIRE(*frames > 0, VKS_ERR_ARGUMENT, "there is no label to write: a segmentation object cannot be empty");
    return VKS_OK;
}

static void describe_segment(const vks_label_map *map, uint16_t value, struct dicom_segment *out)
{
    *out = (struct dicom_segment){ .value = value };
    snprintf(out->name, sizeof out->name, "label %u", value);
    io_colour(value - 1u, out->rgb);
    for (size_t i = 0; i < map->name_count; i++)
        if (map->names[i].value == value) {
            snprintf(out->name, sizeof out->name, "%.63s", map->names[i].name);
            memcpy(out->rgb, map->names[i].rgb, 3);
        }
}

static void put_bits(const struct labels *labels, uint16_t value, uint32_t slice, uint8_t *bits, size_t frame)
{
    size_t at = frame * labels->plane;
    for (size_t i = 0; i < labels->plane; i++, at++)
        if (label_at(labels, slice * labels->plane + i) == value)
            bits[at / 8] |= (uint8_t)(1u << at % 8);
}

struct parts {
    uint8_t *presence, *bits;
    struct dicom_segment *segments;
    struct dicom_seg_frame *frames;
    char *temporary;
};

static void fill_parts(const struct labels *labels, const vks_io_volume *like, const struct dicom_source *source, struct parts *parts)
{
    const uint32_t slices = labels->map->size[2];
    uint32_t segment = 0, frame = 0;
    for (uint32_t label = 1; label < 65536; label++) {
        bool is_there = false;
        for (uint32_t k = 0; k < slices; k++) {
            if (!parts->presence[(size_t)label * slices + k])
                continue;
            is_there = true;
            struct dicom_seg_frame *out = &parts->frames[frame];
            *out = (struct dicom_seg_frame){ segment, source->is_reversed ? slices - 1 - k : k, { 0 } };
            for (int r = 0; r < 3; r++)
                out->position[r] = (r < 2 ? -1 : 1) * (like->view.affine[r][2] * k + like->view.affine[r][3]);
            put_bits(labels, (uint16_t)label, k, parts->bits, frame++);
        }
        if (is_there)
            describe_segment(labels->map, (uint16_t)label, &parts->segments[segment++]);
    }
}

static vks_status write_parts(const char *path, const struct labels *labels, const vks_io_volume *like,
                              const struct dicom_source *source, int overwrite, struct parts *parts)
{
    uint32_t segments, frames;
    char message[256];
    struct io_output output;
    VKS_TRY(vkr_alloc(65536, labels->map->size[2], "an index of labels", (void **)&parts->presence));
    VKS_TRY(find_frames(labels, parts->presence, &segments, &frames));
    const uint64_t bytes = ((uint64_t)frames * labels->plane + 15) / 16 * 2;
    VKS_REQUIRE(bytes < 0xffffffffu, VKS_ERR_ARGUMENT, "%u frames are too many for one segmentation object; write .nii.gz", frames);
    VKS_TRY(vkr_alloc((size_t)bytes, 1, "a segmentation", (void **)&parts->bits));
    VKS_TRY(vkr_alloc(segments, sizeof *parts->segments, "a segmentation", (void **)&parts->segments));
    VKS_TRY(vkr_alloc(frames, sizeof *parts->frames, "a segmentation", (void **)&parts->frames));
    fill_parts(labels, like, source, parts);
    VKS_TRY(io_output_begin(path, overwrite, &output));
    const struct dicom_seg seg = { output.temporary, parts->segments, segments, parts->frames, frames, parts->bits, (size_t)bytes,
                                   (const char *const *)source->paths, source->files, source->count, like->view.spacing[2] };
    const enum dicom_result result = dicom_write_seg(&seg, message);
    vks_status status = VKS_OK;
    if (result != DICOM_OK)
        status = vks_fail(result == DICOM_MEMORY ? VKS_ERR_HOST_MEMORY : VKS_ERR_OUTPUT, "%s: %s", path, message);
    return io_output_end(&output, status);
}

vks_status dicom_write_labels(const char *path, const vks_label_map *map, const vks_io_volume *like,
                              const struct dicom_source *source, int overwrite)
{
    VKS_REQUIRE(source, VKS_ERR_ARGUMENT, "a segmentation object (.dcm) is made from a DICOM series, and the volume is none; write "
                "%s as .nii.gz", path);
    VKS_REQUIRE(source->files[0].has_orientation, VKS_ERR_ARGUMENT, "the series does not say how it lies in the patient, so no "
                "segmentation object can be made of %s; write .nii.gz", path);
    const struct labels labels = { map, (size_t)map->size[0] * map->size[1] };
    struct parts parts = { NULL, NULL, NULL, NULL, NULL };
    vks_status status = write_parts(path, &labels, like, source, overwrite, &parts);
    vkr_free(parts.presence);
    vkr_free(parts.bits);
    vkr_free(parts.segments);
    vkr_free(parts.frames);
    return status;
}
