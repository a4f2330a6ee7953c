/* numbers.c: numbers from the command line, fully checked: the whole text must be one, and it must be finite. */
#include "args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* strtod alone would take " 7", "0x1p3", "nan" and "infinity". */
static int is_decimal(const char *text)
{
    size_t digits = 0;
    text += *text == '+' || *text == '-';
    for (; is_digit(*text); text++)
        digits++;
    if (*text == '.') {
        for (text++; is_digit(*text); text++)
            digits++;
    }
    if (!digits)
        return 0;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        if (!is_digit(*text))
            return 0;
        while (is_digit(*text))
            text++;
    }
    return !*text;
}

static int begins_not_finite(const char *text)
{
    text += *text == '+' || *text == '-';
    char lower[4] = "";
    for (size_t i = 0; i < 3 && text[i]; i++)
        lower[i] = (char)(text[i] | 0x20);
    return strcmp(lower, "nan") == 0 || strcmp(lower, "inf") == 0;
}

const char *parse_number(const char *text, size_t length, double *out)
{
    char copy[64];
    if (length == 0)
        return "is empty";
    if (length >= sizeof copy)
        return "is too long for a number";
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (begins_not_finite(copy))
        return "is not a finite number";
    if (!is_decimal(copy))
        return "is not a number";
    double value = strtod(copy, NULL);
    if (!isfinite(value) || fabs(value) > 1e15)
        return "is too large";
    *out = value;
    return NULL;
}

size_t parse_numbers(const char *text, double *out, size_t limit, char wrong[160])
{
    size_t count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        double value;
        const char *reason = parse_number(text, length, &value);
        if (reason) {
            if (length)
                snprintf(wrong, 160, "'%.*s' %s", length > 40 ? 40 : (int)length, text, reason);
            else
                snprintf(wrong, 160, "a number is missing %s", count ? "after a comma" : "before the first comma");
            return 0;
        }
        if (count < limit)
            out[count] = value;
        count++;
        if (!text[length])
            return count;
        text += length + 1;
    }
}

int parse_size(const char *text, uint64_t *out)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {
        { "", 1 },
        { "B", 1 },
        { "K", 1024.0 },
        { "KB", 1024.0 },
        { "KiB", 1024.0 },
        { "M", 1048576.0 },
        { "MB", 1048576.0 },
        { "MiB", 1048576.0 },
        { "G", 1073741824.0 },
        { "GB", 1073741824.0 },
        { "GiB", 1073741824.0 },
    };
    size_t digits = strspn(text, "0123456789.");
    double value;
    if (parse_number(text, digits, &value))
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + digits, units[i].suffix) == 0) {
            double bytes = value * units[i].factor;
            if (!(bytes >= 1 && bytes < 1e18))
                return 0;
            *out = (uint64_t)bytes;
            return 1;
        }
    }
    return 0;
}
