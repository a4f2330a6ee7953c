/* fuzz_npz.c: any bytes as the .npz of a challenge. Seeds: tests/fuzz/corpus/npz. */
#include "volume_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4 && memcmp(data, "PK\3\4", 4) == 0)
        open_volume(data, size, 0);
    return 0;
}
