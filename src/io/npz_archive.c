/* npz_archive.c: what an entry claims to hold is bounded by what deflate could make of its bytes, before memory is asked for. */
#include "io/npz_archive.h"

#include "base/mem.h"
#include "base/npy.h"

#include <string.h>
#include <zlib.h>

vks_status npz_as_corrupt(vks_status status)
{
    char sentence[1024];
    if (status != VKS_ERR_MODEL)
        return status;
    snprintf(sentence, sizeof sentence, "%s", vks_last_error());
    return vks_fail(VKS_ERR_CORRUPT, "%s", sentence);
}

vks_status npz_open(const unsigned char *bytes, size_t size, const char *name, struct zipdir *zip)
{
    return npz_as_corrupt(zipdir_open(bytes, size, name, zip));
}

static vks_status inflate_entry(const char *name, const struct zipdir_entry *entry, const unsigned char *packed, unsigned char *out)
{
    z_stream inflater = { .next_in = (unsigned char *)(uintptr_t)packed, .avail_in = (uInt)entry->packed_size, .next_out = out,
                          .avail_out = (uInt)entry->size };
    VKS_REQUIRE(inflateInit2(&inflater, -MAX_WBITS) == Z_OK, VKS_ERR_HOST_MEMORY, "out of memory: inflating %s", name);
    const int result = inflate(&inflater, Z_FINISH);
    const bool is_whole = result == Z_STREAM_END && inflater.avail_out == 0;
    inflateEnd(&inflater);
    VKS_REQUIRE(is_whole, VKS_ERR_CORRUPT, "%s is damaged: an array in it cannot be inflated", name);
    return VKS_OK;
}

vks_status npz_get(const struct zipdir *zip, const char *key, struct npz_bytes *out)
{
    char name[32];
    snprintf(name, sizeof name, "%s.npy", key);
    const struct zipdir_entry *entry = zipdir_find(zip, name, strlen(name));
    const unsigned char *packed;
    *out = (struct npz_bytes){ .bytes = NULL };
    if (!entry)
        return VKS_OK;
    VKS_TRY(npz_as_corrupt(zipdir_packed(zip, entry, &packed)));
    out->size = (size_t)entry->size;
    if (entry->method == 0) {
        VKS_REQUIRE(entry->packed_size == entry->size, VKS_ERR_CORRUPT, "%s is damaged: a stored array has two sizes", zip->label);
        out->bytes = packed;
        return VKS_OK;
    }
    VKS_REQUIRE(entry->method == 8, VKS_ERR_CORRUPT, "%s is compressed in an unknown way (method %u)", zip->label, entry->method);
    VKS_REQUIRE(entry->size > 0 && entry->size <= INT32_MAX && entry->size <= entry->packed_size * 1032 + 65536, VKS_ERR_CORRUPT,
                "%s is damaged: an array claims %llu bytes in %llu", zip->label, (unsigned long long)entry->size,
                (unsigned long long)entry->packed_size);
    VKS_TRY(vkr_alloc((size_t)entry->size, 1, "an array", &out->owned));
    const vks_status status = inflate_entry(zip->label, entry, packed, out->owned);
    if (status != VKS_OK) {
        vkr_free(out->owned);
        out->owned = NULL;
        return status;
    }
    out->bytes = out->owned;
    return VKS_OK;
}

bool npz_has_objects(const struct npz_bytes *array, size_t *at)
{
    static const char mark[] = "'descr': '|O'";
    const unsigned char *bytes = array->bytes;
    if (array->size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || (bytes[6] != 1 && bytes[6] != 2))
        return false;
    size_t start = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] == 2)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > array->size - start)
        return false;
    *at = start + length;
    for (size_t i = start; i + sizeof mark - 1 <= *at; i++)
        if (memcmp(bytes + i, mark, sizeof mark - 1) == 0)
            return true;
    return false;
}

vks_status npz_numbers(const struct zipdir *zip, const char *key, struct vkr_desc *desc, void **data, bool *is_u16)
{
    struct npz_bytes array;
    size_t at;
    *data = NULL;
    VKS_TRY(npz_get(zip, key, &array));
    if (!array.bytes)
        return VKS_OK;
    const struct io_source source = { array.bytes, array.size, zip->label };
    vks_status status = npz_has_objects(&array, &at)
                            ? vks_fail(VKS_ERR_CORRUPT, "%s: %s is an array of Python objects; numbers are read", zip->label, key)
                            : io_parse_npy(&source, desc, data, is_u16);
    vkr_free(array.owned);
    return status;
}
