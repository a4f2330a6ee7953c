/* env.c: the table of environment variables. An empty variable counts as not set. */
#include "env.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Later rows win over earlier ones, so that a single knob overrules the general list. */
static const struct {
    const char *variable;
    const char *key;            /* of vkr_options_parse; NULL: the value is a list of key=value already */
} knobs[] = {
    { "VKS_OPTIONS", NULL },
    { "VKS_CAPS", "caps" },
    { "VKS_FORCE", "force" },   /* may hold several: "matmul:f32,conv:base" */
    { "VKS_TUNE", "tune" },
    { "VKS_PROFILE", "profile" },
    { "VKS_SERIAL", "serial" },
    { "VKS_VALIDATE", "validate" },
};

static const char *lookup(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static vks_status apply(struct vkr_options *options, const char *key, const char *value)
{
    if (!key)
        return vkr_options_parse(options, value);
    while (*value) {
        char word[256];
        size_t length = strcspn(value, ",");
        int written = snprintf(word, sizeof word, "%s=%.*s", key, (int)(length < sizeof word ? length : sizeof word), value);
        VKS_REQUIRE(written > 0 && (size_t)written < sizeof word, VKS_ERR_ARGUMENT, "the value is too long");
        VKS_TRY(vkr_options_parse(options, word));
        value += length + (value[length] == ',');
    }
    return VKS_OK;
}

/* VKS_CACHE, "off" for none; else where the system wants caches. */
static vks_status choose_cache(struct vkr_options *options)
{
    const char *folder = lookup("VKS_CACHE"), *base = lookup("XDG_CACHE_HOME"), *home = lookup("HOME");
    int length = 0;
    if (folder)
        length = snprintf(options->cache, sizeof options->cache, "%s", strcmp(folder, "off") == 0 ? "" : folder);
    else if (base)
        length = snprintf(options->cache, sizeof options->cache, "%s/vkseg", base);
    else if (lookup("LOCALAPPDATA"))
        length = snprintf(options->cache, sizeof options->cache, "%s/vkseg", lookup("LOCALAPPDATA"));
    else if (home)
        length = snprintf(options->cache, sizeof options->cache, "%s/.cache/vkseg", home);
    VKS_REQUIRE(length < (int)sizeof options->cache, VKS_ERR_ARGUMENT,
                "the name of the cache folder is longer than %zu bytes; name another in VKS_CACHE", sizeof options->cache - 1);
    return VKS_OK;
}

vks_status env_options(struct vkr_options *options)
{
    options->tune = VKR_TUNE_AUTO;
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++) {
        const char *value = lookup(knobs[i].variable);
        if (value && apply(options, knobs[i].key, value) != VKS_OK)
            return vks_fail(VKS_ERR_ARGUMENT, "environment variable %s=\"%.100s\": %.600s", knobs[i].variable, value,
                            vks_last_error());
    }
    VKS_TRY(choose_cache(options));
    const char *dump = lookup("VKS_DUMP");      /* a folder may contain commas, so it does not pass through the parser */
    if (dump) {
        VKS_REQUIRE(strlen(dump) < sizeof options->dump, VKS_ERR_ARGUMENT,
                    "environment variable VKS_DUMP: the folder name is longer than %zu bytes", sizeof options->dump - 1);
        snprintf(options->dump, sizeof options->dump, "%s", dump);
    }
    return VKS_OK;
}

const char *env_device(void)
{
    const char *device = lookup("VKSEG_DEVICE");
    return device ? device : lookup("VKS_DEVICE");
}

vks_status env_log_level(vks_log_level *level)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    const char *value = lookup("VKS_LOG");
    if (!value)
        return VKS_OK;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            *level = (vks_log_level)i;
            return VKS_OK;
        }
    }
    return vks_fail(VKS_ERR_ARGUMENT, "environment variable VKS_LOG=\"%.100s\": expected error, warning, info or debug",
                    value);
}
