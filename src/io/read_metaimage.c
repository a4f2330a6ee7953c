/* read_metaimage.c: the header of MetaImage (.mha, .mhd): lines "Key = value", the last of them ElementDataFile. Its world is
 * LPS. */
#include "io/text_volume.h"

#include <math.h>
#include <string.h>

bool metaimage_recognise(const unsigned char *head, size_t size)
{
    return size >= 12 && (memcmp(head, "ObjectType =", 12) == 0 || memcmp(head, "NDims = ", 8) == 0);
}

static bool is_true(const char *value)
{
    return *value == 'T' || *value == 't' || *value == '1';
}

static vks_status set_type(const char *name, const char *value, struct text_volume *out)
{
    static const struct { const char *name; enum voxel_type type; } known[] = {
        { "MET_CHAR", VOXEL_I8 },   { "MET_UCHAR", VOXEL_U8 },        { "MET_SHORT", VOXEL_I16 },
        { "MET_USHORT", VOXEL_U16 }, { "MET_INT", VOXEL_I32 },        { "MET_UINT", VOXEL_U32 },
        { "MET_LONG_LONG", VOXEL_I64 }, { "MET_ULONG_LONG", VOXEL_U64 }, { "MET_FLOAT", VOXEL_F32 },
        { "MET_DOUBLE", VOXEL_F64 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i].name) == 0) {
            out->format.type = known[i].type;
            out->has_type = true;
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_CORRUPT, "%s has voxels of type \"%.40s\", which is not read", name, value);
}

static void set_matrix(const char *value, struct text_volume *out)
{
    double numbers[9];
    const size_t count = text_numbers(value, numbers, 9);
    if (count != 9 && count != 4)
        return;
    memset(out->directions, 0, sizeof out->directions);
    const size_t side = count == 9 ? 3 : 2;
    out->directions[2][2] = 1;
    for (size_t axis = 0; axis < side; axis++)
        for (size_t c = 0; c < side; c++)
            out->directions[axis][c] = numbers[axis * side + c];
    out->has_directions = true;
}

static vks_status set_field(const char *name, const char *key, const char *value, struct text_volume *out)
{
    double numbers[3] = { 0, 0, 0 };
    if (strcmp(key, "elementtype") == 0)
        return set_type(name, value, out);
    if (strcmp(key, "dimsize") == 0)
        return text_sizes(name, value, out);
    if (strcmp(key, "ndims") == 0) {
        VKS_REQUIRE(text_numbers(value, numbers, 1) == 1 && numbers[0] >= 2 && numbers[0] <= 3 && floor(numbers[0]) == numbers[0],
                    VKS_ERR_CORRUPT, "%s has %.20s dimensions; volumes of two or three are read", name, value);
        out->dimensions = (uint32_t)numbers[0];
    } else if (strcmp(key, "elementbyteordermsb") == 0 || strcmp(key, "binarydatabyteordermsb") == 0) {
        const uint16_t probe = 1;
        out->format.is_swapped = is_true(value) == (*(const unsigned char *)&probe == 1);
    } else if (strcmp(key, "elementspacing") == 0) {
        out->has_spacing = text_numbers(value, numbers, 3) > 0;
        for (int c = 0; c < 3; c++)
            out->spacing[c] = numbers[c] > 0 ? numbers[c] : 1;
    } else if (strcmp(key, "offset") == 0 || strcmp(key, "position") == 0 || strcmp(key, "origin") == 0) {
        out->has_origin = text_numbers(value, numbers, 3) > 0;
        memcpy(out->origin, numbers, sizeof numbers);
    } else if (strcmp(key, "transformmatrix") == 0 || strcmp(key, "rotation") == 0 || strcmp(key, "orientation") == 0) {
        set_matrix(value, out);
    } else if (strcmp(key, "compresseddata") == 0) {
        out->is_packed = is_true(value);
    } else if (strcmp(key, "elementnumberofchannels") == 0) {
        text_numbers(value, numbers, 1);
        VKS_REQUIRE(numbers[0] == 1 || numbers[0] == 3, VKS_ERR_CORRUPT, "%s holds %.10s numbers a voxel; 1 and 3 are read", name, value);
        out->is_colour = numbers[0] == 3;
    } else if (strcmp(key, "headersize") == 0) {
        VKS_REQUIRE(strcmp(value, "0") == 0, VKS_ERR_CORRUPT, "%s skips bytes before its voxels, which is not read", name);
    } else if (strcmp(key, "binarydata") == 0) {
        VKS_REQUIRE(is_true(value), VKS_ERR_CORRUPT, "%s holds its voxels as text, which is not read", name);
    }
    return VKS_OK;
}

vks_status metaimage_read_header(struct stream *stream, struct text_volume *out)
{
    char line[TEXT_LINE];
    size_t left = TEXT_MOST;
    bool is_there;
    out->flip[0] = out->flip[1] = -1;
    for (;;) {
        VKS_TRY(text_line(stream, line, &left, &is_there));
        VKS_REQUIRE(is_there, VKS_ERR_CORRUPT, "%s was cut off within its header", stream->name);
        const char *value = text_split(line, '=');
        if (!value)
            continue;
        if (strcmp(line, "elementdatafile") == 0) {
            if (strcmp(value, "LOCAL") != 0 && strcmp(value, "Local") != 0 && strcmp(value, "local") != 0)
                snprintf(out->data_file, sizeof out->data_file, "%.255s", value);
            break;
        }
        VKS_TRY(set_field(stream->name, line, value, out));
    }
    VKS_REQUIRE(out->size[0] > 0, VKS_ERR_CORRUPT, "%s is damaged: it does not say how many voxels it has", stream->name);
    if (out->is_colour) {       /* its sizes do not count the channels */
        memmove(out->size + 1, out->size, 3 * sizeof *out->size);
        out->size[0] = 3;
        out->dimensions++;
    }
    return VKS_OK;
}
