/* input.c: which kind of file IMAGE is, and the grey-value window of deep images. */
#include "input.h"

#include "args.h"
#include "message.h"
#include "outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Hounsfield windows in daily use: width, level. */
static const struct {
    const char *name;
    float width, level;
} windows[] = {
    { "abdomen", 400, 40 }, { "bone", 1800, 400 },      { "brain", 80, 40 },
    { "lung", 1500, -600 }, { "mediastinum", 350, 50 }, { "soft-tissue", 400, 40 },
};

static int set_window(const char *text, vks_image *view)
{
    static const char *const advice =
        "Write --window width,level, or a name: abdomen, bone, brain, lung, mediastinum, soft-tissue.";
    double values[2];
    char wrong[160];
    if (view->type == VKS_PIXEL_U8)
        return fail(BAD_USAGE, "Leave it out.", "--window is for 16-bit and float images; this one has 8 bits.");
    if (strcmp(text, "auto") == 0)
        return 0;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        if (strcmp(text, windows[i].name) == 0) {
            view->window_width = windows[i].width;
            view->window_centre = windows[i].level;
            return 0;
        }
    }
    if (parse_numbers(text, values, 2, wrong) != 2)
        return fail(BAD_USAGE, advice, "--window %s: this is no known window.", text);
    if (!(values[0] > 0))
        return fail(BAD_USAGE, advice, "--window %s: the width must be more than 0.", text);
    view->window_width = (float)values[0];
    view->window_centre = (float)values[1];
    return 0;
}

int is_tensor_file(const char *path)
{
    char extension[16];
    extension_of(path, extension);
    return strcmp(extension, ".safetensors") == 0 || strcmp(extension, ".pth") == 0 || strcmp(extension, ".pt") == 0;
}

static int check_exists(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return fail(INPUT_MISSING, "Check the path; it is relative to the folder you are in.",
                    "'%s' cannot be opened (%s).", path, strerror(errno));
    if (S_ISDIR(found.st_mode))
        return fail(INPUT_BAD, "Name one image in it.", "'%s' is a folder, and this version takes one image at a time.",
                    path);
    if (found.st_size == 0 && S_ISREG(found.st_mode))
        return fail(INPUT_BAD, "Was it copied completely?", "'%s' is empty.", path);
    return 0;
}

static int open_embedding(const char *path, struct input *out)
{
    vks_status status = vks_io_read_embedding(path, &out->embedding);
    if (status == VKS_ERR_CORRUPT || status == VKS_ERR_MODEL)
        return fail(INPUT_BAD, "IMAGE comes first and the checkpoint after -m: vkseg segment IMAGE -m MODEL ...",
                    "'%s' is not an embedding written by `vkseg encode`: %s", path, vks_last_error());
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    out->width = out->embedding->image_width;
    out->height = out->embedding->image_height;
    return 0;
}

int input_open(const char *path, const char *window, struct input *out)
{
    char extension[16];
    *out = (struct input){ .path = path };
    int code = check_exists(path);
    if (code)
        return code;
    extension_of(path, extension);
    if (strcmp(extension, ".pth") == 0 || strcmp(extension, ".pt") == 0)
        return fail(INPUT_BAD, "IMAGE comes first and the checkpoint after -m: vkseg segment IMAGE -m MODEL ...",
                    "'%s' is a checkpoint, not an image.", path);
    if (strcmp(extension, ".safetensors") == 0) {
        if (window)
            return fail(BAD_USAGE, "Use it with `vkseg encode`.", "--window does not apply to an embedding.");
        return open_embedding(path, out);
    }
    vks_status status = vks_io_read_image(path, &out->image);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    out->width = out->image.view.width;
    out->height = out->image.view.height;
    return window ? set_window(window, &out->image.view) : 0;
}

void input_close(struct input *input)
{
    if (input->image.owned)
        vks_io_image_free(&input->image);
    vks_embedding_free(&input->embedding);
}
