/* main.c: vksegdev, the developer's tool: argument table and exit codes. */
#include "dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "vksegdev: look inside vkseg\n"
    "\n"
    "  inspect weights FILE                  tensors of a checkpoint\n"
    "  inspect graph MODEL [--stage S]       nodes, before lowering (S: encode, the default, or decode;\n"
    "                                        label of an automatic model)\n"
    "  inspect plan MODEL [--stage S]        dispatches, offsets, barriers, submissions\n"
    "  inspect memory MODEL                  estimated device bytes of all stages, f32 and f16\n"
    "  inspect shaders                       compiled and declined variants, and what the device can run\n"
    "  inspect device                        capabilities and limits\n"
    "  check golden CASE_DIR [-m MODEL]      run a golden case, print every array's error and tolerance\n"
    "  check nodes MODEL                     marked tensors of the encoder: chosen variants against base variants\n"
    "  bench ops [-m MODEL] [--stage S]      every operator of a model, alone, in every variant this device can run\n"
    "                                        (of an automatic model a slab; other variants with --op)\n"
    "  synth TABLE.tsv -o FILE.safetensors   the checkpoint a weight table describes, or synthetic:NAME\n"
    "\n"
    "  -d DEVICE          auto, N, name:TEXT, uuid:HEX, cpu\n"
    "  --as PRESET        inspect graph, plan, memory: minimum, lavapipe, phone or desktop instead of a device\n"
    "  --options K=V,..   runtime options, as in `vkseg help options`\n"
    "  --precision P      auto, f32, f16\n"
    "  --family NAME, --model-option K=V,..\n"
    "  --points N --boxes N --objects N --mask   prompts of --stage decode (default: one point, one object)\n"
    "  --tolerance X      check nodes: largest error relative to the tensor's maximum (default 0.02)\n"
    "  --op NAME --previous FILE -r N        bench ops: one operator only; times to stand beside; runs (default 5)\n"
    "  -o FILE, --overwrite, -v\n";

/* ---- arguments ---------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value > 1000000)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool parse_precision(const char *text, vks_precision *out)
{
    static const char *const names[] = { "auto", "f32", "f16" };
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (vks_precision)i;
            return true;
        }
    }
    return false;
}

static bool take_value(struct args *args, const char *flag, const char *value)
{
    const struct {
        const char *flag;
        const char **text;
        uint32_t *number;
    } table[] = {
        { "-m", &args->model, NULL },
        { "-d", &args->device, NULL },
        { "-o", &args->output, NULL },
        { "--stage", &args->stage, NULL },
        { "--as", &args->preset, NULL },
        { "--options", &args->options, NULL },
        { "--family", &args->family, NULL },
        { "--model-option", &args->model_options, NULL },
        { "--tolerance", &args->tolerance, NULL },
        { "--op", &args->op, NULL },
        { "--previous", &args->previous, NULL },
        { "-r", NULL, &args->repeats },
        { "--points", NULL, &args->points },
        { "--boxes", NULL, &args->boxes },
        { "--objects", NULL, &args->objects },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(flag, table[i].flag) != 0)
            continue;
        if (table[i].text)
            *table[i].text = value;
        else if (!parse_number(value, table[i].number)) {
            fprintf(stderr, "vksegdev: %s %s: expected a number\n", flag, value);
            return false;
        }
        return true;
    }
    if (strcmp(flag, "--precision") == 0 && parse_precision(value, &args->precision))
        return true;
    fprintf(stderr, "vksegdev: unknown flag or value: %s %s; see vksegdev help\n", flag, value);
    return false;
}

static bool take_flag(struct args *args, const char *flag)
{
    if (strcmp(flag, "--overwrite") == 0)
        return args->overwrite = true;
    if (strcmp(flag, "--mask") == 0)
        return args->mask = true;
    if (strcmp(flag, "-v") == 0)
        return args->verbose = true;
    return false;
}

bool args_parse(struct args *args, int argc, char **argv)
{
    memset(args, 0, sizeof *args);
    args->points = args->objects = UINT32_MAX;      /* not said */
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (args->words == sizeof args->word / sizeof *args->word) {
                fprintf(stderr, "vksegdev: too many arguments at \"%s\"; see vksegdev help\n", argv[i]);
                return false;
            }
            args->word[args->words++] = argv[i];
        } else if (!take_flag(args, argv[i])) {
            if (i + 1 == argc) {
                fprintf(stderr, "vksegdev: unknown flag, or a value is missing after %s; see vksegdev help\n", argv[i]);
                return false;
            }
            if (!take_value(args, argv[i], argv[i + 1]))
                return false;
            i++;
        }
    }
    if (args->objects == UINT32_MAX)
        args->objects = 1;
    if (args->points == UINT32_MAX)
        args->points = args->boxes || args->mask ? 0 : 1;
    return true;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct args *);
    } commands[] = { { "inspect", cmd_inspect }, { "check", cmd_check }, { "synth", cmd_synth }, { "bench", cmd_bench } };
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            struct args args;
            return args_parse(&args, argc - 2, argv + 2) ? commands[i].run(&args) : 2;
        }
    }
    fprintf(stderr, "vksegdev: there is no command \"%s\"; see vksegdev help\n", argv[1]);
    return 2;
}
