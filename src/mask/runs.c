/* runs.c: two passes over the mask: how many runs, then their lengths. */
#include "mask/runs.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

/* Writes the runs unless `runs` is NULL; returns how many there are. */
static uint32_t scan(const uint8_t *mask, uint32_t width, uint32_t height, uint32_t *runs)
{
    uint32_t count = 0, length = 0;
    bool inside = false;
    for (uint32_t x = 0; x < width; x++)
        for (uint32_t y = 0; y < height; y++) {
            bool now = mask[(size_t)y * width + x] != 0;
            if (now != inside) {
                if (runs)
                    runs[count] = length;
                count++;
                length = 0;
                inside = now;
            }
            length++;
        }
    if (runs)
        runs[count] = length;
    return count + 1;
}

vks_status runs_encode(const uint8_t *mask, uint32_t width, uint32_t height, uint32_t **runs, uint32_t *count)
{
    *count = scan(mask, width, height, NULL);
    VKS_TRY(vkr_alloc(*count, sizeof **runs, "the runs of a mask", (void **)runs));
    scan(mask, width, height, *runs);
    return VKS_OK;
}

void runs_decode(const uint32_t *runs, uint32_t count, uint32_t width, uint32_t height, uint8_t *mask)
{
    uint64_t at = 0, end = (uint64_t)width * height;
    memset(mask, 0, (size_t)end);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t stop = at + runs[i] < end ? at + runs[i] : end;
        for (; i % 2 == 1 && at < stop; at++)
            mask[(at % height) * width + at / height] = 1;
        at = stop;
    }
}

uint64_t runs_area(const uint32_t *runs, uint32_t count)
{
    uint64_t area = 0;
    for (uint32_t i = 1; i < count; i += 2)
        area += runs[i];
    return area;
}
