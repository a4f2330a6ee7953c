/* embedding_file.c: an embedding as .npy (the array alone) or .safetensors (with all that is needed to use it again):
 * 8 bytes of header length, a JSON header, then one float32 tensor "embedding" [C, H, W]. Only the header is trusted with
 * memory, and it at most 64 KiB, so a checkpoint of gigabytes is turned away at once. */
#include "io/io.h"

#include "base/mem.h"
#include "base/npy.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 16 };
#define FORMAT "vkseg embedding 1"

static vks_status check(const vks_embedding *embedding)
{
    VKS_REQUIRE(embedding && embedding->data, VKS_ERR_ARGUMENT, "there is no embedding to write (NULL)");
    VKS_REQUIRE(embedding->channels && embedding->height && embedding->width, VKS_ERR_ARGUMENT, "the embedding is empty");
    return VKS_OK;
}

static size_t bytes_of(const vks_embedding *embedding)
{
    return (size_t)embedding->channels * embedding->height * embedding->width * sizeof(float);
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

static char *make_header(const vks_embedding *embedding)
{
    char width[16], height[16];
    snprintf(width, sizeof width, "%u", embedding->image_width);
    snprintf(height, sizeof height, "%u", embedding->image_height);
    json_t *header = json_pack("{s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:{s:s, s:[I,I,I], s:[I,I]}}", "__metadata__",
                               "format", FORMAT, "family", embedding->family, "model_sha256", embedding->model_sha256,
                               "image_sha256", embedding->image_sha256, "image_width", width, "image_height", height,
                               "embedding", "dtype", "F32", "shape", (json_int_t)embedding->channels,
                               (json_int_t)embedding->height, (json_int_t)embedding->width, "data_offsets", (json_int_t)0,
                               (json_int_t)bytes_of(embedding));
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
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
    char *header = make_header(embedding);
    VKS_REQUIRE(header, VKS_ERR_HOST_MEMORY, "out of memory for the header of an embedding");
    vks_status status = io_output_begin(path, overwrite, &output);
    if (status == VKS_OK) {
        status = put_header(&output, header);
        if (status == VKS_OK)
            status = io_put(&output, embedding->data, bytes_of(embedding));
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

static vks_status read_shape(const char *path, json_t *tensor, vks_embedding *out)
{
    json_int_t shape[3], begin, end;
    const char *dtype;
    VKS_REQUIRE(json_unpack(tensor, "{s:s, s:[I,I,I!], s:[I,I!]}", "dtype", &dtype, "shape", &shape[0], &shape[1], &shape[2],
                            "data_offsets", &begin, &end) == 0 && strcmp(dtype, "F32") == 0,
                VKS_ERR_CORRUPT, "%s is a damaged embedding: its tensor is not F32 of three dimensions", path);
    for (int i = 0; i < 3; i++)
        VKS_REQUIRE(shape[i] >= 1 && shape[i] <= 65536, VKS_ERR_CORRUPT, "%s is a damaged embedding: a dimension of %lld", path,
                    (long long)shape[i]);
    out->channels = (uint32_t)shape[0];
    out->height = (uint32_t)shape[1];
    out->width = (uint32_t)shape[2];
    const uint64_t size = (uint64_t)shape[0] * (uint64_t)shape[1] * (uint64_t)shape[2] * sizeof(float);
    VKS_REQUIRE(begin == 0 && (uint64_t)end == size && size <= INT32_MAX, VKS_ERR_CORRUPT,
                "%s is a damaged embedding: its shape does not fit its size", path);
    return VKS_OK;
}

static vks_status parse_header(const char *path, const char *text, size_t length, vks_embedding *out)
{
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *metadata = json_object_get(header, "__metadata__"), *tensor = json_object_get(header, "embedding");
    const char *format = json_string_value(json_object_get(metadata, "format"));
    vks_status status = VKS_OK;
    if (!tensor || !format || strcmp(format, FORMAT) != 0)
        status = vks_fail(VKS_ERR_CORRUPT, "%s is no embedding that vkseg wrote; make one with `vkseg encode`", path);
    if (status == VKS_OK)
        status = copy_text(path, metadata, "family", out->family, sizeof out->family);
    if (status == VKS_OK)
        status = copy_text(path, metadata, "model_sha256", out->model_sha256, sizeof out->model_sha256);
    if (status == VKS_OK)
        status = copy_text(path, metadata, "image_sha256", out->image_sha256, sizeof out->image_sha256);
    if (status == VKS_OK)
        status = read_side(path, metadata, "image_width", &out->image_width);
    if (status == VKS_OK)
        status = read_side(path, metadata, "image_height", &out->image_height);
    if (status == VKS_OK)
        status = read_shape(path, tensor, out);
    json_decref(header);
    return status;
}

static vks_status read_header(const char *path, FILE *file, vks_embedding *out)
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

/* An embedding is one block: the struct, then the data (vks_embedding_free). */
vks_status vks_io_read_embedding(const char *path, vks_embedding **out)
{
    vks_embedding header = { .channels = 0 }, *made = NULL;
    VKS_REQUIRE(path && out, VKS_ERR_ARGUMENT, "vks_io_read_embedding: path and out must not be NULL");
    *out = NULL;
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    vks_status status = read_header(path, file, &header);
    const size_t size = bytes_of(&header);
    if (status == VKS_OK)
        status = vkr_alloc(1, sizeof *made + size, "an embedding", (void **)&made);
    if (status == VKS_OK) {
        *made = header;
        made->data = (const float *)(made + 1);
        if (fread(made + 1, 1, size, file) != size || fgetc(file) != EOF)
            status = vks_fail(VKS_ERR_CORRUPT, "%s is a damaged embedding: it has not the size its header says", path);
    }
    fclose(file);
    if (status == VKS_OK)
        *out = made;
    else
        vkr_free(made);
    return status;
}
