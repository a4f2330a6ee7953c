/* schema.h: the tensors a network needs, by name and shape, against those of a file. */
#ifndef VKS_SCHEMA_H
#define VKS_SCHEMA_H

#include "base/mem.h"
#include "weights/weights.h"

/* Writes the file's key for our name `name` into `key` (alternative 0, 1, ...); false when there is no such
 * alternative. */
typedef bool (*schema_key)(const void *user, const char *name, uint32_t alternative, char *key, size_t size);

enum { SCHEMA_KEY = 256 };

struct schema_entry {
    const char *name;                  /* ours */
    struct vkr_desc desc;              /* dtype is ignored */
    const struct weights_entry *found; /* after schema_check */
};

/* Fill by schema_add, check once, then only look up. Zero-initialise but for weights, key, user. */
struct schema {
    const struct weights *weights;
    schema_key key; /* NULL: names are the file's */
    const void *user;
    struct schema_entry *entries; /* ascending by name after schema_check */
    uint32_t count, capacity;
    struct vkr_arena arena;
    vks_status error; /* out of memory while adding */
};

/* The file's tensor for one of our names; NULL if absent. For reading hyper-parameters before anything is added. */
const struct weights_entry *schema_lookup(const struct schema *schema, const char *name);

/* The same of a tensor that tells the size of the network. Errors: MODEL, when it is absent; named as the file would.
 */
vks_status schema_need(const struct schema *schema, const char *name, const struct weights_entry **out);

/* How many of the modules PREFIX.0, PREFIX.1, ... there are, `most` at most. A module is there when any of its `parts`
 * (ends with NULL) is: what it lacks is then found missing. */
uint32_t schema_count(const struct schema *schema, const char *prefix, const char *const *parts, uint32_t most);

void schema_add(struct schema *schema, struct vkr_desc desc, const char *format, ...) VKR_PRINTF(3, 4);

/* Finds every entry in the file. `family` is for the sentence; `ignored` (ends with NULL) are prefixes, or "*" and
 * suffixes, of file keys that are known to be of no use; `strict`: any other tensor of the file is an error. *unknown counts them. Errors:
 * MODEL: how many tensors are missing, of another shape and unknown, and the first of each; HOST_MEMORY. */
vks_status schema_check(struct schema *schema, const char *family, const char *const *ignored, bool strict,
                        uint32_t *unknown);

const struct schema_entry *schema_find(const struct schema *schema, const char *name);
uint64_t schema_elements(const struct schema *schema);
void schema_free(struct schema *schema);

#endif
