/* cmd_preview.c: a contact sheet, or three planes, of a volume and its labels, or an image as it is shown. No device is
 * touched.
 */
#include "commands.h"

#include "cut.h"
#include "message.h"
#include "outputs.h"
#include "preview_image.h"
#include "window.h"
#include "vkseg/vkseg_io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const USAGE = "vkseg preview VOLUME [--labels LABELS.nii.gz] -o SHEET.png";

const struct option preview_options[] = {
    { "output", 'o', "FILE.png", 0, "The picture. Required." },
    { "labels", 0, "FILE", 0, "A label map in the place of the volume (a mask of the image's size), drawn on it." },
    { "planes", 0, NULL, 0, "Three planes through the centre of the labels instead of a sheet of slices." },
    { "axis", 0, "ax|cor|sag", 0, "Of a sheet: across which stored axis. Default ax, the third." },
    { "tiles", 0, "N", 0, "Of a sheet: how many slices at most. Default 20." },
    { "window", 0, "NAME|W,L|auto", 0, "Grey values shown; see `vkseg help volumes`." },
    VOLUME_OPTIONS,
    { "overwrite", 0, NULL, 0, "Replace an output that exists. Default: refuse (exit 9)." },
    { "quiet", 'q', NULL, 0, "Print no remarks." },
    { 0 },
};

struct preview {
    vks_io_volume volume, labels;
    uint16_t *values; /* of the labels */
    vks_label *names;
    size_t name_count;
    struct cut cut;
    struct window window;
};

static int open_labels(const char *path, struct preview *out)
{
    const vks_volume *view = &out->volume.view;
    vks_status status = vks_io_read_labels(path, NULL, &out->labels);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    if (!vks_volume_same_grid(view, &out->labels.view, 0.01))
        return fail(INPUT_BAD, "Resample the labels onto the grid of the volume first.",
                    "%s does not lie in the place of the volume.", path);
    out->values = malloc((size_t)view->size[0] * view->size[1] * view->size[2] * sizeof *out->values);
    if (!out->values)
        return fail(NO_MEMORY, NULL, "no memory for the labels.");
    if (vks_volume_labels(&out->labels.view, out->values))
        return fail(INPUT_BAD, USAGE, "%s: %s.", path, vks_last_error());
    status = vks_io_read_label_names(path, &out->names, &out->name_count);
    return status ? fail_status(status, STAGE_INPUT, path) : 0;
}

static int open_all(const struct args *args, struct preview *out)
{
    const char *path = args_word(args, 0), *labels = args_value(args, "labels");
    vks_io_volume_params params;
    int code = cut_volume_params(args, &params);
    if (code)
        return code;
    vks_status status = vks_io_read_volume(path, &params, &out->volume);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    if (*out->volume.note)
        note("note: %s", out->volume.note);
    code = cut_read(args, &out->volume.view, &out->cut);
    if (!code)
        code = window_choose(args_value(args, "window"), &out->volume.view, &out->window);
    return !code && labels ? open_labels(labels, out) : code;
}

/* A file that no reader of volumes knows. */
static int is_single_image(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) && !vks_io_is_volume(path);
}

static int preview(const struct args *args, struct preview *out)
{
    const char *path = args_value(args, "output"), *text = args_value(args, "tiles");
    struct output output = { "-o", path, ".png", 1 };
    double tiles = 20;
    int code = args_expect_words(args, 1, "preview", USAGE);
    if (!code && !path)
        code = fail(BAD_USAGE, USAGE, "no output is given: -o names the picture.");
    if (!code && text && (parse_number(text, strlen(text), &tiles) || !(tiles >= 1 && tiles <= 400)))
        code = fail(BAD_USAGE, NULL, "--tiles %s: expected a number from 1 to 400.", text);
    if (!code)
        code = outputs_check(&output, 1, args_word(args, 0), args_count(args, "overwrite"));
    if (!code && is_single_image(args_word(args, 0)))
        return preview_image(args, path);
    if (!code)
        code = open_all(args, out);
    if (code)
        return code;
    const vks_volume *view = &out->volume.view;
    vks_label_map map = {
        .voxels = out->values, .type = VKS_PIXEL_U16, .names = out->names, .name_count = out->name_count
    };
    memcpy(map.size, view->size, sizeof map.size);
    vks_io_view_params params = { .struct_size = sizeof params,
                                  .window_centre = out->window.level,
                                  .window_width = out->window.width,
                                  .axis = out->cut.axis,
                                  .tiles = (uint32_t)tiles };
    vks_status status = (args_count(args, "planes") ? vks_io_write_planes : vks_io_write_sheet)(
        path, view, out->values ? &map : NULL, &params, args_count(args, "overwrite"));
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

int cmd_preview(int count, char **words)
{
    struct args args;
    struct preview state = { .values = NULL };
    int code = args_parse(count, words, "preview", preview_options, &args);
    message_level(args_count(&args, "quiet"), 0);
    if (!code && args.wants_help)
        code = help_print("preview");
    else if (!code)
        code = preview(&args, &state);
    free(state.values);
    vks_io_free(state.names);
    vks_io_volume_free(&state.volume);
    vks_io_volume_free(&state.labels);
    args_free(&args);
    return code;
}
