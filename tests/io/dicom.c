/* dicom.c: DICOM series as pydicom wrote them (make_dicom.py): transfer syntaxes, signs, palettes, order, geometry, refusals;
 * labels out as a segmentation object. */
//! test io_dicom
#include "volumes.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <zlib.h>

struct record {
    char name[64], series[80], word[128];
    uint32_t is_lenient, files, size[3], channels;
    double affine[3][4];
    float *voxels;
    size_t count;
    char folder[160], first[200];
};

static unsigned char *pack;
static size_t pack_size;

static void take(const unsigned char **at, void *out, size_t size)
{
    memcpy(out, *at, size);
    *at += size;
}

static void take_text(const unsigned char **at, char *out, size_t room)
{
    uint32_t length;
    take(at, &length, 4);
    assert_true(length < room);
    take(at, out, length);
    out[length] = '\0';
}

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    char name[400];
    for (const struct dirent *item; folder && (item = readdir(folder));) {
        snprintf(name, sizeof name, "%s/%.100s", path, item->d_name);
        if (item->d_name[0] != '.')
            remove(name);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

/* Unpacks the files of a case into a folder of their own. */
static bool next(const unsigned char **at, struct record *out)
{
    if (!*at)
        *at = pack;
    if (*at == pack + pack_size)
        return false;
    take_text(at, out->name, sizeof out->name);
    take_text(at, out->series, sizeof out->series);
    take(at, &out->is_lenient, 4);
    take(at, &out->files, 4);
    snprintf(out->folder, sizeof out->folder, "%s", scratch("series"));
    empty_folder(out->folder);
    assert_int_equal(mkdir(out->folder, 0700), 0);
    for (uint32_t i = 0; i < out->files; i++) {
        char name[32], path[200];
        uint32_t size;
        take_text(at, name, sizeof name);
        take(at, &size, 4);
        snprintf(path, sizeof path, "%s/%s", out->folder, name);
        memcpy(out->first, path, sizeof path);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(*at, 1, size, file), size);
        fclose(file);
        *at += size;
    }
    take_text(at, out->word, sizeof out->word);
    if (*out->word)
        return true;
    take(at, out->size, 12);
    take(at, &out->channels, 4);
    take(at, out->affine, sizeof out->affine);
    out->count = (size_t)out->size[0] * out->size[1] * out->size[2] * out->channels;
    out->voxels = malloc(out->count * sizeof *out->voxels);
    assert_non_null(out->voxels);
    take(at, out->voxels, out->count * sizeof *out->voxels);
    return true;
}

static void check_voxels(const struct record *record, const vks_io_volume *volume)
{
    float *values = malloc(record->count * sizeof *values);
    assert_memory_equal(volume->view.size, record->size, sizeof record->size);
    assert_int_equal(volume->view.channels, record->channels);
    vks_volume_floats(&volume->view, values);
    for (size_t i = 0; i < record->count; i++)
        if (values[i] != record->voxels[i])
            fail_msg("%s: voxel %zu is %g, expected %g", record->name, i, (double)values[i], (double)record->voxels[i]);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            if (fabs(volume->view.affine[r][c] - record->affine[r][c]) > 1e-5)
                fail_msg("%s: affine[%d][%d] is %.8g, expected %.8g", record->name, r, c, volume->view.affine[r][c], record->affine[r][c]);
    free(values);
}

/* Nothing of the patient may appear anywhere but in the segmentation object, which must carry it. */
static bool contains(const char *path, const char *text)
{
    size_t size, length = strlen(text);
    unsigned char *bytes = read_whole(path, &size);
    bool is_there = false;
    for (size_t i = 0; i + length <= size && !is_there; i++)
        is_there = memcmp(bytes + i, text, length) == 0;
    free(bytes);
    return is_there;
}

static void check_labels(const struct record *record, const vks_io_volume *volume)
{
    const size_t count = (size_t)record->size[0] * record->size[1] * record->size[2];
    uint8_t *labels = calloc(count, 1);
    for (size_t i = 0; i < count; i++)
        labels[i] = (uint8_t)(i % 7 == 0 ? 3 : i % 11 == 0);
    const vks_label names[] = { { 3, "liver", { 200, 30, 30 } } };
    const vks_label_map map = { labels, VKS_PIXEL_U8, { record->size[0], record->size[1], record->size[2] }, names, 1 };
    vks_io_volume back;
    assert_ok(vks_io_write_labels(scratch("labels.nii.gz"), &map, volume, 1));
    assert_ok(vks_io_read_volume(scratch("labels.nii.gz"), NULL, &back));
    assert_memory_equal(back.view.voxels, labels, count);
    assert_true(vks_volume_same_grid(&back.view, &volume->view, 1e-4));
    assert_false(contains(scratch("labels.nii.gz"), "Nobody"));
    vks_io_volume_free(&back);
    remove(scratch("labels.nii.gz"));
    const vks_status status = vks_io_write_labels(scratch("labels.dcm"), &map, volume, 1);
    if (strcmp(record->name, "frames") == 0) {
        assert_int_equal(status, VKS_ERR_ARGUMENT);     /* nobody knows where it lies */
    } else {
        assert_int_equal(status, VKS_OK);
        assert_true(contains(scratch("labels.dcm"), "Nobody^Known") && contains(scratch("labels.dcm"), "liver"));
        remove(scratch("labels.dcm"));
    }
    free(labels);
}

static void reads_and_refuses(void **state)
{
    (void)state;
    struct record record;
    unsigned count = 0;
    for (const unsigned char *at = NULL; next(&at, &record); count++) {
        const vks_io_volume_params params = { .struct_size = sizeof params, .series = *record.series ? record.series : NULL,
                                              .allow_nonuniform = (int)record.is_lenient };
        const char *path = record.files == 1 && !*record.word ? record.first : record.folder;
        vks_io_volume volume = { .owned = NULL };
        if (*record.word) {
            const vks_status status = vks_io_read_volume(path, &params, &volume);
            if (status == VKS_OK || status == VKS_ERR_INTERNAL || !strstr(vks_last_error(), record.word))
                if (strcmp(record.name, "nothing") != 0 || status == VKS_OK)
                    fail_msg("%s: \"%s\" without \"%s\"", record.name, vks_last_error(), record.word);
            assert_null(strstr(vks_last_error(), "Nobody"));
            assert_null(volume.owned);
            continue;
        }
        if (vks_io_read_volume(path, &params, &volume) != VKS_OK)
            fail_msg("%s: %s", record.name, vks_last_error());
        check_voxels(&record, &volume);
        assert_int_equal(record.is_lenient || strcmp(record.name, "frames") == 0, *volume.note != '\0');
        check_labels(&record, &volume);
        vks_io_volume_free(&volume);
        free(record.voxels);
    }
    empty_folder(scratch("series"));
    print_message("%u series\n", count);
    assert_true(count >= 30);
}

/* Whatever is missing at the end of a file, it is refused or read, never more. */
static void survives_cut_files(void **state)
{
    (void)state;
    struct record record;
    const unsigned char *at = NULL;
    assert_true(next(&at, &record));
    size_t size;
    unsigned char *bytes = read_whole(record.first, &size);
    for (size_t keep = 0; keep < size; keep += 13) {
        const char *path = scratch("cut.dcm");
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, keep, file), keep);
        fclose(file);
        vks_io_volume volume = { .owned = NULL };
        assert_int_not_equal(vks_io_read_volume(path, NULL, &volume), VKS_OK);
    }
    free(bytes);
    free(record.voxels);
    remove(scratch("cut.dcm"));
    empty_folder(scratch("series"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_and_refuses), cmocka_unit_test(survives_cut_files) };
    gzFile file = gzopen(VKS_SOURCE_DIR "/tests/io/data/dicom.pack.gz", "rb");
    pack = malloc(1 << 22);
    if (!file || !pack)
        return 1;
    const int got = gzread(file, pack, 1 << 22);
    gzclose(file);
    pack_size = got < 0 ? 0 : (size_t)got;
    const int result = cmocka_run_group_tests_name("dicom", tests, NULL, NULL);
    free(pack);
    return result;
}
