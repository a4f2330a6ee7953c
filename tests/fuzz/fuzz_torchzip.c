/* fuzz_torchzip.c: any bytes behind the first four of a zip archive; whatever opens is read to the last tensor.
 * Seeds and former finds: tests/fuzz/corpus/weights/torchzip. */
#include "weights_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    memcpy(copy, "PK\3\4", 4);
    open_and_read(copy, size);
    free(copy);
    return 0;
}
