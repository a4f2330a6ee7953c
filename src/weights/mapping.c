/* mapping.c: mmap on POSIX; everywhere else, and where mmap fails (some network file systems), one plain read. */
#define _FILE_OFFSET_BITS 64
#include "weights/mapping.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#if defined(_WIN32)
#  include <stdio.h>

vks_status mapping_open(const char *path, struct mapping *mapping)
{
    return mapping_open_read(path, mapping);
}

vks_status mapping_open_read(const char *path, struct mapping *mapping)
{
    *mapping = (struct mapping){ .bytes = NULL };
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    long long size = _fseeki64(file, 0, SEEK_END) == 0 ? _ftelli64(file) : -1;
    vks_status status = size > 0 ? vkr_alloc(1, (size_t)size, path, &mapping->owned)
                                 : vks_fail(VKS_ERR_MODEL, "%s is empty", path);
    if (status == VKS_OK) {
        rewind(file);
        if (fread(mapping->owned, 1, (size_t)size, file) != (size_t)size)
            status = vks_fail(VKS_ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    }
    fclose(file);
    mapping->bytes = mapping->owned;
    mapping->size = (size_t)size;
    if (status != VKS_OK)
        mapping_close(mapping);
    return status;
}

void mapping_close(struct mapping *mapping)
{
    vkr_free(mapping->owned);
    *mapping = (struct mapping){ .bytes = NULL };
}

void mapping_release(const struct mapping *mapping, const unsigned char *at, size_t size)
{
    (void)mapping, (void)at, (void)size;
}

#else
#  include <fcntl.h>
#  include <sys/mman.h>
#  include <sys/stat.h>
#  include <unistd.h>

static vks_status read_all(int file, const char *path, struct mapping *mapping)
{
    VKS_TRY(vkr_alloc(1, mapping->size, path, &mapping->owned));
    for (size_t done = 0; done < mapping->size;) {
        ssize_t got = read(file, (char *)mapping->owned + done, mapping->size - done);
        if (got < 0 && errno == EINTR)
            continue;
        VKS_REQUIRE(got > 0, VKS_ERR_NOT_FOUND, "cannot read %s: %s", path,
                    got ? strerror(errno) : "it became shorter");
        done += (size_t)got;
    }
    mapping->bytes = mapping->owned;
    return VKS_OK;
}

static vks_status fill(int file, const char *path, bool may_map, struct mapping *mapping)
{
    struct stat info;
    VKS_REQUIRE(fstat(file, &info) == 0, VKS_ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    VKS_REQUIRE(!S_ISDIR(info.st_mode), VKS_ERR_NOT_FOUND, "%s is a folder; name a file in it", path);
    VKS_REQUIRE(S_ISREG(info.st_mode), VKS_ERR_NOT_FOUND, "%s is no regular file; copy it to one first", path);
    VKS_REQUIRE(info.st_size > 0, VKS_ERR_MODEL, "%s is empty; was the download cut off?", path);
    VKS_REQUIRE((uintmax_t)info.st_size <= SIZE_MAX / 2, VKS_ERR_HOST_MEMORY, "%s is too large for this machine", path);
    mapping->size = (size_t)info.st_size;
    void *bytes = may_map ? mmap(NULL, mapping->size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED)
        return read_all(file, path, mapping);
    mapping->bytes = bytes;
    mapping->mapped = true;
    return VKS_OK;
}

static vks_status open_file(const char *path, bool may_map, struct mapping *mapping)
{
    *mapping = (struct mapping){ .bytes = NULL };
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);       /* not to hang on a named pipe */
    VKS_REQUIRE(file >= 0, VKS_ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    vks_status status = fill(file, path, may_map, mapping);
    close(file);
    if (status != VKS_OK)
        mapping_close(mapping);
    return status;
}

vks_status mapping_open(const char *path, struct mapping *mapping)
{
    return open_file(path, true, mapping);
}

vks_status mapping_open_read(const char *path, struct mapping *mapping)
{
    return open_file(path, false, mapping);
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->mapped)
        munmap((void *)mapping->bytes, mapping->size);
    vkr_free(mapping->owned);
    *mapping = (struct mapping){ .bytes = NULL };
}

void mapping_release(const struct mapping *mapping, const unsigned char *at, size_t size)
{
    if (!mapping->mapped || size == 0)
        return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), from = (size_t)(at - mapping->bytes), to = from + size;
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from < to)
        madvise((unsigned char *)mapping->bytes + from, to - from, MADV_DONTNEED);
}

#endif
