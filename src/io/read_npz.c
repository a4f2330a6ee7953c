/* read_npz.c: volumes as the MedSAM challenges pack them: a zip of arrays, of which imgs, spacing, origin and direction are
 * looked at, and boxes by npz_boxes.c. */
#include "io/npz.h"

#include "io/npz_archive.h"

#include "base/mem.h"
#include "base/npy.h"

#include <math.h>
#include <string.h>

bool npz_recognise(const unsigned char *head, size_t size)
{
    if (size < 30 || memcmp(head, "PK\3\4", 4) != 0)
        return false;
    const size_t length = head[26] | (size_t)head[27] << 8;
    return length > 4 && 30 + length <= size && memcmp(head + 30 + length - 4, ".npy", 4) == 0;
}

/* `wanted` numbers; left alone when the array is not there. */
static vks_status read_numbers(const struct zipdir *zip, const char *key, double *out, uint32_t wanted, bool *is_there)
{
    struct vkr_desc desc;
    void *data;
    float values[9];
    bool is_u16;
    VKS_TRY(npz_numbers(zip, key, &desc, &data, &is_u16));
    *is_there = data != NULL;
    if (!data)
        return VKS_OK;
    vks_status status = vkr_numel(&desc) == wanted ? vkr_convert(values, VKR_F32, data, desc.dtype, wanted)
                                                   : vks_fail(VKS_ERR_CORRUPT, "%s: %s has the shape %s, expected %u numbers", zip->label, key,
                                                              VKR_SHAPE(&desc), wanted);
    vkr_free(data);
    for (uint32_t i = 0; status == VKS_OK && i < wanted; i++) {
        out[i] = (double)values[i];
        if (!isfinite(out[i]))
            status = vks_fail(VKS_ERR_CORRUPT, "%s: %s holds a number that is not finite", zip->label, key);
    }
    return status;
}

static vks_status read_place(const struct zipdir *zip, vks_io_volume *out)
{
    double spacing[3] = { 1, 1, 1 }, origin[3] = { 0, 0, 0 }, direction[9] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    bool has_spacing = false, has_origin = false, has_direction = false;
    if (out->view.size[2] > 1 || zipdir_find(zip, "direction.npy", 13))
        VKS_TRY(read_numbers(zip, "spacing", spacing, 3, &has_spacing));
    VKS_TRY(read_numbers(zip, "origin", origin, 3, &has_origin));
    VKS_TRY(read_numbers(zip, "direction", direction, 9, &has_direction));
    double affine[3][4];
    for (int r = 0; r < 3; r++) {       /* ITK's world is LPS */
        const double sign = r < 2 ? -1 : 1;
        for (int c = 0; c < 3; c++)
            affine[r][c] = sign * direction[3 * r + c] * spacing[c] + 0.0;
        affine[r][3] = sign * origin[r] + 0.0;
    }
    memcpy(out->view.affine, affine, sizeof affine);
    vks_volume_set_spacing(&out->view);
    VKS_TRY(voxels_check_place(zip->label, &out->view));
    snprintf(out->note, sizeof out->note, "%s%s", has_spacing ? "spacing is taken as (x, y, z), as MedSAM's challenge of 2024 packs it" : "",
             has_direction ? "" : has_spacing ? "; left and right are not known" : "the file has no spacing; left and right are not known");
    return VKS_OK;
}

static vks_status take_images(const char *name, const struct vkr_desc *desc, bool is_u16, void **data, vks_io_volume *out)
{
    const bool is_colour = desc->rank == 3 && desc->dim[2] == 3 && desc->dtype == VKR_U8;
    VKS_REQUIRE(desc->rank == 2 || desc->rank == 3, VKS_ERR_CORRUPT, "%s: imgs has the shape %s; D x H x W and H x W x 3 are read", name,
                VKR_SHAPE(desc));
    const uint32_t first = desc->rank == 3 && !is_colour ? 1 : 0;
    const uint64_t size[3] = { desc->dim[first + 1], desc->dim[first], first ? desc->dim[0] : 1 };
    size_t count;
    VKS_TRY(voxels_check_size(name, size, &count));
    out->view.type = desc->dtype == VKR_U8 ? VKS_PIXEL_U8 : desc->dtype != VKR_I16 ? VKS_PIXEL_F32 : is_u16 ? VKS_PIXEL_U16 : VKS_PIXEL_I16;
    if (out->view.type == VKS_PIXEL_F32 && desc->dtype != VKR_F32) {
        void *floats;
        VKS_TRY(vkr_alloc(count, sizeof(float), "the voxels of a volume", &floats));
        vks_status status = vkr_convert(floats, VKR_F32, *data, desc->dtype, count);
        vkr_free(status == VKS_OK ? *data : floats);
        VKS_TRY(status);
        *data = floats;
    }
    for (int c = 0; c < 3; c++)
        out->view.size[c] = (uint32_t)size[c];
    out->view.channels = is_colour ? 3 : 1;
    return VKS_OK;
}

vks_status npz_read(const unsigned char *bytes, size_t size, const char *name, vks_io_volume *out)
{
    struct zipdir zip;
    struct vkr_desc desc;
    void *data = NULL;
    bool is_u16 = false;
    VKS_TRY(npz_open(bytes, size, name, &zip));
    vks_status status = npz_numbers(&zip, "imgs", &desc, &data, &is_u16);
    if (status == VKS_OK && !data)
        status = vks_fail(VKS_ERR_CORRUPT, "%s holds no array \"imgs\"; .npz files of the MedSAM challenges are read", name);
    if (status == VKS_OK)
        status = take_images(name, &desc, is_u16, &data, out);
    out->owned = data;
    out->view.voxels = data;
    if (status == VKS_OK)
        status = read_place(&zip, out);
    zipdir_close(&zip);
    memcpy(out->format, "npz", 4);
    out->volumes = 1;
    return status;
}
