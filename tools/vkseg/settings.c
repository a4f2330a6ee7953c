/* settings.c: shared options. Nothing is opened here but the question whether the model file exists. */
#include "settings.h"

#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const precisions[] = { "auto", "f32", "f16", NULL };
static const char *const tunes[] = { "off", "table", "auto", NULL };
static const char *const modes[] = { "auto", "bar", "json", "none", NULL };

const char *precision_name(vks_precision precision)
{
    return precisions[precision];
}

/* The index of `value` among `names`, or -1 after saying what may stand there. */
static int choose(const char *flag, const char *value, const char *const *names)
{
    char list[128] = "";
    for (int i = 0; names[i]; i++) {
        if (strcmp(value, names[i]) == 0)
            return i;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    fail(BAD_USAGE, NULL, "%s %s: expected one of %s.", flag, value, list);
    return -1;
}

void program_folder(char *out, size_t size)
{
    out[0] = '\0';
#if defined(__linux__)
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length < 0)
        length = 0;
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        slash[1] = '\0';
#else
    (void)size;
#endif
}

/* A build tree has bin/ two levels below the source, an installation beside share/. */
int settings_find_demo(char *out, size_t size)
{
    static const char *const places[] = { "../../assets/demo/", "../share/vkseg/demo/" };
    char folder[512];
    program_folder(folder, sizeof folder);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(out, size, "%s%svkseg-demo.safetensors", folder, places[i]);
        if (access(out, R_OK) == 0)
            return 0;
    }
    return fail(MODEL_BAD, "Give a checkpoint with -m FILE; `vkseg help models` says where to get one.",
                "this build bundles no demo model.");
}

int find_in_folder(const char *folder, char *out, size_t size)
{
    static const char *const names[] = { "model.json", "model.safetensors" };
    size_t length = strlen(folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int used = snprintf(out, size, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", names[i]);
        if (used > 0 && (size_t)used < size && access(out, F_OK) == 0)
            return 1;
    }
    return 0;
}

static int find_model(struct settings *out, const char *usage)
{
    static const char *const models_help =
        "`vkseg help models` lists the checkpoints this version reads and where they are.";
    struct stat found;
    if (!out->model)
        return fail(BAD_USAGE, usage, "no model is given: -m names the checkpoint file.");
    if (strcmp(out->model, "demo") == 0)
        return settings_find_demo(out->model_path, sizeof out->model_path);
    if (strlen(out->model) >= sizeof out->model_path)
        return fail(BAD_USAGE, NULL, "-m: the path is longer than %zu bytes.", sizeof out->model_path - 1);
    snprintf(out->model_path, sizeof out->model_path, "%s", out->model);
    if (strncmp(out->model, "synthetic:", 10) == 0)
        return 0;
    if (stat(out->model, &found) != 0)
        return fail(MODEL_BAD, models_help, "model '%s': the file cannot be opened (%s).", out->model, strerror(errno));
    if (S_ISDIR(found.st_mode) && !find_in_folder(out->model, out->model_path, sizeof out->model_path))
        return fail(MODEL_BAD, "Give the checkpoint file in it.",
                    "model '%s' is a folder with neither a model.json nor a model.safetensors.", out->model);
    if (access(out->model_path, R_OK) != 0)
        return fail(MODEL_BAD, "Check the permissions of the file.", "model '%s': the file cannot be read (%s).",
                    out->model, strerror(errno));
    return 0;
}

static int join_model_options(const struct args *args, struct settings *out)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct argument *argument = &args->items[i];
        if (!argument->option || strcmp(argument->option->name, "model-option") != 0)
            continue;
        const char *equals = strchr(argument->value, '=');
        if (!equals || equals == argument->value || !equals[1])
            return fail(BAD_USAGE, "For example: --model-option window_size=14",
                        "--model-option %s: expected KEY=VALUE.", argument->value);
        size_t used = strlen(out->model_options);
        if (used + strlen(argument->value) + 2 > sizeof out->model_options)
            return fail(BAD_USAGE, NULL, "the values of --model-option are longer than %zu bytes together.",
                        sizeof out->model_options - 1);
        snprintf(out->model_options + used, sizeof out->model_options - used, "%s%s", used ? "," : "", argument->value);
    }
    return 0;
}

int settings_read(const struct args *args, const char *usage, struct settings *out)
{
    *out = (struct settings){ 0 };
    out->model = args_value(args, "model");
    out->family = args_value(args, "family");
    out->device = args_value(args, "device");
    out->window = args_value(args, "window");
    out->is_quiet = args_count(args, "quiet");
    out->verbosity = args_count(args, "verbose");
    out->is_json = args_count(args, "json");
    out->may_overwrite = args_count(args, "overwrite");
    message_level(out->is_quiet, out->verbosity);
    const char *precision = args_value(args, "precision"), *mode = args_value(args, "progress");
    const char *max_memory = args_value(args, "max-memory");
    int index = precision ? choose("--precision", precision, precisions) : 0;
    if (index < 0)
        return BAD_USAGE;
    out->precision = (vks_precision)index;
    index = mode ? choose("--progress", mode, modes) : 0;
    if (index < 0)
        return BAD_USAGE;
    out->progress = (enum progress_mode)index;
    const char *tune = args_value(args, "tune");
    if (tune && choose("--tune", tune, tunes) < 0)
        return BAD_USAGE;
    if (tune)
        snprintf(out->tune, sizeof out->tune, "tune=%s", tune);
    if (max_memory && !parse_size(max_memory, &out->max_memory))
        return fail(BAD_USAGE, "Write bytes, or a number with K, M or G: --max-memory 2G",
                    "--max-memory %s: this is not a size.", max_memory);
    int code = join_model_options(args, out);
    if (!code)
        code = find_model(out, usage);
    progress_begin(out->progress, out->is_quiet);
    return code;
}
