/* mapping.h: the bytes of a whole file, mapped read-only where the system can, read into memory where it cannot.
 * While it is mapped the file must not be shortened by somebody else: the system then kills the reader. */
#ifndef VKS_MAPPING_H
#define VKS_MAPPING_H

#include "base/status.h"

#include <stdbool.h>

struct mapping {
    const unsigned char *bytes;
    size_t size;
    bool mapped;                /* by the system: mapping_release has an effect */
    void *owned;                /* the block to free when the file was read */
};

/* Errors: NOT_FOUND (cannot open, no regular file), MODEL (empty), HOST_MEMORY. */
vks_status mapping_open(const char *path, struct mapping *mapping);

/* The same, never by the system's mapping. */
vks_status mapping_open_read(const char *path, struct mapping *mapping);

void mapping_close(struct mapping *mapping);

/* Gives the whole pages inside [at, at + size) back to the system; they are read again when touched. */
void mapping_release(const struct mapping *mapping, const unsigned char *at, size_t size);

#endif
