/* volumes.h: what the suites of this room share: assertions on statuses and small files made by hand. */
#ifndef TESTS_IO_VOLUMES_H
#define TESTS_IO_VOLUMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vkseg/vkseg_io.h"

#define assert_ok(call) \
    do { \
        if ((call) != VKS_OK) \
            fail_msg("%s: %s", #call, vks_last_error()); \
    } while (0)

#define assert_refused(code, word, call) \
    do { \
        const vks_status status_ = (call); \
        if (status_ != (code) || !strstr(vks_last_error(), word)) \
            fail_msg("%s: status %s, \"%s\"; expected %s with \"%s\"", #call, vks_status_name(status_), vks_last_error(), \
                     vks_status_name(code), word); \
    } while (0)

/* A path in this process's scratch folder; valid until the fourth next call. */
static inline const char *scratch(const char *name)
{
    static char folder[64], paths[4][160];
    static unsigned turn;
    if (!*folder) {
        snprintf(folder, sizeof folder, "/tmp/vkseg-test-XXXXXX");
        if (!mkdtemp(folder))
            abort();
    }
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void write_whole(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline unsigned char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

#endif
