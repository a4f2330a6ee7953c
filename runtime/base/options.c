/* options.c: parsing of runtime knobs. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vks_status vkr_parse_size(const char *text, uint64_t *out)
{
    char *end;
    double value = strtod(text, &end);
    uint64_t unit = 1;
    switch (*end) {
    case 'k': case 'K': unit = 1ull << 10; end++; break;
    case 'm': case 'M': unit = 1ull << 20; end++; break;
    case 'g': case 'G': unit = 1ull << 30; end++; break;
    default: break;
    }
    if (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0)
        end += strlen(end);
    VKS_REQUIRE(end != text && *end == '\0' && value >= 0 && value * (double)unit < 9e18, VKS_ERR_ARGUMENT,
                "\"%s\" is no size; write it like 800M or 2G", text);
    *out = (uint64_t)(value * (double)unit);
    return VKS_OK;
}

static vks_status set_force(struct vkr_options *options, const char *value)
{
    const char *colon = strchr(value, ':');
    VKS_REQUIRE(colon && colon[1] && options->force_count < VKR_MAX_FORCED, VKS_ERR_ARGUMENT,
                "force=%s: expected SHADER:VARIANT, at most %d of them", value, VKR_MAX_FORCED);
    uint32_t i = options->force_count++;
    snprintf(options->force[i].shader, sizeof options->force[i].shader, "%.*s", (int)(colon - value), value);
    snprintf(options->force[i].variant, sizeof options->force[i].variant, "%s", colon + 1);
    return VKS_OK;
}

static void add_kernel(char list[VKR_MAX_BANNED][64], uint32_t *count, const char *kernel)
{
    for (uint32_t i = 0; i < *count; i++)
        if (strcmp(list[i], kernel) == 0)
            return;
    if (*count < VKR_MAX_BANNED && strlen(kernel) < sizeof *list)
        snprintf(list[(*count)++], sizeof *list, "%s", kernel);
}

void vkr_options_ban(struct vkr_options *options, const char *kernel)
{
    add_kernel(options->ban, &options->ban_count, kernel);
}

void vkr_options_avoid(struct vkr_options *options, const char *kernel)
{
    add_kernel(options->avoid, &options->avoid_count, kernel);
}

static vks_status set_ban(struct vkr_options *options, const char *value)
{
    VKS_REQUIRE(strchr(value, '.') && strlen(value) < sizeof options->ban[0] && options->ban_count < VKR_MAX_BANNED,
                VKS_ERR_ARGUMENT, "ban=%.80s: expected SHADER.VARIANT, at most %d of them", value, VKR_MAX_BANNED);
    snprintf(options->ban[options->ban_count++], sizeof options->ban[0], "%s", value);
    return VKS_OK;
}

static vks_status set_tune(struct vkr_options *options, const char *value)
{
    static const char *const names[] = { "table", "auto", "off" };     /* as enum vkr_tune */
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            options->tune = (enum vkr_tune)i;
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_ARGUMENT, "tune=%.40s: expected off, table or auto", value);
}

static vks_status set_flag(bool *flag, const char *key, const char *value)
{
    VKS_REQUIRE(strcmp(value, "0") == 0 || strcmp(value, "1") == 0, VKS_ERR_ARGUMENT, "%s=%s: expected 0 or 1", key, value);
    *flag = value[0] == '1';
    return VKS_OK;
}

static vks_status set_option(struct vkr_options *options, const char *key, const char *value)
{
    if (strcmp(key, "caps") == 0) {
        struct vkr_caps scratch = vkr_caps_minimum();
        VKS_TRY(vkr_caps_mask(&scratch, value));
        snprintf(options->caps, sizeof options->caps, "%s", value);
        return VKS_OK;
    }
    if (strcmp(key, "dump") == 0) {
        snprintf(options->dump, sizeof options->dump, "%s", value);
        return VKS_OK;
    }
    if (strcmp(key, "cache") == 0) {
        VKS_REQUIRE(strlen(value) < sizeof options->cache, VKS_ERR_ARGUMENT, "cache=%.40s...: the folder name is too long", value);
        snprintf(options->cache, sizeof options->cache, "%s", strcmp(value, "off") == 0 ? "" : value);
        return VKS_OK;
    }
    if (strcmp(key, "submit_ms") == 0) {
        uint64_t ms;
        VKS_TRY(vkr_parse_size(value, &ms));
        options->submit_ms = ms > 60000 ? 60000 : (uint32_t)ms;
        return VKS_OK;
    }
    if (strcmp(key, "ban") == 0)
        return set_ban(options, value);
    if (strcmp(key, "tune") == 0)
        return set_tune(options, value);
    if (strcmp(key, "force") == 0)
        return set_force(options, value);
    if (strcmp(key, "max_memory") == 0)
        return vkr_parse_size(value, &options->max_memory);
    if (strcmp(key, "profile") == 0)
        return set_flag(&options->profile, key, value);
    if (strcmp(key, "serial") == 0)
        return set_flag(&options->serial, key, value);
    if (strcmp(key, "validate") == 0)
        return set_flag(&options->validate, key, value);
    return vks_fail(VKS_ERR_ARGUMENT, "no runtime option is called \"%s\"", key);
}

vks_status vkr_options_parse(struct vkr_options *options, const char *text)
{
    while (text && *text) {
        char word[600], *equals;
        size_t length = strcspn(text, ",");
        VKS_REQUIRE(length < sizeof word, VKS_ERR_ARGUMENT, "a runtime option is longer than %zu characters", sizeof word);
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        equals = strchr(word, '=');
        VKS_REQUIRE(equals, VKS_ERR_ARGUMENT, "runtime option \"%s\": expected key=value", word);
        *equals = '\0';
        VKS_TRY(set_option(options, word, equals + 1));
        text += length + (text[length] == ',');
    }
    return VKS_OK;
}

const char *vkr_options_forced(const struct vkr_options *options, const char *shader)
{
    for (uint32_t i = options->force_count; i-- > 0;)
        if (strcmp(options->force[i].shader, shader) == 0)
            return options->force[i].variant;
    return NULL;
}
