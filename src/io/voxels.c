/* voxels.c: reading and widening. Where the target has the bytes of the source they are read in place; else through a
 * buffer of one piece, so that no second copy of a volume ever exists. */
#include "io/voxels.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { PIECE = 8192, MOST_SIDE = 32768 };

size_t voxel_bytes(enum voxel_type type)
{
    static const size_t bytes[] = { 1, 1, 2, 2, 4, 4, 8, 8, 4, 8 };
    return bytes[type];
}

vks_status voxels_check_size(const char *name, const uint64_t size[3], size_t *count)
{
    *count = 1;
    for (int c = 0; c < 3; c++) {
        VKS_REQUIRE(size[c] >= 1 && size[c] <= MOST_SIDE, VKS_ERR_CORRUPT,
                    "%s claims %llu x %llu x %llu voxels; 1 to %d along each axis can be read", name,
                    (unsigned long long)size[0], (unsigned long long)size[1], (unsigned long long)size[2], MOST_SIDE);
        *count *= (size_t)size[c];
    }
    VKS_REQUIRE(*count <= INT32_MAX, VKS_ERR_CORRUPT, "%s claims %llu x %llu x %llu voxels, more than 2^31 - 1 can be read",
                name, (unsigned long long)size[0], (unsigned long long)size[1], (unsigned long long)size[2]);
    return VKS_OK;
}

vks_status voxels_check_place(const char *name, const vks_volume *view)
{
    const double (*a)[4] = (const double (*)[4])view->affine;
    double volume = 1;
    bool is_sane = true;
    for (int c = 0; c < 3; c++) {
        const double spacing = sqrt(a[0][c] * a[0][c] + a[1][c] * a[1][c] + a[2][c] * a[2][c]);
        is_sane = is_sane && spacing > 1e-6 && spacing < 1e6 && fabs(a[c][3]) < 1e12;
        volume *= spacing;
    }
    const double determinant = a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
                               a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
    VKS_REQUIRE(is_sane && fabs(determinant) > 1e-4 * volume, VKS_ERR_CORRUPT,
                "%s is damaged: its directions or its spacing make no sense, so nobody knows where it lies", name);
    return VKS_OK;
}

vks_status voxels_check_claim(const struct stream *stream, const struct voxel_format *format, uint64_t skipped, size_t count)
{
    const uint64_t wanted = (uint64_t)count * format->channels * voxel_bytes(format->type), most = stream_most(stream);
    VKS_REQUIRE(skipped <= most && wanted <= most - skipped, VKS_ERR_CORRUPT,
                "%s was cut off or is no such volume: its header claims %llu bytes of voxels, the file has %llu bytes%s",
                stream->name, (unsigned long long)wanted, (unsigned long long)stream->size,
                stream->is_packed ? " compressed" : "");
    return VKS_OK;
}

void voxels_swap(void *elements, size_t bytes, size_t count)
{
    unsigned char *at = elements;
    for (size_t i = 0; i < count; i++, at += bytes)
        for (size_t a = 0, b = bytes - 1; a < b; a++, b--) {
            const unsigned char spare = at[a];
            at[a] = at[b];
            at[b] = spare;
        }
}

#define WIDEN(kind, to) \
    for (size_t i = 0; i < count; i++) { \
        kind value_; \
        memcpy(&value_, from + i * sizeof value_, sizeof value_); \
        (to)[i] = (double)value_; \
    } \
    break

static void widen(enum voxel_type type, const unsigned char *from, size_t count, double *to)
{
    switch (type) {
    case VOXEL_U8: WIDEN(uint8_t, to);
    case VOXEL_I8: WIDEN(int8_t, to);
    case VOXEL_U16: WIDEN(uint16_t, to);
    case VOXEL_I16: WIDEN(int16_t, to);
    case VOXEL_U32: WIDEN(uint32_t, to);
    case VOXEL_I32: WIDEN(int32_t, to);
    case VOXEL_U64: WIDEN(uint64_t, to);
    case VOXEL_I64: WIDEN(int64_t, to);
    case VOXEL_F32: WIDEN(float, to);
    case VOXEL_F64: WIDEN(double, to);
    }
}

static vks_status read_converted(struct stream *stream, const struct voxel_format *format, size_t count, vks_pixel_type type,
                                 void *out)
{
    unsigned char raw[PIECE];
    double wide[PIECE];
    const size_t bytes = voxel_bytes(format->type), most = sizeof raw / bytes;
    for (size_t done = 0; done < count;) {
        const size_t step = count - done < most ? count - done : most;
        VKS_TRY(stream_read(stream, raw, step * bytes));
        if (format->is_swapped)
            voxels_swap(raw, bytes, step);
        widen(format->type, raw, step, wide);
        if (type == VKS_PIXEL_I16)
            for (size_t i = 0; i < step; i++)
                ((int16_t *)out)[done + i] = (int16_t)wide[i];
        else
            for (size_t i = 0; i < step; i++)
                ((float *)out)[done + i] = (float)(wide[i] * format->slope + format->inter);
        done += step;
    }
    return VKS_OK;
}

static vks_status read_as_is(struct stream *stream, const struct voxel_format *format, size_t count, void *out)
{
    const size_t bytes = voxel_bytes(format->type);
    VKS_TRY(stream_read(stream, out, count * bytes));
    if (format->is_swapped)
        voxels_swap(out, bytes, count);
    return VKS_OK;
}

vks_status voxels_read(struct stream *stream, const struct voxel_format *format, size_t count, vks_pixel_type *type,
                       void **out)
{
    const bool is_scaled = format->slope != 1 || format->inter != 0;
    bool as_is = !is_scaled;
    *type = VKS_PIXEL_F32;
    if (!is_scaled && format->type == VOXEL_U8)
        *type = VKS_PIXEL_U8;
    else if (!is_scaled && format->type == VOXEL_U16)
        *type = VKS_PIXEL_U16;
    else if (!is_scaled && (format->type == VOXEL_I16 || format->type == VOXEL_I8))
        *type = VKS_PIXEL_I16, as_is = format->type == VOXEL_I16;
    else
        as_is = as_is && format->type == VOXEL_F32;
    static const size_t target[] = { 1, 2, 2, 4 };
    void *block;
    VKS_TRY(vkr_alloc(count * format->channels, target[*type], "the voxels of a volume", &block));
    vks_status status = as_is ? read_as_is(stream, format, count * format->channels, block)
                              : read_converted(stream, format, count * format->channels, *type, block);
    if (status != VKS_OK) {
        vkr_free(block);
        return status;
    }
    *out = block;
    return VKS_OK;
}
