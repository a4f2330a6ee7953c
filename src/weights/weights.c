/* weights.c: the table of tensors, whatever container it came from. After weights_open the table is sorted, free of
 * duplicates, and every entry lies inside the file. */
#include "weights/container.h"

#include "weights/layers.h"
#include "weights/sha256.h"
#include "weights/tfjs.h"

#include <stdlib.h>
#include <string.h>

/* What people hand us instead of a checkpoint, by its first bytes. */
static const struct {
    size_t length;
    const char *magic, *sentence;
} strangers[] = {
    { 14, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
      "was written in PyTorch's old format (before 1.6). Re-save it once with Python: "
      "torch.save(torch.load(\"old.pth\", map_location=\"cpu\", weights_only=True), \"new.pth\")" },
    { 1, "\x80", "is a bare pickle, not a PyTorch checkpoint. Save the weights with torch.save or as .safetensors" },
    { 4, "\x89HDF", "is an HDF5 (Keras) file, which this version does not read. Use .safetensors or .pth" },
    { 4, "GGUF", "is a GGUF file, which this version does not read. Use the original .safetensors or .pth" },
    { 23, "version https://git-lfs",
      "is only a Git LFS pointer to the weights. Fetch the file itself with: git lfs pull" },
    { 9, "<!DOCTYPE", "is a web page, not a checkpoint. The download was answered by a page: download it again" },
    { 5, "<html", "is a web page, not a checkpoint. The download was answered by a page: download it again" },
    { 2, "\x1f\x8b", "is compressed with gzip. Decompress it first" },
};

static const char *base_name(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/' || *path == '\\')
            name = path + 1;
    return name;
}

bool weights_extent(const struct weights_entry *entry, size_t *bytes)
{
    size_t last = 0, count = 1, step;
    for (uint32_t i = 0; i < entry->desc.rank; i++)
        if (entry->desc.dim[i] == 0)
            count = 0;
    for (uint32_t i = 0; i < entry->desc.rank && count; i++) {
        if (entry->stride[i] > SIZE_MAX || !vkr_mul(entry->desc.dim[i] - 1, (size_t)entry->stride[i], &step) ||
            !vkr_add_size(last, step, &last) || !vkr_mul(count, entry->desc.dim[i], &count))
            return false;
    }
    /* 8: a caller may convert to any type of ours without overflow. */
    return vkr_mul(count, 8, &step) && vkr_add_size(last, count ? 1 : 0, bytes) &&
           vkr_mul(*bytes, vkr_dtype_size(entry->desc.dtype), bytes);
}

vks_status weights_add(struct weights *weights, const char *name, size_t length, const struct weights_entry *entry)
{
    for (size_t i = 0; i < length; i++)
        VKS_REQUIRE((unsigned char)name[i] >= 0x20 && name[i] != 0x7f, VKS_ERR_MODEL,
                    "%s: the tensor name \"%s\" has unprintable characters. The file is damaged", weights->label,
                    WEIGHTS_SAFE(name, length));
    VKS_TRY(VKR_GROW(weights->entries, weights->capacity, weights->count));
    char *copy = vkr_arena_alloc(&weights->arena, length + 1);
    VKS_REQUIRE(copy, VKS_ERR_HOST_MEMORY, "out of memory: the name of tensor %u", weights->count);
    if (length)
        memcpy(copy, name, length);
    struct weights_entry *slot = &weights->entries[weights->count++];
    *slot = *entry;
    slot->name = copy;
    return VKS_OK;
}

static bool strip_common(struct weights *weights, const char *prefix)
{
    size_t length = strlen(prefix);
    for (uint32_t i = 0; i < weights->count; i++)
        if (strncmp(weights->entries[i].name, prefix, length) != 0 || weights->entries[i].name[length] == '\0')
            return false;
    for (uint32_t i = 0; i < weights->count; i++)
        weights->entries[i].name += length;
    return weights->count > 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct weights_entry *)a)->name, ((const struct weights_entry *)b)->name);
}

static vks_status parse(struct weights *weights)
{
    const unsigned char *bytes = weights->file.bytes;
    size_t size = weights->file.size;
    VKS_REQUIRE(size > 0, VKS_ERR_MODEL, "%s is empty; was the download cut off?", weights->label);
    bool maybe_safetensors = size > 8 && bytes[8] == '{';       /* whose length may begin like a short magic */
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        VKS_REQUIRE(size < strangers[i].length || memcmp(bytes, strangers[i].magic, strangers[i].length) != 0 ||
                        (strangers[i].length < 3 && maybe_safetensors),
                    VKS_ERR_MODEL, "%s %s", weights->label, strangers[i].sentence);
    if (size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        VKS_TRY(torchzip_parse(weights));
    else
        VKS_TRY(tfjs_is(bytes, size) ? tfjs_parse(weights) : safetensors_parse(weights));
    while (strip_common(weights, "module.") || strip_common(weights, "model.module.") ||
           strip_common(weights, "_orig_mod."))
        continue;
    if (weights->count)
        qsort(weights->entries, weights->count, sizeof *weights->entries, compare_names);
    for (uint32_t i = 1; i < weights->count; i++)
        VKS_REQUIRE(strcmp(weights->entries[i - 1].name, weights->entries[i].name) != 0, VKS_ERR_MODEL,
                    "%s names the tensor \"%s\" twice", weights->label,
                    WEIGHTS_SAFE(weights->entries[i].name, strlen(weights->entries[i].name)));
    return VKS_OK;
}

static vks_status finish(struct weights *weights, const char *label, struct weights **out)
{
    weights->label = vkr_arena_strdup(&weights->arena, label);
    vks_status status = weights->label ? parse(weights) : vks_fail(VKS_ERR_HOST_MEMORY, "out of memory: a file name");
    if (status == VKS_OK)
        *out = weights;
    else
        weights_close(&weights);
    return status;
}

/* "a/b/" of "a/b/c", "" of "c". */
static vks_status keep_folder(struct weights *weights, const char *path)
{
    size_t length = (size_t)(base_name(path) - path);
    char *folder = vkr_arena_alloc(&weights->arena, length + 1);
    VKS_REQUIRE(folder, VKS_ERR_HOST_MEMORY, "out of memory: a path");
    memcpy(folder, path, length);
    weights->folder = folder;
    return VKS_OK;
}

vks_status weights_open(const char *path, struct weights **out)
{
    *out = NULL;
    struct weights *weights;
    VKS_TRY(vkr_alloc(1, sizeof *weights, "weights", (void **)&weights));
    vks_status status = mapping_open(path, &weights->file);
    if (status == VKS_OK)
        status = keep_folder(weights, path);
    if (status == VKS_OK)
        return finish(weights, base_name(path), out);
    weights_close(&weights);
    return status;
}

vks_status weights_open_memory(const void *data, size_t size, struct weights **out)
{
    *out = NULL;
    struct weights *weights;
    VKS_TRY(vkr_alloc(1, sizeof *weights, "weights", (void **)&weights));
    weights->file = (struct mapping){ .bytes = data, .size = size };
    return finish(weights, "the checkpoint in memory", out);
}

vks_status tfjs_open_memory(const void *json, size_t size, const void *shards, size_t shards_size,
                            struct weights **out)
{
    *out = NULL;
    struct weights *weights;
    VKS_TRY(vkr_alloc(1, sizeof *weights, "weights", (void **)&weights));
    weights->file = (struct mapping){ .bytes = json, .size = size };
    weights->shards = (struct mapping){ .bytes = shards, .size = shards_size };
    return finish(weights, "the checkpoint in memory", out);
}

void weights_close(struct weights **weights)
{
    if (!*weights)
        return;
    mapping_close(&(*weights)->file);
    mapping_close(&(*weights)->shards);
    vkr_free((*weights)->layers);
    vkr_free((*weights)->entries);
    vkr_free((*weights)->notes);
    vkr_arena_destroy(&(*weights)->arena);
    vkr_free(*weights);
    *weights = NULL;
}

uint32_t weights_count(const struct weights *weights)
{
    return weights->count;
}

const struct weights_entry *weights_at(const struct weights *weights, uint32_t index)
{
    return index < weights->count ? &weights->entries[index] : NULL;
}

const struct weights_entry *weights_find(const struct weights *weights, const char *name)
{
    struct weights_entry key = { .name = name };
    return weights->count ? bsearch(&key, weights->entries, weights->count, sizeof key, compare_names) : NULL;
}

const char *weights_meta(const struct weights *weights, const char *key)
{
    for (uint32_t i = 0; i < weights->note_count; i++)
        if (strcmp(weights->notes[i].key, key) == 0)
            return weights->notes[i].value;
    return NULL;
}

const char *weights_format(const struct weights *weights)
{
    return weights->format;
}

/* One row of elements `stride` apart: gathered in small pieces, because vkr_convert wants them side by side. */
static vks_status read_row(const struct weights_entry *entry, const unsigned char *src, uint64_t stride, size_t count,
                           enum vkr_dtype dst_type, unsigned char *dst)
{
    size_t size = vkr_dtype_size(entry->desc.dtype), dst_size = vkr_dtype_size(dst_type);
    if (stride == 1)
        return vkr_convert(dst, dst_type, src, entry->desc.dtype, count);
    unsigned char piece[256 * 8];
    for (size_t done = 0; done < count;) {
        size_t now = count - done < 256 ? count - done : 256;
        for (size_t i = 0; i < now; i++)
            memcpy(piece + i * size, src + (done + i) * (size_t)stride * size, size);
        VKS_TRY(vkr_convert(dst + done * dst_size, dst_type, piece, entry->desc.dtype, now));
        done += now;
    }
    return VKS_OK;
}

/* Joins dimensions that lie behind each other in memory, so that a dense tensor is a single row. */
static uint32_t join_dimensions(const struct weights_entry *entry, size_t dim[VKR_MAX_DIMS + 1], uint64_t *stride)
{
    uint32_t rank = 1;
    dim[0] = 1, stride[0] = 1;
    for (uint32_t i = 0; i < entry->desc.rank; i++) {
        if (entry->desc.dim[i] == 1)
            continue;
        if (dim[rank - 1] == 1 || stride[rank - 1] == entry->stride[i] * entry->desc.dim[i])
            dim[rank - 1] *= entry->desc.dim[i], stride[rank - 1] = entry->stride[i];
        else
            dim[rank] = entry->desc.dim[i], stride[rank++] = entry->stride[i];
    }
    return rank;
}

vks_status weights_read(const struct weights *weights, const struct weights_entry *entry, enum vkr_dtype dst_type,
                        void *dst)
{
    VKS_REQUIRE(dst_type == VKR_F32 || dst_type == VKR_F16, VKS_ERR_UNSUPPORTED, "weights are read as f32 or f16, "
                "not %s", vkr_dtype_name(dst_type));
    if (weights->rules)
        return synth_read(weights, entry, dst_type, dst);
    if (vkr_numel(&entry->desc) == 0)
        return VKS_OK;
    size_t dim[VKR_MAX_DIMS + 1], index[VKR_MAX_DIMS + 1] = { 0 };
    uint64_t stride[VKR_MAX_DIMS + 1];
    uint32_t rank = join_dimensions(entry, dim, stride), row = rank - 1;
    size_t size = vkr_dtype_size(entry->desc.dtype);
    const unsigned char *src = entry->data;
    unsigned char *to = dst;
    for (;;) {
        VKS_TRY(read_row(entry, src, stride[row], dim[row], dst_type, to));
        to += dim[row] * vkr_dtype_size(dst_type);
        uint32_t axis = row;
        while (axis > 0 && ++index[axis - 1] == dim[axis - 1]) {
            src -= (dim[axis - 1] - 1) * (size_t)stride[axis - 1] * size;
            index[--axis] = 0;
        }
        if (axis == 0)
            return VKS_OK;
        src += (size_t)stride[axis - 1] * size;
    }
}

void weights_release(const struct weights *weights, const struct weights_entry *entry)
{
    size_t bytes;
    if (!weights->rules && weights_extent(entry, &bytes))
        mapping_release(weights->shards.bytes ? &weights->shards : &weights->file, entry->data, bytes);
}

static void hash_bytes(struct sha256 *sha, const struct mapping *mapping)
{
    enum { STEP = 16 << 20 };
    for (size_t at = 0; at < mapping->size; at += STEP) {
        size_t size = mapping->size - at < STEP ? mapping->size - at : STEP;
        sha256_add(sha, mapping->bytes + at, size);
        mapping_release(mapping, mapping->bytes + at, size);
    }
}

vks_status weights_sha256(const struct weights *weights, char hex[65])
{
    if (weights->rules) {
        synth_sha256(weights, hex);
        return VKS_OK;
    }
    struct sha256 sha;
    sha256_begin(&sha);
    hash_bytes(&sha, &weights->file);
    hash_bytes(&sha, &weights->shards);
    sha256_end(&sha, hex);
    return VKS_OK;
}
