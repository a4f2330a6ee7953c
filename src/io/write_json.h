/* write_json.h: masks as COCO run lengths. */
#ifndef VKS_IO_WRITE_JSON_H
#define VKS_IO_WRITE_JSON_H

#include "io/io.h"

#include <jansson.h>

/* Writes and releases `document`; NULL means that building it failed. Errors: HOST_MEMORY, OUTPUT. */
vks_status io_write_document(const char *path, json_t *document, int overwrite);

/* A list with one entry per mask: object, candidate, predicted_iou, area, bbox [x, y, width, height] and segmentation
 * { size [height, width], counts }: lengths of runs down the columns, the first of zeros. */
vks_status io_write_rle(const char *path, const vks_masks *masks, int overwrite);

#endif
