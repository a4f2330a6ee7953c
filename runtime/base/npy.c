/* npy.c: the .npy container, as numpy/lib/format.py documents it. */
#include "npy.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { enum vkr_dtype dtype; const char *descr; } codes[] = {
    { VKR_F32, "<f4" }, { VKR_F16, "<f2" }, { VKR_F64, "<f8" }, { VKR_I8, "|i1" }, { VKR_U8, "|u1" },
    { VKR_I16, "<i2" }, { VKR_I32, "<i4" }, { VKR_U32, "<u4" }, { VKR_I64, "<i8" }, { VKR_BOOL, "|b1" },
};

static const char *descr_of(enum vkr_dtype dtype)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].dtype == dtype)
            return codes[i].descr;
    return NULL;
}

static size_t format_header(const struct vkr_desc *desc, char header[256])
{
    int used = snprintf(header + 10, 200, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(desc->dtype));
    for (uint32_t i = 0; i < desc->rank; i++)
        used += snprintf(header + 10 + used, 40, "%u,%s", desc->dim[i], i + 1 < desc->rank ? " " : "");
    used += snprintf(header + 10 + used, 8, "), }");
    size_t total = ((size_t)used + 10 + 1 + 63) / 64 * 64;
    memset(header + 10 + used, ' ', total - 10 - (size_t)used);
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - 10) & 0xff);
    header[9] = (char)((total - 10) >> 8);
    return total;
}

vks_status vkr_npy_write(const char *path, const struct vkr_desc *desc, const void *data)
{
    VKS_REQUIRE(descr_of(desc->dtype), VKS_ERR_UNSUPPORTED, ".npy has no %s", vkr_dtype_name(desc->dtype));
    char header[256], temporary[1200];
    size_t header_size = format_header(desc, header), size = (size_t)vkr_bytes(desc);
    VKS_REQUIRE(snprintf(temporary, sizeof temporary, "%s.tmp", path) < (int)sizeof temporary, VKS_ERR_OUTPUT,
                "the path is too long: %s", path);
    FILE *file = fopen(temporary, "wb");
    VKS_REQUIRE(file, VKS_ERR_OUTPUT, "cannot write %s", path);
    bool good = fwrite(header, 1, header_size, file) == header_size && fwrite(data, 1, size, file) == size;
    good = fclose(file) == 0 && good;
    if (good && rename(temporary, path) == 0)
        return VKS_OK;
    remove(temporary);
    return vks_fail(VKS_ERR_OUTPUT, "cannot write %s; is the disk full?", path);
}

/* Text after "'key':" in the header dictionary, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ')
        at++;
    return at;
}

static vks_status parse_shape(const char *text, struct vkr_desc *desc)
{
    VKS_REQUIRE(text && *text == '(', VKS_ERR_CORRUPT, ".npy: the header has no shape");
    text++;
    for (;;) {
        while (*text == ' ' || *text == ',')
            text++;
        if (*text == ')')
            return VKS_OK;
        char *end;
        unsigned long long dim = strtoull(text, &end, 10);
        VKS_REQUIRE(end != text && dim <= UINT32_MAX && desc->rank < VKR_MAX_DIMS, VKS_ERR_CORRUPT,
                    ".npy: unreadable shape, or more than %d dimensions", VKR_MAX_DIMS);
        desc->dim[desc->rank++] = (uint32_t)dim;
        text = end;
    }
}

static vks_status parse_header(const unsigned char *bytes, size_t size, struct vkr_desc *desc, size_t *data_at)
{
    VKS_REQUIRE(size >= 12 && memcmp(bytes, "\x93NUMPY", 6) == 0 && (bytes[6] == 1 || bytes[6] == 2), VKS_ERR_CORRUPT,
                "this is no .npy file");
    size_t start = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] == 2)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    char header[512];
    VKS_REQUIRE(length < sizeof header && length <= size - start, VKS_ERR_CORRUPT, ".npy: the header is cut off or too long");
    memcpy(header, bytes + start, length);
    header[length] = '\0';
    const char *descr = value_of(header, "'descr':"), *order = value_of(header, "'fortran_order':");
    VKS_REQUIRE(descr && order && strncmp(order, "False", 5) == 0, VKS_ERR_CORRUPT, ".npy: only C order is supported");
    *desc = (struct vkr_desc){ .dtype = VKR_NONE };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strncmp(descr + 1, codes[i].descr, 3) == 0)
            desc->dtype = codes[i].dtype;
    VKS_REQUIRE(desc->dtype != VKR_NONE, VKS_ERR_CORRUPT, ".npy: unsupported element type %.8s", descr);
    *data_at = start + length;
    return parse_shape(value_of(header, "'shape':"), desc);
}

vks_status vkr_npy_parse(const void *bytes, size_t size, struct vkr_desc *desc, void **data)
{
    size_t at, wanted = 0;
    *data = NULL;
    VKS_TRY(parse_header(bytes, size, desc, &at));
    wanted = vkr_dtype_size(desc->dtype);
    bool fits = true;
    for (uint32_t i = 0; i < desc->rank; i++)
        fits = fits && vkr_mul(wanted, desc->dim[i], &wanted);
    VKS_REQUIRE(fits && wanted == size - at, VKS_ERR_CORRUPT, ".npy: the shape wants %zu bytes, the file has %zu", wanted, size - at);
    if (wanted == 0)
        return vkr_alloc(1, 1, "an empty array", data);
    VKS_TRY(vkr_alloc(1, wanted, ".npy data", data));
    memcpy(*data, (const unsigned char *)bytes + at, wanted);
    return VKS_OK;
}

vks_status vkr_npy_read(const char *path, struct vkr_desc *desc, void **data)
{
    *data = NULL;
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "cannot open %s", path);
    void *bytes = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    vks_status status = size <= 0 ? vks_fail(VKS_ERR_CORRUPT, "%s is empty", path)
                                  : vkr_alloc(1, (size_t)size, path, &bytes);
    if (status == VKS_OK) {
        rewind(file);
        status = fread(bytes, 1, (size_t)size, file) == (size_t)size ? vkr_npy_parse(bytes, (size_t)size, desc, data)
                                                                     : vks_fail(VKS_ERR_CORRUPT, "cannot read %s", path);
    }
    vkr_free(bytes);
    fclose(file);
    return status;
}
