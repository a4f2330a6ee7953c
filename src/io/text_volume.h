/* text_volume.h: volumes with a text header: NRRD (read_nrrd.c) and MetaImage (read_metaimage.c). */
#ifndef VKS_IO_TEXT_VOLUME_H
#define VKS_IO_TEXT_VOLUME_H

#include "io/voxels.h"

enum { TEXT_LINE = 4096, TEXT_MOST = 1 << 20 };     /* of one line that matters; of the header */

/* What both say. */
struct text_volume {
    uint64_t size[4];           /* the fastest first */
    uint32_t dimensions;
    struct voxel_format format;
    bool has_type, is_packed, is_colour;
    bool has_directions, has_origin, has_spacing;
    double directions[3][3];    /* [axis]: mm of one step, in the file's own world */
    double origin[3], spacing[3];
    double flip[3];             /* -1 where the file's world runs against RAS */
    char data_file[256];        /* "" when the voxels follow the header */
};

/* The next line without its end; long ones are cut. *is_there is false at the end of the file. `left` counts down from
 * TEXT_MOST. Errors: CORRUPT. */
vks_status text_line(struct stream *stream, char line[TEXT_LINE], size_t *left, bool *is_there);

/* Splits "key: value" or "key = value" in place at `mark`; both trimmed, the key in lower case. NULL when there is no mark. */
char *text_split(char *line, char mark);

/* Up to `limit` numbers separated by blanks, commas and brackets. */
size_t text_numbers(const char *text, double *out, size_t limit);

vks_status text_sizes(const char *name, const char *text, struct text_volume *out);

bool nrrd_recognise(const unsigned char *head, size_t size);
bool metaimage_recognise(const unsigned char *head, size_t size);
vks_status nrrd_read_header(struct stream *stream, struct text_volume *out);
vks_status metaimage_read_header(struct stream *stream, struct text_volume *out);

/* Reads header and voxels; `path` is NULL when the file is in memory. */
vks_status text_read(struct stream *stream, const char *path, bool is_nrrd, vks_io_volume *out);

#endif
