/* nifti.h: what reading and writing of NIfTI share: a header as the file has it, and what it means. */
#ifndef VKS_IO_NIFTI_H
#define VKS_IO_NIFTI_H

#include "io/voxels.h"

enum { NIFTI_1_BYTES = 348, NIFTI_2_BYTES = 540 };

/* The first bytes of the file, untouched. */
struct nifti_bytes {
    unsigned char bytes[NIFTI_2_BYTES];
    bool is_second;             /* NIFTI_2_BYTES of them, else NIFTI_1_BYTES */
    bool is_swapped;
};

struct nifti_meaning {
    uint64_t size[3], volumes;
    struct voxel_format format;
    uint64_t offset;            /* of the voxels in the file */
    double affine[3][4];        /* to mm, RAS */
    char note[512];
};

/* Could these first bytes (at least 4 of them) open a NIfTI or Analyze file? */
bool header_recognise(const unsigned char *head, size_t size);

/* Reads a header from the start of `stream` and checks every field that is used before nifti_clib sees it.
 * Errors: CORRUPT. */
vks_status header_read(struct stream *stream, struct nifti_bytes *bytes, struct nifti_meaning *out);

#endif
