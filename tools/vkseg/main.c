/* main.c: vkseg, the program for users. It knows the names of the commands and nothing else. */
#include "commands.h"

#include "message.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int count, char **words);
} commands[] = {
    { "segment", cmd_segment }, { "predict", cmd_predict }, { "auto", cmd_auto }, { "encode", cmd_encode },
    { "info", cmd_info },       { "devices", cmd_devices }, { "eval", cmd_eval }, { "preview", cmd_preview },
    { "bench", cmd_bench },     { "doctor", cmd_doctor },   { "help", cmd_help },
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* Promised by the command line's plan, not in this version. */
static const char *const later[] = { "batch", "session", "serve", NULL };

static int print_version(int count, char **words)
{
    if (count == 0) {
        printf("vkseg %s (research use only)\n", vks_version());
        return 0;
    }
    if (count > 1 || strcmp(words[0], "--json") != 0)
        return fail(BAD_USAGE, NULL, "--version takes nothing but --json.");
    return print_json(
        json_pack("{s:s, s:s, s:b}", "program", "vkseg", "version", vks_version(), "research_use_only", 1));
}

static int fail_unknown(const char *word)
{
    const char *names[COMMAND_COUNT + 1];
    char advice[128];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    names[COMMAND_COUNT] = NULL;
    for (size_t i = 0; later[i]; i++) {
        if (strcmp(word, later[i]) == 0)
            return fail(BAD_USAGE, "`vkseg help` lists what it has.", "vkseg %s does not have the command '%s'.",
                        vks_version(), word);
    }
    const char *near = closest(word, names);
    if (near)
        snprintf(advice, sizeof advice, "Did you mean `vkseg %s`?", near);
    else if (word[0] == '-')
        snprintf(advice, sizeof advice, "Options follow a command, as in: vkseg segment IMAGE -m MODEL ...");
    else if (strchr(word, '.') || strchr(word, '/'))
        snprintf(advice, sizeof advice, "The command comes first: vkseg segment IMAGE -m MODEL ...");
    else
        snprintf(advice, sizeof advice, "`vkseg help` lists the commands.");
    return fail(BAD_USAGE, advice, "'%s' is not a command of vkseg.", word);
}

int main(int count, char **words)
{
    if (count < 2) {
        fail(BAD_USAGE, NULL,
             "nothing to do. The commands are segment, predict, encode, info, devices, eval, preview and help.");
        fprintf(stderr, "       vkseg help            explains them\n"
                        "       vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 -o liver.png\n");
        return BAD_USAGE;
    }
    const char *word = words[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return print_version(count - 2, words + 2);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return cmd_help(count - 2, words + 2);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(count - 2, words + 2);
    }
    return fail_unknown(word);
}
