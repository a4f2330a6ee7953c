/* report.h: what was done with what, as JSON. Base names only: no folder, user, host or patient is recorded. */
#ifndef VKSEG_CLI_REPORT_H
#define VKSEG_CLI_REPORT_H

#include "hints.h"
#include "outputs.h"
#include "run.h"

#include <jansson.h>

struct report {
    const char *command; /* "segment" */
    const struct settings *settings;
    const struct input *input;
    const struct run *run;
    const struct hints *hints; /* NULL: none */
    const struct output *outputs;
    size_t output_count;
    const vks_masks *masks; /* NULL: none */
    int is_multimask;
    const char *image_sha256; /* "" when unknown */
    double total_ms;
};

/* The whole document; the caller owns it. NULL when memory ran out. */
json_t *report_build(const struct report *report);

/* One entry per mask: object (from 1), mask (from 1), predicted IoU, area and box in pixels. */
json_t *report_masks(const vks_masks *masks);

/* Pixels set in mask number `index`; box = {x0, y0, x1, y1} of them, inclusive, when there are any. */
uint64_t mask_area(const vks_masks *masks, size_t index, uint32_t box[4]);

/* Describes a checkpoint or a device in the words `info`, `devices` and reports share. */
json_t *describe_model(const vks_model_info *info);
json_t *describe_device(const vks_device_info *device);

/* Prints a document on stdout and releases it. Returns 0 or an exit code. */
int print_json(json_t *document);

#endif
