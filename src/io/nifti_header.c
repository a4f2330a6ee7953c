/* nifti_header.c: is this header one to believe, and what does it mean? nifti_clib turns quaternions and matrices into
 * affines, but trusts what it is given; it only ever sees a header that passed the checks here, rebuilt from the fields
 * that are used. */
#include "io/nifti.h"

#include <nifti/nifti2_io.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Millimetres; beyond, a spacing is an accident. */
#define LEAST_SPACING 1e-9
#define MOST_SPACING 1e9

bool header_recognise(const unsigned char *head, size_t size)
{
    static const unsigned char starts[4][4] = {
        { 0x5c, 1, 0, 0 }, { 0, 0, 1, 0x5c }, { 0x1c, 2, 0, 0 }, { 0, 0, 2, 0x1c }
    };
    for (int i = 0; size >= 4 && i < 4; i++)
        if (memcmp(head, starts[i], 4) == 0)
            return true;
    return false;
}

/* Both versions as the wider one, in this machine's byte order; fields that are not used stay zero. */
static void widen_first(const nifti_1_header *from, nifti_2_header *to)
{
    for (int i = 0; i < 8; i++) {
        to->dim[i] = from->dim[i];
        to->pixdim[i] = (double)from->pixdim[i];
    }
    to->datatype = from->datatype;
    to->scl_slope = (double)from->scl_slope;
    to->scl_inter = (double)from->scl_inter;
    to->qform_code = from->qform_code;
    to->sform_code = from->sform_code;
    to->quatern_b = (double)from->quatern_b;
    to->quatern_c = (double)from->quatern_c;
    to->quatern_d = (double)from->quatern_d;
    to->qoffset_x = (double)from->qoffset_x;
    to->qoffset_y = (double)from->qoffset_y;
    to->qoffset_z = (double)from->qoffset_z;
    for (int i = 0; i < 4; i++) {
        to->srow_x[i] = (double)from->srow_x[i];
        to->srow_y[i] = (double)from->srow_y[i];
        to->srow_z[i] = (double)from->srow_z[i];
    }
    to->xyzt_units = from->xyzt_units;
}

static void copy_second(const nifti_2_header *from, nifti_2_header *to)
{
    memcpy(to->dim, from->dim, sizeof to->dim);
    memcpy(to->pixdim, from->pixdim, sizeof to->pixdim);
    to->datatype = from->datatype;
    to->scl_slope = from->scl_slope;
    to->scl_inter = from->scl_inter;
    to->qform_code = from->qform_code;
    to->sform_code = from->sform_code;
    to->quatern_b = from->quatern_b;
    to->quatern_c = from->quatern_c;
    to->quatern_d = from->quatern_d;
    to->qoffset_x = from->qoffset_x;
    to->qoffset_y = from->qoffset_y;
    to->qoffset_z = from->qoffset_z;
    memcpy(to->srow_x, from->srow_x, sizeof to->srow_x);
    memcpy(to->srow_y, from->srow_y, sizeof to->srow_y);
    memcpy(to->srow_z, from->srow_z, sizeof to->srow_z);
    to->xyzt_units = from->xyzt_units;
}

/* The magic and where the voxels begin; `offset` as the file says it. */
static vks_status check_kind(const char *name, const char *magic, double offset, bool is_second, uint64_t *out)
{
    const int least = (is_second ? NIFTI_2_BYTES : NIFTI_1_BYTES) + 4;
    VKS_REQUIRE(magic[0] == 'n' && (magic[1] == '+' || magic[1] == 'i') && magic[2] == (is_second ? '2' : '1'), VKS_ERR_CORRUPT,
                "%s is an Analyze 7.5 file or not NIfTI: Analyze does not say which side is left, so it is not read; convert it "
                "to NIfTI (.nii.gz) with the program that made it", name);
    VKS_REQUIRE(magic[1] == '+', VKS_ERR_CORRUPT,
                "%s is the header of a NIfTI pair (.hdr and .img), which is not read; convert it to one file (.nii.gz)", name);
    VKS_REQUIRE(isfinite(offset) && offset >= least && offset <= 1e15 && floor(offset) == offset, VKS_ERR_CORRUPT,
                "%s is damaged: its voxels are said to begin at byte %g, but the header alone takes %d", name, offset, least);
    *out = (uint64_t)offset;
    return VKS_OK;
}

static vks_status check_dimensions(const char *name, const int64_t dim[8], struct nifti_meaning *out)
{
    VKS_REQUIRE(dim[0] >= 1 && dim[0] <= 7, VKS_ERR_CORRUPT, "%s is damaged: its header claims %lld dimensions, 1 to 7 exist",
                name, (long long)dim[0]);
    out->volumes = 1;
    for (int i = 1; i <= 7; i++) {
        const int64_t length = i <= dim[0] ? dim[i] : 1;
        VKS_REQUIRE(length >= 1, VKS_ERR_CORRUPT, "%s is damaged: dimension %d has the length %lld", name, i, (long long)length);
        if (i <= 3) {
            out->size[i - 1] = (uint64_t)length;
            continue;
        }
        VKS_REQUIRE((uint64_t)length <= UINT32_MAX / out->volumes, VKS_ERR_CORRUPT, "%s is damaged: it claims more than 2^32 volumes",
                    name);
        out->volumes *= (uint64_t)length;
    }
    size_t count;
    return voxels_check_size(name, out->size, &count);
}

static vks_status check_type(const char *name, const nifti_2_header *header, struct voxel_format *out)
{
    static const struct { int code; enum voxel_type type; } known[] = {
        { DT_UINT8, VOXEL_U8 },   { DT_INT8, VOXEL_I8 },     { DT_UINT16, VOXEL_U16 },  { DT_INT16, VOXEL_I16 },
        { DT_UINT32, VOXEL_U32 }, { DT_INT32, VOXEL_I32 },   { DT_UINT64, VOXEL_U64 },  { DT_INT64, VOXEL_I64 },
        { DT_FLOAT32, VOXEL_F32 }, { DT_FLOAT64, VOXEL_F64 }, { DT_RGB24, VOXEL_U8 },
    };
    size_t at = 0;
    while (at < sizeof known / sizeof *known && known[at].code != header->datatype)
        at++;
    VKS_REQUIRE(at < sizeof known / sizeof *known, VKS_ERR_CORRUPT,
                "%s has voxels of type %d (%s), which is not read; integers, 32 and 64-bit floats and RGB24 are", name,
                header->datatype, nifti_datatype_string(header->datatype));
    *out = (struct voxel_format){ .type = known[at].type, .slope = 1, .channels = header->datatype == DT_RGB24 ? 3 : 1 };
    if (header->datatype == DT_RGB24 || header->scl_slope == 0 || !isfinite(header->scl_slope))
        return VKS_OK;          /* "no scaling" */
    VKS_REQUIRE(isfinite(header->scl_inter), VKS_ERR_CORRUPT, "%s is damaged: its scl_inter is no finite number", name);
    out->slope = header->scl_slope;
    out->inter = header->scl_inter;
    return VKS_OK;
}

static bool all_finite(const double *values, int count)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(values[i]) < 1e30))
            return false;
    return true;
}

/* Only the numbers that will be used have to be numbers. */
static vks_status check_geometry(const char *name, const nifti_2_header *header)
{
    const double quaternion[] = { header->quatern_b, header->quatern_c, header->quatern_d,
                                  header->qoffset_x, header->qoffset_y, header->qoffset_z, header->pixdim[0] };
    VKS_REQUIRE(header->sform_code <= 0 || (all_finite(header->srow_x, 4) && all_finite(header->srow_y, 4) &&
                                            all_finite(header->srow_z, 4)), VKS_ERR_CORRUPT,
                "%s is damaged: its sform holds a number that is not finite, so nobody knows where it lies", name);
    if (header->sform_code > 0)
        return VKS_OK;
    VKS_REQUIRE(header->qform_code <= 0 || all_finite(quaternion, 7), VKS_ERR_CORRUPT,
                "%s is damaged: its qform holds a number that is not finite, so nobody knows where it lies", name);
    for (int i = 1; i <= 3; i++)
        VKS_REQUIRE(header->pixdim[i] > 0 && header->pixdim[i] < 1e30, VKS_ERR_CORRUPT,
                    "%s is damaged: the spacing along axis %d is %g", name, i, header->pixdim[i]);
    return VKS_OK;
}

static double largest_corner_distance(const nifti_image *image)
{
    double most = 0;
    for (int corner = 0; corner < 8; corner++) {
        const double index[4] = { corner & 1 ? (double)image->nx - 1 : 0, corner & 2 ? (double)image->ny - 1 : 0,
                                  corner & 4 ? (double)image->nz - 1 : 0, 1 };
        double square = 0;
        for (int r = 0; r < 3; r++) {
            double difference = 0;
            for (int c = 0; c < 4; c++)
                difference += (image->sto_xyz.m[r][c] - image->qto_xyz.m[r][c]) * index[c];
            square += difference * difference;
        }
        most = fmax(most, sqrt(square));
    }
    return most;
}

static void find_spacing(const double affine[3][4], double *least, double *most)
{
    *least = INFINITY;
    *most = 0;
    for (int c = 0; c < 3; c++) {
        const double length = sqrt(affine[0][c] * affine[0][c] + affine[1][c] * affine[1][c] + affine[2][c] * affine[2][c]);
        *least = fmin(*least, length);
        *most = fmax(*most, length);
    }
}

static vks_status find_affine(const char *name, const nifti_2_header *header, struct nifti_meaning *out)
{
    nifti_image *image = nifti_convert_n2hdr2nim(*header, NULL);
    VKS_REQUIRE(image, VKS_ERR_CORRUPT, "%s is damaged: its header makes no sense", name);
    const nifti_dmat44 *chosen = header->sform_code > 0 ? &image->sto_xyz : &image->qto_xyz;
    const int unit = header->xyzt_units & 7;
    const double scale = unit == NIFTI_UNITS_METER ? 1e3 : unit == NIFTI_UNITS_MICRON ? 1e-3 : 1;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            out->affine[r][c] = chosen->m[r][c] * scale;
    const double apart = largest_corner_distance(image) * scale;
    free(image);
    const double (*a)[4] = (const double (*)[4])out->affine;
    double least, most;
    find_spacing(a, &least, &most);
    const double determinant = a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
                               a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
    VKS_REQUIRE(most < MOST_SPACING && least > LEAST_SPACING && fabs(determinant) > 1e-9 * least * least * least, VKS_ERR_CORRUPT,
                "%s is damaged: its affine squeezes the volume flat or blows it up, so nobody knows where it lies", name);
    if (header->sform_code <= 0 && header->qform_code <= 0)
        snprintf(out->note, sizeof out->note,
                 "the file does not say how the volume lies in the patient (no sform, no qform); only its spacing is known, "
                 "left and right are not");
    else if (header->sform_code > 0 && header->qform_code > 0 && apart > 0.1 * least)
        snprintf(out->note, sizeof out->note,
                 "sform and qform of the file disagree by up to %.3g mm; the sform is used, other programs may choose the qform",
                 apart);
    return VKS_OK;
}

static vks_status understand(const char *name, const nifti_2_header *header, struct nifti_meaning *out)
{
    VKS_TRY(check_dimensions(name, header->dim, out));
    VKS_TRY(check_type(name, header, &out->format));
    VKS_TRY(check_geometry(name, header));
    nifti_2_header clean = *header;
    clean.sizeof_hdr = NIFTI_2_BYTES;
    memcpy(clean.magic, "n+2\0\r\n\032\n", 8);
    clean.vox_offset = NIFTI_2_BYTES + 4;
    clean.scl_slope = clean.scl_inter = 0;
    clean.dim[0] = 3;
    for (int i = 1; i < 8; i++)
        clean.dim[i] = i <= 3 ? (int64_t)out->size[i - 1] : 1;
    for (int i = 0; i < 8; i++)
        if (!(fabs(clean.pixdim[i]) < 1e30))
            clean.pixdim[i] = 0;        /* not used, or check_geometry would have refused it */
    return find_affine(name, &clean, out);
}

vks_status header_read(struct stream *stream, struct nifti_bytes *bytes, struct nifti_meaning *out)
{
    *bytes = (struct nifti_bytes){ .is_second = false };
    *out = (struct nifti_meaning){ .volumes = 0 };
    VKS_TRY(stream_read(stream, bytes->bytes, 4));
    VKS_REQUIRE(header_recognise(bytes->bytes, 4), VKS_ERR_CORRUPT, "%s is not a NIfTI file", stream->name);
    const uint32_t size = (uint32_t)bytes->bytes[0] | (uint32_t)bytes->bytes[1] << 8 | (uint32_t)bytes->bytes[2] << 16 |
                          (uint32_t)bytes->bytes[3] << 24;
    int32_t native;
    memcpy(&native, bytes->bytes, 4);
    bytes->is_second = size == NIFTI_2_BYTES || size == 0x1c020000u;
    bytes->is_swapped = native != NIFTI_1_BYTES && native != NIFTI_2_BYTES;
    VKS_TRY(stream_read(stream, bytes->bytes + 4, (bytes->is_second ? NIFTI_2_BYTES : NIFTI_1_BYTES) - 4));
    nifti_2_header header = { .sizeof_hdr = 0 };
    if (bytes->is_second) {
        nifti_2_header second;
        memcpy(&second, bytes->bytes, NIFTI_2_BYTES);
        if (bytes->is_swapped)
            nifti_swap_as_nifti2(&second);
        VKS_TRY(check_kind(stream->name, second.magic, (double)second.vox_offset, true, &out->offset));
        copy_second(&second, &header);
    } else {
        nifti_1_header first;
        memcpy(&first, bytes->bytes, NIFTI_1_BYTES);
        if (bytes->is_swapped)
            nifti_swap_as_nifti1(&first);
        VKS_TRY(check_kind(stream->name, first.magic, (double)first.vox_offset, false, &out->offset));
        widen_first(&first, &header);
    }
    VKS_TRY(understand(stream->name, &header, out));
    out->format.is_swapped = bytes->is_swapped;
    return VKS_OK;
}
