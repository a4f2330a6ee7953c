/* fuzz_weights_pickle.c: any bytes as the pickle of a well-formed PyTorch archive with the records 0 to 3 of 64 bytes,
 * so that mutations reach the pickle machine and what is made of its values.
 * Seeds and former finds: tests/fuzz/corpus/weights/pickle. */
#include "weights_fuzz.h"

#include "../src/weights_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes pickle = { NULL, 0 };
    add(&pickle, data, size);
    struct bytes file = make_torch(&pickle);
    open_and_read(file.data, file.size);
    drop(&pickle);
    drop(&file);
    return 0;
}
