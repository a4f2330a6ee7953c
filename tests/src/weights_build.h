/* weights_build.h: checkpoint files made in memory, well-formed or lying: safetensors, zip archives, pickles.
 * Shared by the weights tests of this folder; it uses nothing of the readers and so shares no fault with them. */
#ifndef WEIGHTS_BUILD_H
#define WEIGHTS_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weights/weights.h"

#define assert_ok(expression) \
    do { \
        if ((expression) != VKS_OK) \
            fail_msg("%s: %s", #expression, vks_last_error()); \
    } while (0)

/* `word` must be in the sentence: the user is told what was wrong. */
#define assert_refused(status, word, expression) \
    do { \
        vks_status got_ = (expression); \
        if (got_ != (status) || !strstr(vks_last_error(), (word))) \
            fail_msg("%s: expected %s with \"%s\", got %s: %s", #expression, vks_status_name(status), (word), \
                     vks_status_name(got_), vks_last_error()); \
    } while (0)

struct bytes {
    unsigned char *data;
    size_t size;
};

static inline void add(struct bytes *b, const void *data, size_t size)
{
    b->data = realloc(b->data, b->size + size + 1);
    assert_non_null(b->data);
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void add_number(struct bytes *b, uint64_t number, unsigned size)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    add(b, bytes, size);
}

static inline void add_string(struct bytes *b, const char *text)
{
    add(b, text, strlen(text));
}

static inline void drop(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){ NULL, 0 };
}

/* ---- safetensors ---- */

static inline struct bytes make_safetensors(const char *header, const void *data, size_t size)
{
    struct bytes b = { NULL, 0 };
    add_number(&b, strlen(header), 8);
    add_string(&b, header);
    add(&b, data, size);
    return b;
}

/* ---- zip: local records are added, then the directory; fields may be spoilt between the two ---- */

struct zip {
    struct bytes file, directory;
    unsigned count;
};

static inline void zip_add(struct zip *z, const char *name, const void *data, size_t size, unsigned method)
{
    uint64_t at = z->file.size;
    add(&z->file, "PK\3\4\0\0\0\10", 8);                        /* sizes only in the directory, as torch does it */
    add_number(&z->file, method, 2);
    add_number(&z->file, 0, 8);
    add_number(&z->file, 0, 8);
    add_number(&z->file, strlen(name), 2);
    add_number(&z->file, 5, 2);
    add_string(&z->file, name);
    add(&z->file, "FB\1\0Z", 5);                                /* torch's padding field */
    add(&z->file, data, size);
    add(&z->directory, "PK\1\2\0\0\0\0\0\10", 10);
    add_number(&z->directory, method, 2);
    add_number(&z->directory, 0, 8);
    add_number(&z->directory, size, 4);
    add_number(&z->directory, size, 4);
    add_number(&z->directory, strlen(name), 2);
    add_number(&z->directory, 0, 8);
    add_number(&z->directory, 0, 4);
    add_number(&z->directory, at, 4);
    add_string(&z->directory, name);
    z->count++;
}

static inline struct bytes zip_finish(struct zip *z)
{
    struct bytes b = z->file;
    uint64_t at = b.size;
    add(&b, z->directory.data, z->directory.size);
    add(&b, "PK\5\6\0\0\0\0", 8);
    add_number(&b, z->count, 2);
    add_number(&b, z->count, 2);
    add_number(&b, z->directory.size, 4);
    add_number(&b, at, 4);
    add_number(&b, 0, 2);
    drop(&z->directory);
    *z = (struct zip){ .count = 0 };
    return b;
}

/* A checkpoint of one pickle and four records "0" .. "3" of 64 bytes 0, 1, 2, ... */
static inline struct bytes make_torch(const struct bytes *pickle)
{
    unsigned char data[64];
    char name[16];
    struct zip z = { .count = 0 };
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    zip_add(&z, "a/data.pkl", pickle->data, pickle->size, 0);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "a/data/%u", i);
        zip_add(&z, name, data, sizeof data, 0);
    }
    zip_add(&z, "a/version", "3\n", 2, 0);
    return zip_finish(&z);
}

/* ---- pickle ---- */

static inline void p_text(struct bytes *p, const char *text)
{
    add_string(p, "X");
    add_number(p, strlen(text), 4);
    add_string(p, text);
}

static inline void p_int(struct bytes *p, int64_t value)
{
    add(p, "\x8a\x08", 2);
    add_number(p, (uint64_t)value, 8);
}

static inline void p_global(struct bytes *p, const char *module, const char *name)
{
    add_string(p, "c");
    add_string(p, module);
    add_string(p, "\n");
    add_string(p, name);
    add_string(p, "\n");
}

static inline void p_numbers(struct bytes *p, unsigned count, const int64_t *value)
{
    add_string(p, "(");
    for (unsigned i = 0; i < count; i++)
        p_int(p, value[i]);
    add_string(p, "t");
}

/* _rebuild_tensor_v2 of `elements` elements in record `key`. */
static inline void p_tensor(struct bytes *p, const char *storage, const char *key, int64_t elements, int64_t offset,
                            unsigned rank, const int64_t *shape, const int64_t *stride)
{
    p_global(p, "torch._utils", "_rebuild_tensor_v2");
    add_string(p, "((");
    p_text(p, "storage");
    p_global(p, "torch", storage);
    p_text(p, key);
    p_text(p, "cpu");
    p_int(p, elements);
    add_string(p, "tQ");
    p_int(p, offset);
    p_numbers(p, rank, shape);
    p_numbers(p, rank, stride);
    add_string(p, "\x89");
    p_global(p, "collections", "OrderedDict");
    add_string(p, ")RtR");
}

/* {"w": f32 [2, 3]} */
static inline struct bytes small_pickle(void)
{
    struct bytes p = { NULL, 0 };
    add(&p, "\x80\x02}(", 4);
    p_text(&p, "w");
    p_tensor(&p, "FloatStorage", "0", 16, 0, 2, (int64_t[]){ 2, 3 }, (int64_t[]){ 3, 1 });
    add_string(&p, "u.");
    return p;
}

static inline struct bytes small_torch(void)
{
    struct bytes pickle = small_pickle(), file = make_torch(&pickle);
    drop(&pickle);
    return file;
}

static inline struct bytes small_safetensors(void)
{
    static const float values[6] = { 1, 2, 3, -4, 5, 0.5f };
    return make_safetensors("{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
                            "\"a.w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}   ",
                            values, sizeof values);
}

/* ---- using a file ---- */

/* Opens exact-sized copies, so that AddressSanitizer sees a read behind the end. */
static inline vks_status open_copy(const void *data, size_t size, struct weights **out)
{
    static unsigned char *copy;
    free(copy);
    copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    return weights_open_memory(copy, size, out);
}

/* Reads every tensor into exact-sized memory; what repeats into more than a mebibyte is left out. */
static inline void read_everything(const struct weights *weights)
{
    for (uint32_t i = 0; i < weights_count(weights); i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        uint64_t count = vkr_numel(&entry->desc);
        assert_ptr_equal(weights_find(weights, entry->name), entry);
        if (count > 1 << 18)
            continue;
        void *values = malloc(count ? count * 4 : 1);
        assert_non_null(values);
        assert_ok(weights_read(weights, entry, VKR_F32, values));
        assert_ok(weights_read(weights, entry, VKR_F16, values));
        weights_release(weights, entry);
        free(values);
    }
}

/* Every beginning of the file is refused with a sentence; none of them may be read beyond its end. */
static inline void refuse_truncations(const struct bytes *file)
{
    for (size_t size = 0; size < file->size; size++) {
        struct weights *weights;
        vks_status status = open_copy(file->data, size, &weights);
        if (status != VKS_ERR_MODEL || weights || !*vks_last_error())
            fail_msg("cut to %zu of %zu bytes: %s", size, file->size, vks_status_name(status));
    }
}

/* The file opens or not, but nothing breaks; used with damaged files. */
static inline void try_file(const void *data, size_t size)
{
    struct weights *weights;
    if (open_copy(data, size, &weights) == VKS_OK)
        read_everything(weights);
    weights_close(&weights);
}

/* Every byte, changed in three ways. */
static inline void try_changes(const struct bytes *file)
{
    for (size_t i = 0; i < file->size; i++) {
        unsigned char old = file->data[i];
        for (int way = 0; way < 3; way++) {
            file->data[i] = (unsigned char)(way == 0 ? old ^ 1 : way == 1 ? old ^ 0x80 : 0xff);
            try_file(file->data, file->size);
        }
        file->data[i] = old;
    }
}

static inline void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A fresh folder under TMPDIR. */
static inline void make_folder(char path[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/vkseg-weights-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

#endif
