/* fuzz_dicom.c: DICOM from two sides. One in sixteen inputs with a DICOM signature is a file: GDCM may die of it, this process
 * may not; a process for each, so a few runs a second. All others are headers as GDCM might have read them, of the files of a
 * folder: what we make of these ourselves, the grouping and the geometry, is tried thousands of times a second.
 * Seeds: tests/fuzz/corpus/dicom. */
#include "volume_fuzz.h"

#include "io/dicom_series.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_file(const uint8_t *data, size_t size)
{
    char path[64];
    vks_io_volume volume = { .owned = NULL };
    snprintf(path, sizeof path, "/tmp/vkseg-fuzz-%d.dcm", (int)getpid());
    FILE *file = fopen(path, "wb");
    MUST(file);
    fwrite(data, 1, size, file);
    fclose(file);
    if (vks_io_read_volume(path, NULL, &volume) == VKS_OK)
        use_volume(&volume);
    else
        MUST(!volume.owned && *vks_last_error());
    remove(path);
}

/* ---- headers ---- */

struct bytes { const uint8_t *at, *end; };

static unsigned take(struct bytes *bytes)
{
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

/* Mostly small steps, so that some series are sound; now and then anything at all. */
static double take_number(struct bytes *bytes)
{
    const unsigned kind = take(bytes);
    double any;
    if (kind != 0xff)
        return ((int)kind - 100) * 0.25;
    if (bytes->end - bytes->at < (int)sizeof any)
        return 0;
    memcpy(&any, bytes->at, sizeof any);
    bytes->at += sizeof any;
    return isfinite(any) ? any : 1e300;
}

static void take_header(struct bytes *bytes, struct dicom_file *out)
{
    static const double directions[4][6] = { { 1, 0, 0, 0, 1, 0 }, { 0, 1, 0, 0, 0, -1 }, { 0.8, 0.6, 0, -0.6, 0.8, 0 }, { 1, 0, 0, 0, 0, 1 } };
    const unsigned flags = take(bytes);
    *out = (struct dicom_file){ .series_number = flags & 3, .instance_number = (int32_t)take(bytes), .columns = 4 + (flags >> 2 & 1),
                                .rows = 3, .has_pixels = 1, .has_orientation = (flags & 0x70) != 0x70 };
    memcpy(out->series, "1.2.3", 6);
    memcpy(out->row_direction, directions[flags >> 3 & 3], sizeof out->row_direction);
    memcpy(out->column_direction, directions[flags >> 3 & 3] + 3, sizeof out->column_direction);
    out->spacing[0] = fabs(take_number(bytes));
    out->spacing[1] = fabs(take_number(bytes));
    out->thickness = fabs(take_number(bytes));
    out->frame_count = flags & 0x80 ? 1 + take(bytes) % 9 : 1;
    out->frames = calloc(out->frame_count, sizeof *out->frames);
    MUST(out->frames);
    for (uint32_t i = 0; i < out->frame_count; i++) {
        out->frames[i].has_position = (flags & 0x30) != 0x30;
        out->frames[i].slope = 1;
        for (int c = 0; c < 3; c++)
            out->frames[i].position[c] = take_number(bytes);
    }
}

/* Places that make no sense are refused behind this (voxels_check_place); here nothing may break. */
static void check_grid(const struct dicom_grid *grid, uint32_t slices)
{
    MUST(grid->slices == slices);
    MUST(memchr(grid->note, 0, sizeof grid->note));
}

static void use_headers(const uint8_t *data, size_t size)
{
    enum { MOST = 24 };
    struct bytes bytes = { data, data + size };
    struct dicom_entry entries[MOST];
    struct dicom_folder folder = { .entries = entries, .capacity = MOST, .is_folder = true };
    char names[MOST][8], *list;
    const unsigned count = 1 + take(&bytes) % MOST, is_lenient = take(&bytes) & 1;
    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%u.dcm", i);
        entries[i] = (struct dicom_entry){ .path = names[i] };
        take_header(&bytes, &entries[i].file);
    }
    folder.count = count;
    dicom_sort(&folder);
    MUST(folder.series_count >= 1 && folder.series_count <= count);
    MUST(dicom_describe(&folder, &list) == VKS_OK);
    vks_io_free(list);
    for (uint32_t s = 1; s <= folder.series_count; s++) {
        char number[16];
        uint32_t first, of_series;
        struct dicom_grid grid;
        snprintf(number, sizeof number, "%u", s);
        MUST(dicom_choose("folder", &folder, number, &first, &of_series) == VKS_OK && of_series >= 1 && first + of_series <= count);
        if (dicom_check_grid(entries + first, of_series, is_lenient, &grid) == VKS_OK)
            check_grid(&grid, of_series == 1 ? entries[first].file.frame_count : of_series);
        else
            MUST(*vks_last_error());
    }
    for (unsigned i = 0; i < count; i++)
        dicom_file_free(&entries[i].file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int is_file = size >= 132 && memcmp(data + 128, "DICM", 4) == 0;
    uint32_t hash = 0x811c9dc5u;        /* FNV-1a: the same input goes the same way every time */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x01000193u;
    if (is_file && hash % 16 == 0)
        open_file(data, size);
    else
        use_headers(data + (is_file ? 132 : 0), size - (is_file ? 132 : 0));
    return 0;
}
