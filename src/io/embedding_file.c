/* embedding_file.c: an embedding as .npy (the first map alone) or .safetensors (with all that is needed to use it again):
 * 8 bytes of header length, a JSON header, then the float32 tensors [C, H, W] in the header's order, "embedding" first.
 * Only the header is trusted with memory, and it at most 64 KiB, so a checkpoint of gigabytes is turned away at once. */
#include "io/io.h"

#include "base/mem.h"
#include "base/npy.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 16, MOST_MAPS = 8 };
#define FORMAT "vkseg embedding 1"

static vks_feature_map map_of(const vks_embedding *embedding, uint32_t index)
{
    if (index > 0)
        return embedding->more[index - 1];
    return (vks_feature_map){ "embedding", embedding->channels, embedding->height, embedding->width, embedding->data };
}

static size_t bytes_of(const vks_feature_map *map)
{
    return (size_t)map->channels * map->height * map->width * sizeof(float);
}

static vks_status check(const vks_embedding *embedding)
{
    VKS_REQUIRE(embedding && embedding->data, VKS_ERR_ARGUMENT, "there is no embedding to write (NULL)");
    VKS_REQUIRE(embedding->struct_size == sizeof *embedding, VKS_ERR_ARGUMENT,
                "vks_embedding.struct_size is %zu; set it to sizeof(vks_embedding), which is %zu in this version",
                embedding->struct_size, sizeof *embedding);
    VKS_REQUIRE(embedding->more_count < MOST_MAPS && (embedding->more || !embedding->more_count), VKS_ERR_ARGUMENT,
                "the embedding has a list of %u more maps; at most %d can be written", embedding->more_count,
                MOST_MAPS - 1);
    for (uint32_t i = 0; i <= embedding->more_count; i++) {
        const vks_feature_map map = map_of(embedding, i);
        VKS_REQUIRE(map.data && bytes_of(&map) > 0, VKS_ERR_ARGUMENT, "the embedding is empty");
        VKS_REQUIRE(*map.name && memchr(map.name, '\0', sizeof map.name), VKS_ERR_ARGUMENT,
                    "a map of the embedding has no name, or one that does not end");
    }
    return VKS_OK;
}

/* Length, then the header padded with spaces so that the data begins at a multiple of 8. */
static vks_status put_header(struct io_output *output, const char *header)
{
    const size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    VKS_TRY(io_put(output, prefix, sizeof prefix));
    VKS_TRY(io_put(output, header, length));
    return io_put(output, "       ", padded - length);
}

static json_t *describe(const vks_embedding *embedding)
{
    char width[16], height[16];
    snprintf(width, sizeof width, "%u", embedding->image_width);
    snprintf(height, sizeof height, "%u", embedding->image_height);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "format", FORMAT, "family", embedding->family, "model_sha256",
                     embedding->model_sha256, "image_sha256", embedding->image_sha256, "image_width", width,
                     "image_height", height);
}

static vks_status make_header(const vks_embedding *embedding, char **out)
{
    json_t *header = json_object();
    json_int_t begin = 0;
    int failed = json_object_set_new(header, "__metadata__", describe(embedding));
    *out = NULL;
    for (uint32_t i = 0; i <= embedding->more_count && !failed; i++) {
        const vks_feature_map map = map_of(embedding, i);
        const json_int_t end = begin + (json_int_t)bytes_of(&map);
        if (json_object_get(header, map.name)) {
            json_decref(header);
            return vks_fail(VKS_ERR_ARGUMENT, "two maps of the embedding are called \"%s\"", map.name);
        }
        json_t *tensor = json_pack("{s:s, s:[I,I,I], s:[I,I]}", "dtype", "F32", "shape", (json_int_t)map.channels,
                                   (json_int_t)map.height, (json_int_t)map.width, "data_offsets", begin, end);
        failed = json_object_set_new(header, map.name, tensor);
        begin = end;
    }
    if (!failed)
        *out = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    VKS_REQUIRE(*out, VKS_ERR_HOST_MEMORY, "out of memory for the header of an embedding");
    return VKS_OK;
}

vks_status vks_io_write_embedding(const char *path, const vks_embedding *embedding, int overwrite)
{
    struct io_output output;
    VKS_TRY(check(embedding));
    VKS_REQUIRE(path, VKS_ERR_ARGUMENT, "no output path was given");
    if (io_ends_with(path, ".npy")) {
        VKS_TRY(io_may_write(path, overwrite));
        return vkr_npy_write(path, &vkr_f32(3, embedding->channels, embedding->height, embedding->width), embedding->data);
    }
    VKS_REQUIRE(io_ends_with(path, ".safetensors"), VKS_ERR_ARGUMENT,
                "an embedding is written as .npy or .safetensors, \"%s\" is neither", path);
    char *header;
    VKS_TRY(make_header(embedding, &header));
    vks_status status = io_output_begin(path, overwrite, &output);
    if (status == VKS_OK) {
        status = put_header(&output, header);
        for (uint32_t i = 0; i <= embedding->more_count && status == VKS_OK; i++) {
            const vks_feature_map map = map_of(embedding, i);
            status = io_put(&output, map.data, bytes_of(&map));
        }
        status = io_output_end(&output, status);
    }
    free(header);
    return status;
}

vks_status vks_io_write_layer(const char *path, const vks_layer *layer, int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".npy"), VKS_ERR_ARGUMENT, "a layer is written as .npy, \"%s\" is none",
                path ? path : "(NULL)");
    VKS_REQUIRE(layer && layer->data && layer->rank <= VKR_MAX_DIMS, VKS_ERR_ARGUMENT, "there is no layer to write (NULL)");
    VKS_TRY(io_may_write(path, overwrite));
    struct vkr_desc desc = { VKR_F32, layer->rank, { 0 } };
    for (uint32_t i = 0; i < layer->rank; i++)
        desc.dim[i] = layer->shape[i];
    return vkr_npy_write(path, &desc, layer->data);
}

/* ---- reading ---- */

static vks_status copy_text(const char *path, json_t *metadata, const char *key, char *dst, size_t size)
{
    const char *text = json_string_value(json_object_get(metadata, key));
    VKS_REQUIRE(text && strlen(text) < size, VKS_ERR_CORRUPT, "%s is a damaged embedding: its %s is missing or too long", path, key);
    memcpy(dst, text, strlen(text) + 1);
    return VKS_OK;
}

static vks_status read_side(const char *path, json_t *metadata, const char *key, uint32_t *out)
{
    char text[16], *end;
    VKS_TRY(copy_text(path, metadata, key, text, sizeof text));
    unsigned long value = strtoul(text, &end, 10);
    VKS_REQUIRE(*end == '\0' && value >= 1 && value <= 32768, VKS_ERR_CORRUPT,
                "%s is a damaged embedding: its %s is \"%s\", not 1..32768", path, key, text);
    *out = (uint32_t)value;
    return VKS_OK;
}

/* What a header says. */
struct contents {
    vks_embedding embedding;
    vks_feature_map maps[MOST_MAPS]; /* without data */
    uint32_t count;
    size_t bytes; /* of all maps */
};

static vks_status read_map(const char *path, const char *name, json_t *tensor, struct contents *out)
{
    json_int_t shape[3], begin, end;
    const char *dtype;
    VKS_REQUIRE(out->count < MOST_MAPS && strlen(name) < sizeof out->maps->name, VKS_ERR_CORRUPT,
                "%s is a damaged embedding: a tensor too many, or its name is too long", path);
    VKS_REQUIRE(out->count > 0 || strcmp(name, "embedding") == 0, VKS_ERR_CORRUPT,
                "%s is a damaged embedding: its first tensor is not \"embedding\"", path);
    VKS_REQUIRE(json_unpack(tensor, "{s:s, s:[I,I,I!], s:[I,I!]}", "dtype", &dtype, "shape", &shape[0], &shape[1],
                            &shape[2], "data_offsets", &begin, &end) == 0 && strcmp(dtype, "F32") == 0,
                VKS_ERR_CORRUPT, "%s is a damaged embedding: its tensor \"%s\" is not F32 of three dimensions", path,
                name);
    for (int i = 0; i < 3; i++)
        VKS_REQUIRE(shape[i] >= 1 && shape[i] <= 65536, VKS_ERR_CORRUPT,
                    "%s is a damaged embedding: a dimension of %lld", path, (long long)shape[i]);
    const uint64_t size = (uint64_t)shape[0] * (uint64_t)shape[1] * (uint64_t)shape[2] * sizeof(float);
    VKS_REQUIRE(begin == (json_int_t)out->bytes && size <= INT32_MAX - out->bytes && (uint64_t)end == out->bytes + size,
                VKS_ERR_CORRUPT, "%s is a damaged embedding: the shape of \"%s\" does not fit its size and place", path,
                name);
    vks_feature_map *map = &out->maps[out->count++];
    memcpy(map->name, name, strlen(name) + 1);
    map->channels = (uint32_t)shape[0];
    map->height = (uint32_t)shape[1];
    map->width = (uint32_t)shape[2];
    out->bytes += (size_t)size;
    return VKS_OK;
}

static vks_status read_contents(const char *path, json_t *header, struct contents *out)
{
    vks_embedding *embedding = &out->embedding;
    json_t *metadata = json_object_get(header, "__metadata__"), *tensor;
    const char *format = json_string_value(json_object_get(metadata, "format")), *name;
    VKS_REQUIRE(json_object_get(header, "embedding") && format && strcmp(format, FORMAT) == 0, VKS_ERR_CORRUPT,
                "%s is no embedding that vkseg wrote; make one with `vkseg encode`", path);
    VKS_TRY(copy_text(path, metadata, "family", embedding->family, sizeof embedding->family));
    VKS_TRY(copy_text(path, metadata, "model_sha256", embedding->model_sha256, sizeof embedding->model_sha256));
    VKS_TRY(copy_text(path, metadata, "image_sha256", embedding->image_sha256, sizeof embedding->image_sha256));
    VKS_TRY(read_side(path, metadata, "image_width", &embedding->image_width));
    VKS_TRY(read_side(path, metadata, "image_height", &embedding->image_height));
    json_object_foreach (header, name, tensor)
        if (strcmp(name, "__metadata__") != 0)
            VKS_TRY(read_map(path, name, tensor, out));
    return VKS_OK;
}

static vks_status parse_header(const char *path, const char *text, size_t length, struct contents *out)
{
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    vks_status status = read_contents(path, header, out);
    json_decref(header);
    return status;
}

static vks_status read_header(const char *path, FILE *file, struct contents *out)
{
    unsigned char prefix[8];
    uint64_t length = 0;
    void *text;
    VKS_REQUIRE(fread(prefix, 1, 8, file) == 8, VKS_ERR_CORRUPT, "%s is too short to be an embedding", path);
    for (int i = 8; i-- > 0;)
        length = length << 8 | prefix[i];
    VKS_REQUIRE(length >= 2 && length <= HEADER_LIMIT, VKS_ERR_CORRUPT,
                "%s is no embedding that vkseg wrote; make one with `vkseg encode`", path);
    VKS_TRY(vkr_alloc(1, (size_t)length, "the header of an embedding", &text));
    vks_status status = fread(text, 1, (size_t)length, file) == (size_t)length
                            ? parse_header(path, text, (size_t)length, out)
                            : vks_fail(VKS_ERR_CORRUPT, "%s was cut off within its header", path);
    vkr_free(text);
    return status;
}

/* One block: struct, list of maps, data (vks_embedding_free). */
static vks_status read_data(const char *path, FILE *file, const struct contents *contents, vks_embedding **out)
{
    const uint32_t more_count = contents->count - 1;
    const size_t list = more_count * sizeof(vks_feature_map);
    vks_embedding *made;
    VKS_TRY(vkr_alloc(1, sizeof *made + list + contents->bytes, "an embedding", (void **)&made));
    vks_feature_map *more = (vks_feature_map *)(made + 1);
    float *data = (float *)(more + more_count);
    if (fread(data, 1, contents->bytes, file) != contents->bytes || fgetc(file) != EOF) {
        vkr_free(made);
        return vks_fail(VKS_ERR_CORRUPT, "%s is a damaged embedding: it has not the size its header says", path);
    }
    *made = contents->embedding;
    made->struct_size = sizeof *made;
    made->channels = contents->maps[0].channels;
    made->height = contents->maps[0].height;
    made->width = contents->maps[0].width;
    made->data = data;
    made->more_count = more_count;
    made->more = more_count ? more : NULL;
    for (uint32_t i = 0; i < more_count; i++) {
        data += bytes_of(&contents->maps[i]) / sizeof(float);
        more[i] = contents->maps[i + 1];
        more[i].data = data;
    }
    *out = made;
    return VKS_OK;
}

vks_status vks_io_read_embedding(const char *path, vks_embedding **out)
{
    struct contents contents = { .count = 0 };
    VKS_REQUIRE(path && out, VKS_ERR_ARGUMENT, "vks_io_read_embedding: path and out must not be NULL");
    *out = NULL;
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    vks_status status = read_header(path, file, &contents);
    if (status == VKS_OK)
        status = read_data(path, file, &contents, out);
    fclose(file);
    return status;
}
