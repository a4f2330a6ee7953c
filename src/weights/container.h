/* container.h: what weights.c shares with the readers of the containers.
 * A reader fills an empty table through weights_add; weights.c owns the bytes, sorts, unwraps prefixes and frees. */
#ifndef VKS_CONTAINER_H
#define VKS_CONTAINER_H

#include "weights/mapping.h"
#include "weights/weights.h"

#include "base/mem.h"

/* How the elements of a tensor that is in no file are made; see synth_fill. */
struct weights_rule {
    uint64_t seed;
    float c, a;
};

struct weights_note {
    const char *key, *value;
};

struct weights_layer;

struct weights {
    struct mapping file;                /* the bytes; borrowed when opened from memory */
    struct mapping shards;              /* tfjs: the bytes of the tensors, which lie in other files */
    const char *folder;                 /* tfjs: of the file, with a slash, or ""; NULL when opened from memory */
    struct weights_layer *layers;       /* tfjs */
    uint32_t layer_count, layer_capacity;
    const char *label;                  /* base name of the file: opens every message */
    const char *format;
    struct weights_entry *entries;
    uint32_t count, capacity;
    struct weights_note *notes;         /* string metadata */
    uint32_t note_count, note_capacity;
    const struct weights_rule *rules;   /* beside `entries`, in the arena; NULL when there is a file */
    struct vkr_arena arena;             /* names and metadata */
};

/* Read the structure of weights->file into the table; on failure the caller closes the weights. */
vks_status safetensors_parse(struct weights *weights);
vks_status torchzip_parse(struct weights *weights);
vks_status tfjs_parse(struct weights *weights);

/* Appends a copy of `entry` under a copy of the first `length` bytes of `name`, which must be printable. */
vks_status weights_add(struct weights *weights, const char *name, size_t length, const struct weights_entry *entry);

/* weights_read and weights_sha256 of a table with rules. */
vks_status synth_read(const struct weights *weights, const struct weights_entry *entry, enum vkr_dtype dst_type, void *dst);
void synth_sha256(const struct weights *weights, char hex[65]);

/* Bytes from the first element to behind the last one (0 for an empty tensor); false if the shape overflows. */
bool weights_extent(const struct weights_entry *entry, size_t *bytes);

/* Up to 80 printable characters of a text that a file brought along. */
enum { WEIGHTS_SAFE_TEXT = 84 };
const char *weights_safe_text(const char *text, size_t length, char safe[WEIGHTS_SAFE_TEXT]);
#define WEIGHTS_SAFE(text, length) weights_safe_text((text), (length), (char[WEIGHTS_SAFE_TEXT]){ 0 })

#endif
