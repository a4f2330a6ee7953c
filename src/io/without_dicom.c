/* without_dicom.c: dicom.h in a build without GDCM: DICOM is recognised and refused. */
#include "io/dicom.h"

#include <stdlib.h>
#include <string.h>

void dicom_source_free(struct dicom_source **source)
{
    *source = NULL;
}

bool dicom_recognise(const char *path)
{
    unsigned char head[132];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    const size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    return got == sizeof head && memcmp(head + 128, "DICM", 4) == 0;
}

static vks_status refuse(const char *path)
{
    return vks_fail(VKS_ERR_UNSUPPORTED, "%s is DICOM, which this build does not read (it was made without GDCM); convert it to NIfTI "
                    "with dcm2niix", path);
}

vks_status dicom_read(const char *path, const vks_io_volume_params *params, vks_io_volume *out, struct dicom_source **source)
{
    (void)params;
    (void)out;
    *source = NULL;
    return refuse(path);
}

vks_status dicom_write_labels(const char *path, const vks_label_map *map, const vks_io_volume *like,
                              const struct dicom_source *source, int overwrite)
{
    (void)map;
    (void)like;
    (void)source;
    (void)overwrite;
    return vks_fail(VKS_ERR_ARGUMENT, "%s: this build writes no DICOM (it was made without GDCM); write .nii.gz", path);
}
