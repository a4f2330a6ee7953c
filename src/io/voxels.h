/* voxels.h: stored numbers to the four kinds a volume has. Every reader of volumes ends here.
 * u8, u16 and i16 stay what they are, i8 becomes i16; whatever is wider or scaled becomes f32. */
#ifndef VKS_IO_VOXELS_H
#define VKS_IO_VOXELS_H

#include "io/stream.h"
#include "vkseg/vkseg_volume.h"

enum voxel_type { VOXEL_U8, VOXEL_I8, VOXEL_U16, VOXEL_I16, VOXEL_U32, VOXEL_I32, VOXEL_U64, VOXEL_I64, VOXEL_F32, VOXEL_F64 };

struct voxel_format {
    enum voxel_type type;
    bool is_swapped;            /* bytes in the order that is not this machine's */
    double slope, inter;        /* value = slope * stored + inter; 1 and 0 for none */
    uint32_t channels;          /* 1, or 3 of VOXEL_U8 */
};

size_t voxel_bytes(enum voxel_type type);

/* Errors: CORRUPT outside 1..32768 a side or above 2^31 - 1 voxels; *count is their number. */
vks_status voxels_check_size(const char *name, const uint64_t size[3], size_t *count);

/* Is this a place a volume can have? Of files that are not NIfTI; labels of theirs go into single precision. Errors: CORRUPT. */
vks_status voxels_check_place(const char *name, const vks_volume *view);

/* Can `stream` hold `skipped` bytes and then `count` voxels of this format at all? Errors: CORRUPT. */
vks_status voxels_check_claim(const struct stream *stream, const struct voxel_format *format, uint64_t skipped, size_t count);

/* Reads `count` voxels into a block of its own (vkr_free) and says what they became. `count` was checked. */
vks_status voxels_read(struct stream *stream, const struct voxel_format *format, size_t count, vks_pixel_type *type,
                       void **out);

/* Reverses the bytes of each of `count` elements. */
void voxels_swap(void *elements, size_t bytes, size_t count);

#endif
