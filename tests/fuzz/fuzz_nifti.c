/* fuzz_nifti.c: any bytes as a volume; what opens is looked at to the last voxel and gets labels written like it.
 * Seeds: tests/fuzz/corpus/nifti. */
#include "volume_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_volume(data, size, 0);
    open_volume(data, size, 1);
    return 0;
}
