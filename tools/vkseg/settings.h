/* settings.h: what `segment` and `encode` have in common: model, device, progress; from options to plain data. */
#ifndef VKSEG_CLI_SETTINGS_H
#define VKSEG_CLI_SETTINGS_H

#include "args.h"
#include "progress.h"
#include "vkseg/vkseg.h"

/* Rows of an option table, so that both commands describe them in the same words. */
/* clang-format off */
#define MODEL_OPTIONS                                                                                                  \
    { .help = "Model" },                                                                                               \
    { "model", 'm', "PATH", 0, "Checkpoint: .pth, .pt or .safetensors; `demo` is the bundled one; synthetic:NAME "     \
      "is generated. Required." },                                                                                     \
    { "family", 0, "NAME", 0, "Overrules what the file looks like, for example medsam or sam." },                      \
    { "model-option", 0, "KEY=VALUE", 1, "A hyper-parameter that the file cannot tell." }
#define IMAGE_OPTIONS                                                                                                  \
    { .help = "Image" },                                                                                               \
    { "window", 0, "NAME|W,L|auto", 0, "Grey values shown, for 16-bit and float images: width,level, or abdomen, "     \
      "bone, brain, lung, mediastinum, soft-tissue. Default auto: from the smallest to the largest." }
#define DEVICE_OPTIONS                                                                                                 \
    { .help = "Device" },                                                                                              \
    { "device", 'd', "DEVICE", 0, "auto, a number of `vkseg devices`, name:TEXT, uuid:HEX or cpu. Default: "           \
      "$VKSEG_DEVICE, else auto." },                                                                                   \
    { "precision", 0, "auto|f32|f16", 0, "How weights are stored. Default auto." },                                    \
    { "max-memory", 0, "SIZE", 0, "Device memory to use at most, such as 512M or 2G. Default: all." },                 \
    { "tune", 0, "off|table|auto", 0, "Which kernels: table: those made for such a device, but for those found "       \
      "wrong on it (`vkseg doctor`); auto (the default): on a GPU, new ones are checked, then the fastest by "         \
      "timing (kept between runs); off: the safest, whatever was found." }
#define GENERAL_OPTIONS                                                                                                \
    { .help = "General" },                                                                                             \
    { "overwrite", 0, NULL, 0, "Replace outputs that exist. Default: refuse (exit 9)." },                              \
    { "progress", 0, "auto|bar|json|none", 0, "Default auto: a bar when stderr is a terminal. json: one line per "     \
      "update on stderr." },                                                                                           \
    { "json", 0, NULL, 0, "Print one JSON document on stdout instead of text." },                                      \
    { "quiet", 'q', NULL, 0, "Print no progress and no remarks." },                                                    \
    { "verbose", 'v', NULL, 1, "Say what happens; twice for more." }
/* clang-format on */

struct settings {
    const char *model, *family, *device, *window;
    char tune[16]; /* "tune=auto": a runtime option; "" when it was not given */
    char model_options[512];
    char model_path[1024]; /* of the file to open: `model`, or where the bundled one lies */
    vks_precision precision;
    uint64_t max_memory;
    enum progress_mode progress;
    int is_quiet, verbosity, is_json, may_overwrite;
};

/* Also sets the level of messages and starts the progress clock. Checks that the model file can be opened. Returns 0 or
 * an exit code. */
int settings_read(const struct args *args, const char *usage, struct settings *out);

/* "auto", "f32" or "f16". */
const char *precision_name(vks_precision precision);

/* The folder of this program, with the final slash; empty when the system does not tell. */
void program_folder(char *out, size_t size);

/* The path of the bundled model, which -m calls demo. Returns 0 or an exit code. */
int settings_find_demo(char *out, size_t size);

/* The checkpoint in a model folder, model.json or model.safetensors; returns 0 when there is neither. */
int find_in_folder(const char *folder, char *out, size_t size);

#endif
