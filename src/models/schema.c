/* schema.c: expected against found. The sentence says everything at once, since a wrong file is wrong in many places.
 */
#include "models/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct weights_entry *schema_lookup(const struct schema *schema, const char *name)
{
    char key[SCHEMA_KEY];
    if (!schema->key)
        return weights_find(schema->weights, name);
    for (uint32_t i = 0; schema->key(schema->user, name, i, key, sizeof key); i++) {
        const struct weights_entry *entry = weights_find(schema->weights, key);
        if (entry)
            return entry;
    }
    return NULL;
}

/* The file's word for one of our names. */
static void file_key(const struct schema *schema, const char *name, char key[SCHEMA_KEY])
{
    if (!schema->key || !schema->key(schema->user, name, 0, key, SCHEMA_KEY))
        snprintf(key, SCHEMA_KEY, "%s", name);
}

vks_status schema_need(const struct schema *schema, const char *name, const struct weights_entry **out)
{
    char key[SCHEMA_KEY];
    *out = schema_lookup(schema, name);
    if (*out)
        return VKS_OK;
    file_key(schema, name, key);
    return vks_fail(VKS_ERR_MODEL, "the tensor %s, which tells the size of the network, is missing in this file", key);
}

uint32_t schema_count(const struct schema *schema, const char *prefix, const char *const *parts, uint32_t most)
{
    char name[SCHEMA_KEY];
    for (uint32_t i = 0; i < most; i++) {
        bool found = false;
        for (const char *const *part = parts; *part && !found; part++) {
            snprintf(name, sizeof name, "%s.%u.%s", prefix, i, *part);
            found = schema_lookup(schema, name) != NULL;
        }
        if (!found)
            return i;
    }
    return most;
}

void schema_add(struct schema *schema, struct vkr_desc desc, const char *format, ...)
{
    char name[SCHEMA_KEY];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    if (schema->error != VKS_OK)
        return;
    char *copy = vkr_arena_strdup(&schema->arena, name);
    schema->error = VKR_GROW(schema->entries, schema->capacity, schema->count);
    if (schema->error == VKS_OK && !copy)
        schema->error = vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for the name %s", name);
    if (schema->error == VKS_OK)
        schema->entries[schema->count++] = (struct schema_entry){ .name = copy, .desc = desc };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct schema_entry *)a)->name, ((const struct schema_entry *)b)->name);
}

static int by_address(const void *a, const void *b)
{
    const struct weights_entry *const *p = a, *const *q = b;
    return *p < *q ? -1 : *p > *q;
}

/* Counts and first examples of what is wrong. */
struct findings {
    uint32_t missing, misshapen, unknown;
    char first_missing[SCHEMA_KEY], first_unknown[SCHEMA_KEY], first_misshapen[SCHEMA_KEY + 2 * VKR_SHAPE_TEXT + 32];
};

static void match(struct schema *schema, struct findings *f)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        struct schema_entry *entry = &schema->entries[i];
        entry->found = schema_lookup(schema, entry->name);
        if (!entry->found) {
            if (f->missing++ == 0)
                file_key(schema, entry->name, f->first_missing);
        } else if (!vkr_same_shape(&entry->found->desc, &entry->desc) && f->misshapen++ == 0) {
            snprintf(f->first_misshapen, sizeof f->first_misshapen, "%.*s: expected %s, the file has %s", SCHEMA_KEY,
                     entry->found->name, VKR_SHAPE(&entry->desc), VKR_SHAPE(&entry->found->desc));
        }
    }
}

/* A pattern is a prefix, or "*" and a suffix. */
static bool matches_any(const char *name, const char *const *patterns)
{
    for (; patterns && *patterns; patterns++) {
        const char *pattern = *patterns;
        size_t length = strlen(name), wanted = strlen(pattern);
        if (pattern[0] == '*' ? length + 1 >= wanted && strcmp(name + length + 1 - wanted, pattern + 1) == 0
                              : strncmp(name, pattern, wanted) == 0)
            return true;
    }
    return false;
}

static vks_status count_unknown(const struct schema *schema, const char *const *ignored, struct findings *f)
{
    const struct weights_entry **used;
    VKS_TRY(vkr_alloc(schema->count + 1, sizeof *used, "the list of used tensors", (void **)&used));
    uint32_t used_count = 0;
    for (uint32_t i = 0; i < schema->count; i++)
        if (schema->entries[i].found)
            used[used_count++] = schema->entries[i].found;
    qsort(used, used_count, sizeof *used, by_address);
    for (uint32_t i = 0; i < weights_count(schema->weights); i++) {
        const struct weights_entry *entry = weights_at(schema->weights, i);
        if (bsearch(&entry, used, used_count, sizeof *used, by_address) || matches_any(entry->name, ignored))
            continue;
        if (f->unknown++ == 0)
            snprintf(f->first_unknown, SCHEMA_KEY, "%s", entry->name);
    }
    vkr_free(used);
    return VKS_OK;
}

vks_status schema_check(struct schema *schema, const char *family, const char *const *ignored, bool strict,
                        uint32_t *unknown)
{
    VKS_TRY(schema->error);
    struct findings f = { 0 };
    qsort(schema->entries, schema->count, sizeof *schema->entries, by_name);
    match(schema, &f);
    VKS_TRY(count_unknown(schema, ignored, &f));
    *unknown = f.unknown;
    if (!f.missing && !f.misshapen && !(strict && f.unknown))
        return VKS_OK;
    char missing[SCHEMA_KEY + 64] = "", misshapen[sizeof f.first_misshapen + 64] = "", others[SCHEMA_KEY + 96] = "";
    if (f.missing)
        snprintf(missing, sizeof missing, " Missing: %u, first %.*s.", f.missing, SCHEMA_KEY, f.first_missing);
    if (f.misshapen)
        snprintf(misshapen, sizeof misshapen, " Of another shape: %u, first %.*s.", f.misshapen,
                 (int)sizeof f.first_misshapen, f.first_misshapen);
    if (f.unknown)
        snprintf(others, sizeof others, " Unknown: %u, first %.*s%s.", f.unknown, SCHEMA_KEY, f.first_unknown,
                 f.missing || f.misshapen ? "" : " (the option unknown=ignore leaves such tensors out)");
    return vks_fail(VKS_ERR_MODEL, "the tensors of this file do not make a network of the family %s.%s%s%s", family,
                    misshapen, missing, others);
}

const struct schema_entry *schema_find(const struct schema *schema, const char *name)
{
    const struct schema_entry wanted = { .name = name };
    if (schema->count == 0)
        return NULL;
    return bsearch(&wanted, schema->entries, schema->count, sizeof *schema->entries, by_name);
}

uint64_t schema_elements(const struct schema *schema)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < schema->count; i++)
        sum += vkr_numel(&schema->entries[i].desc);
    return sum;
}

void schema_free(struct schema *schema)
{
    vkr_free(schema->entries);
    vkr_arena_destroy(&schema->arena);
    schema->entries = NULL;
    schema->count = schema->capacity = 0;
}
