/* weights.h: a checkpoint file as a table of named tensors. Read-only, mapped; nothing in the file runs.
 *
 * Containers: .safetensors, PyTorch zip (.pth, .pt; data-only pickle), Keras layers-model (tfjs model.json with the weight
 * files it names beside it; layers.h has its layers), recognised by content, never by name.
 * Names are those of the file after unwrapping ("model", "state_dict", ... and a common "module." prefix removed).
 * An open table is read-only: any number of threads may use it. Nobody may shorten the file while it is open.
 */
#ifndef VKS_WEIGHTS_H
#define VKS_WEIGHTS_H

#include "base/shape.h"

struct weights;

/* One tensor of the file. `data` points into the mapping (possibly unaligned) when contiguous; a strided view is
 * materialised by weights_read only. A view may repeat elements (stride 0) and so be larger than the file: compare the
 * shape with what you expect before you allocate for it. */
struct weights_entry {
    const char *name;               /* after unwrapping; lives as long as the weights */
    struct vkr_desc desc;           /* dtype and shape as in the file */
    uint64_t stride[VKR_MAX_DIMS];  /* in elements */
    const unsigned char *data;      /* first element */
};

/* Opens and checks the whole structure: every size, offset and overlap, before any data is touched; not the bytes of
 * the tensors (weights_sha256 does). The file is mapped, or read when it cannot be. Errors: NOT_FOUND (cannot open),
 * MODEL (malformed, unsupported, hostile: the sentence says what and where), HOST_MEMORY. */
vks_status weights_open(const char *path, struct weights **out);

/* The same from memory; `data` is borrowed until weights_close. */
vks_status weights_open_memory(const void *data, size_t size, struct weights **out);

void weights_close(struct weights **weights);           /* accepts NULL content */

uint32_t weights_count(const struct weights *weights);
const struct weights_entry *weights_at(const struct weights *weights, uint32_t index);       /* by name, bytewise */
const struct weights_entry *weights_find(const struct weights *weights, const char *name);   /* NULL if absent */

/* String metadata (safetensors __metadata__); NULL if absent. */
const char *weights_meta(const struct weights *weights, const char *key);

/* "safetensors", "torch zip", or "synthetic" (synth.h) */
const char *weights_format(const struct weights *weights);

/* Copies an entry, converted, dense row-major, into dst of vkr_numel elements of dst_type (f32 or f16). */
vks_status weights_read(const struct weights *weights, const struct weights_entry *entry, enum vkr_dtype dst_type,
                        void *dst);

/* Tells the system that the entry's pages are not needed for now (bounds the resident size while loading). */
void weights_release(const struct weights *weights, const struct weights_entry *entry);

/* SHA-256 of the file as 64 hex digits; of a model.json and its weight files, one behind the other. Reads everything. */
vks_status weights_sha256(const struct weights *weights, char hex[65]);

#endif
