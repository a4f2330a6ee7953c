/* fuzz_npz.c: any bytes as the .npz of a challenge. Seeds: tests/fuzz/corpus/npz. */
#include "volume_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint32_t grid[3] = { 7, 4, 5 };
    vks_io_box *boxes;
    size_t count;
    if (size < 4 || memcmp(data, "PK\3\4", 4) != 0)
        return 0;
    open_volume(data, size, 0);
    const vks_status status = vks_io_read_boxes_memory(data, size, grid, &boxes, &count);
    MUST(status == VKS_OK || ((status == VKS_ERR_CORRUPT || status == VKS_ERR_HOST_MEMORY) && *vks_last_error()));
    MUST(status == VKS_OK ? !boxes == !count : !boxes && !count);
    for (size_t i = 0; i < count; i++)
        MUST(boxes[i].first <= boxes[i].slice && boxes[i].slice <= boxes[i].last && boxes[i].last < grid[2]);
    vks_io_free(boxes);
    return 0;
}
