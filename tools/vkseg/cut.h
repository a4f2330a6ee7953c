/* cut.h: how a volume is cut into slices: --axis, --slice and --volume. */
#ifndef VKSEG_CLI_CUT_H
#define VKSEG_CLI_CUT_H

#include "args.h"
#include "vkseg/vkseg_io.h"

struct cut {
    vks_axis axis;
    uint32_t width, height, count; /* of a slice, and how many there are */
    uint32_t first, last;          /* the slices that are looked at */
    int is_range;                  /* --slice a:b was given */
    int32_t single;                /* --slice N, else -1 */
};

/* Rows of option tables. */
/* clang-format off */
#define VOLUME_OPTIONS                                                                                                 \
    { "volume", 0, "N", 0, "Which volume of a 4D file, counted from 0." },                                             \
    { "series", 0, "N|UID", 0, "Which series of a DICOM folder that holds several; without it they are listed." },     \
    { "allow-nonuniform", 0, NULL, 0, "Take a DICOM series with gaps, tilt or doubled slices all the same." }
/* clang-format on */

/* Reads --volume, --series and --allow-nonuniform into `params`. */
int cut_volume_params(const struct args *args, vks_io_volume_params *params);

/* Reads --axis and --slice for a volume of this size. */
int cut_read(const struct args *args, const vks_volume *volume, struct cut *out);

/* "axial", "coronal" or "sagittal". */
const char *cut_axis_name(vks_axis axis);

/* Says where the slices point when the names of the axes do not fit the patient. */
void cut_note(const vks_volume *volume, const struct cut *cut);

#endif
