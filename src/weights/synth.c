/* synth.c: element i of a tensor is a pure function of (name, seed, i), so a tensor can be made in pieces. */
#define _FILE_OFFSET_BITS 64
#include "weights/synth.h"

#include "weights/mapping.h"
#include "weights/safetensors_write.h"
#include "weights/synth_table.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

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

struct writing {
    const struct synth_table *table;
    float *piece;
};

static const char *describe_tensor(void *user, uint32_t index, struct vkr_desc *desc)
{
    const struct synth_line *line = &((const struct writing *)user)->table->lines[index];
    *desc = line->desc;
    return line->name;
}

static vks_status write_tensor(void *user, uint32_t index, FILE *file)
{
    const struct writing *writing = user;
    const struct synth_line *line = &writing->table->lines[index];
    float *piece = writing->piece;
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

vks_status synth_write(const char *table_path, const char *out_path)
{
    struct mapping file;
    struct synth_table table = { .lines = NULL };
    void *piece = NULL;
    VKS_TRY(mapping_open(table_path, &file));
    vks_status status = synth_table_parse(&table, file.bytes, file.size);
    if (status == VKS_OK)
        status = vkr_alloc(PIECE, sizeof(float), "a piece of a tensor", &piece);
    const struct safetensors_source source = { table.count, "origin", "synthetic", describe_tensor, write_tensor,
                                               &(struct writing){ &table, piece } };
    if (status == VKS_OK)
        status = safetensors_write(&source, out_path);
    vkr_free(piece);
    synth_table_free(&table);
    mapping_close(&file);
    return status;
}
