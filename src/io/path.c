/* path.c: files as this room takes and leaves them: read whole, written under another name and renamed when complete. */
#include "io/io.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#if defined(_WIN32)
#  include <process.h>
#  define process_id() ((unsigned)_getpid())
#else
#  include <unistd.h>
#  define process_id() ((unsigned)getpid())
#endif

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool io_ends_with(const char *path, const char *extension)
{
    size_t length = strlen(path), wanted = strlen(extension);
    if (length <= wanted)
        return false;
    for (size_t i = 0; i < wanted; i++)
        if (lower(path[length - wanted + i]) != extension[i])
            return false;
    return true;
}

vks_status io_may_write(const char *path, int overwrite)
{
    struct stat found;
    VKS_REQUIRE(path && *path, VKS_ERR_ARGUMENT, "no output path was given");
    if (stat(path, &found) != 0)
        return VKS_OK;
    VKS_REQUIRE(!S_ISDIR(found.st_mode), VKS_ERR_OUTPUT, "%s is a folder; name a file in it", path);
    VKS_REQUIRE(S_ISREG(found.st_mode), VKS_ERR_OUTPUT, "%s is not an ordinary file, so it is not replaced; name another", path);
    VKS_REQUIRE(overwrite, VKS_ERR_OUTPUT, "%s exists already and is kept; allow overwriting, or name another file", path);
    return VKS_OK;
}

vks_status io_numbered(const char *path, uint32_t k, char **out)
{
    const char *dot = strrchr(path, '.');
    size_t size = strlen(path) + 16;
    VKS_TRY(vkr_alloc(1, size, "a path", (void **)out));
    snprintf(*out, size, "%.*s_%u%s", (int)(dot - path), path, k, dot);
    return VKS_OK;
}

vks_status io_output_begin(const char *path, int overwrite, struct io_output *out)
{
    *out = (struct io_output){ .path = path, .overwrite = overwrite };
    VKS_TRY(io_may_write(path, overwrite));
    size_t size = strlen(path) + 32;
    VKS_TRY(vkr_alloc(1, size, "a path", (void **)&out->temporary));
    snprintf(out->temporary, size, "%s.%u.tmp", path, process_id());
    out->file = fopen(out->temporary, "wb");
    if (out->file)
        return VKS_OK;
    int error = errno;
    vkr_free(out->temporary);
    out->temporary = NULL;
    return vks_fail(VKS_ERR_OUTPUT, "%s cannot be written: %s; choose a folder that exists and that you may write to", path,
                    strerror(error));
}

vks_status io_put(struct io_output *output, const void *data, size_t size)
{
    VKS_REQUIRE(size == 0 || fwrite(data, 1, size, output->file) == size, VKS_ERR_OUTPUT,
                "%s cannot be written: %s; make room or choose another folder", output->path, strerror(errno));
    return VKS_OK;
}

static vks_status flush(struct io_output *output)
{
    bool good = fflush(output->file) == 0;
#if !defined(_WIN32)
    good = good && fsync(fileno(output->file)) == 0;
#endif
    good = fclose(output->file) == 0 && good;
    output->file = NULL;
    VKS_REQUIRE(good, VKS_ERR_OUTPUT, "%s cannot be written: %s; make room or choose another folder", output->path,
                strerror(errno));
    return VKS_OK;
}

vks_status io_output_end(struct io_output *output, vks_status status)
{
    if (!output->temporary)
        return status;
    if (status == VKS_OK)
        status = flush(output);
    else
        fclose(output->file);
    if (status == VKS_OK)
        status = io_may_write(output->path, output->overwrite);     /* it may have appeared meanwhile */
#if defined(_WIN32)
    if (status == VKS_OK)
        remove(output->path);
#endif
    if (status == VKS_OK && rename(output->temporary, output->path) != 0)
        status = vks_fail(VKS_ERR_OUTPUT, "%s cannot be given its name: %s", output->path, strerror(errno));
    if (status != VKS_OK)
        remove(output->temporary);
    vkr_free(output->temporary);
    *output = (struct io_output){ 0 };
    return status;
}

static vks_status read_all(FILE *file, const char *path, unsigned char **bytes, size_t *size)
{
    size_t capacity = 0;
    for (;;) {
        if (*size == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 16;
            unsigned char *grown = vkr_realloc(*bytes, capacity);
            VKS_REQUIRE(grown, VKS_ERR_HOST_MEMORY, "out of memory: %zu bytes for %s", capacity, path);
            *bytes = grown;
        }
        size_t got = fread(*bytes + *size, 1, capacity - *size, file);
        *size += got;
        VKS_REQUIRE(!ferror(file), VKS_ERR_NOT_FOUND, "%s cannot be read: %s", path, strerror(errno));
        VKS_REQUIRE(*size <= INT32_MAX, VKS_ERR_CORRUPT, "%s has more than 2 GiB, which no image should", path);
        if (got == 0)
            return VKS_OK;
    }
}

vks_status io_read_file(const char *path, unsigned char **bytes, size_t *size)
{
    struct stat found;
    *bytes = NULL;
    *size = 0;
    VKS_REQUIRE(path && *path, VKS_ERR_ARGUMENT, "no input path was given");
    VKS_REQUIRE(stat(path, &found) != 0 || !S_ISDIR(found.st_mode), VKS_ERR_NOT_FOUND, "%s is a folder; name a file in it", path);
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    vks_status status = read_all(file, path, bytes, size);
    fclose(file);
    if (status == VKS_OK && *size == 0)
        status = vks_fail(VKS_ERR_CORRUPT, "%s is empty", path);
    if (status != VKS_OK) {
        vkr_free(*bytes);
        *bytes = NULL;
    }
    return status;
}
