/* text_volume.c: what NRRD and MetaImage share: lines, numbers, and from a header to a volume. */
#include "io/text_volume.h"

#include "base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

vks_status text_line(struct stream *stream, char line[TEXT_LINE], size_t *left, bool *is_there)
{
    size_t length = 0;
    *is_there = false;
    for (;;) {
        size_t got;
        char c;
        VKS_TRY(stream_read_some(stream, &c, 1, &got));
        *is_there = *is_there || got > 0;
        if (got == 0 || c == '\n')
            break;
        VKS_REQUIRE((*left)-- > 0, VKS_ERR_CORRUPT, "%s has a header of more than %d bytes", stream->name, TEXT_MOST);
        if (c != '\r' && length + 1 < TEXT_LINE)
            line[length++] = c;
    }
    line[length] = '\0';
    return VKS_OK;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    for (size_t length = strlen(text); length > 0 && isspace((unsigned char)text[length - 1]);)
        text[--length] = '\0';
    return text;
}

char *text_split(char *line, char mark)
{
    char *at = strchr(line, mark);
    if (!at)
        return NULL;
    *at = '\0';
    char *key = trim(line);
    for (char *c = key; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    memmove(line, key, strlen(key) + 1);
    return trim(at + 1);
}

size_t text_numbers(const char *text, double *out, size_t limit)
{
    size_t count = 0;
    while (*text && count < limit) {
        if (strchr(" \t,()", *text)) {
            text++;
            continue;
        }
        char *end;
        const double value = strtod(text, &end);
        if (end == text)
            break;
        out[count++] = value;
        text = end;
    }
    return count;
}

vks_status text_sizes(const char *name, const char *text, struct text_volume *out)
{
    double sizes[4];
    const size_t count = text_numbers(text, sizes, 4);
    for (size_t i = 0; i < count; i++) {
        VKS_REQUIRE(sizes[i] >= 1 && sizes[i] <= 32768 && floor(sizes[i]) == sizes[i], VKS_ERR_CORRUPT,
                    "%s is damaged: it claims %g voxels along an axis", name, sizes[i]);
        out->size[i] = (uint64_t)sizes[i];
    }
    VKS_REQUIRE(count == out->dimensions || out->dimensions == 0, VKS_ERR_CORRUPT, "%s is damaged: %zu sizes for %u dimensions", name,
                count, out->dimensions);
    return VKS_OK;
}

/* ---- from a header to a volume ---- */

static vks_status set_affine(const char *name, const struct text_volume *header, vks_io_volume *out)
{
    vks_volume *view = &out->view;
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3; c++) {
            const double step = header->has_directions ? header->directions[c][r] * (header->has_spacing ? header->spacing[c] : 1)
                                                       : r == c ? (header->has_spacing ? header->spacing[c] : 1) : 0;
            view->affine[r][c] = header->flip[r] * step;
        }
        view->affine[r][3] = header->has_origin ? header->flip[r] * header->origin[r] : 0;
    }
    vks_volume_set_spacing(view);
    VKS_TRY(voxels_check_place(name, view));
    if (!header->has_directions)
        snprintf(out->note, sizeof out->note, "the file does not say how the volume lies in the patient; only its spacing is known, "
                                              "left and right are not");
    return VKS_OK;
}

static vks_status find_shape(const char *name, const struct text_volume *header, uint64_t size[3])
{
    const uint32_t skip = header->is_colour ? 1 : 0;
    VKS_REQUIRE(header->dimensions >= 2 + skip && header->dimensions <= 3 + skip, VKS_ERR_CORRUPT,
                "%s has %u dimensions; volumes of two or three are read, and colour of 3 bytes a voxel", name, header->dimensions);
    VKS_REQUIRE(!header->is_colour || (header->size[0] == 3 && header->format.type == VOXEL_U8), VKS_ERR_CORRUPT,
                "%s holds several numbers a voxel; one is read, or three bytes of colour", name);
    for (uint32_t i = 0; i < 3; i++)
        size[i] = i + skip < header->dimensions ? header->size[i + skip] : 1;
    return VKS_OK;
}

static vks_status read_voxels(struct stream *stream, const struct text_volume *header, vks_io_volume *out)
{
    uint64_t size[3];
    size_t count;
    struct voxel_format format = header->format;
    VKS_REQUIRE(header->has_type, VKS_ERR_CORRUPT, "%s is damaged: it does not say of which type its voxels are", stream->name);
    format.slope = 1;
    format.channels = header->is_colour ? 3 : 1;
    VKS_TRY(find_shape(stream->name, header, size));
    VKS_TRY(voxels_check_size(stream->name, size, &count));
    if (header->is_packed)
        VKS_TRY(stream_inflate(stream));
    VKS_TRY(voxels_check_claim(stream, &format, 0, count));
    VKS_TRY(voxels_read(stream, &format, count, &out->view.type, &out->owned));
    out->view.voxels = out->owned;
    for (int c = 0; c < 3; c++)
        out->view.size[c] = (uint32_t)size[c];
    out->view.channels = format.channels;
    return stream_finish(stream);
}

/* Voxels in a file of their own must lie beside the header: a header shall not reach anywhere else. */
static vks_status read_detached(const char *name, const char *path, const struct text_volume *header, vks_io_volume *out)
{
    VKS_REQUIRE(path, VKS_ERR_CORRUPT, "%s keeps its voxels in another file, which is not here", name);
    VKS_REQUIRE(!strpbrk(header->data_file, "/\\%") && strcmp(header->data_file, "LIST") != 0, VKS_ERR_CORRUPT,
                "%s keeps its voxels in \"%s\"; one file in the same folder is read", name, header->data_file);
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash - path) + 1 : 0, size = folder + strlen(header->data_file) + 1;
    char *other;
    struct stream stream;
    VKS_TRY(vkr_alloc(1, size, "a path", (void **)&other));
    memcpy(other, path, folder);
    memcpy(other + folder, header->data_file, size - folder);
    vks_status status = stream_open(&stream, other);
    struct text_volume inner = *header;
    inner.is_packed = header->is_packed && status == VKS_OK && !stream.is_packed;       /* gzip was noticed already */
    if (status == VKS_OK)
        status = read_voxels(&stream, &inner, out);
    stream_close(&stream);
    vkr_free(other);
    return status;
}

vks_status text_read(struct stream *stream, const char *path, bool is_nrrd, vks_io_volume *out)
{
    struct text_volume header = { .flip = { 1, 1, 1 } };
    VKS_TRY(is_nrrd ? nrrd_read_header(stream, &header) : metaimage_read_header(stream, &header));
    VKS_TRY(set_affine(stream->name, &header, out));
    if (*header.data_file)
        VKS_TRY(read_detached(stream->name, path, &header, out));
    else
        VKS_TRY(read_voxels(stream, &header, out));
    snprintf(out->format, sizeof out->format, is_nrrd ? "nrrd" : "metaimage");
    out->volumes = 1;
    return VKS_OK;
}
