/* fuzz_text_volume.c: any bytes as NRRD or MetaImage, whichever they begin like. Seeds: tests/fuzz/corpus/text_volume. */
#include "volume_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_volume(data, size, 0);
    return 0;
}
