/* stream.h: bytes in order, from a file or from memory, plain or gzip, as one. What a header claims can be held against
 * stream_most before anything is allocated: no source yields more, so memory stays in proportion to the file. */
#ifndef VKS_IO_STREAM_H
#define VKS_IO_STREAM_H

#include "io/io.h"

#include <zlib.h>

struct stream {
    const char *name;           /* begins the sentences; borrowed */
    FILE *file;                 /* NULL: from memory */
    const unsigned char *bytes; /* memory, borrowed */
    uint64_t size, taken;       /* bytes of the source; of those, handed to inflate or to the reader */
    bool is_packed, is_inflating, has_ended;
    z_stream inflater;
    unsigned char *chunk;       /* packed bytes waiting; of a file only */
};

/* Opens and looks for gzip's signature. Errors: NOT_FOUND, CORRUPT (a folder, no ordinary file, empty), HOST_MEMORY. */
vks_status stream_open(struct stream *stream, const char *path);
vks_status stream_open_memory(struct stream *stream, const void *bytes, size_t size, const char *name);
void stream_close(struct stream *stream);       /* accepts a failed or zeroed one */

/* From here on the bytes are those of a zlib or gzip stream (a text header may stand before one). */
vks_status stream_inflate(struct stream *stream);

/* At most this many bytes can come in all: the size, or 1032 times it, deflate's bound. */
uint64_t stream_most(const struct stream *stream);

/* Exactly `size` bytes. Errors: CORRUPT (cut off, damaged). */
vks_status stream_read(struct stream *stream, void *out, size_t size);

/* Up to `size` bytes; *got is less only at the end. */
vks_status stream_read_some(struct stream *stream, void *out, size_t size, size_t *got);
vks_status stream_skip(struct stream *stream, uint64_t size);

/* All that was wanted has been read: is the rest of the compressed data there and its checksum right? */
vks_status stream_finish(struct stream *stream);

#endif
