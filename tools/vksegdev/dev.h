/* dev.h: what the rooms of the developer tool share: arguments, exit codes, opening a model. The tool may open any room
 * of the library; it is linked with the objects, not with the shared library. */
#ifndef DEV_H
#define DEV_H

#include "base/options.h"
#include "vkseg/vkseg.h"

#include <stdbool.h>

struct args {
    const char *word[4];                /* what is not a flag, after the command */
    uint32_t words;
    const char *model, *device, *stage, *output, *options, *family, *model_options, *preset, *tolerance, *op, *previous;
    vks_precision precision;
    uint32_t points, boxes, objects, repeats;
    bool overwrite, verbose, multimask, mask;
};

/* Fills `args` from argv; false after printing what is wrong. */
bool args_parse(struct args *args, int argc, char **argv);

/* Exit code of CLI.md; a failure's sentence goes to stderr. */
int dev_finish(vks_status status);

/* The context that -d, --options and the environment describe, and the model -m on it. NOT_FOUND of a model is reported
 * as MODEL. */
vks_status dev_context(const struct args *args, vks_context **out);
vks_status dev_model(const struct args *args, vks_context *context, vks_model **out);

/* What plans are made for: --as PRESET (minimum, lavapipe, phone, desktop), else the device. --options apply to both. */
struct vkr_target;
vks_status dev_target(const struct args *args, struct vkr_target *out);

int cmd_inspect(const struct args *args);
int cmd_check(const struct args *args);
int cmd_synth(const struct args *args);
int cmd_bench(const struct args *args);

/* check.c's two halves */
vks_status check_golden(const struct args *args);
vks_status check_nodes(const struct args *args);

#endif
