/* zipdir.h: the directory of a zip archive in memory, and where in it the bytes of an entry lie.
 * Nothing is ever inflated here: stored entries can be had as they are, compressed ones as they lie. */
#ifndef VKS_ZIPDIR_H
#define VKS_ZIPDIR_H

#include "base/mem.h"

struct zipdir_entry {
    const char *name;               /* in the archive; not terminated */
    size_t name_length;
    uint64_t size, packed_size;     /* bytes of the content, bytes in the archive */
    uint64_t header_at;             /* offset of the local header */
    unsigned flags, method;
};

struct zipdir {
    const unsigned char *bytes;     /* the archive, borrowed */
    const char *label;              /* opens every message */
    size_t directory_at;
    struct zipdir_entry *entries;   /* sorted by name, no name twice */
    uint32_t count;
};

/* Reads the directory, ZIP64 included. Errors: MODEL (no archive, cut off, lying, several disks), HOST_MEMORY. */
vks_status zipdir_open(const unsigned char *bytes, size_t size, const char *label, struct zipdir *zip);

void zipdir_close(struct zipdir *zip);

/* NULL if absent */
const struct zipdir_entry *zipdir_find(const struct zipdir *zip, const char *name, size_t length);

/* The entry's `entry->size` bytes, inside the archive. MODEL if it is compressed, encrypted or outside. */
vks_status zipdir_data(const struct zipdir *zip, const struct zipdir_entry *entry, const unsigned char **data);

/* The entry's `entry->packed_size` bytes as they lie in the archive, compressed by `entry->method` or not. */
vks_status zipdir_packed(const struct zipdir *zip, const struct zipdir_entry *entry, const unsigned char **data);

#endif
