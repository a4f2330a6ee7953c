/* args.c: the option parser. It knows no command; tables come from outside. */
#include "args.h"

#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CANDIDATES = 96 };

/* Damerau-Levenshtein distance (neighbouring letters may be swapped), for words up to 31 letters. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][33], length_a = strlen(a), length_b = strlen(b);
    if (length_a > 31 || length_b > 31)
        return 99;
    size_t *before = rows[0], *previous = rows[1], *current = rows[2];
    for (size_t j = 0; j <= length_b; j++)
        previous[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        current[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t best = previous[j - 1] + (a[i - 1] != b[j - 1]);
            best = previous[j] + 1 < best ? previous[j] + 1 : best;
            best = current[j - 1] + 1 < best ? current[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            current[j] = best;
        }
        size_t *spare = before;
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[length_b];
}

const char *closest(const char *word, const char *const *candidates)
{
    const char *best = NULL;
    size_t least = strlen(word) <= 3 ? 2 : 3; /* accepted below this */
    for (; *candidates; candidates++) {
        size_t apart = distance(word, *candidates);
        if (apart < least) {
            least = apart;
            best = *candidates;
        } else if (!best && strlen(word) >= 3 && strncmp(word, *candidates, strlen(word)) == 0) {
            best = *candidates;
        }
    }
    return best;
}

static int is_end(const struct option *option)
{
    return !option->name && !option->help;
}

static const struct option *find_long(const struct option *table, const char *name, size_t length)
{
    for (; !is_end(table); table++) {
        if (table->name && strlen(table->name) == length && memcmp(table->name, name, length) == 0)
            return table;
    }
    return NULL;
}

static const struct option *find_letter(const struct option *table, char letter)
{
    for (; !is_end(table); table++) {
        if (table->name && table->letter == letter)
            return table;
    }
    return NULL;
}

static int fail_unknown(const char *word, const char *command, const struct option *table)
{
    const char *candidates[MAX_CANDIDATES + 1];
    size_t count = 0;
    for (; !is_end(table); table++) {
        if (table->name && count < MAX_CANDIDATES)
            candidates[count++] = table->name;
    }
    candidates[count] = NULL;
    char bare[64], advice[200];
    snprintf(bare, sizeof bare, "%s", word + strspn(word, "-"));
    bare[strcspn(bare, "=")] = '\0';
    if (strcmp(bare, "text") == 0)
        return fail(BAD_USAGE, "Points, boxes, masks and examples do: see `vkseg help prompts`.",
                    "--text: no model family of this version is asked by text.");
    const char *near = *bare ? closest(bare, candidates) : NULL;
    if (near && word[1] != '-')
        snprintf(advice, sizeof advice, "Names of several letters take two dashes: --%s", near);
    else if (near)
        snprintf(advice, sizeof advice, "Did you mean --%s? `vkseg help %s` lists all.", near, command);
    else
        snprintf(advice, sizeof advice, "`vkseg help %s` lists the options.", command);
    return fail(BAD_USAGE, advice, "'%s' is not an option of `vkseg %s`.", word, command);
}

/* "--box" where a value should be is a forgotten value; "-5,3" and "-" are values. */
static int looks_like_option(const char *word)
{
    return word[0] == '-' &&
           (word[1] == '-' || (word[1] >= 'a' && word[1] <= 'z') || (word[1] >= 'A' && word[1] <= 'Z'));
}

static int add(struct args *out, const struct option *option, const char *value, const char *written)
{
    if (option && !option->repeats && args_count(out, option->name))
        return fail(BAD_USAGE, "Give it once.", "%s is given twice.", written);
    out->items[out->count++] = (struct argument){ option, value };
    return 0;
}

struct cursor {
    int next, count;
    char **words;
};

/* Adds an option that takes a value: `attached` to it, or the next word. */
static int add_valued(struct args *out, struct cursor *at, const struct option *option, const char *written,
                      const char *attached)
{
    if (!attached) {
        if (at->next >= at->count)
            return fail(BAD_USAGE, NULL, "%s needs a value (%s), but the line ends there.", written, option->value);
        if (looks_like_option(at->words[at->next]))
            return fail(BAD_USAGE, "A value that begins with a dash is written with =, as in --output=-odd-name.png.",
                        "%s needs a value (%s), but the next word is the option %s.", written, option->value,
                        at->words[at->next]);
        attached = at->words[at->next++];
    }
    if (!*attached)
        return fail(BAD_USAGE, NULL, "%s needs a value (%s), but it is empty.", written, option->value);
    return add(out, option, attached, written);
}

static int parse_long(struct args *out, struct cursor *at, const char *word, const char *command,
                      const struct option *table)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
    const struct option *option = find_long(table, word + 2, length);
    if (!option)
        return fail_unknown(word, command, table);
    char written[64];
    snprintf(written, sizeof written, "--%s", option->name);
    if (option->value)
        return add_valued(out, at, option, written, equals ? equals + 1 : NULL);
    if (equals)
        return fail(BAD_USAGE, "Leave out the = and what follows.", "%s takes no value.", written);
    return add(out, option, option->name, written);
}

static int parse_short(struct args *out, struct cursor *at, const char *word, const char *command,
                       const struct option *table)
{
    const char *letters = word + 1;
    while (*letters) {
        const struct option *option = find_letter(table, *letters);
        /* `-box` shall not pass as `-b ox`, nor `-model x` as `-m odel`. */
        if (!option || (word[2] && find_long(table, word + 1, strcspn(word + 1, "="))))
            return fail_unknown(word, command, table);
        char written[3] = { '-', *letters, '\0' };
        letters++;
        if (option->value) {
            const char *attached = *letters ? letters + (*letters == '=') : NULL;
            return add_valued(out, at, option, written, attached);
        }
        int code = add(out, option, option->name, written);
        if (code)
            return code;
    }
    return 0;
}

/* Dashes that word processors and web pages make of "--". */
static int is_long_dash(const char *word)
{
    return strncmp(word, "\xe2\x80\x93", 3) == 0 || strncmp(word, "\xe2\x80\x94", 3) == 0 ||
           strncmp(word, "\xe2\x88\x92", 3) == 0;
}

int args_parse(int count, char **words, const char *command, const struct option *table, struct args *out)
{
    /* A group of switches such as -vq adds one item a letter. */
    size_t letters = 1;
    for (int i = 0; i < count; i++)
        letters += strlen(words[i]) + 1;
    *out = (struct args){ .items = calloc(letters, sizeof *out->items) };
    if (!out->items)
        return fail(NO_MEMORY, NULL, "no memory for the command line.");
    struct cursor at = { 0, count, words };
    int only_words = 0;
    while (at.next < count) {
        const char *word = words[at.next++];
        int code = 0;
        if (only_words || word[0] != '-' || !word[1]) {
            if (!only_words && is_long_dash(word))
                return fail(BAD_USAGE, "Type two plain dashes; copied text often has a long dash instead.",
                            "'%s' begins with a typographic dash.", word);
            code = add(out, NULL, word, word);
        } else if (strcmp(word, "--") == 0) {
            only_words = 1;
        } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            out->wants_help = 1;
            return 0;
        } else {
            code = (word[1] == '-' ? parse_long : parse_short)(out, &at, word, command, table);
        }
        if (code)
            return code;
    }
    return 0;
}

void args_free(struct args *args)
{
    free(args->items);
    *args = (struct args){ 0 };
}

const char *args_value(const struct args *args, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < args->count; i++) {
        if (args->items[i].option && strcmp(args->items[i].option->name, name) == 0)
            value = args->items[i].value;
    }
    return value;
}

int args_count(const struct args *args, const char *name)
{
    int count = 0;
    for (size_t i = 0; i < args->count; i++)
        count += args->items[i].option && strcmp(args->items[i].option->name, name) == 0;
    return count;
}

const char *args_word(const struct args *args, size_t n)
{
    for (size_t i = 0; i < args->count; i++) {
        if (!args->items[i].option && n-- == 0)
            return args->items[i].value;
    }
    return NULL;
}

int args_expect_words(const struct args *args, size_t wanted, const char *command, const char *usage)
{
    const char *extra = args_word(args, wanted);
    if (extra)
        return fail(BAD_USAGE, usage, "`vkseg %s` does not know what to do with '%s'.", command, extra);
    if (wanted && !args_word(args, wanted - 1))
        return fail(BAD_USAGE, usage, "`vkseg %s` needs a file to work on.", command);
    return 0;
}
