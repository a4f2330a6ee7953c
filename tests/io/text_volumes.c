/* text_volumes.c: NRRD and MetaImage as SimpleITK writes them, and the challenge's npz (make_volumes.py); files cut anywhere;
 * headers that lie; the fuzzers' seeds and former finds. */
//! test io_text_volumes
#include "pack.h"

#include <dirent.h>
#include <unistd.h>

static int open_pack(void **state)
{
    (void)state;
    return open_pack_file("volumes.pack.gz");
}

static void nothing_else(const struct record *record, const vks_io_volume *volume)
{
    (void)record;
    (void)volume;
}

static void reads_as_simpleitk_does(void **state)
{
    (void)state;
    assert_true(check_pack(nothing_else) >= 70);
}

static void refuses_cut_files(void **state)
{
    (void)state;
    struct record record;
    for (const unsigned char *at = NULL; next(&at, &record);) {
        for (size_t size = 1; size < record.bytes; size += 1 + size / 40) {
            vks_io_volume volume = { .owned = NULL };
            /* Behind the directory of a zip there is a comment's length alone; elsewhere every byte counts. */
            if (vks_io_read_volume_memory(record.file, size, NULL, &volume) != VKS_ERR_CORRUPT)
                fail_msg("%s: %zu of %u bytes are taken for all", record.name, size, record.bytes);
        }
        free((void *)record.voxels);
    }
}

static void refuse(const char *text, const char *word)
{
    vks_io_volume volume = { .owned = NULL };
    assert_refused(VKS_ERR_CORRUPT, word, vks_io_read_volume_memory(text, strlen(text), NULL, &volume));
    assert_null(volume.owned);
}

#define NRRD "NRRD0004\ntype: uchar\nencoding: raw\n"
#define META "ObjectType = Image\nNDims = 3\nElementType = MET_UCHAR\n"

static void refuses_lies(void **state)
{
    (void)state;
    refuse(NRRD "dimension: 3\nsizes: 30000 30000 30000\n\nx", "more than 2^31");
    refuse(NRRD "dimension: 3\nsizes: 1000 1000 1000\n\nx", "claims 1000000000 bytes");
    refuse(NRRD "dimension: 3\nsizes: 1 -1 1\n\nx", "claims -1 voxels");
    refuse(NRRD "dimension: 3\nsizes: 1 nan 1\n\nx", "claims nan voxels");
    refuse(NRRD "dimension: 3\nsizes: 1 1\n\nx", "2 sizes for 3 dimensions");
    refuse(NRRD "dimension: 9\nsizes: 1 1 1\n\nx", "9 dimensions");
    refuse(NRRD "dimension: 3\n\nx", "how many voxels");
    refuse(NRRD "dimension: 3\nsizes: 1 1 1\nspace: moon\n\nx", "space \"moon\"");
    refuse(NRRD "dimension: 3\nsizes: 1 1 1\nspace directions: (1,0,0) (0,1,0) (0,nan,0)\n\nx", "make no sense");
    refuse(NRRD "dimension: 3\nsizes: 1 1 1\nspace directions: (1,0,0) (0,1,0) (0,1,0)\n\nx", "make no sense");
    refuse(NRRD "dimension: 3\nsizes: 1 1 1\ndata file: ../../etc/passwd\n\n", "which is not here");
    refuse("NRRD0004\ntype: block\n\n", "type \"block\"");
    refuse("NRRD0004\nencoding: hex\n\n", "encoded as \"hex\"");
    refuse("NRRD0004\nencoding: raw\ndimension: 3\nsizes: 1 1 1\n\nx", "of which type");
    refuse(META "DimSize = 30000 30000 30000\nElementDataFile = LOCAL\nx", "more than 2^31");
    refuse(META "DimSize = 1 1 1\nElementSpacing = 1e300 1 1\nElementDataFile = LOCAL\nx", "make no sense");
    refuse(META "DimSize = 1 1 1\nElementDataFile = LIST\n", "which is not here");
    refuse(META "DimSize = 1 1 1\n", "cut off");
    refuse("ObjectType = Image\nNDims = 7\n", "7 dimensions");
}

/* A header beside its voxels; never one that reaches into another folder. */
static void reads_detached_voxels(void **state)
{
    (void)state;
    static const char *const headers[] = { META "DimSize = 2 1 1\nElementDataFile = voxels.raw\n",
                                           NRRD "dimension: 3\nsizes: 2 1 1\ndata file: voxels.raw\n\n",
                                           META "DimSize = 2 1 1\nElementDataFile = ../voxels.raw\n" };
    FILE *file = fopen(scratch("voxels.raw"), "wb");
    fwrite("\7\11", 1, 2, file);
    fclose(file);
    for (int i = 0; i < 3; i++) {
        vks_io_volume volume = { .owned = NULL };
        file = fopen(scratch("header.mhd"), "wb");
        fputs(headers[i], file);
        fclose(file);
        if (i == 2) {
            assert_refused(VKS_ERR_CORRUPT, "same folder", vks_io_read_volume(scratch("header.mhd"), NULL, &volume));
            continue;
        }
        assert_ok(vks_io_read_volume(scratch("header.mhd"), NULL, &volume));
        assert_memory_equal(volume.view.voxels, "\7\11", 2);
        vks_io_volume_free(&volume);
    }
    remove(scratch("voxels.raw"));
    remove(scratch("header.mhd"));
}

#define NO_BOX { 0, 0, 0, 0, 0, 0, 0 }

/* What the boxes of a record of the pack are; a sentence for those that are refused. */
static const struct {
    const char *name, *word;
    uint32_t count;
    vks_io_box first, last;
} boxes_of[] = {
    { "npz-volume", NULL, 1, { 0, 1, 2, 3, 0, 4, 2 }, { 0, 1, 2, 3, 0, 4, 2 } },
    { "npz-colour", NULL, 1, { 0, 1, 2, 3, 0, 0, 0 }, { 0, 1, 2, 3, 0, 0, 0 } },
    { "npz-placed", NULL, 0, NO_BOX, NO_BOX },
    { "npz-boxes-objects", NULL, 2, { 1, 0, 5, 2, 1, 4, 3 }, { 0, 1, 6, 3, 2, 2, 2 } },
    { "npz-boxes-none", NULL, 0, NO_BOX, NO_BOX },
    { "npz-boxes-hostile", "wants to run posix.system", 0, NO_BOX, NO_BOX },
    { "npz-boxes-strange", "has no number z_mid_x_min", 0, NO_BOX, NO_BOX },
    { "npz-boxes-outside", "goes from 1 to 9 along y, where the image has 4", 0, NO_BOX, NO_BOX },
    { "npz-boxes-flat", "boxes has the shape [1, 4]", 0, NO_BOX, NO_BOX },
    { "mha-int16-0-axes", NULL, 0, NO_BOX, NO_BOX },
};

static bool same_box(const vks_io_box *a, const vks_io_box *b)
{
    return a->x0 == b->x0 && a->y0 == b->y0 && a->x1 == b->x1 && a->y1 == b->y1 && a->first == b->first && a->last == b->last &&
           a->slice == b->slice;
}

static void reads_boxes_as_data(void **state)
{
    (void)state;
    struct record record;
    unsigned found = 0;
    for (const unsigned char *at = NULL; next(&at, &record);) {
        for (size_t i = 0; i < sizeof boxes_of / sizeof *boxes_of; i++) {
            vks_io_box *boxes = NULL;
            size_t count = 7;
            if (strcmp(record.name, boxes_of[i].name) != 0)
                continue;
            found++;
            const vks_status status = vks_io_read_boxes_memory(record.file, record.bytes, record.size, &boxes, &count);
            if (boxes_of[i].word) {
                if (status != VKS_ERR_CORRUPT || !strstr(vks_last_error(), boxes_of[i].word))
                    fail_msg("%s: \"%s\" without \"%s\"", record.name, vks_last_error(), boxes_of[i].word);
                assert_null(boxes);
                continue;
            }
            assert_ok(status);
            assert_int_equal(count, boxes_of[i].count);
            assert_true(!count || same_box(&boxes[0], &boxes_of[i].first));
            assert_true(!count || same_box(&boxes[count - 1], &boxes_of[i].last));
            vks_io_free(boxes);
        }
        free((void *)record.voxels);
    }
    assert_int_equal(found, sizeof boxes_of / sizeof *boxes_of);
    assert_int_not_equal(access("/tmp/vkseg-was-here", F_OK), 0);
}

/* As 3D Slicer writes a segmentation: two segments named, one of them without a colour; one not named; one in the background. */
static void reads_names_of_segments(void **state)
{
    (void)state;
    static const char header[] = "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 1 1\nencoding: raw\n"
                                 "kinds: domain domain domain\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
                                 "Segment0_Color:=0.2 1 0.502\nSegment0_LabelValue:=7\nSegment0_Name:=liver: left\n"
                                 "Segment1_LabelValue:=2\nSegment1_Name:=spleen\nSegment1_NameAutoGenerated:=0\n"
                                 "Segment2_LabelValue:=3\nSegment3_LabelValue:=0\nSegment3_Name:=air\n"
                                 "Segment99999999_Name:=far\nSegmentX_Name:=none\n\n\7\2";
    vks_label *labels;
    size_t count;
    FILE *file = fopen(scratch("a.seg.nrrd"), "wb");
    fwrite(header, 1, sizeof header - 1, file);
    fclose(file);
    assert_ok(vks_io_read_label_names(scratch("a.seg.nrrd"), &labels, &count));
    assert_int_equal(count, 2);
    assert_int_equal(labels[0].value, 7);
    assert_string_equal(labels[0].name, "liver: left");
    assert_true(labels[0].rgb[0] == 51 && labels[0].rgb[1] == 255 && labels[0].rgb[2] == 128);
    assert_int_equal(labels[1].value, 2);
    assert_string_equal(labels[1].name, "spleen");
    assert_true(labels[1].rgb[0] | labels[1].rgb[1] | labels[1].rgb[2]);
    vks_io_free(labels);
    vks_io_volume volume;
    assert_ok(vks_io_read_labels(scratch("a.seg.nrrd"), NULL, &volume));
    assert_memory_equal(volume.view.voxels, "\7\2", 2);
    vks_io_volume_free(&volume);
    remove(scratch("a.seg.nrrd"));
    assert_ok(vks_io_read_label_names(VKS_SOURCE_DIR "/tests/fuzz/corpus/nifti/flat-v1.nii", &labels, &count));
    assert_true(count == 0 && !labels);
}

static void seeds_break_nothing(void **state)
{
    (void)state;
    static const char *const corpora[] = { "nifti", "text_volume", "npz" };
    unsigned count = 0;
    for (size_t i = 0; i < sizeof corpora / sizeof *corpora; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", VKS_SOURCE_DIR, corpora[i]);
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (const struct dirent *item; (item = readdir(folder));) {
            vks_io_volume volume = { .owned = NULL };
            snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s/%.200s", VKS_SOURCE_DIR, corpora[i], item->d_name);
            if (item->d_name[0] != '.' && vks_io_read_volume(path, NULL, &volume) == VKS_OK)
                vks_io_volume_free(&volume);
            count += item->d_name[0] != '.';
        }
        closedir(folder);
    }
    assert_true(count > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_as_simpleitk_does), cmocka_unit_test(refuses_cut_files),
                                        cmocka_unit_test(refuses_lies), cmocka_unit_test(reads_detached_voxels),
                                        cmocka_unit_test(reads_boxes_as_data), cmocka_unit_test(reads_names_of_segments),
                                        cmocka_unit_test(seeds_break_nothing) };
    return cmocka_run_group_tests_name("text_volumes", tests, open_pack, close_pack);
}
