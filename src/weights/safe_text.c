/* safe_text.c: what a file calls something, as a message may show it: short, and without control characters. */
#include "weights/container.h"

#include <string.h>

const char *weights_safe_text(const char *text, size_t length, char safe[WEIGHTS_SAFE_TEXT])
{
    enum { SHOWN = WEIGHTS_SAFE_TEXT - 4 };
    size_t shown = length < SHOWN ? length : SHOWN;
    for (size_t i = 0; i < shown; i++)
        safe[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    memcpy(safe + shown, length > shown ? "..." : "", length > shown ? 4 : 1);
    return safe;
}
