/* safetensors.c: 8 bytes of length, a JSON header, raw data (github.com/huggingface/safetensors, "Format").
 * Accepted only when the tensors, ordered by offset, cover the data exactly: no hole, no overlap, no rest. */
#include "weights/container.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Real headers are below 1 MiB; a parsed header takes some twenty times its bytes. */
enum { MAX_HEADER = 16 << 20 };

static const struct { const char *name; enum vkr_dtype dtype; } types[] = {
    { "F32", VKR_F32 }, { "F16", VKR_F16 }, { "BF16", VKR_BF16 }, { "F64", VKR_F64 },
    { "I8", VKR_I8 }, { "U8", VKR_U8 }, { "I16", VKR_I16 }, { "I32", VKR_I32 },
    { "U32", VKR_U32 }, { "I64", VKR_I64 }, { "BOOL", VKR_BOOL },
};

/* Where a tensor's bytes begin and end, to compare neighbours. */
struct span {
    size_t begin, end;
    const char *name;
};

static vks_status bad_tensor(const struct weights *weights, const char *name, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: tensor \"%s\" %s. The file is damaged or was not written by safetensors",
                    weights->label, WEIGHTS_SAFE(name, strlen(name)), what);
}

/* An array of `least` to `most` integers that are not negative; false for anything else. */
static bool read_integers(const json_t *array, size_t least, size_t most, uint64_t *out)
{
    if (!json_is_array(array) || json_array_size(array) < least || json_array_size(array) > most)
        return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return false;
        out[i] = (uint64_t)json_integer_value(item);
    }
    return true;
}

static vks_status read_dtype(const struct weights *weights, const char *name, const json_t *value,
                             enum vkr_dtype *dtype)
{
    const char *text = json_string_value(value);
    if (!text)
        return bad_tensor(weights, name, "has no dtype");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, text) == 0) {
            *dtype = types[i].dtype;
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_MODEL, "%s: tensor \"%s\" has the element type %s, which this version does not read. "
                    "Convert it to F32 or F16", weights->label, WEIGHTS_SAFE(name, strlen(name)),
                    WEIGHTS_SAFE(text, strlen(text)));
}

static vks_status read_shape(const struct weights *weights, const char *name, const json_t *value,
                             struct weights_entry *entry)
{
    uint64_t dim[VKR_MAX_DIMS] = { 0 }, stride = 1;
    if (json_is_array(value) && json_array_size(value) > VKR_MAX_DIMS)
        return bad_tensor(weights, name, "has more than 5 dimensions");
    if (!read_integers(value, 0, VKR_MAX_DIMS, dim))
        return bad_tensor(weights, name, "has an unreadable shape");
    entry->desc.rank = (uint32_t)json_array_size(value);
    for (uint32_t i = 0; i < entry->desc.rank; i++) {
        if (dim[i] > UINT32_MAX)
            return bad_tensor(weights, name, "has a dimension beyond 4294967295");
        entry->desc.dim[i] = (uint32_t)dim[i];
    }
    for (uint32_t i = entry->desc.rank; i-- > 0;) {
        entry->stride[i] = stride;
        if (dim[i] && stride > UINT64_MAX / dim[i])
            return bad_tensor(weights, name, "has a shape whose size overflows");
        stride *= dim[i] ? dim[i] : 1;
    }
    return VKS_OK;
}

static vks_status read_tensor(struct weights *weights, const char *name, const json_t *value, size_t data_at,
                              struct span *span)
{
    struct weights_entry entry = { .desc.dtype = VKR_NONE };
    uint64_t offset[2];
    size_t available = weights->file.size - data_at, wanted;
    if (!json_is_object(value))
        return bad_tensor(weights, name, "is described by something that is no object");
    VKS_TRY(read_dtype(weights, name, json_object_get(value, "dtype"), &entry.desc.dtype));
    VKS_TRY(read_shape(weights, name, json_object_get(value, "shape"), &entry));
    if (!read_integers(json_object_get(value, "data_offsets"), 2, 2, offset))
        return bad_tensor(weights, name, "has unreadable data_offsets");
    if (offset[0] > offset[1])
        return bad_tensor(weights, name, "ends before it begins");
    VKS_REQUIRE(offset[1] <= available, VKS_ERR_MODEL,
                "%s: tensor \"%s\" ends at byte %llu of the data, but the file has only %zu. Was the download cut off?",
                weights->label, WEIGHTS_SAFE(name, strlen(name)), (unsigned long long)offset[1], available);
    if (!weights_extent(&entry, &wanted))
        return bad_tensor(weights, name, "has a shape whose size overflows");
    VKS_REQUIRE(wanted == offset[1] - offset[0], VKS_ERR_MODEL,
                "%s: tensor \"%s\" has %llu bytes, but %s of %s needs %zu. The file is damaged", weights->label,
                WEIGHTS_SAFE(name, strlen(name)), (unsigned long long)(offset[1] - offset[0]), VKR_SHAPE(&entry.desc),
                vkr_dtype_name(entry.desc.dtype), wanted);
    entry.data = weights->file.bytes + data_at + offset[0];
    *span = (struct span){ (size_t)offset[0], (size_t)offset[1], name };
    return weights_add(weights, name, strlen(name), &entry);
}

static vks_status read_notes(struct weights *weights, const json_t *metadata)
{
    void *at;
    VKS_REQUIRE(json_is_object(metadata), VKS_ERR_MODEL, "%s: __metadata__ is no object. The file is damaged",
                weights->label);
    for (at = json_object_iter((json_t *)metadata); at; at = json_object_iter_next((json_t *)metadata, at)) {
        const char *key = json_object_iter_key(at), *value = json_string_value(json_object_iter_value(at));
        VKS_REQUIRE(value, VKS_ERR_MODEL, "%s: the metadata \"%s\" is no text. The file is damaged", weights->label,
                    WEIGHTS_SAFE(key, strlen(key)));
        VKS_TRY(VKR_GROW(weights->notes, weights->note_capacity, weights->note_count));
        struct weights_note *note = &weights->notes[weights->note_count++];
        note->key = vkr_arena_strdup(&weights->arena, key);
        note->value = vkr_arena_strdup(&weights->arena, value);
        VKS_REQUIRE(note->key && note->value, VKS_ERR_HOST_MEMORY, "out of memory: metadata");
    }
    return VKS_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static vks_status check_spans(const struct weights *weights, struct span *spans, size_t count, size_t available)
{
    size_t at = 0;
    if (count)
        qsort(spans, count, sizeof *spans, compare_spans);
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin != at)
            return bad_tensor(weights, spans[i].name, spans[i].begin < at ? "overlaps another tensor"
                                                                          : "is preceded by unused bytes");
        at = spans[i].end;
    }
    VKS_REQUIRE(at == available, VKS_ERR_MODEL, "%s: %zu bytes behind the last tensor belong to nothing. "
                "The file is damaged", weights->label, available - at);
    return VKS_OK;
}

static vks_status read_header(struct weights *weights, const json_t *header, size_t data_at, struct span *spans)
{
    size_t count = 0;
    for (void *at = json_object_iter((json_t *)header); at; at = json_object_iter_next((json_t *)header, at)) {
        const char *key = json_object_iter_key(at);
        if (strcmp(key, "__metadata__") == 0)
            VKS_TRY(read_notes(weights, json_object_iter_value(at)));
        else
            VKS_TRY(read_tensor(weights, key, json_object_iter_value(at), data_at, &spans[count++]));
    }
    return check_spans(weights, spans, count, weights->file.size - data_at);
}

vks_status safetensors_parse(struct weights *weights)
{
    const unsigned char *bytes = weights->file.bytes;
    size_t size = weights->file.size;
    uint64_t length = 0;
    weights->format = "safetensors";
    VKS_REQUIRE(size > 8, VKS_ERR_MODEL, "%s has only %zu bytes, too few for a checkpoint", weights->label, size);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    VKS_REQUIRE(bytes[8] == '{' || length <= size - 8, VKS_ERR_MODEL,
                "%s is neither a .safetensors file nor a PyTorch checkpoint", weights->label);
    VKS_REQUIRE(length <= size - 8, VKS_ERR_MODEL, "%s: the header claims %llu bytes, but the file has only %zu. "
                "Was the download cut off?", weights->label, (unsigned long long)length, size);
    VKS_REQUIRE(length <= MAX_HEADER, VKS_ERR_MODEL, "%s: the header claims %llu bytes, more than the %d we accept",
                weights->label, (unsigned long long)length, MAX_HEADER);
    json_error_t error;
    json_t *header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    /* jansson names every fault of the text and, mostly, says nothing when memory runs out. */
    if (!header && (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory))
        return vks_fail(VKS_ERR_HOST_MEMORY, "out of memory: the header of %s", weights->label);
    if (!json_is_object(header)) {
        json_decref(header);
        return vks_fail(VKS_ERR_MODEL, "%s: the header is no JSON object (%s). The file is damaged or no .safetensors",
                        weights->label, header ? "it is something else" : WEIGHTS_SAFE(error.text, strlen(error.text)));
    }
    void *spans = NULL;
    vks_status status = vkr_alloc(json_object_size(header) + 1, sizeof(struct span), "tensor offsets", &spans);
    if (status == VKS_OK)
        status = read_header(weights, header, 8 + (size_t)length, spans);
    vkr_free(spans);
    json_decref(header);
    return status;
}
