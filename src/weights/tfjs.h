/* tfjs.h: what tfjs.c and tfjs_layers.c share. */
#ifndef VKS_TFJS_H
#define VKS_TFJS_H

#include "weights/container.h"

#include <jansson.h>

/* A model.json, by its first bytes? (A .safetensors begins with a length, whose high bytes are zero.) */
bool tfjs_is(const unsigned char *bytes, size_t size);

/* The checkpoint of a model.json in memory whose weight files, one behind the other, are `shards`. Both are borrowed
 * until weights_close. Errors as weights_open_memory. */
vks_status tfjs_open_memory(const void *json, size_t size, const void *shards, size_t shards_size,
                            struct weights **out);

/* Appends the layers of modelTopology. Errors: MODEL (no chain, unreadable numbers), HOST_MEMORY. */
vks_status tfjs_read_layers(struct weights *weights, const json_t *topology);

/* A copy that lives as long as the weights, of text that must be printable; NULL text gives "". */
vks_status tfjs_copy(struct weights *weights, const char *text, const char **out);

#endif
