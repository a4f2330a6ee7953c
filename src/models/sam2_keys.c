/* sam2_keys.c: a list of replacements turns one of our names into that of a file. */
#include "models/sam2_keys.h"

#include <stdio.h>
#include <string.h>

/* Applied in order, each at most once. */
struct pair {
    const char *ours, *theirs;
};

static bool replace(char *text, size_t size, const struct pair *pair)
{
    char *at = strstr(text, pair->ours);
    if (!at)
        return false;
    size_t ours = strlen(pair->ours), theirs = strlen(pair->theirs), rest = strlen(at + ours) + 1;
    if ((size_t)(at - text) + theirs + rest > size)
        return false;
    memmove(at + theirs, at + ours, rest);
    memcpy(at, pair->theirs, theirs);
    return true;
}

bool sam2_key_published(const void *user, const char *name, uint32_t alternative, char *key, size_t size)
{
    static const struct pair pairs[] = {
        { "prompt_encoder.", "sam_prompt_encoder." },
        { "mask_decoder.", "sam_mask_decoder." },
        { ".mlp.lin1.", ".mlp.layers.0." },
        { ".mlp.lin2.", ".mlp.layers.1." },
    };
    (void)user;
    snprintf(key, size, "%s", name);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        replace(key, size, &pairs[i]);
    return alternative == 0;
}
