/* synth.c: element i of a tensor is a pure function of (name, seed, i), so a tensor can be made in pieces. */
#define _FILE_OFFSET_BITS 64
#include "weights/synth.h"

#include "weights/mapping.h"
#include "weights/synth_table.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#if defined(_WIN32)
#  include <process.h>
#  define getpid _getpid
#else
#  include <unistd.h>
#endif

enum { PIECE = 64 * 1024 };             /* elements */

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), with the mixing constants of splitmix64.
 * a * u is exact in double (24 + 24 bits), so contraction to a fused multiply-add changes nothing. */
void synth_fill(const char *name, uint64_t seed, uint64_t first, float c, float a, size_t count, float *dst)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t hash = 0xcbf29ce484222325u;                                /* FNV-1a */
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        hash = (hash ^ *at) * 0x100000001b3u;
    uint64_t state = (hash ^ seed * golden) + (first + 1) * golden;
    const double centre = c, radius = a;
    for (size_t i = 0; i < count; i++) {
        uint64_t z = state + i * golden;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        int32_t k = (int32_t)(z >> 40) - 8388608;
        dst[i] = (float)(centre + radius * ((double)k / 8388608.0));
    }
}

/* The header, its length still open: synth_write fills it in at the end. */
static bool write_header(const struct synth_table *table, FILE *file, uint64_t *length)
{
    uint64_t at = 0;
    char open[8] = { 0 };
    *length = 0;
    if (fwrite(open, 1, 8, file) != 8)
        return false;
    int used = fprintf(file, "{\"__metadata__\":{\"format\":\"pt\",\"origin\":\"synthetic\"}");
    for (uint32_t i = 0; i < table->count && used > 0; i++) {
        const struct synth_line *line = &table->lines[i];
        uint64_t size = vkr_bytes(&line->desc);
        *length += (uint64_t)used;
        used = fprintf(file, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", line->name,
                       line->desc.dtype == VKR_F32 ? "F32" : "I64");
        for (uint32_t k = 0; k < line->desc.rank && used > 0; k++) {
            *length += (uint64_t)used;
            used = fprintf(file, "%s%lu", k ? "," : "", (unsigned long)line->desc.dim[k]);
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

static vks_status write_tensor(const struct synth_line *line, float *piece, FILE *file)
{
    uint64_t count = vkr_numel(&line->desc);
    size_t size = vkr_dtype_size(line->desc.dtype);
    unsigned long crc = crc32(0, NULL, 0);
    memset(piece, 0, PIECE * sizeof *piece);
    for (uint64_t at = 0; at < count;) {
        size_t most = PIECE * sizeof *piece / size, now = count - at < most ? (size_t)(count - at) : most;
        if (line->desc.dtype == VKR_F32)
            synth_fill(line->name, line->seed, at, line->c, line->a, now, piece);
        crc = crc32(crc, (const unsigned char *)piece, (unsigned)(now * size));
        VKS_REQUIRE(fwrite(piece, size, now, file) == now, VKS_ERR_OUTPUT,
                    "cannot write the checkpoint; is the disk full?");
        at += now;
    }
    VKS_REQUIRE(crc == line->crc32, VKS_ERR_CHECK, "line %u of the table: %s has the crc32 %08lx, the table says "
                "%08lx; the table is damaged or meant for another generator", line->number, line->name, crc,
                (unsigned long)line->crc32);
    return VKS_OK;
}

static vks_status write_all(const struct synth_table *table, float *piece, FILE *file, const char *path)
{
    uint64_t length;
    unsigned char bytes[8];
    VKS_REQUIRE(write_header(table, file, &length), VKS_ERR_OUTPUT, "cannot write %s; is the disk full?", path);
    for (uint32_t i = 0; i < table->count; i++)
        VKS_TRY(write_tensor(&table->lines[i], piece, file));
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    rewind(file);
    VKS_REQUIRE(fwrite(bytes, 1, 8, file) == 8 && fflush(file) == 0, VKS_ERR_OUTPUT,
                "cannot write %s; is the disk full?", path);
    return VKS_OK;
}

static vks_status write_file(const struct synth_table *table, float *piece, const char *path)
{
    char temporary[1200];
    VKS_REQUIRE(snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) < (int)sizeof temporary,
                VKS_ERR_OUTPUT, "the path is too long: %s", path);
    FILE *file = fopen(temporary, "wb");
    VKS_REQUIRE(file, VKS_ERR_OUTPUT, "cannot write %s; does the folder exist, and may you write there?", path);
    vks_status status = write_all(table, piece, file, path);
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

vks_status synth_write(const char *table_path, const char *out_path)
{
    struct mapping file;
    struct synth_table table = { .lines = NULL };
    void *piece = NULL;
    VKS_TRY(mapping_open(table_path, &file));
    vks_status status = synth_table_parse(&table, file.bytes, file.size);
    if (status == VKS_OK)
        status = vkr_alloc(PIECE, sizeof(float), "a piece of a tensor", &piece);
    if (status == VKS_OK)
        status = write_file(&table, piece, out_path);
    vkr_free(piece);
    synth_table_free(&table);
    mapping_close(&file);
    return status;
}
