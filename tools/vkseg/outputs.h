/* outputs.h: where results go. Every path is checked before the expensive work starts. */
#ifndef VKSEG_CLI_OUTPUTS_H
#define VKSEG_CLI_OUTPUTS_H

#include "args.h"

enum { MAX_OUTPUTS = 8 };

struct output {
    const char *flag; /* "-o", for messages */
    const char *path;
    const char *extensions; /* ".png .npy .json" */
    int files;              /* more than one: NAME_0.png, NAME_1.png, ... (vks_io_write_masks) */
};

/* Refuses unknown extensions, folders, existing files (unless `overwrite`), folders that do not exist or cannot be
 * written, `input` itself, and one path given twice. Outputs whose path is NULL are skipped. Returns 0 or an exit code.
 */
int outputs_check(const struct output *outputs, size_t count, const char *input, int overwrite);

/* The extension with its dot in lower case (".nii.gz" is one), "" when there is none. */
void extension_of(const char *path, char out[16]);

#endif
