/* store.h: small files that may vanish at any time: caches of compiled pipelines, results of self-tests and timing.
 *
 * A file that is not whole, or was written under another key, counts as absent; one that cannot be written is no failure.
 * Files are replaced as a whole, so that processes which share a folder never read half of one.
 */
#ifndef VKR_STORE_H
#define VKR_STORE_H

#include "status.h"

#include <stdbool.h>

/* FNV-1a, 64 bits, continued from `hash` (VKR_HASH to begin). */
#define VKR_HASH 0xcbf29ce484222325u
uint64_t vkr_hash(uint64_t hash, const void *bytes, size_t size);
uint64_t vkr_hash_text(uint64_t hash, const char *text);

/* Reads `name` in `folder` if it is there, whole, and of `key`. *data is vkr_free()d by the caller; one zero byte stands
 * behind its end, so that text is a string. */
bool vkr_store_read(const char *folder, const char *name, uint64_t key, void **data, size_t *size);

/* Creates the folder when needed (for this user alone). False when it could not be written. */
bool vkr_store_write(const char *folder, const char *name, uint64_t key, const void *data, size_t size);

void vkr_store_remove(const char *folder, const char *name);

#endif
