/* read_volume.c: the public readers of volumes: recognise, read, own. */
#include "io/dicom.h"
#include "io/npz.h"
#include "io/origin.h"
#include "io/text_volume.h"

#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>

static vks_status choose_volume(const char *name, uint64_t volumes, const vks_io_volume_params *params, uint32_t *index)
{
    VKS_REQUIRE(params || volumes == 1, VKS_ERR_ARGUMENT, "%s holds %llu volumes; say which one, counted from 0", name,
                (unsigned long long)volumes);
    VKS_REQUIRE(volumes == 1 || params->has_index, VKS_ERR_ARGUMENT, "%s holds %llu volumes; say which one, counted from 0",
                name, (unsigned long long)volumes);
    *index = params && params->has_index ? params->index : 0;
    VKS_REQUIRE(*index < volumes, VKS_ERR_ARGUMENT, "%s holds %llu volume%s, counted from 0; there is no volume %u", name,
                (unsigned long long)volumes, volumes == 1 ? "" : "s", *index);
    return VKS_OK;
}

static vks_status read_nifti(struct stream *stream, const vks_io_volume_params *params, vks_io_volume *out)
{
    struct nifti_meaning meaning;
    struct origin *origin = out->header;
    struct nifti_bytes *bytes = &origin->nifti;
    size_t count;
    VKS_TRY(header_read(stream, bytes, &meaning));
    origin->is_nifti = true;
    VKS_TRY(voxels_check_size(stream->name, meaning.size, &count));
    VKS_TRY(choose_volume(stream->name, meaning.volumes, params, &out->index));
    const uint64_t header = bytes->is_second ? NIFTI_2_BYTES : NIFTI_1_BYTES;
    const uint64_t volume_bytes = (uint64_t)count * meaning.format.channels * voxel_bytes(meaning.format.type);
    const uint64_t before = volume_bytes * out->index;      /* below 2^31 * 2^32: no overflow for the sizes that pass */
    VKS_REQUIRE(out->index == 0 || before / volume_bytes == out->index, VKS_ERR_CORRUPT, "%s claims too many voxels", stream->name);
    VKS_TRY(voxels_check_claim(stream, &meaning.format, meaning.offset + before, count));
    VKS_TRY(stream_skip(stream, meaning.offset - header + before));
    VKS_TRY(voxels_read(stream, &meaning.format, count, &out->view.type, &out->owned));
    out->view.voxels = out->owned;
    if (meaning.volumes == 1)
        VKS_TRY(stream_finish(stream));
    for (int c = 0; c < 3; c++)
        out->view.size[c] = (uint32_t)meaning.size[c];
    out->view.channels = meaning.format.channels;
    memcpy(out->view.affine, meaning.affine, sizeof meaning.affine);
    vks_volume_set_spacing(&out->view);
    out->volumes = (uint32_t)meaning.volumes;
    memcpy(out->note, meaning.note, sizeof out->note);
    snprintf(out->format, sizeof out->format, "nifti-%d", bytes->is_second ? 2 : 1);
    return VKS_OK;
}

/* ---- which kind it is ---- */

enum { HEAD = 64 };
enum kind { KIND_NIFTI, KIND_NRRD, KIND_METAIMAGE, KIND_NPZ, KIND_UNKNOWN };

static enum kind kind_of(const unsigned char *head, size_t size)
{
    return header_recognise(head, size)      ? KIND_NIFTI
           : nrrd_recognise(head, size)      ? KIND_NRRD
           : metaimage_recognise(head, size) ? KIND_METAIMAGE
           : npz_recognise(head, size)       ? KIND_NPZ
                                             : KIND_UNKNOWN;
}

/* The first bytes without taking them. Readers of compressed headers begin a stream of their own. */
static vks_status look(const char *path, const struct stream *stream, enum kind *kind)
{
    unsigned char head[HEAD];
    struct stream copy;
    size_t got = 0;
    VKS_TRY(path ? stream_open(&copy, path) : stream_open_memory(&copy, stream->bytes, (size_t)stream->size, stream->name));
    vks_status status = stream_read_some(&copy, head, sizeof head, &got);
    stream_close(&copy);
    *kind = kind_of(head, got);
    return status;
}

static vks_status read_zip(const char *path, const struct stream *stream, vks_io_volume *out)
{
    unsigned char *bytes;
    size_t size;
    if (!path)
        return npz_read(stream->bytes, (size_t)stream->size, stream->name, out);
    VKS_TRY(io_read_file(path, &bytes, &size));
    vks_status status = npz_read(bytes, size, path, out);
    vkr_free(bytes);
    return status;
}

/* `path` is NULL for a volume in memory. */
static vks_status read_kind(const char *path, struct stream *stream, const vks_io_volume_params *params, vks_io_volume *out)
{
    struct origin *origin = out->header;
    enum kind kind = KIND_UNKNOWN;
    if (!stream)
        return dicom_read(path, params, out, &origin->dicom);
    VKS_TRY(look(path, stream, &kind));
    if (kind == KIND_NIFTI || kind == KIND_UNKNOWN)
        return read_nifti(stream, params, out);
    VKS_REQUIRE(!params || !params->has_index || params->index == 0, VKS_ERR_ARGUMENT,
                "%s holds 1 volume, counted from 0; there is no volume %u", stream->name, params->index);
    return kind == KIND_NPZ ? read_zip(path, stream, out) : text_read(stream, path, kind == KIND_NRRD, out);
}

/* By its signature, unless the file begins as another kind: four bytes at 128 can stand anywhere, such as in the voxel
 * size of a NIfTI-2 header. */
static bool is_dicom(const char *path)
{
    struct stat found;
    enum kind kind = KIND_UNKNOWN;
    if (!dicom_recognise(path))
        return false;
    return stat(path, &found) != 0 || !S_ISREG(found.st_mode) || look(path, NULL, &kind) != VKS_OK || kind == KIND_UNKNOWN;
}

/* A DICOM file or folder by its path, anything else from the stream, which is closed whatever happens. */
static vks_status read_any(const char *path, struct stream *stream, const vks_io_volume_params *params, vks_io_volume *out)
{
    vks_io_volume made = { .owned = NULL };
    vks_status status = vkr_alloc(1, sizeof(struct origin), "a header", &made.header);
    if (status == VKS_OK)
        status = read_kind(path, stream, params, &made);
    if (stream)
        stream_close(stream);
    if (status == VKS_OK)
        *out = made;
    else
        vks_io_volume_free(&made);
    return status;
}

vks_status vks_io_read_volume(const char *path, const vks_io_volume_params *params, vks_io_volume *out)
{
    struct stream stream;
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_io_read_volume: out must not be NULL");
    if (path && is_dicom(path))
        return read_any(path, NULL, params, out);
    VKS_TRY(stream_open(&stream, path));
    return read_any(path, &stream, params, out);
}

vks_status vks_io_read_volume_memory(const void *data, size_t size, const vks_io_volume_params *params, vks_io_volume *out)
{
    struct stream stream;
    VKS_REQUIRE(data && out, VKS_ERR_ARGUMENT, "vks_io_read_volume_memory: data and out must not be NULL");
    VKS_TRY(stream_open_memory(&stream, data, size, "the volume"));
    return read_any(NULL, &stream, params, out);
}

void vks_io_volume_free(vks_io_volume *volume)
{
    if (!volume)
        return;
    struct origin *origin = volume->header;
    if (origin)
        dicom_source_free(&origin->dicom);
    vkr_free(volume->owned);
    vkr_free(origin);
    *volume = (vks_io_volume){ .owned = NULL };
}

int vks_io_is_volume(const char *path)
{
    struct stat found;
    enum kind kind = KIND_UNKNOWN;
    if (!path || stat(path, &found) != 0)
        return 0;
    return dicom_recognise(path) || (S_ISREG(found.st_mode) && look(path, NULL, &kind) == VKS_OK && kind != KIND_UNKNOWN);
}
