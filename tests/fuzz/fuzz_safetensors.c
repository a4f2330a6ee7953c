/* fuzz_safetensors.c: any bytes as a checkpoint file; whatever opens is read to the last tensor.
 * Seeds and former finds: tests/fuzz/corpus/weights/safetensors. */
#include "weights_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_and_read(data, size);
    return 0;
}
