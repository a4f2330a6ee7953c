/* weights_zip.c: the archive around a PyTorch checkpoint: ZIP64, padding, comments, and every field that can lie. */
//! test src_weights_zip
#include "weights_build.h"

enum { END_SIZE = 22, CENTRAL_SIZE = 46 };

static void put(struct bytes *b, size_t at, uint64_t number, unsigned size)
{
    assert_true(at + size <= b->size);
    for (unsigned i = 0; i < size; i++)
        b->data[at + i] = (unsigned char)(number >> 8 * i);
}

static size_t directory_at(const struct bytes *b)
{
    const unsigned char *end = b->data + b->size - END_SIZE;
    return end[16] | (size_t)end[17] << 8 | (size_t)end[18] << 16;
}

static void expect_open(struct bytes *file)
{
    struct weights *weights;
    float values[6];
    assert_ok(open_copy(file->data, file->size, &weights));
    assert_int_equal(weights_count(weights), 1);
    assert_ok(weights_read(weights, weights_find(weights, "w"), VKR_F32, values));
    assert_memory_equal(values, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27", 24);
    weights_close(&weights);
    drop(file);
}

#define refuse(word, file) \
    do { \
        struct weights *weights_; \
        assert_refused(VKS_ERR_MODEL, word, open_copy((file).data, (file).size, &weights_)); \
        assert_null(weights_); \
        drop(&(file)); \
    } while (0)

static void opens_usual_archives(void **state)
{
    (void)state;
    struct bytes file = small_torch();
    expect_open(&file);
    file = small_torch();                               /* with a comment that looks like an end record */
    put(&file, file.size - 2, 24, 2);
    add(&file, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0..", 24);
    expect_open(&file);
}

/* As torch.save does it: ZIP64 records behind the directory; and an entry whose numbers are in the extra field. */
static void opens_zip64(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct bytes old = small_torch(), file = { NULL, 0 };
        size_t at = directory_at(&old), size = old.size - END_SIZE - at, shift = 0;
        add(&file, old.data, at);
        if (wide) {                                     /* the first entry: size, packed size and offset are wide */
            const unsigned char *entry = old.data + at;
            size_t name = entry[28];
            uint32_t length = entry[24] | (uint32_t)entry[25] << 8;
            add(&file, entry, CENTRAL_SIZE + name);
            put(&file, at + 20, 0xffffffffffffffff, 8);
            put(&file, at + 42, 0xffffffff, 4);
            put(&file, at + 30, 5 + 28, 2);
            add(&file, "XX\1\0Z\1\0\30\0", 9);          /* a foreign field, then the ZIP64 one of 24 bytes */
            add_number(&file, length, 8);
            add_number(&file, length, 8);
            add_number(&file, 0, 8);
            shift = 5 + 28;
            add(&file, entry + CENTRAL_SIZE + name, size - CENTRAL_SIZE - name);
        } else {
            add(&file, old.data + at, size);
        }
        size_t end64 = file.size;
        add(&file, "PK\6\6\54\0\0\0\0\0\0\0\36\3\55\0\0\0\0\0\0\0\0\0", 24);
        add_number(&file, 6, 8);
        add_number(&file, 6, 8);
        add_number(&file, size + shift, 8);
        add_number(&file, at, 8);
        add(&file, "PK\6\7\0\0\0\0", 8);
        add_number(&file, end64, 8);
        add_number(&file, 1, 4);
        add(&file, "PK\5\6\0\0\0\0\6\0\6\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0", END_SIZE);
        refuse_truncations(&file);
        try_changes(&file);
        expect_open(&file);
        drop(&old);
    }
}

/* (field of the end record or of the first directory entry) := value */
static void refuses_lying_fields(void **state)
{
    (void)state;
    static const struct { bool end; unsigned at, size; uint64_t value; const char *word; } lies[] = {
        { true, 4, 2, 1, "several disks" }, { true, 6, 2, 1, "several disks" }, { true, 8, 2, 5, "several disks" },
        { true, 8, 4, 0x00050005, "more bytes" }, { true, 8, 4, 0x00070007, "fewer entries" },
        { true, 8, 4, 0xffffffff, "outside the file" }, { true, 12, 4, 0xffffffff, "outside the file" },
        { true, 12, 4, 50, "outside the file" }, { true, 16, 4, 0xffffffff, "outside the file" },
        { true, 16, 4, 0, "damaged" }, { true, 20, 2, 1, "end of the zip archive" },
        { false, 8, 2, 1, "encrypted" }, { false, 10, 2, 8, "compressed" }, { false, 10, 2, 99, "compressed" },
        { false, 20, 4, 1, "two sizes" }, { false, 24, 4, 1, "two sizes" }, { false, 20, 4, 0xffffffff, "ZIP64" },
        { false, 20, 8, 0x7fffffff7fffffff, "outside the file" }, { false, 28, 2, 0xffff, "cut off" },
        { false, 30, 2, 0xffff, "cut off" }, { false, 32, 2, 0xffff, "cut off" }, { false, 42, 4, 1, "not where" },
        { false, 42, 4, 0x7fffffff, "outside the file" }, { false, 42, 4, 0xffffffff, "ZIP64" },
        { false, 0, 4, 0, "fewer entries" }, { false, 46, 1, 'b', "not where" },
        { false, 46, 10, 0, "no data.pkl" }, { false, 28, 2, 9, "damaged" },
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes file = small_torch();
        size_t base = lies[i].end ? file.size - END_SIZE : directory_at(&file);
        for (unsigned k = 0; k < lies[i].size; k++)
            file.data[base + lies[i].at + k] = (unsigned char)(k < 8 ? lies[i].value >> 8 * k : 0);
        refuse(lies[i].word, file);
    }
}

static void refuses_lying_local_headers(void **state)
{
    (void)state;
    static const struct { unsigned at, size; uint64_t value; const char *word; } lies[] = {
        { 26, 2, 9, "not where" }, { 26, 2, 0xffff, "not where" }, { 28, 2, 0xffff, "not where" },
        { 28, 2, 0xf0, "outside the file" }, { 30, 1, 'b', "not where" },
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes pickle = small_pickle();
        struct zip z = { .count = 0 };
        zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
        unsigned char data[64] = { 0 };
        zip_add(&z, "a/data/0", data, sizeof data, 0);
        struct bytes file = zip_finish(&z);
        put(&file, lies[i].at, lies[i].value, lies[i].size);
        refuse(lies[i].word, file);
        drop(&pickle);
    }
}

/* Archives that are right as archives, but hold something else. */
static void refuses_other_archives(void **state)
{
    (void)state;
    struct bytes pickle = small_pickle();
    unsigned char data[64] = { 0 };
    struct zip z = { .count = 0 };
    struct bytes file = zip_finish(&z);
    refuse("neither", file);                            /* an empty archive begins with its end record */
    zip_add(&z, "word/document.xml", "x", 1, 8);
    file = zip_finish(&z);
    refuse("no data.pkl", file);
    zip_add(&z, "data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/b/data.pkl", pickle.data, pickle.size, 0);
    file = zip_finish(&z);
    refuse("no data.pkl", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "b/data.pkl", pickle.data, pickle.size, 0);
    file = zip_finish(&z);
    refuse("two checkpoints", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    file = zip_finish(&z);
    refuse("one name", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/constants.pkl", "x", 1, 0);
    file = zip_finish(&z);
    refuse("TorchScript", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/byteorder", "big", 3, 0);
    file = zip_finish(&z);
    refuse("byte order", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "b/data/0", data, sizeof data, 0);
    file = zip_finish(&z);
    refuse("no record in the archive", file);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/data/0", data, sizeof data, 8);      /* what a zip bomb would be: it is never inflated */
    file = zip_finish(&z);
    refuse("compressed", file);
    drop(&pickle);
}

static void accepts_a_byteorder_record(void **state)
{
    (void)state;
    struct bytes pickle = small_pickle();
    unsigned char data[64];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    struct zip z = { .count = 0 };
    zip_add(&z, "a/byteorder", "little", 6, 0);
    zip_add(&z, "a/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "a/data/0", data, sizeof data, 0);
    zip_add(&z, "a/.data/serialization_id", "123", 3, 0);
    struct bytes file = zip_finish(&z);
    expect_open(&file);
    drop(&pickle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_usual_archives), cmocka_unit_test(opens_zip64), cmocka_unit_test(refuses_lying_fields),
        cmocka_unit_test(refuses_lying_local_headers), cmocka_unit_test(refuses_other_archives),
        cmocka_unit_test(accepts_a_byteorder_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
