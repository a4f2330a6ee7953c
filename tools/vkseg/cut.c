/* cut.c: slices are counted from 0 in the order of storage, whatever the patient's orientation. */
#include "cut.h"

#include "message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = { "axial", "coronal", "sagittal" };

const char *cut_axis_name(vks_axis axis)
{
    return names[axis];
}

/* A whole number of 0..most; `length` bytes of `text`. */
static int read_index(const char *text, size_t length, double most, uint32_t *out)
{
    double value;
    if (parse_number(text, length, &value) || value < 0 || value > most || floor(value) != value)
        return 0;
    *out = (uint32_t)value;
    return 1;
}

int cut_volume_params(const struct args *args, vks_io_volume_params *params)
{
    const char *text = args_value(args, "volume");
    *params = (vks_io_volume_params){ .struct_size = sizeof *params,
                                      .has_index = text != NULL,
                                      .series = args_value(args, "series"),
                                      .allow_nonuniform = args_count(args, "allow-nonuniform") };
    if (text && !read_index(text, strlen(text), 4e9, &params->index))
        return fail(BAD_USAGE, "Volumes are counted from 0.", "--volume %s: this is not the number of a volume.", text);
    return 0;
}

static int read_axis(const char *text, vks_axis *out)
{
    static const char *const words[] = { "ax", "cor", "sag" };
    *out = VKS_AXIS_AXIAL;
    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, words[i]) == 0 || strcmp(text, names[i]) == 0) {
            *out = (vks_axis)i;
            return 0;
        }
    }
    return text ? fail(BAD_USAGE, NULL, "--axis %s: expected ax, cor or sag.", text) : 0;
}

static int read_slices(const char *text, struct cut *cut)
{
    const char *colon = strchr(text, ':');
    const char *advice = "Write one slice, --slice 42, or the first and the last, --slice 30:60.";
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    if (!read_index(text, length, 32767, &cut->first) ||
        (colon && !read_index(colon + 1, strlen(colon + 1), 32767, &cut->last)))
        return fail(BAD_USAGE, advice, "--slice %s: these are not slices.", text);
    if (!colon)
        cut->single = (int32_t)cut->first;
    cut->last = colon ? cut->last : cut->first;
    cut->is_range = colon != NULL;
    if (cut->first > cut->last)
        return fail(BAD_USAGE, advice, "--slice %s: the first is behind the last.", text);
    if (cut->last >= cut->count)
        return fail(BAD_USAGE, "Slices are counted from 0.", "--slice %s: there are slices 0 to %u across this axis.",
                    text, cut->count - 1);
    if (!colon) {
        cut->first = 0;
        cut->last = cut->count - 1;
    }
    return 0;
}

int cut_read(const struct args *args, const vks_volume *volume, struct cut *out)
{
    const char *slices = args_value(args, "slice");
    *out = (struct cut){ .single = -1 };
    int code = read_axis(args_value(args, "axis"), &out->axis);
    if (code)
        return code;
    vks_volume_slice_size(volume->size, out->axis, &out->width, &out->height, &out->count);
    out->last = out->count - 1;
    return slices ? read_slices(slices, out) : 0;
}

void cut_note(const vks_volume *volume, const struct cut *cut)
{
    char letters[4];
    int across = cut->axis == VKS_AXIS_AXIAL ? 2 : cut->axis == VKS_AXIS_CORONAL ? 1 : 0;
    vks_volume_orientation(volume->affine, letters);
    char to = letters[across];
    vks_axis real = to == 'S' || to == 'I'   ? VKS_AXIS_AXIAL
                    : to == 'A' || to == 'P' ? VKS_AXIS_CORONAL
                                             : VKS_AXIS_SAGITTAL;
    if (to != '?' && real != cut->axis)
        note("note: the file is stored %s, so its stored %s slices are %s ones of the patient", letters,
             names[cut->axis], names[real]);
}
