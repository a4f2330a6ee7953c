/* pack.h: files and what another reader found in them, as make_nifti.py and make_volumes.py pack them. */
#ifndef TESTS_IO_PACK_H
#define TESTS_IO_PACK_H

#include "volumes.h"

#include <math.h>
#include <zlib.h>

struct record {
    char name[64];
    int32_t index;
    uint32_t bytes, size[3], channels;
    const unsigned char *file;
    double affine[3][4];
    char codes[4];
    const float *voxels;
    size_t count;
};

static unsigned char *pack;
static size_t pack_size;

static inline int open_pack_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/io/data/%s", VKS_SOURCE_DIR, name);
    gzFile file = gzopen(path, "rb");
    size_t room = 1 << 24;
    pack = malloc(room);
    if (!file || !pack)
        return -1;
    const int got = gzread(file, pack, (unsigned)room);
    gzclose(file);
    pack_size = got < 0 ? 0 : (size_t)got;
    return pack_size > 0 ? 0 : -1;
}

static inline int close_pack(void **state)
{
    (void)state;
    free(pack);
    return 0;
}

static inline const unsigned char *take(const unsigned char **at, void *out, size_t size)
{
    const unsigned char *begin = *at;
    if (out)
        memcpy(out, begin, size);
    *at += size;
    return begin;
}

static inline bool next(const unsigned char **at, struct record *out)
{
    uint32_t length;
    if (!*at)
        *at = pack;
    if (*at == pack + pack_size)
        return false;
    memset(out->name, 0, sizeof out->name);
    take(at, &length, 4);
    assert_true(length < sizeof out->name);
    take(at, out->name, length);
    take(at, &out->index, 4);
    take(at, &out->bytes, 4);
    out->file = take(at, NULL, out->bytes);
    take(at, out->size, 12);
    take(at, &out->channels, 4);
    take(at, out->affine, sizeof out->affine);
    take(at, out->codes, 4);
    out->count = (size_t)out->size[0] * out->size[1] * out->size[2] * out->channels;
    float *voxels = malloc(out->count * sizeof *voxels);
    assert_non_null(voxels);
    take(at, voxels, out->count * sizeof *voxels);
    out->voxels = voxels;
    return true;
}

static inline vks_io_volume open_record(const struct record *record)
{
    const vks_io_volume_params params = { .struct_size = sizeof params, .has_index = record->index >= 0,
                                          .index = record->index >= 0 ? (uint32_t)record->index : 0 };
    vks_io_volume volume;
    if (vks_io_read_volume_memory(record->file, record->bytes, &params, &volume) != VKS_OK)
        fail_msg("%s: %s", record->name, vks_last_error());
    return volume;
}

static inline double affine_distance(const double a[3][4], const double b[3][4])
{
    double worst = 0;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            worst = fmax(worst, fabs(a[r][c] - b[r][c]));
    return worst;
}

/* Size, affine, orientation and every voxel. Returns the number of files. */
static inline unsigned check_pack(void (*also)(const struct record *record, const vks_io_volume *volume))
{
    struct record record;
    unsigned count = 0;
    for (const unsigned char *at = NULL; next(&at, &record); count++) {
        vks_io_volume volume = open_record(&record);
        char codes[4];
        assert_memory_equal(volume.view.size, record.size, sizeof record.size);
        assert_int_equal(volume.view.channels, record.channels);
        if (affine_distance((const double (*)[4])volume.view.affine, (const double (*)[4])record.affine) > 2e-5)
            fail_msg("%s: the affine is %g mm away", record.name,
                     affine_distance((const double (*)[4])volume.view.affine, (const double (*)[4])record.affine));
        vks_volume_orientation((const double (*)[4])volume.view.affine, codes);
        if (strcmp(codes, record.codes) != 0)
            fail_msg("%s: orientation %s, expected %s", record.name, codes, record.codes);
        float *values = malloc(record.count * sizeof *values);
        vks_volume_floats(&volume.view, values);
        for (size_t i = 0; i < record.count; i++)
            if (values[i] != record.voxels[i])
                fail_msg("%s: voxel %zu is %.9g, expected %.9g", record.name, i, (double)values[i], (double)record.voxels[i]);
        also(&record, &volume);
        free(values);
        free((void *)record.voxels);
        vks_io_volume_free(&volume);
    }
    print_message("%u files\n", count);
    return count;
}

#endif
