/* tfjs.c: a Keras layers-model as tfjs publishes it: model.json names layers, tensors in the order of their bytes, and
 * files beside it whose bytes, joined, are the tensors. Every tensor lies inside those bytes and the sizes add up. */
#include "weights/tfjs.h"

#include <stdio.h>
#include <string.h>

/* A parsed text takes some twenty times its bytes; real ones are below 100 KiB. */
enum { MAX_JSON = 4 << 20, MAX_SHARDS = 4096, PATH_BYTES = 4096 };

static const struct {
    const char *name;
    enum vkr_dtype dtype;
} types[] = {
    { "float32", VKR_F32 }, { "float16", VKR_F16 }, { "int32", VKR_I32 }, { "uint8", VKR_U8 }, { "bool", VKR_BOOL },
};

bool tfjs_is(const unsigned char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    return size >= 8 && at < size && bytes[at] == '{' && !memchr(bytes, 0, 8);
}

vks_status tfjs_copy(struct weights *weights, const char *text, const char **out)
{
    text = text ? text : "";
    for (const char *at = text; *at; at++)
        VKS_REQUIRE((unsigned char)*at >= 0x20 && *at != 0x7f, VKS_ERR_MODEL,
                    "%s: the text \"%s\" has unprintable characters. The file is damaged", weights->label,
                    WEIGHTS_SAFE(text, strlen(text)));
    *out = vkr_arena_strdup(&weights->arena, text);
    VKS_REQUIRE(*out, VKS_ERR_HOST_MEMORY, "out of memory: a text of %s", weights->label);
    return VKS_OK;
}

/* ---- the files of the weights ----------------------------------------------------------------------------------- */

/* A file of the same folder or below it: anything else is a trap. */
static bool is_beside(const char *path)
{
    if (!*path || *path == '/' || strchr(path, '\\') || strchr(path, ':') || strlen(path) > 255)
        return false;
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at < 0x20 || (at[0] == '.' && at[1] == '.'))
            return false;
    return true;
}

static vks_status open_shard(const struct weights *weights, const char *name, struct mapping *shard)
{
    char path[PATH_BYTES];
    VKS_REQUIRE(is_beside(name), VKS_ERR_MODEL,
                "%s names the weight file \"%s\", which does not lie beside it. "
                "The file is damaged",
                weights->label, WEIGHTS_SAFE(name, strlen(name)));
    int length = snprintf(path, sizeof path, "%s%s", weights->folder, name);
    VKS_REQUIRE(length > 0 && (size_t)length < sizeof path, VKS_ERR_MODEL,
                "%s: the path of its weight file is too long", weights->label);
    vks_status status = mapping_open(path, shard);
    if (status != VKS_ERR_NOT_FOUND)
        return status;
    return vks_fail(VKS_ERR_MODEL, "%s wants its weights from the file %s, which cannot be opened. Put it beside it",
                    weights->label, name);
}

/* Joins two or more files into memory of their size. */
static vks_status join_shards(struct weights *weights, const json_t *const *names, uint32_t count)
{
    for (int pass = 0; pass < 2; pass++) {
        size_t total = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct mapping shard;
            VKS_TRY(open_shard(weights, json_string_value(names[i]), &shard));
            bool fits = vkr_add_size(total, shard.size, &total) && (pass == 0 || total <= weights->shards.size);
            if (pass == 1 && fits)
                memcpy((char *)weights->shards.owned + (total - shard.size), shard.bytes, shard.size);
            mapping_close(&shard);
            VKS_REQUIRE(fits, VKS_ERR_MODEL, "%s: its weight files changed while they were read", weights->label);
        }
        if (pass == 1)
            return VKS_OK;
        VKS_TRY(vkr_alloc(1, total, "the weight files", &weights->shards.owned));
        weights->shards.bytes = weights->shards.owned;
        weights->shards.size = total;
    }
    return VKS_OK;
}

static vks_status open_shards(struct weights *weights, const json_t *manifest)
{
    const json_t *names[MAX_SHARDS];
    uint32_t count = 0;
    if (weights->shards.bytes) /* given with the text */
        return VKS_OK;
    VKS_REQUIRE(weights->folder, VKS_ERR_MODEL,
                "%s describes a Keras model whose weights lie in files beside it. "
                "Open it by its path",
                weights->label);
    for (size_t g = 0; g < json_array_size(manifest); g++) {
        const json_t *paths = json_object_get(json_array_get(manifest, g), "paths");
        for (size_t i = 0; i < json_array_size(paths); i++) {
            VKS_REQUIRE(json_is_string(json_array_get(paths, i)) && count < MAX_SHARDS, VKS_ERR_MODEL,
                        "%s: the list of its weight files cannot be read", weights->label);
            names[count++] = json_array_get(paths, i);
        }
    }
    VKS_REQUIRE(count > 0, VKS_ERR_MODEL, "%s names no weight file", weights->label);
    if (count == 1)
        return open_shard(weights, json_string_value(names[0]), &weights->shards);
    return join_shards(weights, names, count);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------
 */

static vks_status bad_tensor(const struct weights *weights, const char *name, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: the tensor \"%s\" %s", weights->label, WEIGHTS_SAFE(name, strlen(name)), what);
}

static vks_status read_shape(const struct weights *weights, const char *name, const json_t *shape,
                             struct weights_entry *entry)
{
    uint64_t stride = 1;
    if (!json_is_array(shape) || json_array_size(shape) > VKR_MAX_DIMS)
        return bad_tensor(weights, name, "has an unreadable shape, or more than 5 dimensions");
    entry->desc.rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = entry->desc.rank; i-- > 0;) {
        const json_t *item = json_array_get(shape, i);
        json_int_t dim = json_is_integer(item) ? json_integer_value(item) : -1;
        if (dim < 0 || dim > UINT32_MAX || (dim > 0 && stride > UINT64_MAX / (uint64_t)dim))
            return bad_tensor(weights, name, "has an unreadable shape");
        entry->desc.dim[i] = (uint32_t)dim;
        entry->stride[i] = stride;
        stride *= dim ? (uint64_t)dim : 1;
    }
    return VKS_OK;
}

static vks_status read_tensor(struct weights *weights, const json_t *value, size_t *at)
{
    struct weights_entry entry = { .desc.dtype = VKR_NONE };
    const char *name = json_string_value(json_object_get(value, "name"));
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    size_t bytes;
    VKS_REQUIRE(name && dtype, VKS_ERR_MODEL, "%s: a tensor without name or dtype. The file is damaged",
                weights->label);
    if (json_object_get(value, "quantization"))
        return bad_tensor(weights, name, "is quantised, which this version does not read. Export it as float32");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, dtype) == 0)
            entry.desc.dtype = types[i].dtype;
    if (entry.desc.dtype == VKR_NONE)
        return bad_tensor(weights, name, "has an element type this version does not read. Export it as float32");
    VKS_TRY(read_shape(weights, name, json_object_get(value, "shape"), &entry));
    if (!weights_extent(&entry, &bytes))
        return bad_tensor(weights, name, "has a shape whose size overflows");
    VKS_REQUIRE(bytes <= weights->shards.size - *at, VKS_ERR_MODEL,
                "%s: the tensor \"%s\" needs %zu bytes, but its "
                "weight files have only %zu left. Was the download cut off?",
                weights->label, WEIGHTS_SAFE(name, strlen(name)), bytes, weights->shards.size - *at);
    entry.data = weights->shards.bytes + *at;
    *at += bytes;
    return weights_add(weights, name, strlen(name), &entry);
}

static vks_status read_manifest(struct weights *weights, const json_t *manifest)
{
    size_t at = 0;
    VKS_REQUIRE(json_is_array(manifest), VKS_ERR_MODEL,
                "%s is JSON, but no Keras layers-model: it has no "
                "weightsManifest",
                weights->label);
    VKS_TRY(open_shards(weights, manifest));
    for (size_t g = 0; g < json_array_size(manifest); g++) {
        const json_t *list = json_object_get(json_array_get(manifest, g), "weights");
        VKS_REQUIRE(json_is_array(list), VKS_ERR_MODEL, "%s: group %zu of its weights cannot be read", weights->label,
                    g);
        for (size_t i = 0; i < json_array_size(list); i++)
            VKS_TRY(read_tensor(weights, json_array_get(list, i), &at));
    }
    VKS_REQUIRE(at == weights->shards.size, VKS_ERR_MODEL,
                "%s: its tensors need %zu bytes, its weight files have %zu. "
                "They do not belong together",
                weights->label, at, weights->shards.size);
    return VKS_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static vks_status read_model(struct weights *weights, const json_t *model)
{
    const char *format = json_string_value(json_object_get(model, "format"));
    VKS_REQUIRE(!format || strcmp(format, "layers-model") == 0, VKS_ERR_MODEL,
                "%s is a tfjs %s, not a layers-model. "
                "Export the Keras model itself",
                weights->label, WEIGHTS_SAFE(format, strlen(format)));
    VKS_TRY(read_manifest(weights, json_object_get(model, "weightsManifest")));
    return tfjs_read_layers(weights, json_object_get(model, "modelTopology"));
}

vks_status tfjs_parse(struct weights *weights)
{
    json_error_t error;
    weights->format = "tfjs layers-model";
    VKS_REQUIRE(weights->file.size <= MAX_JSON, VKS_ERR_MODEL, "%s has %zu bytes of JSON, more than the %d we accept",
                weights->label, weights->file.size, MAX_JSON);
    json_t *model = json_loadb((const char *)weights->file.bytes, weights->file.size, JSON_REJECT_DUPLICATES, &error);
    if (!model && (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory))
        return vks_fail(VKS_ERR_HOST_MEMORY, "out of memory: the text of %s", weights->label);
    VKS_REQUIRE(model, VKS_ERR_MODEL, "%s is no proper JSON (line %d: %s). The file is damaged", weights->label,
                error.line, WEIGHTS_SAFE(error.text, strlen(error.text)));
    vks_status status = json_is_object(model)
                            ? read_model(weights, model)
                            : vks_fail(VKS_ERR_MODEL, "%s is JSON, but no Keras layers-model", weights->label);
    json_decref(model);
    return status;
}
