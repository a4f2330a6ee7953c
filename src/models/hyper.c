/* hyper.c: a small reader of key=value lists; the texts are never copied whole. */
#include "models/hyper.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One word of the list: text[0..length). */
static const char *next_word(const char *text, size_t *length)
{
    text += strspn(text, ", ");
    *length = strcspn(text, ",");
    return *length ? text : NULL;
}

static bool is_known(const char *word, size_t key_length, const char *const *known)
{
    for (; *known; known++)
        if (strlen(*known) == key_length && strncmp(*known, word, key_length) == 0)
            return true;
    return false;
}

vks_status hyper_check(const struct hyper *hyper, const char *const *known)
{
    char list[256] = "";
    for (const char *const *key = known; *key; key++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *key);
    }
    size_t length = 0;
    for (const char *word = hyper->options; word && (word = next_word(word, &length)); word += length) {
        size_t key_length = strcspn(word, "=,");
        VKS_REQUIRE(key_length < length && is_known(word, key_length, known), VKS_ERR_ARGUMENT,
                    "\"%.*s\" is no option of this model; write key=value,key=value with the keys %s",
                    (int)(length < 100 ? length : 100), word, list);
    }
    return VKS_OK;
}

bool hyper_text(const struct hyper *hyper, const char *key, char value[HYPER_TEXT])
{
    size_t length = 0, key_length = strlen(key);
    for (const char *word = hyper->options; word && (word = next_word(word, &length)); word += length)
        if (length > key_length && word[key_length] == '=' && strncmp(word, key, key_length) == 0) {
            snprintf(value, HYPER_TEXT, "%.*s", (int)(length - key_length - 1), word + key_length + 1);
            return true;
        }
    char name[64];
    snprintf(name, sizeof name, "vkseg.%s", key);
    const char *meta = hyper->weights ? weights_meta(hyper->weights, name) : NULL;
    if (meta)
        snprintf(value, HYPER_TEXT, "%s", meta);
    return meta != NULL;
}

static bool parse(const char *text, char **end, uint32_t least, uint32_t most, uint32_t *out)
{
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long long value = strtoull(text, end, 10);
    *out = (uint32_t)value;
    return value >= least && value <= most;
}

vks_status hyper_number(const struct hyper *hyper, const char *key, uint32_t least, uint32_t most, uint32_t fallback,
                        uint32_t *out)
{
    char value[HYPER_TEXT], *end = value;
    *out = fallback;
    if (!hyper_text(hyper, key, value))
        return VKS_OK;
    VKS_REQUIRE(parse(value, &end, least, most, out) && *end == '\0', VKS_ERR_ARGUMENT,
                "%s=%s: a whole number from %u to %u is wanted", key, value, least, most);
    return VKS_OK;
}

vks_status hyper_set(const struct hyper *hyper, const char *key, uint32_t count, bool *marked, bool *given)
{
    char value[HYPER_TEXT], *at = value;
    memset(marked, 0, count * sizeof *marked);
    *given = hyper_text(hyper, key, value);
    if (!*given || strcmp(value, "none") == 0)
        return VKS_OK;
    for (;;) {
        uint32_t number;
        VKS_REQUIRE(count > 0 && parse(at, &at, 0, count - 1, &number), VKS_ERR_ARGUMENT,
                    "%s=%s: write numbers below %u joined by +, or none", key, value, count);
        marked[number] = true;
        if (*at == '\0')
            return VKS_OK;
        VKS_REQUIRE(*at == '+', VKS_ERR_ARGUMENT, "%s=%s: write numbers below %u joined by +, or none", key, value,
                    count);
        at++;
    }
}
