/* preview_image.c: `vkseg preview` of a single image: as it is shown, 16 bits windowed, with a mask's labels drawn on
 * it. */
#include "preview_image.h"

#include "input.h"
#include "message.h"
#include "vkseg/vkseg_io.h"

#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg preview IMAGE [--labels MASK.png] -o PICTURE.png";

static int refuse_options(const struct args *args)
{
    static const char *const deep[] = { "planes", "axis", "tiles", "volume", "series", "allow-nonuniform" };
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        if (args_count(args, deep[i]))
            return fail(BAD_USAGE, USAGE, "--%s is for volumes, and this is a single image.", deep[i]);
    }
    return 0;
}

/* The labels as one mask each, in the order of their numbers. */
static int split_labels(const uint16_t *values, size_t count, vks_masks *out)
{
    uint8_t *numbers = calloc(65536, 1);
    if (!numbers)
        return fail(NO_MEMORY, NULL, "no memory for the labels.");
    for (size_t i = 0; i < count; i++)
        numbers[values[i]] = 1;
    numbers[0] = 0;
    for (uint32_t label = 1; label < 65536; label++)
        out->objects += numbers[label];
    uint8_t *mask = out->objects ? calloc(out->objects, count) : NULL;
    if (out->objects && !mask) {
        free(numbers);
        return fail(NO_MEMORY, NULL, "no memory for the labels.");
    }
    uint8_t *next = mask;
    for (uint32_t label = 1; label < 65536; label++) {
        for (size_t i = 0; numbers[label] && i < count; i++)
            next[i] = values[i] == label;
        next += numbers[label] ? count : 0;
    }
    free(numbers);
    out->mask = mask;
    out->masks_per_object = 1;
    return 0;
}

static int read_masks(const char *path, const vks_image *view, vks_masks *out)
{
    vks_io_volume labels;
    size_t count = (size_t)view->width * view->height;
    *out = (vks_masks){ .width = view->width, .height = view->height };
    vks_status status = vks_io_read_labels(path, NULL, &labels);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    int code = 0;
    uint16_t *values = malloc(count * sizeof *values);
    if (labels.view.size[0] != view->width || labels.view.size[1] != view->height || labels.view.size[2] != 1)
        code =
            fail(INPUT_BAD, USAGE, "%s does not have the size of the image, %u x %u.", path, view->width, view->height);
    else if (!values)
        code = fail(NO_MEMORY, NULL, "no memory for the labels.");
    else if (vks_volume_labels(&labels.view, values))
        code = fail(INPUT_BAD, USAGE, "%s: %s.", path, vks_last_error());
    if (!code)
        code = split_labels(values, count, out);
    free(values);
    vks_io_volume_free(&labels);
    return code;
}

int preview_image(const struct args *args, const char *path)
{
    const char *image = args_word(args, 0), *labels = args_value(args, "labels");
    int overwrite = args_count(args, "overwrite");
    struct input input;
    vks_masks masks = { .mask = NULL };
    int code = refuse_options(args);
    if (code)
        return code;
    code = input_open(image, args_value(args, "window"), &input);
    if (!code && input.embedding)
        code = fail(INPUT_BAD, USAGE, "'%s' is an embedding, which has no pixels.", image);
    if (!code && labels)
        code = read_masks(labels, &input.image.view, &masks);
    if (!code) {
        vks_status status = masks.objects ? vks_io_write_overlay(path, &input.image.view, &masks, NULL, 0, overwrite)
                                          : vks_io_write_image(path, &input.image.view, overwrite);
        code = status ? fail_status(status, STAGE_OUTPUT, path) : 0;
    }
    free((void *)masks.mask);
    input_close(&input);
    return code;
}
