/* safetensors_write.c: header length, JSON header, data. */
#define _FILE_OFFSET_BITS 64
#include "weights/safetensors_write.h"

#include <stdio.h>

#if defined(_WIN32)
#  include <process.h>
#  define getpid _getpid
#else
#  include <unistd.h>
#endif

/* The header, its length still open: write_all fills it in at the end. */
static bool write_header(const struct safetensors_source *source, FILE *file, uint64_t *length)
{
    uint64_t at = 0;
    char open[8] = { 0 };
    *length = 0;
    if (fwrite(open, 1, 8, file) != 8)
        return false;
    int used = fprintf(file, "{\"__metadata__\":{\"format\":\"pt\",\"%s\":\"%s\"}", source->key, source->value);
    for (uint32_t i = 0; i < source->count && used > 0; i++) {
        struct vkr_desc desc;
        const char *name = source->describe(source->user, i, &desc);
        uint64_t size = vkr_bytes(&desc);
        *length += (uint64_t)used;
        used = fprintf(file, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", name,
                       desc.dtype == VKR_F32 ? "F32" : "I64");
        for (uint32_t k = 0; k < desc.rank && used > 0; k++) {
            *length += (uint64_t)used;
            used = fprintf(file, "%s%lu", k ? "," : "", (unsigned long)desc.dim[k]);
        }
        if (used > 0) {
            *length += (uint64_t)used;
            used = fprintf(file, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                           (unsigned long long)(at + size));
        }
        at += size;
    }
    if (used < 0)
        return false;
    *length += (uint64_t)used + 1;
    used = fprintf(file, "}%*s", (int)((8 - *length % 8) % 8), "");    /* the data begins at a multiple of 8 */
    *length = (*length + 7) / 8 * 8;
    return used > 0;
}

static vks_status write_all(const struct safetensors_source *source, FILE *file, const char *path)
{
    uint64_t length;
    unsigned char bytes[8];
    VKS_REQUIRE(write_header(source, file, &length), VKS_ERR_OUTPUT, "cannot write %s; is the disk full?", path);
    for (uint32_t i = 0; i < source->count; i++)
        VKS_TRY(source->write(source->user, i, file));
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    rewind(file);
    VKS_REQUIRE(fwrite(bytes, 1, 8, file) == 8 && fflush(file) == 0, VKS_ERR_OUTPUT,
                "cannot write %s; is the disk full?", path);
    return VKS_OK;
}

vks_status safetensors_write(const struct safetensors_source *source, const char *path)
{
    char temporary[1200];
    VKS_REQUIRE(snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) < (int)sizeof temporary,
                VKS_ERR_OUTPUT, "the path is too long: %s", path);
    FILE *file = fopen(temporary, "wb");
    VKS_REQUIRE(file, VKS_ERR_OUTPUT, "cannot write %s; does the folder exist, and may you write there?", path);
    vks_status status = write_all(source, file, path);
    if (fclose(file) != 0 && status == VKS_OK)
        status = vks_fail(VKS_ERR_OUTPUT, "cannot write %s; is the disk full?", path);
#if defined(_WIN32)
    if (status == VKS_OK)
        remove(path);                                                   /* rename does not replace there */
#endif
    if (status == VKS_OK && rename(temporary, path) != 0)
        status = vks_fail(VKS_ERR_OUTPUT, "cannot replace %s; is it a folder?", path);
    if (status != VKS_OK)
        remove(temporary);
    return status;
}
