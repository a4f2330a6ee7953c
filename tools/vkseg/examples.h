/* examples.h: the folder of --support: images with their masks, for models that are shown what to segment. */
#ifndef VKSEG_CLI_EXAMPLES_H
#define VKSEG_CLI_EXAMPLES_H

#include "args.h"
#include "vkseg/vkseg_io.h"

struct examples {
    const char *folder;
    vks_example *list; /* views into `files` */
    vks_io_image *files;
    size_t count; /* of `list`; `files` has twice as many */
};

/* Pairs NAME.EXT with NAME_mask.EXT or NAME_label.EXT in `folder`, in the order of names; a colour mask counts where
 * any channel is not 0. Returns 0 or an exit code. */
int examples_read(const char *folder, struct examples *out);
void examples_free(struct examples *examples);

/* Prompts and examples exclude each other. */
int examples_refuse_prompts(const struct args *args);

/* Refuses --support for a model that takes prompts, and a model without --support that takes examples. */
int examples_check_model(const char *folder, const vks_model_info *info);

#endif
