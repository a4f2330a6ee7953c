/* nifti.c: NIfTI as nibabel reads it (tests/io/make_nifti.py): all orientations, types, versions and byte orders; label
 * maps written back into the same place; headers that lie. */
//! test io_nifti
#include "pack.h"

static int open_pack(void **state)
{
    (void)state;
    return open_pack_file("nifti.pack.gz");
}

static void check_note(const struct record *record, const vks_io_volume *volume)
{
    assert_int_equal(strstr(record->name, "disagree") != NULL, strstr(volume->note, "disagree") != NULL);
}

static void reads_as_nibabel_does(void **state)
{
    (void)state;
    assert_true(check_pack(check_note) >= 500);
}

/* ---- labels in the same place ---- */

/* Fields that say where voxels lie: begin and length in each version. */
static const size_t places[2][6][2] = {
    { { 40, 16 }, { 76, 32 }, { 123, 1 }, { 252, 76 }, { 344, 4 }, { 0, 4 } },
    { { 16, 64 }, { 104, 64 }, { 344, 8 }, { 352, 144 }, { 500, 4 }, { 0, 4 } },
};

static void check_place(const struct record *record, const unsigned char *source, const unsigned char *made)
{
    const bool is_second = source[0] == 0x1c || source[3] == 0x1c;
    for (int i = 0; i < 6; i++) {
        if (record->index >= 0 && i == 0)
            continue;           /* one volume of several: dim changes */
        const size_t *place = places[is_second][i];
        if (memcmp(source + place[0], made + place[0], place[1]) != 0)
            fail_msg("%s: the %zu bytes from %zu on are not those of the input", record->name, place[1], place[0]);
    }
}

static unsigned char *header_of(const unsigned char *file, size_t size)
{
    unsigned char *out = calloc(1, 540);
    assert_non_null(out);
    if (file[0] != 0x1f) {
        memcpy(out, file, size < 540 ? size : 540);
        return out;
    }
    z_stream inflater = { .next_in = (unsigned char *)(uintptr_t)file, .avail_in = (unsigned)size, .next_out = out, .avail_out = 540 };
    assert_int_equal(inflateInit2(&inflater, 47), Z_OK);
    inflate(&inflater, Z_SYNC_FLUSH);
    inflateEnd(&inflater);
    return out;
}

static void check_labels(const struct record *record, const vks_io_volume *like, vks_pixel_type type, const char *name)
{
    const vks_label names[] = { { 1, "grey <matter>", { 255, 0, 0 } }, { 300, "white & \"matter\"", { 0, 255, 128 } } };
    const size_t count = (size_t)record->size[0] * record->size[1] * record->size[2];
    uint16_t *wide = malloc(2 * count);
    uint8_t *narrow = malloc(count);
    for (size_t i = 0; i < count; i++) {
        wide[i] = (uint16_t)(i * 977 % (type == VKS_PIXEL_U8 ? 256 : 65536));
        narrow[i] = (uint8_t)wide[i];
    }
    vks_label_map map = { type == VKS_PIXEL_U8 ? (void *)narrow : (void *)wide, type, { 0 }, names, type == VKS_PIXEL_U8 ? 2 : 0 };
    memcpy(map.size, record->size, sizeof map.size);
    const char *path = scratch(name);
    assert_ok(vks_io_write_labels(path, &map, like, 1));
    vks_io_volume back;
    assert_ok(vks_io_read_volume(path, NULL, &back));
    assert_int_equal(back.view.type, type);
    assert_memory_equal(back.view.affine, like->view.affine, sizeof back.view.affine);
    assert_memory_equal(back.view.voxels, map.voxels, count * (type == VKS_PIXEL_U8 ? 1 : 2));
    size_t size;
    unsigned char *made = read_whole(path, &size), *header = header_of(made, size), *source = header_of(record->file, record->bytes);
    check_place(record, source, header);
    free(made);
    free(header);
    free(source);
    free(wide);
    free(narrow);
    vks_io_volume_free(&back);
    remove(path);
}

static void writes_labels_in_place(void **state)
{
    (void)state;
    struct record record;
    unsigned count = 0;
    for (const unsigned char *at = NULL; next(&at, &record); count++) {
        vks_io_volume volume = open_record(&record);
        check_labels(&record, &volume, count % 2 ? VKS_PIXEL_U8 : VKS_PIXEL_U16, count % 3 ? "labels.nii.gz" : "labels.nii");
        free((void *)record.voxels);
        vks_io_volume_free(&volume);
    }
}

/* A volume that never was a NIfTI file: the header is made of the affine, in float32. */
static void writes_labels_of_strangers(void **state)
{
    (void)state;
    struct record record;
    for (const unsigned char *at = NULL; next(&at, &record);) {
        vks_io_volume volume = open_record(&record), stranger = { .view = volume.view }, back;
        const size_t count = (size_t)record.size[0] * record.size[1] * record.size[2];
        uint8_t *labels = calloc(count, 1);
        vks_label_map map = { labels, VKS_PIXEL_U8, { record.size[0], record.size[1], record.size[2] }, NULL, 0 };
        const char *path = scratch("stranger.nii");
        assert_ok(vks_io_write_labels(path, &map, &stranger, 1));
        assert_ok(vks_io_read_volume(path, NULL, &back));
        if (affine_distance((const double (*)[4])back.view.affine, (const double (*)[4])record.affine) > 2e-5)
            fail_msg("%s: the affine moved", record.name);
        assert_true(vks_volume_same_grid(&volume.view, &back.view, 1e-4));
        free(labels);
        free((void *)record.voxels);
        vks_io_volume_free(&back);
        vks_io_volume_free(&volume);
        remove(path);
    }
}

/* ---- headers that lie ---- */

enum { DIM = 40, TYPE = 70, PIXDIM = 76, OFFSET = 108, SLOPE = 112, INTER = 116, CAL_MIN = 128, QFORM = 252, SFORM = 254, QUATERNION = 256,
       ROWS = 280, MAGIC = 344 };

static void put_short(unsigned char *at, int value)
{
    at[0] = (unsigned char)(value & 255);
    at[1] = (unsigned char)(value >> 8 & 255);
}

static void put_float(unsigned char *at, float value)
{
    memcpy(at, &value, 4);
}

/* 2 x 2 x 2 voxels of u8 at the origin. */
static void make_good(unsigned char file[360])
{
    memset(file, 0, 360);
    put_short(file, 348);
    for (int i = 0; i < 8; i++) {
        put_short(file + DIM + 2 * i, i == 0 ? 3 : i <= 3 ? 2 : 1);
        put_float(file + PIXDIM + 4 * i, 1);
    }
    put_short(file + TYPE, 2);
    put_short(file + TYPE + 2, 8);
    put_float(file + OFFSET, 352);
    put_short(file + SFORM, 1);
    for (int r = 0; r < 3; r++)
        put_float(file + ROWS + 20 * r, 1);
    memcpy(file + MAGIC, "n+1", 4);
}

static void refuse(const unsigned char *file, size_t size, const char *word)
{
    vks_io_volume volume = { .owned = NULL };
    assert_refused(VKS_ERR_CORRUPT, word, vks_io_read_volume_memory(file, size, NULL, &volume));
    assert_null(volume.owned);
}

static void refuses_dimensions(void **state)
{
    (void)state;
    unsigned char file[360];
    static const struct { int at, value; const char *word; } lies[] = {
        { 0, 9, "9 dimensions" }, { 0, 0, "0 dimensions" }, { 0, -3, "-3 dimensions" }, { 0, 8, "8 dimensions" },
        { 1, 0, "length 0" }, { 2, -1, "length -1" }, { 3, -32768, "length -32768" }, { 1, 32767, "cut off" },
        { 3, 3, "cut off" },
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        make_good(file);
        put_short(file + DIM + 2 * lies[i].at, lies[i].value);
        refuse(file, sizeof file, lies[i].word);
    }
    /* 10^12 voxels claimed by 360 bytes, and more than any volume has. */
    make_good(file);
    for (int i = 1; i <= 3; i++)
        put_short(file + DIM + 2 * i, 10000);
    refuse(file, sizeof file, "10000 x 10000 x 10000");
    put_short(file + DIM + 2, 1000);
    put_short(file + DIM + 4, 1000);
    put_short(file + DIM + 6, 1000);
    refuse(file, sizeof file, "claims 1000000000 bytes");
}

static void refuses_fields(void **state)
{
    (void)state;
    unsigned char file[360];
    static const struct { int at; float value; const char *word; } lies[] = {
        { OFFSET, NAN, "begin at byte" }, { OFFSET, 0, "begin at byte" }, { OFFSET, -352, "begin at byte" },
        { OFFSET, 352.5f, "begin at byte" }, { OFFSET, 1e14f, "cut off" }, { OFFSET, 1e30f, "begin at byte" },
        { ROWS + 4, NAN, "not finite" }, { ROWS + 12, INFINITY, "not finite" }, { ROWS, 0, "flat" },
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        make_good(file);
        put_float(file + lies[i].at, lies[i].value);
        refuse(file, sizeof file, lies[i].word);
    }
    make_good(file);
    put_short(file + SFORM, 0);
    put_short(file + QFORM, 1);
    put_float(file + QUATERNION, NAN);
    refuse(file, sizeof file, "not finite");
    make_good(file);
    put_short(file + SFORM, 0);
    put_float(file + PIXDIM + 8, 0);
    refuse(file, sizeof file, "spacing along axis 2");
    make_good(file);
    put_short(file + TYPE, 32);
    refuse(file, sizeof file, "COMPLEX64");
    make_good(file);
    put_float(file + SLOPE, 2);
    put_float(file + INTER, NAN);
    refuse(file, sizeof file, "scl_inter");
    make_good(file);
    memcpy(file + MAGIC, "ni1", 4);
    refuse(file, sizeof file, "pair");
    make_good(file);
    memset(file + MAGIC, 0, 4);
    refuse(file, sizeof file, "Analyze");
}

static void refuses_short_files(void **state)
{
    (void)state;
    unsigned char file[360], packed[512];
    make_good(file);
    vks_io_volume volume;
    assert_ok(vks_io_read_volume_memory(file, sizeof file, NULL, &volume));
    vks_io_volume_free(&volume);
    for (size_t size = 1; size < sizeof file; size++)
        assert_int_equal(vks_io_read_volume_memory(file, size, NULL, &volume), VKS_ERR_CORRUPT);
    z_stream deflater = { .next_in = file, .avail_in = sizeof file, .next_out = packed, .avail_out = sizeof packed };
    assert_int_equal(deflateInit2(&deflater, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&deflater, Z_FINISH), Z_STREAM_END);
    const size_t whole = deflater.total_out;
    deflateEnd(&deflater);
    assert_ok(vks_io_read_volume_memory(packed, whole, NULL, &volume));
    vks_io_volume_free(&volume);
    for (size_t size = 1; size < whole; size++)
        refuse(packed, size, size < 2 ? "" : "cut off");
    packed[whole - 6] ^= 1;     /* the checksum */
    refuse(packed, whole, "damaged");
    assert_refused(VKS_ERR_NOT_FOUND, "", vks_io_read_volume("/nowhere/a.nii", NULL, &volume));
}

static void asks_which_volume(void **state)
{
    (void)state;
    unsigned char file[368];
    vks_io_volume volume;
    vks_io_volume_params params = { .struct_size = sizeof params, .has_index = 1, .index = 1 };
    make_good(file);
    put_short(file + DIM, 4);
    put_short(file + DIM + 8, 2);
    for (int i = 0; i < 16; i++)
        file[352 + i] = (unsigned char)i;
    assert_refused(VKS_ERR_ARGUMENT, "holds 2 volumes", vks_io_read_volume_memory(file, sizeof file, NULL, &volume));
    assert_ok(vks_io_read_volume_memory(file, sizeof file, &params, &volume));
    assert_memory_equal(volume.view.voxels, file + 360, 8);
    vks_io_volume_free(&volume);
    params.index = 2;
    assert_refused(VKS_ERR_ARGUMENT, "no volume 2", vks_io_read_volume_memory(file, sizeof file, &params, &volume));
}

/* No sform, no qform: the spacing, and a word about it. Metres and micrometres become millimetres. */
static void says_what_is_unknown(void **state)
{
    (void)state;
    unsigned char file[360];
    vks_io_volume volume;
    make_good(file);
    put_short(file + SFORM, 0);
    put_float(file + PIXDIM + 4, 0.5f);
    assert_ok(vks_io_read_volume_memory(file, sizeof file, NULL, &volume));
    assert_non_null(strstr(volume.note, "left and right"));
    assert_true(volume.view.spacing[0] == 0.5 && volume.view.spacing[1] == 1);
    vks_io_volume_free(&volume);
    make_good(file);
    file[123] = 3;
    assert_ok(vks_io_read_volume_memory(file, sizeof file, NULL, &volume));
    assert_true(fabs(volume.view.spacing[0] - 1e-3) < 1e-12 && !*volume.note);
    vks_io_volume_free(&volume);
}

/* A field may happen to hold the four bytes by which DICOM is known; the fuzzer found such a voxel size. */
static void is_no_dicom(void **state)
{
    (void)state;
    unsigned char file[360];
    vks_io_volume volume;
    make_good(file);
    memcpy(file + CAL_MIN, "DICM", 4);
    const char *path = scratch("cal_min.nii");
    write_whole(path, file, sizeof file);
    assert_int_equal(vks_io_is_volume(path), 1);
    assert_ok(vks_io_read_volume(path, NULL, &volume));
    assert_string_equal(volume.format, "nifti-1");
    vks_io_volume_free(&volume);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_nibabel_does), cmocka_unit_test(writes_labels_in_place),
        cmocka_unit_test(writes_labels_of_strangers), cmocka_unit_test(refuses_dimensions), cmocka_unit_test(refuses_fields),
        cmocka_unit_test(refuses_short_files), cmocka_unit_test(asks_which_volume), cmocka_unit_test(says_what_is_unknown),
        cmocka_unit_test(is_no_dicom),
    };
    return cmocka_run_group_tests_name("nifti", tests, open_pack, close_pack);
}
