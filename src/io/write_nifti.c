/* write_nifti.c: label maps as NIfTI in the place of the volume they were made from. The header is the input's own with
 * what describes the voxels replaced; nothing that says where they lie is touched, nor even converted. */
#include "io/dicom.h"
#include "io/origin.h"

#include "base/mem.h"

#include <nifti/nifti2_io.h>

#include <math.h>
#include <string.h>

enum { LEVEL = 3, CHUNK = 1 << 16 };

static const char DESCRIPTION[] = "vkseg " VKS_VERSION_STRING " labels; research use only";

/* ---- compressed or plain output ---- */

struct sink {
    struct io_output *output;
    bool is_packed;
    z_stream deflater;
    unsigned char *chunk;
};

static vks_status sink_open(struct sink *sink, struct io_output *output, bool is_packed)
{
    *sink = (struct sink){ .output = output };
    if (!is_packed)
        return VKS_OK;
    VKS_TRY(vkr_alloc(CHUNK, 1, "a chunk of a file", (void **)&sink->chunk));
    /* 16: a gzip header, without name or time, so that equal labels are equal files. */
    VKS_REQUIRE(deflateInit2(&sink->deflater, LEVEL, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK,
                VKS_ERR_HOST_MEMORY, "out of memory: compressing %s", output->path);
    sink->is_packed = true;
    return VKS_OK;
}

static vks_status sink_run(struct sink *sink, int flush)
{
    int result;
    do {
        sink->deflater.next_out = sink->chunk;
        sink->deflater.avail_out = CHUNK;
        result = deflate(&sink->deflater, flush);
        VKS_TRY(io_put(sink->output, sink->chunk, CHUNK - sink->deflater.avail_out));
    } while (flush == Z_FINISH ? result != Z_STREAM_END : sink->deflater.avail_out == 0);
    return VKS_OK;
}

static vks_status sink_put(struct sink *sink, const void *data, size_t size)
{
    if (!sink->is_packed)
        return io_put(sink->output, data, size);
    for (const unsigned char *at = data; size > 0;) {
        const size_t step = size < 1u << 30 ? size : 1u << 30;
        sink->deflater.next_in = (unsigned char *)(uintptr_t)at;
        sink->deflater.avail_in = (uInt)step;
        VKS_TRY(sink_run(sink, Z_NO_FLUSH));
        at += step;
        size -= step;
    }
    return VKS_OK;
}

static vks_status sink_close(struct sink *sink, vks_status status)
{
    if (status == VKS_OK && sink->is_packed)
        status = sink_run(sink, Z_FINISH);
    if (sink->is_packed)
        deflateEnd(&sink->deflater);
    vkr_free(sink->chunk);
    return status;
}

/* ---- headers ---- */

/* A header of our own for volumes that were none of NIfTI's. */
static void make_first(const vks_volume *view, nifti_1_header *out)
{
    nifti_dmat44 matrix = { { { 0 } } };
    double qb, qc, qd, qx, qy, qz, dx, dy, dz, qfac;
    *out = (nifti_1_header){ .sizeof_hdr = NIFTI_1_BYTES, .dim = { 3, 1, 1, 1, 1, 1, 1, 1 }, .regular = 'r' };
    float *const rows[3] = { out->srow_x, out->srow_y, out->srow_z };
    for (int r = 0; r < 3; r++) {
        out->dim[r + 1] = (short)view->size[r];
        for (int c = 0; c < 4; c++) {
            matrix.m[r][c] = view->affine[r][c];
            rows[r][c] = (float)view->affine[r][c];
        }
    }
    matrix.m[3][3] = 1;
    nifti_dmat44_to_quatern(matrix, &qb, &qc, &qd, &qx, &qy, &qz, &dx, &dy, &dz, &qfac);
    const double pixdim[4] = { qfac, dx, dy, dz };
    for (int i = 0; i < 4; i++)
        out->pixdim[i] = (float)pixdim[i];
    for (int i = 4; i < 8; i++)
        out->pixdim[i] = 1;
    /* A quaternion cannot say shear: then only the sform counts. */
    const nifti_dmat44 again = nifti_quatern_to_dmat44(qb, qc, qd, qx, qy, qz, dx, dy, dz, qfac);
    double worst = 0;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            worst = fmax(worst, fabs(again.m[r][c] - matrix.m[r][c]) / view->spacing[c]);
    out->qform_code = worst < 1e-4 ? NIFTI_XFORM_SCANNER_ANAT : 0;
    out->sform_code = NIFTI_XFORM_SCANNER_ANAT;
    out->quatern_b = (float)qb;
    out->quatern_c = (float)qc;
    out->quatern_d = (float)qd;
    out->qoffset_x = (float)qx;
    out->qoffset_y = (float)qy;
    out->qoffset_z = (float)qz;
    out->xyzt_units = NIFTI_UNITS_MM;
    memcpy(out->magic, "n+1", 4);
}

/* The fields both versions call by the same names. `dim[0] > 3` with several volumes becomes three dimensions. */
#define DESCRIBE_LABELS(header, bytes_, several, offset_) \
    do { \
        (header).datatype = (bytes_) == 1 ? DT_UINT8 : DT_UINT16; \
        (header).bitpix = 8 * (bytes_); \
        (header).scl_slope = 1; \
        (header).scl_inter = 0; \
        (header).cal_min = (header).cal_max = 0; \
        (header).intent_code = NIFTI_INTENT_LABEL; \
        (header).intent_p1 = (header).intent_p2 = (header).intent_p3 = 0; \
        (header).vox_offset = (offset_); \
        memset((header).intent_name, 0, sizeof(header).intent_name); \
        memset((header).aux_file, 0, sizeof(header).aux_file); \
        memset((header).descrip, 0, sizeof(header).descrip); \
        memcpy((header).descrip, DESCRIPTION, sizeof DESCRIPTION); \
        if (several) { \
            (header).dim[0] = 3; \
            for (int d_ = 4; d_ < 8; d_++) \
                (header).dim[d_] = 1; \
        } \
    } while (0)

static void describe_labels(const vks_io_volume *like, short bytes, size_t extension, struct nifti_bytes *out)
{
    const bool several = like->volumes > 1;
    const struct nifti_bytes *source = origin_nifti(like);
    if (source)
        *out = *source;
    else
        *out = (struct nifti_bytes){ .is_second = false };
    if (out->is_second) {
        nifti_2_header header;
        memcpy(&header, out->bytes, NIFTI_2_BYTES);
        if (out->is_swapped)
            nifti_swap_as_nifti2(&header);
        DESCRIBE_LABELS(header, bytes, several, (int64_t)(NIFTI_2_BYTES + 4 + extension));
        if (out->is_swapped)
            nifti_swap_as_nifti2(&header);
        memcpy(out->bytes, &header, NIFTI_2_BYTES);
        return;
    }
    nifti_1_header header;
    if (source)
        memcpy(&header, out->bytes, NIFTI_1_BYTES);
    else
        make_first(&like->view, &header);
    if (out->is_swapped)
        nifti_swap_as_nifti1(&header);
    DESCRIBE_LABELS(header, bytes, several, (float)(NIFTI_1_BYTES + 4 + extension));
    memset(header.data_type, 0, sizeof header.data_type);
    memset(header.db_name, 0, sizeof header.db_name);
    header.glmax = header.glmin = 0;
    if (out->is_swapped)
        nifti_swap_as_nifti1(&header);
    memcpy(out->bytes, &header, NIFTI_1_BYTES);
}

/* ---- names ---- */

static void append_escaped(char **at, const char *text)
{
    static const struct { char letter; const char *entity; } special[] = {
        { '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" }, { ']', "&#93;" }
    };
    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof special / sizeof *special; i++)
            if (*text == special[i].letter)
                entity = special[i].entity;
        if (entity)
            *at += sprintf(*at, "%s", entity);
        else if ((unsigned char)*text >= 0x20)
            *(*at)++ = *text;
    }
}

/* The label table as Connectome Workbench writes it (nifti extension code 30 holds CaretExtension XML; TotalSegmentator
 * and Slicer read it under code 0): 8 bytes of size and code, the text, zeros up to a multiple of 16. */
static vks_status make_extension(const vks_label_map *map, bool is_swapped, char **out, size_t *size)
{
    *out = NULL;
    *size = 0;
    if (!map->name_count)
        return VKS_OK;
    VKS_TRY(vkr_alloc(map->name_count + 4, 64 * 6 + 160, "the names of labels", (void **)out));
    char *at = *out + 8;
    at += sprintf(at, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CaretExtension>\n <Date><![CDATA[1970-01-01T00:00:00]]></Date>\n"
                      " <VolumeInformation Index=\"0\">\n  <LabelTable>\n");
    for (size_t i = 0; i < map->name_count; i++) {
        const vks_label *label = &map->names[i];
        at += sprintf(at, "   <Label Key=\"%u\" Red=\"%.4f\" Green=\"%.4f\" Blue=\"%.4f\" Alpha=\"1\">", label->value,
                      label->rgb[0] / 255.0, label->rgb[1] / 255.0, label->rgb[2] / 255.0);
        append_escaped(&at, label->name);
        at += sprintf(at, "</Label>\n");
    }
    at += sprintf(at, "  </LabelTable>\n  <StudyMetaDataLinkSet/>\n  <VolumeType><![CDATA[Label]]></VolumeType>\n"
                      " </VolumeInformation>\n</CaretExtension>\n");
    *size = ((size_t)(at - *out) + 15) / 16 * 16;
    int32_t head[2] = { (int32_t)*size, 0 };
    if (is_swapped)
        voxels_swap(head, 4, 2);
    memcpy(*out, head, 8);
    return VKS_OK;
}

static vks_status put_voxels(struct sink *sink, const vks_label_map *map, bool is_swapped)
{
    const size_t count = (size_t)map->size[0] * map->size[1] * map->size[2];
    if (map->type == VKS_PIXEL_U8 || !is_swapped)
        return sink_put(sink, map->voxels, count * (map->type == VKS_PIXEL_U8 ? 1 : 2));
    uint16_t piece[4096];
    for (size_t done = 0; done < count;) {
        const size_t step = count - done < 4096 ? count - done : 4096;
        memcpy(piece, (const uint16_t *)map->voxels + done, 2 * step);
        voxels_swap(piece, 2, step);
        VKS_TRY(sink_put(sink, piece, 2 * step));
        done += step;
    }
    return VKS_OK;
}

static vks_status put_all(struct sink *sink, const vks_label_map *map, const vks_io_volume *like)
{
    const bool is_swapped = origin_nifti(like) && origin_nifti(like)->is_swapped;
    struct nifti_bytes header;
    char *extension;
    size_t size;
    VKS_TRY(make_extension(map, is_swapped, &extension, &size));
    describe_labels(like, map->type == VKS_PIXEL_U8 ? 1 : 2, size, &header);
    const unsigned char flag[4] = { size > 0, 0, 0, 0 };
    vks_status status = sink_put(sink, header.bytes, header.is_second ? NIFTI_2_BYTES : NIFTI_1_BYTES);
    if (status == VKS_OK)
        status = sink_put(sink, flag, sizeof flag);
    if (status == VKS_OK && size)
        status = sink_put(sink, extension, size);
    vkr_free(extension);
    return status == VKS_OK ? put_voxels(sink, map, is_swapped) : status;
}

vks_status vks_io_write_labels(const char *path, const vks_label_map *map, const vks_io_volume *like, int overwrite)
{
    struct io_output output;
    struct sink sink;
    VKS_REQUIRE(map && map->voxels && like, VKS_ERR_ARGUMENT, "there are no labels to write (NULL)");
    VKS_REQUIRE(map->type == VKS_PIXEL_U8 || map->type == VKS_PIXEL_U16, VKS_ERR_ARGUMENT, "labels are u8 or u16");
    VKS_REQUIRE(memcmp(map->size, like->view.size, sizeof map->size) == 0, VKS_ERR_ARGUMENT,
                "the labels have %u x %u x %u voxels, the volume they belong to %u x %u x %u", map->size[0], map->size[1],
                map->size[2], like->view.size[0], like->view.size[1], like->view.size[2]);
    const struct origin *origin = like->header;
    if (path && io_ends_with(path, ".dcm"))
        return dicom_write_labels(path, map, like, origin ? origin->dicom : NULL, overwrite);
    VKS_REQUIRE(path && (io_ends_with(path, ".nii") || io_ends_with(path, ".nii.gz")), VKS_ERR_ARGUMENT,
                "labels of a volume are written as .nii.gz, .nii or .dcm, \"%s\" is none of these", path ? path : "(NULL)");
    VKS_TRY(io_output_begin(path, overwrite, &output));
    vks_status status = sink_open(&sink, &output, io_ends_with(path, ".gz"));
    if (status == VKS_OK)
        status = put_all(&sink, map, like);
    return io_output_end(&output, sink_close(&sink, status));
}
