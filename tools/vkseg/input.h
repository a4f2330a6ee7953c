/* input.h: the IMAGE of a command: pixels from a file, or an embedding that `vkseg encode` wrote. */
#ifndef VKSEG_CLI_INPUT_H
#define VKSEG_CLI_INPUT_H

#include "vkseg/vkseg_io.h"

struct input {
    const char *path;
    vks_io_image image;       /* view.pixels is NULL for an embedding */
    vks_embedding *embedding; /* NULL for an image */
    uint32_t width, height;   /* of the original image */
};

/* Opens the file by its kind; `window` as --window takes it, or NULL. Returns 0 or an exit code. */
int input_open(const char *path, const char *window, struct input *out);
void input_close(struct input *input);

/* Is this the name of a file that holds weights or an embedding rather than pixels? */
int is_tensor_file(const char *path);

#endif
