/* zipdir.c: the zip directory (PKWARE APPNOTE 4.3). Our own, because libzip's interface does not tell where an entry
 * lies in the file, and without that a checkpoint of gigabytes would be copied instead of mapped. */
#include "weights/zipdir.h"

#include <stdlib.h>
#include <string.h>

enum { END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, MAX_COMMENT = 65535 };

static uint32_t get16(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const unsigned char *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const unsigned char *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static vks_status damaged(const struct zipdir *zip, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: the zip archive is damaged: %s. Download or save it again", zip->label, what);
}

/* Where the end-of-directory record begins: its comment must reach exactly to the end of the file. */
static bool find_end(const unsigned char *bytes, size_t size, size_t *end)
{
    if (size < END_SIZE)
        return false;
    for (size_t at = size - END_SIZE;; at--) {
        if (memcmp(bytes + at, "PK\5\6", 4) == 0 && get16(bytes + at + 20) == size - END_SIZE - at) {
            *end = at;
            return true;
        }
        if (at == 0 || size - END_SIZE - at == MAX_COMMENT)
            return false;
    }
}

struct extent {
    uint64_t count, size, at;       /* entries, bytes and offset of the directory */
    uint64_t limit;                 /* it must end here or before */
};

static vks_status read_end(const struct zipdir *zip, size_t size, struct extent *extent)
{
    const unsigned char *bytes = zip->bytes;
    size_t end;
    VKS_REQUIRE(find_end(bytes, size, &end), VKS_ERR_MODEL,
                "%s: the end of the zip archive is missing. Was the download cut off?", zip->label);
    const unsigned char *record = bytes + end;
    *extent = (struct extent){ get16(record + 10), get32(record + 12), get32(record + 16), end };
    if (get16(record + 4) != 0 || get16(record + 6) != 0 || get16(record + 8) != get16(record + 10))
        return damaged(zip, "it is split over several disks");
    if (end < LOCATOR_SIZE || memcmp(record - LOCATOR_SIZE, "PK\6\7", 4) != 0)
        return VKS_OK;
    uint64_t at = get64(record - LOCATOR_SIZE + 8);
    if (end - LOCATOR_SIZE < END64_SIZE || at > end - LOCATOR_SIZE - END64_SIZE || memcmp(bytes + at, "PK\6\6", 4) != 0)
        return damaged(zip, "its ZIP64 record is not where it should be");
    record = bytes + at;
    if (get32(record + 16) != 0 || get32(record + 20) != 0 || get64(record + 24) != get64(record + 32))
        return damaged(zip, "it is split over several disks");
    *extent = (struct extent){ get64(record + 32), get64(record + 40), get64(record + 48), at };
    return VKS_OK;
}

/* ZIP64 extra field (4.5.3): only the values that did not fit are there, in this order. */
static bool widen(struct zipdir_entry *entry, const unsigned char *extra, size_t length)
{
    uint64_t *wide[] = { &entry->size, &entry->packed_size, &entry->header_at };
    bool needed = false;
    for (int i = 0; i < 3; i++)
        needed = needed || *wide[i] == UINT32_MAX;
    while (needed && length >= 4) {
        size_t field = get16(extra + 2);
        if (field > length - 4)
            return false;
        if (get16(extra) == 1) {
            const unsigned char *at = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*wide[i] != UINT32_MAX)
                    continue;
                if (field < 8)
                    return false;
                *wide[i] = get64(at), at += 8, field -= 8;
            }
            return true;
        }
        extra += 4 + field, length -= 4 + field;
    }
    return !needed;
}

static int compare_entries(const void *a, const void *b)
{
    const struct zipdir_entry *x = a, *y = b;
    size_t common = x->name_length < y->name_length ? x->name_length : y->name_length;
    int order = common ? memcmp(x->name, y->name, common) : 0;
    return order ? order : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

static vks_status read_entries(struct zipdir *zip, const struct extent *extent)
{
    const unsigned char *at = zip->bytes + extent->at;
    size_t left = (size_t)extent->size;
    for (uint64_t i = 0; i < extent->count; i++) {
        if (left < CENTRAL_SIZE || memcmp(at, "PK\1\2", 4) != 0)
            return damaged(zip, "its directory has fewer entries than it claims");
        size_t name = get16(at + 28), extra = get16(at + 30), whole = CENTRAL_SIZE + name + extra + get16(at + 32);
        if (whole > left)
            return damaged(zip, "its directory is cut off");
        struct zipdir_entry *entry = &zip->entries[zip->count++];
        *entry = (struct zipdir_entry){ .name = (const char *)at + CENTRAL_SIZE, .name_length = name,
                                        .flags = get16(at + 8), .method = get16(at + 10), .packed_size = get32(at + 20),
                                        .size = get32(at + 24), .header_at = get32(at + 42) };
        if (!widen(entry, at + CENTRAL_SIZE + name, extra))
            return damaged(zip, "an entry's ZIP64 field is cut off");
        at += whole, left -= whole;
    }
    if (left != 0)
        return damaged(zip, "its directory has more bytes than its entries");
    if (zip->count)
        qsort(zip->entries, zip->count, sizeof *zip->entries, compare_entries);
    for (uint32_t i = 1; i < zip->count; i++)
        if (compare_entries(&zip->entries[i - 1], &zip->entries[i]) == 0)
            return damaged(zip, "it has two entries of one name");
    return VKS_OK;
}

vks_status zipdir_open(const unsigned char *bytes, size_t size, const char *label, struct zipdir *zip)
{
    struct extent extent = { 0 };
    *zip = (struct zipdir){ .bytes = bytes, .label = label };
    VKS_TRY(read_end(zip, size, &extent));
    if (extent.at > extent.limit || extent.size > extent.limit - extent.at ||
        extent.count > extent.size / CENTRAL_SIZE || extent.count > UINT32_MAX)
        return damaged(zip, "its directory lies outside the file");
    zip->directory_at = (size_t)extent.at;
    VKS_TRY(vkr_alloc((size_t)extent.count + 1, sizeof *zip->entries, "a zip directory", (void **)&zip->entries));
    vks_status status = read_entries(zip, &extent);
    if (status != VKS_OK)
        zipdir_close(zip);
    return status;
}

void zipdir_close(struct zipdir *zip)
{
    vkr_free(zip->entries);
    *zip = (struct zipdir){ .bytes = NULL };
}

const struct zipdir_entry *zipdir_find(const struct zipdir *zip, const char *name, size_t length)
{
    struct zipdir_entry key = { .name = name, .name_length = length };
    return bsearch(&key, zip->entries, zip->count, sizeof key, compare_entries);
}

vks_status zipdir_data(const struct zipdir *zip, const struct zipdir_entry *entry, const unsigned char **data)
{
    VKS_REQUIRE((entry->flags & 1) != 0 || entry->method == 0, VKS_ERR_MODEL, "%s was compressed after it was saved. Save it again with "
                "torch.save, or zip its content without compression", zip->label);
    VKS_TRY(zipdir_packed(zip, entry, data));
    if (entry->packed_size != entry->size)
        return damaged(zip, "an uncompressed entry has two sizes");
    return VKS_OK;
}

vks_status zipdir_packed(const struct zipdir *zip, const struct zipdir_entry *entry, const unsigned char **data)
{
    VKS_REQUIRE((entry->flags & 1) == 0, VKS_ERR_MODEL, "%s is an encrypted archive. Decrypt it first", zip->label);
    if (zip->directory_at < LOCAL_SIZE || entry->header_at > zip->directory_at - LOCAL_SIZE)
        return damaged(zip, "an entry lies outside the file");
    const unsigned char *header = zip->bytes + entry->header_at;
    size_t left = zip->directory_at - (size_t)entry->header_at - LOCAL_SIZE;
    size_t name = get16(header + 26), extra = get16(header + 28);
    if (memcmp(header, "PK\3\4", 4) != 0 || name != entry->name_length || name + extra > left ||
        memcmp(header + LOCAL_SIZE, entry->name, name) != 0)
        return damaged(zip, "an entry is not where the directory says");
    if (entry->packed_size > left - name - extra)
        return damaged(zip, "an entry reaches outside the file");
    *data = header + LOCAL_SIZE + name + extra;
    return VKS_OK;
}
