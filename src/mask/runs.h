/* runs.h: masks as COCO run lengths: down the columns, from left to right, the first run one of zeros. Host only. */
#ifndef VKS_RUNS_H
#define VKS_RUNS_H

#include "base/status.h"

/* The runs of a mask, `values` 0 or not, [height, width]. *runs is vkr_free()d by the caller. Errors: HOST_MEMORY. */
vks_status runs_encode(const uint8_t *mask, uint32_t width, uint32_t height, uint32_t **runs, uint32_t *count);

/* The inverse; a mask of 0 and 1. Runs beyond the mask are cut. */
void runs_decode(const uint32_t *runs, uint32_t count, uint32_t width, uint32_t height, uint8_t *mask);

/* Pixels set. */
uint64_t runs_area(const uint32_t *runs, uint32_t count);

#endif
