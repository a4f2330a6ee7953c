/* store.c: header {magic, key, size, hash of the bytes}, then the bytes; through a temporary file and a rename. */
#define _FILE_OFFSET_BITS 64
#include "store.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

#if defined(_WIN32)
#  include <direct.h>
#  include <process.h>
#  define getpid _getpid
#  define make_folder(path) _mkdir(path)
#else
#  include <sys/stat.h>
#  include <unistd.h>
#  define make_folder(path) mkdir(path, 0700)
#endif

enum { HEADER = 32, PATH_BYTES = 1024, MOST = 256 << 20 };
static const char magic[8] = "vkstore1";

uint64_t vkr_hash(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

uint64_t vkr_hash_text(uint64_t hash, const char *text)
{
    return vkr_hash(hash, text, strlen(text) + 1);
}

static void put(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 8; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static bool join(char path[PATH_BYTES], const char *folder, const char *name)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return folder[0] != '\0' && length > 0 && length < PATH_BYTES;
}

static bool read_file(FILE *file, uint64_t key, void **data, size_t *size)
{
    unsigned char header[HEADER], more;
    if (fread(header, 1, HEADER, file) != HEADER || memcmp(header, magic, sizeof magic) != 0 || get(header + 8) != key ||
        get(header + 16) > MOST)
        return false;
    *size = (size_t)get(header + 16);
    *data = vkr_calloc(1, *size + 1);
    if (!*data)
        return false;
    return fread(*data, 1, *size, file) == *size && fread(&more, 1, 1, file) == 0 &&
           vkr_hash(VKR_HASH, *data, *size) == get(header + 24);
}

bool vkr_store_read(const char *folder, const char *name, uint64_t key, void **data, size_t *size)
{
    char path[PATH_BYTES];
    *data = NULL;
    *size = 0;
    FILE *file = join(path, folder, name) ? fopen(path, "rb") : NULL;
    if (!file)
        return false;
    bool whole = read_file(file, key, data, size);
    fclose(file);
    if (!whole) {
        vkr_free(*data);
        *data = NULL;
        *size = 0;
    }
    return whole;
}

/* Every folder on the way; those that are there already make no difference. */
static void make_folders(const char *folder)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s", folder);
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        make_folder(path);
        *at = '/';
    }
    make_folder(path);
}

bool vkr_store_write(const char *folder, const char *name, uint64_t key, const void *data, size_t size)
{
    char path[PATH_BYTES], temporary[PATH_BYTES];
    unsigned char header[HEADER];
    if (!join(path, folder, name) || size > MOST ||
        snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temporary)
        return false;
    FILE *file = fopen(temporary, "wb");
    if (!file) {
        make_folders(folder);
        file = fopen(temporary, "wb");
    }
    if (!file)
        return false;
    memcpy(header, magic, sizeof magic);
    put(header + 8, key);
    put(header + 16, size);
    put(header + 24, vkr_hash(VKR_HASH, data, size));
    bool written = fwrite(header, 1, HEADER, file) == HEADER && fwrite(data, 1, size, file) == size;
    written = fclose(file) == 0 && written;
#if defined(_WIN32)
    if (written)
        remove(path);                   /* rename does not replace there */
#endif
    written = written && rename(temporary, path) == 0;
    if (!written)
        remove(temporary);
    return written;
}

void vkr_store_remove(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    if (join(path, folder, name))
        remove(path);
}
