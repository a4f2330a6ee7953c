/* dicom.h: DICOM series as volumes: a file, or a folder of slices. Only in builds with GDCM. */
#ifndef VKS_IO_DICOM_H
#define VKS_IO_DICOM_H

#include "io/dicom_shim.h"
#include "io/io.h"

/* Where the slices of a volume came from, in its order; kept for segmentation objects. */
struct dicom_source {
    char **paths;               /* [count] */
    struct dicom_file *files;   /* [count]; frames of a multi-frame file share one: then count is 1 */
    uint32_t count;
    bool is_reversed;           /* of one multi-frame file: its last frame is slice 0 */
};
void dicom_source_free(struct dicom_source **source);

/* Is this a DICOM file (by its signature), or a folder that holds one? */
bool dicom_recognise(const char *path);

vks_status dicom_read(const char *path, const vks_io_volume_params *params, vks_io_volume *out, struct dicom_source **source);

/* Writes a segmentation object. */
vks_status dicom_write_labels(const char *path, const vks_label_map *map, const vks_io_volume *like,
                              const struct dicom_source *source, int overwrite);

#endif
