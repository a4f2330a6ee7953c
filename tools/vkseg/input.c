/* input.c: which kind of file IMAGE is, and the grey-value window of deep images. */
#include "input.h"

#include "message.h"
#include "outputs.h"
#include "window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int set_window(const char *text, vks_image *view)
{
    struct window window;
    if (view->type == VKS_PIXEL_U8)
        return fail(BAD_USAGE, "Leave it out.", "--window is for 16-bit and float images; this one has 8 bits.");
    int code = window_parse(text, &window);
    view->window_width = window.width;
    view->window_centre = window.level;
    return code;
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
