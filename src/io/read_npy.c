/* read_npy.c: arrays as images: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]. u8, u16, i16 and f32 as they are, other types
 * as f32. */
#include "io/io.h"

#include "base/mem.h"
#include "base/npy.h"

#include <string.h>

/* The runtime has no u16: such an array is parsed as i16, same bytes, from a copy with one letter changed. */
vks_status io_parse_npy(const struct io_source *source, struct vkr_desc *desc, void **data, bool *is_u16)
{
    const size_t header = source->size < 200 ? source->size : 200;
    size_t at = 0;
    while (at + 5 <= header && memcmp(source->bytes + at, "'<u2'", 5) != 0)
        at++;
    *is_u16 = at + 5 <= header;
    if (!*is_u16)
        return vkr_npy_parse(source->bytes, source->size, desc, data);
    unsigned char *copy;
    VKS_TRY(vkr_alloc(1, source->size, source->name, (void **)&copy));
    memcpy(copy, source->bytes, source->size);
    copy[at + 2] = 'i';
    vks_status status = vkr_npy_parse(copy, source->size, desc, data);
    vkr_free(copy);
    return status;
}

static vks_status to_floats(const struct vkr_desc *desc, void **data)
{
    const size_t count = (size_t)vkr_numel(desc);
    void *floats;
    VKS_TRY(vkr_alloc(count, sizeof(float), "an array as floats", &floats));
    vks_status status = vkr_convert(floats, VKR_F32, *data, desc->dtype, count);
    vkr_free(status == VKS_OK ? *data : floats);
    if (status == VKS_OK)
        *data = floats;
    return status;
}

static vks_status take(const struct io_source *source, const struct vkr_desc *desc, bool is_u16, void **data, vks_image *view)
{
    const uint32_t channels = desc->rank == 3 ? desc->dim[2] : 1;
    VKS_REQUIRE(desc->rank == 2 || (desc->rank == 3 && (channels == 1 || channels == 3 || channels == 4)), VKS_ERR_CORRUPT,
                "%s holds an array of shape %s, which is no image; H x W and H x W x 3 are", source->name, VKR_SHAPE(desc));
    VKS_TRY(io_check_size(source, desc->dim[1], desc->dim[0]));
    *view = (vks_image){ .type = VKS_PIXEL_F32, .width = desc->dim[1], .height = desc->dim[0], .channels = channels };
    if (desc->dtype == VKR_U8)
        view->type = VKS_PIXEL_U8;
    else if (desc->dtype == VKR_I16)
        view->type = is_u16 ? VKS_PIXEL_U16 : VKS_PIXEL_I16;
    else if (desc->dtype != VKR_F32)
        VKS_TRY(to_floats(desc, data));
    return VKS_OK;
}

vks_status io_read_npy(const struct io_source *source, vks_io_image *out)
{
    struct vkr_desc desc;
    void *data = NULL;
    bool is_u16;
    VKS_TRY(io_parse_npy(source, &desc, &data, &is_u16));
    vks_status status = take(source, &desc, is_u16, &data, &out->view);
    if (status != VKS_OK) {
        vkr_free(data);
        return status;
    }
    out->view.pixels = out->owned = data;
    return VKS_OK;
}
