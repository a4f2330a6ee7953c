/* preview_image.h: the single images of `vkseg preview`. */
#ifndef VKSEG_CLI_PREVIEW_IMAGE_H
#define VKSEG_CLI_PREVIEW_IMAGE_H

#include "args.h"

/* Writes the picture to `path`, which has been checked. Returns 0 or an exit code. */
int preview_image(const struct args *args, const char *path);

#endif
