/* stream.c: plain and inflated bytes. The inflater never holds more than one chunk of either side. */
#include "io/stream.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 1 << 16, TAIL = 1 << 20 };

static void *grab(void *unused, uInt count, uInt size)
{
    (void)unused;
    return vkr_calloc(count, size);
}

static void release(void *unused, void *block)
{
    (void)unused;
    vkr_free(block);
}

vks_status stream_inflate(struct stream *stream)
{
    stream->inflater.zalloc = grab;
    stream->inflater.zfree = release;
    /* 32: gzip or zlib, as it comes; a file's chunk already read stays in next_in. */
    VKS_REQUIRE(inflateInit2(&stream->inflater, 32 + MAX_WBITS) == Z_OK, VKS_ERR_HOST_MEMORY, "out of memory: inflating %s",
                stream->name);
    stream->is_packed = stream->is_inflating = true;
    return stream->file ? vkr_alloc(CHUNK, 1, "a chunk of a file", (void **)&stream->chunk) : VKS_OK;
}

static vks_status look(struct stream *stream)
{
    unsigned char head[2] = { 0 };
    VKS_REQUIRE(stream->size > 0, VKS_ERR_CORRUPT, "%s is empty", stream->name);
    if (stream->file) {
        const size_t got = fread(head, 1, sizeof head, stream->file);
        VKS_REQUIRE(got > 0 && fseek(stream->file, 0, SEEK_SET) == 0, VKS_ERR_NOT_FOUND, "%s cannot be read: %s",
                    stream->name, strerror(errno));
    } else if (stream->size >= 2) {
        memcpy(head, stream->bytes, sizeof head);
    }
    return head[0] == 0x1f && head[1] == 0x8b ? stream_inflate(stream) : VKS_OK;
}

vks_status stream_open(struct stream *stream, const char *path)
{
    struct stat found;
    *stream = (struct stream){ .name = path };
    VKS_REQUIRE(path && *path, VKS_ERR_ARGUMENT, "no input path was given");
    VKS_REQUIRE(stat(path, &found) == 0, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    VKS_REQUIRE(!S_ISDIR(found.st_mode), VKS_ERR_NOT_FOUND, "%s is a folder; name a file in it", path);
    VKS_REQUIRE(S_ISREG(found.st_mode), VKS_ERR_NOT_FOUND, "%s is no ordinary file; volumes are read from files only", path);
    stream->size = (uint64_t)found.st_size;
    stream->file = fopen(path, "rb");
    VKS_REQUIRE(stream->file, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    vks_status status = look(stream);
    if (status != VKS_OK)
        stream_close(stream);
    return status;
}

vks_status stream_open_memory(struct stream *stream, const void *bytes, size_t size, const char *name)
{
    *stream = (struct stream){ .name = name, .bytes = bytes, .size = size };
    vks_status status = look(stream);
    if (status != VKS_OK)
        stream_close(stream);
    return status;
}

void stream_close(struct stream *stream)
{
    if (stream->is_inflating)
        inflateEnd(&stream->inflater);
    if (stream->file)
        fclose(stream->file);
    vkr_free(stream->chunk);
    *stream = (struct stream){ .name = stream->name };
}

uint64_t stream_most(const struct stream *stream)
{
    return stream->is_packed ? stream->size * 1032 + CHUNK : stream->size;
}

static vks_status read_plain(struct stream *stream, void *out, size_t size, size_t *got)
{
    if (stream->file) {
        *got = fread(out, 1, size, stream->file);
        VKS_REQUIRE(*got == size || !ferror(stream->file), VKS_ERR_NOT_FOUND, "%s cannot be read: %s", stream->name,
                    strerror(errno));
    } else {
        *got = stream->size - stream->taken < size ? (size_t)(stream->size - stream->taken) : size;
        memcpy(out, stream->bytes + stream->taken, *got);
    }
    stream->taken += *got;
    return VKS_OK;
}

/* Gives the inflater more packed bytes; leaves avail_in at 0 when there are none. */
static vks_status refill(struct stream *stream)
{
    if (stream->inflater.avail_in > 0)
        return VKS_OK;
    if (stream->file) {
        size_t got;
        VKS_TRY(read_plain(stream, stream->chunk, CHUNK, &got));
        stream->inflater.next_in = stream->chunk;
        stream->inflater.avail_in = (uInt)got;
        return VKS_OK;
    }
    const uint64_t left = stream->size - stream->taken;
    stream->inflater.next_in = (unsigned char *)(uintptr_t)(stream->bytes + stream->taken);
    stream->inflater.avail_in = (uInt)(left > 1 << 30 ? 1 << 30 : left);
    stream->taken += stream->inflater.avail_in;
    return VKS_OK;
}

static vks_status damaged(const struct stream *stream)
{
    return vks_fail(VKS_ERR_CORRUPT, "%s is damaged: its compressed data make no sense (%s); copy or save it again",
                    stream->name, stream->inflater.msg ? stream->inflater.msg : "unknown");
}

/* Programs that compress in parallel write several gzip members one after the other. */
static vks_status next_member(struct stream *stream)
{
    VKS_TRY(refill(stream));
    if (stream->inflater.avail_in > 0 && *stream->inflater.next_in == 0x1f && inflateReset(&stream->inflater) == Z_OK)
        return VKS_OK;
    stream->has_ended = true;
    return VKS_OK;
}

vks_status stream_read_some(struct stream *stream, void *out, size_t size, size_t *got)
{
    *got = 0;
    if (!stream->is_packed)
        return read_plain(stream, out, size, got);
    while (*got < size && !stream->has_ended) {
        const size_t wanted = size - *got > 1 << 30 ? 1 << 30 : size - *got;
        VKS_TRY(refill(stream));
        const bool dry = stream->inflater.avail_in == 0;
        stream->inflater.next_out = (unsigned char *)out + *got;
        stream->inflater.avail_out = (uInt)wanted;
        const int result = inflate(&stream->inflater, Z_NO_FLUSH);
        *got += wanted - stream->inflater.avail_out;
        VKS_REQUIRE(result != Z_MEM_ERROR, VKS_ERR_HOST_MEMORY, "out of memory: inflating %s", stream->name);
        if (result == Z_STREAM_END)
            VKS_TRY(next_member(stream));
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return damaged(stream);
        else if (dry && stream->inflater.avail_out == wanted)
            break;              /* cut off */
    }
    return VKS_OK;
}

static vks_status cut_off(const struct stream *stream)
{
    return vks_fail(VKS_ERR_CORRUPT, "%s was cut off: %llu bytes are not all of it; copy or save it again", stream->name,
                    (unsigned long long)stream->size);
}

vks_status stream_read(struct stream *stream, void *out, size_t size)
{
    size_t got;
    VKS_TRY(stream_read_some(stream, out, size, &got));
    return got == size ? VKS_OK : cut_off(stream);
}

vks_status stream_skip(struct stream *stream, uint64_t size)
{
    unsigned char waste[4096];
    if (!stream->is_packed && stream->file && size > sizeof waste) {
        if (size > stream->size - stream->taken)
            return cut_off(stream);
        VKS_REQUIRE(fseek(stream->file, (long)size, SEEK_CUR) == 0, VKS_ERR_NOT_FOUND, "%s cannot be read: %s",
                    stream->name, strerror(errno));
        stream->taken += size;
        return VKS_OK;
    }
    for (; size > 0;) {
        const size_t step = size < sizeof waste ? (size_t)size : sizeof waste;
        VKS_TRY(stream_read(stream, waste, step));
        size -= step;
    }
    return VKS_OK;
}

/* A checksum stands behind the last byte; something longer than TAIL there is not ours to judge. */
vks_status stream_finish(struct stream *stream)
{
    unsigned char waste[4096];
    for (size_t passed = 0, got = 1; stream->is_packed && !stream->has_ended && got > 0 && passed < TAIL; passed += got)
        VKS_TRY(stream_read_some(stream, waste, sizeof waste, &got));
    return stream->is_packed && !stream->has_ended && stream->inflater.avail_in == 0 ? cut_off(stream) : VKS_OK;
}
