/* examples.c: pairs by name. Every image of the folder is in a pair, or the run stops: a forgotten mask would make the
 * result worse without a word. */
#include "examples.h"

#include "message.h"
#include "offers.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256, PATH = 1024 };

static const char *const ADVICE =
    "Put pairs into the folder: 01.png with 01_mask.png (or 01_label.png), 02.png with 02_mask.png, ...";

int examples_refuse_prompts(const struct args *args)
{
    static const char *const others[] = { "point", "box", "mask-prompt", "object", "prompts" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (args_count(args, others[i]) || args_value(args, others[i]))
            return fail(BAD_USAGE, "Leave one of them out.", "--support cannot be mixed with --%s.", others[i]);
    return 0;
}

int examples_check_model(const char *folder, const vks_model_info *info)
{
    int wants = (info->accepts & VKS_ACCEPTS_SUPPORT) != 0;
    char advice[OFFERS_TEXT];
    offers_text(info, VKS_ACCEPTS_SUPPORT, advice);
    if (folder && !wants)
        return fail(BAD_USAGE, advice, "--support: a %s model is not shown examples.", info->family);
    if (!folder && wants)
        return fail(BAD_USAGE, ADVICE, "a %s model is shown by examples what to segment: --support DIR names them.",
                    info->family);
    return 0;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

/* The length of NAME in "NAME.EXT", "NAME_mask.EXT" and "NAME_label.EXT". */
static size_t stem_length(const char *name, int *is_mask)
{
    static const char *const endings[] = { "_mask", "_label" };
    const char *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    *is_mask = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strncmp(name + length - ending, endings[i], ending) == 0) {
            *is_mask = 1;
            return length - ending;
        }
    }
    return length;
}

/* By stem, images before masks. */
static int by_stem(const void *a, const void *b)
{
    const char *const *names[2] = { a, b };
    int is_mask[2];
    size_t length[2];
    for (int i = 0; i < 2; i++)
        length[i] = stem_length(*names[i], &is_mask[i]);
    int order = strncmp(*names[0], *names[1], length[0] < length[1] ? length[0] : length[1]);
    if (order)
        return order;
    if (length[0] != length[1])
        return length[0] < length[1] ? -1 : 1;
    return is_mask[0] - is_mask[1];
}

static int list_folder(const char *folder, char **names, size_t *count)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return fail(INPUT_MISSING, ADVICE, "--support %s: the folder cannot be opened (%s).", folder, strerror(errno));
    int code = 0;
    for (struct dirent *entry; !code && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (*count == 2 * MOST)
            code = fail(INPUT_BAD, NULL, "--support %s: more than %d pairs.", folder, MOST);
        else if ((names[*count] = malloc(strlen(entry->d_name) + 1)) == NULL)
            code = fail(NO_MEMORY, NULL, "no memory for the names of the examples.");
        else
            strcpy(names[(*count)++], entry->d_name);
    }
    closedir(dir);
    if (!code)
        qsort(names, *count, sizeof *names, by_stem);
    return code;
}

/* names[i], names[i + 1] must be an image and its mask. */
static int check_pair(const char *folder, char *const *names, size_t count, size_t i)
{
    int is_mask[2] = { 0 };
    size_t length[2];
    for (size_t k = 0; k < 2 && i + k < count; k++)
        length[k] = stem_length(names[i + k], &is_mask[k]);
    if (is_mask[0])
        return fail(INPUT_BAD, ADVICE, "--support %s: '%s' is a mask without an image.", folder, names[i]);
    if (i + 1 >= count || !is_mask[1] || length[0] != length[1] || strncmp(names[i], names[i + 1], length[0]) != 0)
        return fail(INPUT_BAD, ADVICE, "--support %s: '%s' has no mask.", folder, names[i]);
    return 0;
}

/* ---- pixels --------------------------------------------------------------------------------------------------- */

/* Makes the mask one 8-bit channel, in place. */
static int flatten(vks_io_image *file, const char *path)
{
    vks_image *view = &file->view;
    if (view->type != VKS_PIXEL_U8)
        return fail(INPUT_BAD, "Write it with 8 bits, 0 where the object is not.", "'%s': a mask must have 8 bits.",
                    path);
    uint32_t colours = view->channels == 4 ? 3 : view->channels;
    size_t row_bytes = view->row_bytes ? view->row_bytes : (size_t)view->width * view->channels;
    unsigned char *pixels = (unsigned char *)view->pixels;
    for (uint32_t y = 0; y < view->height; y++) {
        for (uint32_t x = 0; x < view->width; x++) {
            const unsigned char *from = pixels + y * row_bytes + (size_t)x * view->channels;
            unsigned char any = 0;
            for (uint32_t c = 0; c < colours; c++)
                any |= from[c];
            pixels[(size_t)y * view->width + x] = any;
        }
    }
    view->channels = 1;
    view->row_bytes = 0;
    return 0;
}

static int read_file(const char *folder, const char *name, vks_io_image *out, int is_mask)
{
    char path[PATH];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return fail(INPUT_BAD, NULL, "--support %s: a path is longer than %d bytes.", folder, PATH - 1);
    vks_status status = vks_io_read_image(path, out);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    return is_mask ? flatten(out, path) : 0;
}

static int read_pairs(struct examples *examples, char *const *names, size_t count)
{
    examples->list = calloc(count / 2 + 1, sizeof *examples->list);
    examples->files = calloc(count + 1, sizeof *examples->files);
    if (!examples->list || !examples->files)
        return fail(NO_MEMORY, NULL, "no memory for the examples.");
    for (size_t i = 0; i < count; i += 2) {
        vks_io_image *pair = &examples->files[i];
        int code = check_pair(examples->folder, names, count, i);
        examples->count++;
        if (!code)
            code = read_file(examples->folder, names[i], &pair[0], 0);
        if (!code)
            code = read_file(examples->folder, names[i + 1], &pair[1], 1);
        if (code)
            return code;
        if (pair[0].view.width != pair[1].view.width || pair[0].view.height != pair[1].view.height)
            return fail(INPUT_BAD, "A mask has the size of its image.", "'%s' is %u x %u pixels, '%s' %u x %u.",
                        names[i], pair[0].view.width, pair[0].view.height, names[i + 1], pair[1].view.width,
                        pair[1].view.height);
        examples->list[i / 2] = (vks_example){ pair[0].view, pair[1].view };
    }
    return 0;
}

int examples_read(const char *folder, struct examples *out)
{
    size_t count = 0;
    *out = (struct examples){ .folder = folder };
    char **names = calloc(2 * MOST, sizeof *names);
    if (!names)
        return fail(NO_MEMORY, NULL, "no memory for the names of the examples.");
    int code = list_folder(folder, names, &count);
    if (!code && count == 0)
        code = fail(INPUT_BAD, ADVICE, "--support %s: the folder is empty.", folder);
    if (!code)
        code = read_pairs(out, names, count);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return code;
}

void examples_free(struct examples *examples)
{
    for (size_t i = 0; examples->files && i < 2 * examples->count; i++)
        if (examples->files[i].owned)
            vks_io_image_free(&examples->files[i]);
    free(examples->files);
    free(examples->list);
    *examples = (struct examples){ 0 };
}
