/* read_nrrd.c: the header of NRRD (versions 1 to 5), also of Slicer's .seg.nrrd: lines "field: value", ended by an empty one.
 * A field that is not known is passed over, one that would change the voxels is refused. */
#include "io/text_volume.h"

#include <math.h>
#include <string.h>

bool nrrd_recognise(const unsigned char *head, size_t size)
{
    return size >= 8 && memcmp(head, "NRRD000", 7) == 0 && head[7] >= '1' && head[7] <= '5';
}

static vks_status set_type(const char *name, const char *value, struct text_volume *out)
{
    static const struct { const char *name; enum voxel_type type; } known[] = {
        { "signed char", VOXEL_I8 }, { "int8", VOXEL_I8 }, { "int8_t", VOXEL_I8 }, { "uchar", VOXEL_U8 }, { "unsigned char", VOXEL_U8 },
        { "uint8", VOXEL_U8 }, { "uint8_t", VOXEL_U8 }, { "short", VOXEL_I16 }, { "short int", VOXEL_I16 }, { "signed short", VOXEL_I16 },
        { "int16", VOXEL_I16 }, { "int16_t", VOXEL_I16 }, { "ushort", VOXEL_U16 }, { "unsigned short", VOXEL_U16 },
        { "unsigned short int", VOXEL_U16 }, { "uint16", VOXEL_U16 }, { "uint16_t", VOXEL_U16 }, { "int", VOXEL_I32 },
        { "signed int", VOXEL_I32 }, { "int32", VOXEL_I32 }, { "int32_t", VOXEL_I32 }, { "uint", VOXEL_U32 }, { "unsigned int", VOXEL_U32 },
        { "uint32", VOXEL_U32 }, { "uint32_t", VOXEL_U32 }, { "longlong", VOXEL_I64 }, { "long long", VOXEL_I64 },
        { "int64", VOXEL_I64 }, { "int64_t", VOXEL_I64 }, { "ulonglong", VOXEL_U64 }, { "unsigned long long", VOXEL_U64 },
        { "uint64", VOXEL_U64 }, { "uint64_t", VOXEL_U64 }, { "float", VOXEL_F32 }, { "double", VOXEL_F64 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i].name) == 0) {
            out->format.type = known[i].type;
            out->has_type = true;
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_CORRUPT, "%s has voxels of type \"%.40s\", which is not read", name, value);
}

static vks_status set_encoding(const char *name, const char *value, struct text_volume *out)
{
    out->is_packed = strcmp(value, "gzip") == 0 || strcmp(value, "gz") == 0;
    VKS_REQUIRE(out->is_packed || strcmp(value, "raw") == 0, VKS_ERR_CORRUPT,
                "%s is encoded as \"%.20s\"; raw and gzip are read", name, value);
    return VKS_OK;
}

static vks_status set_space(const char *name, const char *value, struct text_volume *out)
{
    static const struct { const char *name; double flip[3]; } known[] = {
        { "right-anterior-superior", { 1, 1, 1 } }, { "ras", { 1, 1, 1 } },   { "left-anterior-superior", { -1, 1, 1 } },
        { "las", { -1, 1, 1 } },                    { "left-posterior-superior", { -1, -1, 1 } }, { "lps", { -1, -1, 1 } },
    };
    char lower[40] = "";
    for (size_t i = 0; value[i] && i + 1 < sizeof lower; i++)
        lower[i] = value[i] >= 'A' && value[i] <= 'Z' ? (char)(value[i] + 32) : value[i];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(lower, known[i].name) == 0) {
            memcpy(out->flip, known[i].flip, sizeof out->flip);
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_CORRUPT, "%s lies in the space \"%.40s\"; RAS, LAS and LPS are known", name, value);
}

/* "none (x,y,z) (x,y,z) (x,y,z)": a colour axis has no direction. */
static void set_directions(const char *value, struct text_volume *out)
{
    while (strncmp(value, "none", 4) == 0) {
        out->is_colour = true;
        for (value += 4; *value == ' ';)
            value++;
    }
    double numbers[9];
    if (text_numbers(value, numbers, 9) != 9)
        return;
    memcpy(out->directions, numbers, sizeof numbers);
    out->has_directions = true;
}

static void set_spacings(const char *value, struct text_volume *out)
{
    double numbers[4];
    const size_t count = text_numbers(value, numbers, 4);
    const size_t skip = count == 4 ? 1 : 0;
    for (size_t i = 0; i < 3; i++)
        out->spacing[i] = i + skip < count && isfinite(numbers[i + skip]) ? numbers[i + skip] : 1;
    out->has_spacing = count > 0;
}

static vks_status set_field(const char *name, const char *key, const char *value, struct text_volume *out)
{
    double number;
    if (strcmp(key, "type") == 0)
        return set_type(name, value, out);
    if (strcmp(key, "encoding") == 0)
        return set_encoding(name, value, out);
    if (strcmp(key, "space") == 0)
        return set_space(name, value, out);
    if (strcmp(key, "sizes") == 0)
        return text_sizes(name, value, out);
    if (strcmp(key, "dimension") == 0) {
        VKS_REQUIRE(text_numbers(value, &number, 1) == 1 && number >= 1 && number <= 4 && floor(number) == number, VKS_ERR_CORRUPT,
                    "%s has %.20s dimensions; volumes of two or three are read", name, value);
        out->dimensions = (uint32_t)number;
    } else if (strcmp(key, "endian") == 0) {
        const uint16_t probe = 1;
        const bool is_little_here = *(const unsigned char *)&probe == 1;
        out->format.is_swapped = (strcmp(value, "little") == 0) != is_little_here;
    } else if (strcmp(key, "space directions") == 0) {
        set_directions(value, out);
    } else if (strcmp(key, "space origin") == 0) {
        out->has_origin = text_numbers(value, out->origin, 3) == 3;
    } else if (strcmp(key, "spacings") == 0) {
        set_spacings(value, out);
    } else if (strcmp(key, "kinds") == 0) {
        out->is_colour = out->is_colour || strncmp(value, "RGB", 3) == 0 || strncmp(value, "vector", 6) == 0 ||
                         strncmp(value, "list", 4) == 0 || strncmp(value, "3-", 2) == 0;
    } else if (strcmp(key, "data file") == 0 || strcmp(key, "datafile") == 0) {
        snprintf(out->data_file, sizeof out->data_file, "%.255s", value);
    } else if (strcmp(key, "byte skip") == 0 || strcmp(key, "byteskip") == 0 || strcmp(key, "line skip") == 0 ||
               strcmp(key, "lineskip") == 0) {
        VKS_REQUIRE(strcmp(value, "0") == 0, VKS_ERR_CORRUPT, "%s skips bytes before its voxels, which is not read", name);
    }
    return VKS_OK;
}

vks_status nrrd_read_header(struct stream *stream, struct text_volume *out)
{
    char line[TEXT_LINE];
    size_t left = TEXT_MOST;
    bool is_there, is_first = true;
    for (;; is_first = false) {
        VKS_TRY(text_line(stream, line, &left, &is_there));
        if (!*line && (is_there || *out->data_file))
            break;
        VKS_REQUIRE(is_there, VKS_ERR_CORRUPT, "%s was cut off within its header", stream->name);
        if (is_first || *line == '#' || strstr(line, ":="))
            continue;
        const char *value = text_split(line, ':');
        if (value)
            VKS_TRY(set_field(stream->name, line, value, out));
    }
    if (!out->has_directions)
        out->flip[0] = out->flip[1] = out->flip[2] = 1;
    else
        out->has_spacing = false;       /* directions have it in them */
    VKS_REQUIRE(out->size[0] > 0, VKS_ERR_CORRUPT, "%s is damaged: it does not say how many voxels it has", stream->name);
    return VKS_OK;
}
