/* synth.h: checkpoints from numbers: every tensor of a table is drawn from a counter-based generator (splitmix64, keyed
 * by the tensor's name), so that benchmarks and tests need no download and any machine makes the same bytes. */
#ifndef VKS_SYNTH_H
#define VKS_SYNTH_H

#include "base/shape.h"

struct weights;

/* Elements first .. first + count - 1 of the tensor `name`: uniform in c - a .. c + a, in C order. */
void synth_fill(const char *name, uint64_t seed, uint64_t first, float c, float a, size_t count, float *dst);

/* Writes the tensors of a table as .safetensors, in the order of the table, through a temporary file in the same
 * folder; an older file of that name is replaced. Memory does not grow with the tensors. The table: tab-separated
 * lines of name, dtype (F32; I64: zeros), shape ("4,3" or "scalar"), seed, c, a, crc32 (hex), first value, last value;
 * ascending by name, bytewise; lines that begin with # are comments.
 * Errors, with the line number: NOT_FOUND, CORRUPT (a bad table), CHECK (a tensor's crc32 differs: the table is of
 * another generator), OUTPUT, HOST_MEMORY. */
vks_status synth_write(const char *table_path, const char *out_path);

/* A tensor of a model that exists in no file. */
struct synth_tensor {
    const char *name;           /* printable */
    struct vkr_desc desc;       /* f32 */
    uint64_t seed;
    float c, a;
};

/* A table of weights (weights.h) whose elements are computed whenever they are read, so that it holds no memory. Copies
 * what it is given; `label` names the model in messages, `family` becomes the metadata "vkseg.family" (NULL: none).
 * weights_sha256 is that of all elements, tensors ascending by name. Errors: MODEL (a name twice), HOST_MEMORY. */
vks_status synth_open(const struct synth_tensor *tensors, uint32_t count, const char *label, const char *family,
                      struct weights **out);

#endif
