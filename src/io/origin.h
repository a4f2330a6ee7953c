/* origin.h: vks_io_volume.header: what a label map in the place of a volume needs from the file the volume came from. */
#ifndef VKS_IO_ORIGIN_H
#define VKS_IO_ORIGIN_H

#include "io/nifti.h"

struct dicom_source;

struct origin {
    bool is_nifti;
    struct nifti_bytes nifti;
    struct dicom_source *dicom;         /* NULL unless it was a DICOM series */
};

/* NULL when the volume was no NIfTI file. */
static inline const struct nifti_bytes *origin_nifti(const vks_io_volume *volume)
{
    const struct origin *origin = volume->header;
    return origin && origin->is_nifti ? &origin->nifti : NULL;
}

#endif
