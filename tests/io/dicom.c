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
    char name[600];
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

/* ---- a series and its NIfTI conversion ---- */

static void put(unsigned char *file, size_t at, const void *value, size_t size)
{
    memcpy(file + at, value, size);
}

/* As converters write it: rows from the bottom up, so that the determinant is positive; an sform, floats. */
static void convert(const vks_io_volume *volume, const char *path)
{
    const vks_volume *view = &volume->view;
    const uint32_t *size = view->size;
    const size_t plane = (size_t)size[0] * size[1], count = plane * size[2];
    unsigned char header[352] = { 0 };
    const int32_t header_size = 348;
    const int16_t dim[8] = { 3, (int16_t)size[0], (int16_t)size[1], (int16_t)size[2], 1, 1, 1, 1 }, type[2] = { 16, 32 }, code = 1;
    const float pixdim[8] = { 1, (float)view->spacing[0], (float)view->spacing[1], (float)view->spacing[2], 0, 0, 0, 0 }, offset = 352;
    float *values = malloc(count * sizeof *values), *turned = malloc(count * sizeof *turned);
    vks_volume_floats(view, values);
    for (uint32_t k = 0; k < size[2]; k++)
        for (uint32_t j = 0; j < size[1]; j++)
            memcpy(turned + k * plane + (size_t)j * size[0], values + k * plane + (size_t)(size[1] - 1 - j) * size[0],
                   size[0] * sizeof *values);
    put(header, 0, &header_size, 4);
    put(header, 40, dim, sizeof dim);
    put(header, 70, type, sizeof type);
    put(header, 76, pixdim, sizeof pixdim);
    put(header, 108, &offset, 4);
    put(header, 254, &code, 2);
    for (int r = 0; r < 3; r++) {
        const double *a = view->affine[r];
        const float row[4] = { (float)a[0], (float)-a[1], (float)a[2], (float)(a[3] + a[1] * (size[1] - 1)) };
        put(header, 280 + 16 * (size_t)r, row, sizeof row);
    }
    header[123] = 2;
    put(header, 344, "n+1", 4);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    assert_int_equal(fwrite(turned, sizeof *turned, count, file), count);
    fclose(file);
    free(values);
    free(turned);
}

/* Labels of what is brighter than the mean, written in the place of `volume` and read back. */
static vks_io_volume bright(const vks_io_volume *volume, const char *path)
{
    const size_t count = (size_t)volume->view.size[0] * volume->view.size[1] * volume->view.size[2];
    float *values = malloc(count * sizeof *values);
    uint8_t *labels = malloc(count);
    double mean = 0;
    vks_volume_floats(&volume->view, values);
    for (size_t i = 0; i < count; i++)
        mean += (double)values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        labels[i] = (double)values[i] > mean;
    const vks_label_map map = { labels, VKS_PIXEL_U8, { volume->view.size[0], volume->view.size[1], volume->view.size[2] }, NULL, 0 };
    vks_io_volume back;
    assert_ok(vks_io_write_labels(path, &map, volume, 1));
    assert_ok(vks_io_read_volume(path, NULL, &back));
    remove(path);
    free(values);
    free(labels);
    return back;
}

/* Cramer's rule: the index in `view` of a place in millimetres. */
static void index_of(const vks_volume *view, const double mm[3], double out[3])
{
    const double (*a)[4] = (const double (*)[4])view->affine;
    const double b[3] = { mm[0] - a[0][3], mm[1] - a[1][3], mm[2] - a[2][3] };
    double m[4][3][3], det[4];
    for (int k = 0; k < 4; k++) {       /* the last is the matrix itself */
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 3; c++)
                m[k][r][c] = c == k ? b[r] : a[r][c];
        det[k] = m[k][0][0] * (m[k][1][1] * m[k][2][2] - m[k][1][2] * m[k][2][1]) -
                 m[k][0][1] * (m[k][1][0] * m[k][2][2] - m[k][1][2] * m[k][2][0]) +
                 m[k][0][2] * (m[k][1][0] * m[k][2][1] - m[k][1][1] * m[k][2][0]);
    }
    for (int k = 0; k < 3; k++)
        out[k] = det[k] / det[3];
}

/* Every voxel of the series' labels has the conversion's label at the same place in the patient. */
static void check_conversion(const struct record *record, const vks_io_volume *series)
{
    vks_io_volume conversion;
    convert(series, scratch("conversion.nii"));
    assert_ok(vks_io_read_volume(scratch("conversion.nii"), NULL, &conversion));
    remove(scratch("conversion.nii"));
    vks_io_volume a = bright(series, scratch("labels-a.nii.gz")), b = bright(&conversion, scratch("labels-b.nii.gz"));
    const vks_volume *from = &a.view, *to = &b.view;
    size_t set = 0;
    for (uint32_t k = 0; k < from->size[2]; k++)
        for (uint32_t j = 0; j < from->size[1]; j++)
            for (uint32_t i = 0; i < from->size[0]; i++) {
                double mm[3], at[3];
                for (int r = 0; r < 3; r++)
                    mm[r] = from->affine[r][0] * i + from->affine[r][1] * j + from->affine[r][2] * k + from->affine[r][3];
                index_of(to, mm, at);
                size_t index = 0;
                for (int c = 2; c >= 0; c--) {
                    const double near = floor(at[c] + 0.5);
                    if (fabs(at[c] - near) > 1e-3 || near < 0 || near >= to->size[c])
                        fail_msg("%s: voxel %u,%u,%u lies at %g,%g,%g of the conversion", record->name, i, j, k, at[0], at[1], at[2]);
                    index = index * to->size[c] + (size_t)near;
                }
                const uint8_t label = ((const uint8_t *)from->voxels)[((size_t)k * from->size[1] + j) * from->size[0] + i];
                if (label != ((const uint8_t *)to->voxels)[index])
                    fail_msg("%s: voxel %u,%u,%u has another label in the conversion", record->name, i, j, k);
                set += label;
            }
    assert_true(set > 0);
    vks_io_volume_free(&a);
    vks_io_volume_free(&b);
    vks_io_volume_free(&conversion);
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
        if (record.channels == 1)
            check_conversion(&record, &volume);
        vks_io_volume_free(&volume);
        free(record.voxels);
    }
    empty_folder(scratch("series"));
    print_message("%u series\n", count);
    assert_true(count >= 30);
}

/* The bytes of the first file of the first case, which is unpacked. */
static unsigned char *read_first(struct record *record, size_t *size)
{
    const unsigned char *at = NULL;
    assert_true(next(&at, record));
    return read_whole(record->first, size);
}

/* Whatever is missing at the end of a file, it is refused or read, never more. */
static void survives_cut_files(void **state)
{
    (void)state;
    struct record record;
    size_t size;
    unsigned char *bytes = read_first(&record, &size);
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

/* Explicit little endian: the value of the first US element of group 0028 with this number. */
static unsigned char *find_short(unsigned char *bytes, size_t size, unsigned number)
{
    const unsigned char head[8] = { 0x28, 0, (unsigned char)number, (unsigned char)(number >> 8), 'U', 'S', 2, 0 };
    for (size_t i = 0; i + 10 <= size; i++)
        if (memcmp(bytes + i, head, sizeof head) == 0)
            return bytes + i + 8;
    fail_msg("no element 0028,%04x", number);
    return NULL;
}

/* Half as many pixels of twice the bits in the same bytes. */
static void refuses_32_bits(void **state)
{
    (void)state;
    struct record record;
    size_t size;
    unsigned char *bytes = read_first(&record, &size);
    unsigned char *rows = find_short(bytes, size, 0x10), *columns = find_short(bytes, size, 0x11);
    unsigned char *side = rows[0] % 2 == 0 ? rows : columns;
    assert_int_equal(side[0] % 2, 0);
    side[0] /= 2;
    find_short(bytes, size, 0x100)[0] = find_short(bytes, size, 0x101)[0] = 32;
    find_short(bytes, size, 0x102)[0] = 31;
    FILE *file = fopen(scratch("wide.dcm"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    vks_io_volume volume = { .owned = NULL };
    assert_refused(VKS_ERR_CORRUPT, "neither grey of 8 or 16 bits", vks_io_read_volume(scratch("wide.dcm"), NULL, &volume));
    remove(scratch("wide.dcm"));
    empty_folder(record.folder);
    free(bytes);
    free(record.voxels);
}

/* ---- DICOMDIR ---- */

static void element(FILE *file, unsigned group, unsigned tag, const char *kind, const char *value, size_t size)
{
    const unsigned char head[8] = { (unsigned char)group, (unsigned char)(group >> 8), (unsigned char)tag, (unsigned char)(tag >> 8),
                                    (unsigned char)kind[0], (unsigned char)kind[1], (unsigned char)(size + size % 2), 0 };
    fwrite(head, 1, sizeof head, file);
    fwrite(value, 1, size, file);
    if (size % 2)
        fputc(strcmp(kind, "UI") == 0 ? 0 : ' ', file);
}

/* Explicit little endian, with the records of a patient and of two images. */
static void write_directory(const char *path, const char *first, const char *second)
{
    static const char class[] = "1.2.840.10008.1.3.10", syntax[] = "1.2.840.10008.1.2.1", open[] = "\xfe\xff\x00\xe0\xff\xff\xff\xff";
    const char *const names[] = { NULL, first, second };
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 128; i++)
        fputc(0, file);
    fwrite("DICM", 1, 4, file);
    const uint32_t length = 8 + 20 + 8 + 4 + 8 + 20;
    element(file, 2, 0, "UL", (const char *)&length, 4);
    element(file, 2, 2, "UI", class, sizeof class - 1);
    element(file, 2, 3, "UI", "1.2", 3);
    element(file, 2, 16, "UI", syntax, sizeof syntax - 1);
    fwrite("\x04\x00\x20\x12SQ\0\0\xff\xff\xff\xff", 1, 12, file);
    for (int i = 0; i < 3; i++) {
        fwrite(open, 1, 8, file);
        element(file, 4, 0x1430, "CS", i ? "IMAGE" : "PATIENT", i ? 5 : 7);
        if (names[i])
            element(file, 4, 0x1500, "CS", names[i], strlen(names[i]));
        fwrite("\xfe\xff\x0d\xe0\0\0\0\0", 1, 8, file);
    }
    fwrite("\xfe\xff\xdd\xe0\0\0\0\0", 1, 8, file);
    fclose(file);
}

static void copy_file(const char *from, const char *to)
{
    size_t size;
    unsigned char *bytes = read_whole(from, &size);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
}

static void refuse_directory(const char *path, const char *first, const char *word)
{
    vks_io_volume volume = { .owned = NULL };
    write_directory(path, first, "DATA\\B");
    assert_refused(VKS_ERR_CORRUPT, word, vks_io_read_volume(path, NULL, &volume));
    assert_null(volume.owned);
}

static void reads_directories(void **state)
{
    (void)state;
    struct record record;
    const unsigned char *at = NULL;
    char disc[400], data[400], path[400], name[450];
    assert_true(next(&at, &record));
    snprintf(disc, sizeof disc, "%s", scratch("disc"));
    snprintf(data, sizeof data, "%.380s/DATA", disc);
    snprintf(path, sizeof path, "%.380s/DICOMDIR", disc);
    empty_folder(data);
    empty_folder(disc);
    assert_int_equal(mkdir(disc, 0700) | mkdir(data, 0700), 0);
    DIR *folder = opendir(record.folder);
    unsigned copied = 0;
    for (const struct dirent *item; copied < 2 && (item = readdir(folder));) {
        char from[400];
        snprintf(from, sizeof from, "%s/%.100s", record.folder, item->d_name);
        snprintf(name, sizeof name, "%s/%c", data, "AB"[copied]);
        if (item->d_name[0] != '.')
            copy_file(from, name), copied++;
    }
    closedir(folder);
    assert_int_equal(copied, 2);
    write_directory(path, "DATA\\A", "DATA\\B");
    const vks_io_volume_params lenient = { .struct_size = sizeof lenient, .allow_nonuniform = 1 };
    for (int i = 0; i < 2; i++) {       /* the list itself, and the folder it lies in */
        vks_io_volume volume;
        assert_true(vks_io_is_volume(i ? disc : path));
        assert_ok(vks_io_read_volume(i ? disc : path, &lenient, &volume));
        assert_int_equal(volume.view.size[0], record.size[0]);
        assert_int_equal(volume.view.size[2], 2);
        vks_io_volume_free(&volume);
    }
    refuse_directory(path, "..\\..\\etc\\passwd", "not allowed");
    refuse_directory(path, "/etc/passwd", "not allowed");
    refuse_directory(path, "DATA\\\\A", "not allowed");
    refuse_directory(path, "DATA\\C", "is not there");
    free(record.voxels);
    empty_folder(data);
    empty_folder(disc);
    empty_folder(record.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_and_refuses), cmocka_unit_test(survives_cut_files),
                                        cmocka_unit_test(refuses_32_bits), cmocka_unit_test(reads_directories) };
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
