/* key_pairs.c: one replacement, within the room there is. */
#include "models/key_pairs.h"

#include <string.h>

bool key_replace(char *text, size_t size, const struct key_pair *pair)
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
