/* tidy.h: small holes and small islands of a mask. Host only; regions touch also at corners. */
#ifndef VKS_TIDY_H
#define VKS_TIDY_H

#include "base/status.h"

#include <stdbool.h>

/* Fills regions of zeros (`holes`), or clears regions of ones (not `holes`), of fewer than `least` pixels; the mask is
 * [height, width] of 0 and 1. When every island is small the largest stays. *changed: whether there were any. Errors:
 * HOST_MEMORY. */
vks_status tidy_mask(uint8_t *mask, uint32_t width, uint32_t height, uint32_t least, bool holes, bool *changed);

#endif
