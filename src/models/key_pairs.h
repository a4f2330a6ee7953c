/* key_pairs.h: lists of replacements turn one of our names into that of a file. Pure. */
#ifndef VKS_KEY_PAIRS_H
#define VKS_KEY_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

struct key_pair {
    const char *ours, *theirs;
};

/* Replaces the first pair->ours in `text`, which has room for `size` bytes. False, and nothing changed: it is not there, or
 * the result would not fit. */
bool key_replace(char *text, size_t size, const struct key_pair *pair);

#endif
