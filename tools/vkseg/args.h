/* args.h: the command line as a list of options and words in the order given.
 *
 * One table per command is both what is accepted and what `vkseg help COMMAND` prints.
 */
#ifndef VKSEG_CLI_ARGS_H
#define VKSEG_CLI_ARGS_H

#include <stddef.h>
#include <stdint.h>

struct option {
    const char *name;  /* without the dashes; NULL: `help` is the title of a group */
    char letter;       /* the short form, 0 when there is none */
    const char *value; /* what help calls its value; NULL: a switch */
    int repeats;       /* may be given more than once */
    const char *help;  /* one sentence with the default; NULL and name NULL end the table */
};

struct argument {
    const struct option *option; /* NULL: a word that is no option */
    const char *value;
};

struct args {
    struct argument *items;
    size_t count;
    int wants_help; /* -h or --help came before any mistake */
};

/* Accepts `--name value`, `--name=value`, `-x value`, `-xvalue`, `-x=value`, `--` (words from here on). Explains the
 * first mistake and returns BAD_USAGE, else 0. The words of `argv` are borrowed. args_free accepts a failed one. */
int args_parse(int count, char **words, const char *command, const struct option *table, struct args *out);
void args_free(struct args *args);

/* The last value of an option (for a switch its own name), NULL when it was not given. */
const char *args_value(const struct args *args, const char *name);
int args_count(const struct args *args, const char *name);

/* The n-th word that is no option, NULL past the last. */
const char *args_word(const struct args *args, size_t n);

/* Complains, when there are not exactly `wanted` words, in terms of `usage`; returns BAD_USAGE or 0. */
int args_expect_words(const struct args *args, size_t wanted, const char *command, const char *usage);

/* The candidate that `word` was probably meant to be, NULL when none is near. The list ends with NULL. */
const char *closest(const char *word, const char *const *candidates);

/* Reads exactly `length` bytes as a finite decimal number, such as -12.5 or 1e3. Returns NULL, or what is wrong with
 * it. */
const char *parse_number(const char *text, size_t length, double *out);

/* Reads up to `limit` numbers separated by commas. Returns how many there are in the text (may exceed `limit`), or 0
 * with the sentence in `wrong`. */
size_t parse_numbers(const char *text, double *out, size_t limit, char wrong[160]);

/* "512M", "2GiB", "1000000" to bytes; non-zero on success. */
int parse_size(const char *text, uint64_t *out);

#endif
