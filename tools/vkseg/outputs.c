/* outputs.c: looks, never writes. The writers themselves refuse again, since a file may appear meanwhile. */
#include "outputs.h"

#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void extension_of(const char *path, char out[16])
{
    const char *name = base_name(path), *dot = strrchr(name, '.');
    out[0] = '\0';
    if (!dot || dot == name || strlen(dot) >= 16)
        return;
    size_t i = 0;
    for (; dot[i]; i++)
        out[i] = dot[i] >= 'A' && dot[i] <= 'Z' ? (char)(dot[i] + 32) : dot[i];
    out[i] = '\0';
    /* What compresses is no kind of its own: .nii.gz. */
    size_t length = strlen(name);
    if (strcmp(out, ".gz") == 0 && length > 7 &&
        (strncmp(name + length - 7, ".nii", 4) == 0 || strncmp(name + length - 7, ".NII", 4) == 0))
        strcpy(out, ".nii.gz");
}

static int is_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; length && (at = strstr(at, word)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return 1;
    }
    return 0;
}

static int check_extension(const struct output *output)
{
    char extension[16], advice[128];
    extension_of(output->path, extension);
    if (is_listed(output->extensions, extension))
        return 0;
    snprintf(advice, sizeof advice, "Known here: %s", output->extensions);
    if (strncmp(extension, ".nii", 4) == 0 || strcmp(extension, ".gz") == 0)
        return fail(BAD_USAGE, advice, "%s %s: NIfTI is for labels of volumes, and this is none.", output->flag,
                    output->path);
    if (strcmp(extension, ".jpg") == 0 || strcmp(extension, ".jpeg") == 0)
        return fail(BAD_USAGE, advice, "%s %s: JPEG would change the pixels of a mask.", output->flag, output->path);
    if (!*extension)
        return fail(BAD_USAGE, advice, "%s %s: the ending of the name says what to write, and there is none.",
                    output->flag, output->path);
    return fail(BAD_USAGE, advice, "%s %s: '%s' is not a kind of file that can be written here.", output->flag,
                output->path, extension);
}

static int check_existing(const struct output *output, const char *path, const struct stat *input, int overwrite)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return 0;
    if (input && input->st_dev == found.st_dev && input->st_ino == found.st_ino)
        return fail(BAD_USAGE, "Choose another name.", "%s %s would replace the input itself.", output->flag, path);
    if (!overwrite)
        return fail(OUTPUT_REFUSED, "Add --overwrite to replace it, or choose another name.", "%s %s exists already.",
                    output->flag, path);
    return 0;
}

static int check_folder(const struct output *output)
{
    size_t length = (size_t)(base_name(output->path) - output->path);
    char *folder = malloc(length + 2);
    if (!folder)
        return fail(NO_MEMORY, NULL, "no memory for a path.");
    memcpy(folder, output->path, length);
    folder[length] = '\0';
    if (!length)
        strcpy(folder, ".");
    struct stat found;
    int code = 0;
    if (stat(folder, &found) != 0)
        code = fail(OUTPUT_REFUSED, "Create the folder first (mkdir -p), or choose another.",
                    "%s %s: the folder '%s' cannot be used (%s).", output->flag, output->path, folder, strerror(errno));
    else if (!S_ISDIR(found.st_mode))
        code = fail(OUTPUT_REFUSED, "Choose a folder.", "%s %s: '%s' is a file, not a folder.", output->flag,
                    output->path, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        code =
            fail(OUTPUT_REFUSED, "Choose a folder you may write to.", "%s %s: the folder '%s' cannot be written (%s).",
                 output->flag, output->path, folder, strerror(errno));
    free(folder);
    return code;
}

/* The name vks_io_write_masks gives to file `k` of several: NAME_k.EXT. */
static char *numbered(const char *path, int k)
{
    const char *dot = strrchr(base_name(path), '.');
    size_t stem = (size_t)(dot - path);
    char *name = malloc(strlen(path) + 16);
    if (name)
        sprintf(name, "%.*s_%d%s", (int)stem, path, k, dot);
    return name;
}

static int check_one(const struct output *output, const struct stat *input, int overwrite)
{
    struct stat found;
    if (stat(output->path, &found) == 0 && S_ISDIR(found.st_mode))
        return fail(OUTPUT_REFUSED, "Name a file in it.", "%s %s is a folder.", output->flag, output->path);
    int code = check_extension(output);
    if (!code)
        code = check_folder(output);
    char extension[16];
    extension_of(output->path, extension);
    int files = strcmp(extension, ".png") == 0 ? output->files : 1;
    if (!code && files <= 1)
        return check_existing(output, output->path, input, overwrite);
    for (int k = 0; !code && k < files; k++) {
        char *name = numbered(output->path, k);
        if (!name)
            return fail(NO_MEMORY, NULL, "no memory for a path.");
        code = check_existing(output, name, input, overwrite);
        free(name);
    }
    return code;
}

int outputs_check(const struct output *outputs, size_t count, const char *input, int overwrite)
{
    struct stat found;
    int has_input = input && stat(input, &found) == 0;
    for (size_t i = 0; i < count; i++) {
        if (!outputs[i].path)
            continue;
        for (size_t j = 0; j < i; j++) {
            if (outputs[j].path && strcmp(outputs[i].path, outputs[j].path) == 0)
                return fail(BAD_USAGE, "Give each its own name.", "%s and %s name the same file, %s.", outputs[j].flag,
                            outputs[i].flag, outputs[i].path);
        }
        int code = check_one(&outputs[i], has_input ? &found : NULL, overwrite);
        if (code)
            return code;
    }
    return 0;
}
