/* info_volume.c: `vkseg info` of a volume: its grid and where it lies. Nothing that could name a patient is read. */
#include "commands.h"

#include "cut.h"
#include "message.h"
#include "report.h"
#include "vkseg/vkseg_io.h"

#include <stdio.h>
#include <string.h>

static void print_text(const char *path, const vks_io_volume *volume, const vks_volume_range *range)
{
    static const char *const types[] = { "8-bit", "16-bit", "signed 16-bit", "float" };
    const vks_volume *view = &volume->view;
    char letters[4];
    vks_volume_orientation(view->affine, letters);
    printf("%s: %s volume, %u x %u x %u voxels%s, %s\n", base_name(path), volume->format, view->size[0], view->size[1],
           view->size[2], view->channels == 3 ? " (RGB)" : "", types[view->type]);
    printf("  spacing        %.4g x %.4g x %.4g mm\n", view->spacing[0], view->spacing[1], view->spacing[2]);
    printf("  orientation    %s: where i, j and k grow to\n", letters);
    printf("  values         %g to %g\n", range->least, range->most);
    if (volume->volumes > 1)
        printf("  volumes        %u; this is number %u, --volume chooses\n", volume->volumes, volume->index);
    if (*volume->note)
        printf("  note           %s\n", volume->note);
}

static int print_document(const vks_io_volume *volume, const vks_volume_range *range)
{
    static const char *const types[] = { "u8", "u16", "i16", "f32" };
    const vks_volume *view = &volume->view;
    char letters[4];
    vks_volume_orientation(view->affine, letters);
    json_t *affine = json_array();
    for (int r = 0; r < 3; r++)
        json_array_append_new(affine, json_pack("[f,f,f,f]", view->affine[r][0], view->affine[r][1], view->affine[r][2],
                                                view->affine[r][3]));
    return print_json(json_pack("{s:s, s:s, s:[I,I,I], s:I, s:s, s:[f,f,f], s:s, s:o, s:I, s:I, s:f, s:f, s:s}", "kind",
                                "volume", "format", volume->format, "size", (json_int_t)view->size[0],
                                (json_int_t)view->size[1], (json_int_t)view->size[2], "channels",
                                (json_int_t)view->channels, "type", types[view->type], "spacing", view->spacing[0],
                                view->spacing[1], view->spacing[2], "orientation", letters, "affine", affine, "volumes",
                                (json_int_t)volume->volumes, "volume", (json_int_t)volume->index, "least", range->least,
                                "most", range->most, "note", volume->note));
}

int info_volume(const char *path, const struct args *args)
{
    vks_io_volume_params params;
    vks_io_volume volume;
    int code = cut_volume_params(args, &params);
    if (code)
        return code;
    if (!params.has_index)
        params.has_index = 1; /* the first of several tells what they are */
    vks_status status = vks_io_read_volume(path, &params, &volume);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    vks_volume_range range;
    status = vks_volume_get_range(&volume.view, 0.5, 99.5, &range);
    if (status)
        code = fail_status(status, STAGE_INPUT, path);
    else if (args_count(args, "json"))
        code = print_document(&volume, &range);
    else
        print_text(path, &volume, &range);
    vks_io_volume_free(&volume);
    return code;
}
