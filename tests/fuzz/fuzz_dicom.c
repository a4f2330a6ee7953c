/* fuzz_dicom.c: any bytes behind a DICOM signature as a file: GDCM may die of it, this process may not. Seeds:
 * tests/fuzz/corpus/dicom. */
#include "volume_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    vks_io_volume volume = { .owned = NULL };
    if (size < 132)
        return 0;
    snprintf(path, sizeof path, "/tmp/vkseg-fuzz-%d.dcm", (int)getpid());
    FILE *file = fopen(path, "wb");
    MUST(file);
    fwrite(data, 1, 128, file);
    fwrite("DICM", 1, 4, file);
    fwrite(data + 132, 1, size - 132, file);
    fclose(file);
    if (vks_io_read_volume(path, NULL, &volume) == VKS_OK)
        use_volume(&volume);
    else
        MUST(!volume.owned && *vks_last_error());
    remove(path);
    return 0;
}
