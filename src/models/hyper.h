/* hyper.h: hyper-parameters that tensor shapes cannot tell: from the user's "key=value,key=value", else from the file's
 * metadata "vkseg.key" (safetensors), else a default. */
#ifndef VKS_HYPER_H
#define VKS_HYPER_H

#include "weights/weights.h"

struct hyper {
    const char *options;           /* may be NULL */
    const struct weights *weights; /* for metadata; may be NULL */
};

/* Errors: ARGUMENT for a word without '=', or a key that is not in `known` (ends with NULL); the sentence lists them.
 */
vks_status hyper_check(const struct hyper *hyper, const char *const *known);

enum { HYPER_TEXT = 128 };

/* The value of `key`, cut to the buffer; false if nobody gave one. */
bool hyper_text(const struct hyper *hyper, const char *key, char value[HYPER_TEXT]);

/* A whole number in least..most, or `fallback`. Errors: ARGUMENT. */
vks_status hyper_number(const struct hyper *hyper, const char *key, uint32_t least, uint32_t most, uint32_t fallback,
                        uint32_t *out);

/* Numbers below `count` joined by '+', as in "2+5+8+11", into marked[count]; *given tells whether there were any.
 * Errors: ARGUMENT. */
vks_status hyper_set(const struct hyper *hyper, const char *key, uint32_t count, bool *marked, bool *given);

#endif
