/* fuzz_tfjs.c: any text, a zero, and any bytes as a model.json and its weight files; what opens is read to the last
 * tensor and layer. Seeds and former finds: tests/fuzz/corpus/tfjs. */
#include "weights_fuzz.h"

#include "weights/layers.h"
#include "weights/tfjs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t text = zero ? (size_t)(zero - data) : size;
    struct weights *weights;
    open_and_read(data, size);
    if (!zero)
        return 0;
    vks_status status = tfjs_open_memory(data, text, zero + 1, size - text - 1, &weights);
    if (status != VKS_OK) {
        MUST(status == VKS_ERR_MODEL && !weights && *vks_last_error());
        return 0;
    }
    size_t sum = 0;
    for (uint32_t i = 0; i < weights_layer_count(weights); i++)
        sum += strlen(weights_layer_at(weights, i)->name) + strlen(weights_layer_at(weights, i)->kind);
    MUST(sum <= text);
    read_all(weights);
    weights_close(&weights);
    return 0;
}
