/* cmd_bench.c: how long a model takes on a device, stage by stage; only when its output is right. */
#include "commands.h"

#include "bench.h"
#include "interrupt.h"
#include "message.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg bench -m MODEL [-r N] [--json], for example -m synthetic:sam_vit_b";

const struct option bench_options[] = {
    { .help = "Measuring" },
    { "repeats", 'r', "N", 0, "Warm runs, 1 to 10000. Default: 3 on software devices, 20 on others." },
    { "prompts", 0, "N", 0, "Objects a run, a box each, 1 to 1000. Default 1." },
    { "stage", 0, NULL, 0, "Also name the kernels that were chosen, by stage." },
    { "golden", 0, "FILE", 0, "What the output must be, for models without a built-in golden." },
    { "write-golden", 0, "FILE", 0, "Write the output's golden instead of measuring. Trust the device that makes it." },
    { "compare", 0, NULL, 0, "Compare two files that --json made: vkseg bench --compare A.json B.json" },
    MODEL_OPTIONS,
    DEVICE_OPTIONS,
    { .help = "General" },
    { "overwrite", 0, NULL, 0, "Let --write-golden replace a file." },
    { "json", 0, NULL, 0, "Print one JSON document on stdout instead of a table (tools/bench.md)." },
    { "quiet", 'q', NULL, 0, "Print no remarks." },
    { "verbose", 'v', NULL, 1, "Say what happens; twice for more." },
    { 0 },
};

static int read_count(const struct args *args, const char *name, size_t most, size_t *out)
{
    const char *text = args_value(args, name);
    if (!text)
        return 0;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > most)
        return fail(BAD_USAGE, NULL, "--%s %s: expected a whole number from 1 to %zu.", name, text, most);
    *out = value;
    return 0;
}

/* A golden is of one model as it is: not under another family or with other options. */
static int find_golden(const struct args *args, struct bench *bench)
{
    if (bench->write_golden)
        return 0;
    if (bench->golden_path) {
        bench->golden_name = base_name(bench->golden_path);
        return golden_read(bench->golden_path, &bench->golden);
    }
    bench->golden_name = "built-in";
    if (!bench->settings.family && !*bench->settings.model_options &&
        golden_built_in(bench->settings.model, &bench->golden) == 0)
        return 0;
    (void)args;
    return fail(BAD_USAGE, "Make one on a device you trust with --write-golden FILE, then give --golden FILE.",
                "no golden says what the output of '%s' must be, and without one no time is shown.",
                bench->settings.model);
}

static int prepare(const struct args *args, struct bench *bench)
{
    bench->prompts = 1;
    bench->golden_path = args_value(args, "golden");
    bench->write_golden = args_value(args, "write-golden");
    int code = args_expect_words(args, 0, "bench", USAGE);
    if (!code)
        code = read_count(args, "repeats", 10000, &bench->repeats);
    if (!code)
        code = read_count(args, "prompts", 1000, &bench->prompts);
    if (!code && bench->golden_path && bench->write_golden)
        code = fail(BAD_USAGE, NULL, "--golden and --write-golden exclude each other.");
    if (!code)
        code = settings_read(args, USAGE, &bench->settings);
    if (!code)
        code = run_inspect(&bench->settings, &bench->run);
    return code ? code : find_golden(args, bench);
}

static int measure(const struct args *args)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return fail(NO_MEMORY, NULL, "no memory.");
    int code = prepare(args, bench);
    interrupt_install();
    if (!code)
        code = bench_run(bench);
    if (!code && bench->write_golden)
        code = golden_write(bench->write_golden, bench->settings.model, &bench->golden, bench->settings.may_overwrite);
    else if (!code && bench->settings.is_json)
        code = print_json(bench_document(bench));
    else if (!code)
        bench_print(bench, args_count(args, "stage"));
    bench_free(bench);
    free(bench);
    return code;
}

static int compare(const struct args *args)
{
    int code = args_expect_words(args, 2, "bench --compare", "vkseg bench --compare A.json B.json");
    return code ? code : bench_compare(args_word(args, 0), args_word(args, 1), args_count(args, "json"));
}

int cmd_bench(int count, char **words)
{
    struct args args;
    int code = args_parse(count, words, "bench", bench_options, &args);
    if (!code && args.wants_help)
        code = help_print("bench");
    else if (!code)
        code = args_count(&args, "compare") ? compare(&args) : measure(&args);
    args_free(&args);
    return code;
}
