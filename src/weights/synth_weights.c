/* synth_weights.c: a table of weights without a file: its elements are computed when they are read, a piece at a time. */
#include "weights/container.h"
#include "weights/sha256.h"
#include "weights/synth.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 2048 };                  /* elements, on the stack */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct synth_tensor *const *)a)->name, (*(const struct synth_tensor *const *)b)->name);
}

static vks_status add_tensor(struct weights *weights, struct weights_rule *rules, const struct synth_tensor *tensor)
{
    struct weights_entry entry = { .desc = tensor->desc };
    uint64_t step = 1;
    for (uint32_t i = tensor->desc.rank; i-- > 0;) {
        entry.stride[i] = step;
        step *= tensor->desc.dim[i];
    }
    rules[weights->count] = (struct weights_rule){ tensor->seed, tensor->c, tensor->a };
    return weights_add(weights, tensor->name, strlen(tensor->name), &entry);
}

static vks_status fill(struct weights *weights, const struct synth_tensor **sorted, uint32_t count, const char *label,
                       const char *family)
{
    struct weights_rule *rules = vkr_arena_alloc(&weights->arena, (count + 1) * sizeof *rules);
    const char *own_label = vkr_arena_strdup(&weights->arena, label);
    const char *own_family = family ? vkr_arena_strdup(&weights->arena, family) : NULL;
    VKS_REQUIRE(rules && own_label && (own_family || !family), VKS_ERR_HOST_MEMORY, "out of memory: a synthetic model");
    weights->label = own_label;
    weights->format = "synthetic";
    weights->rules = rules;
    qsort(sorted, count, sizeof *sorted, by_name);
    for (uint32_t i = 0; i < count; i++) {
        VKS_REQUIRE(i == 0 || by_name(&sorted[i - 1], &sorted[i]) != 0, VKS_ERR_MODEL, "%s names the tensor \"%s\" twice",
                    label, sorted[i]->name);
        VKS_TRY(add_tensor(weights, rules, sorted[i]));
    }
    if (!family)
        return VKS_OK;
    VKS_TRY(VKR_GROW(weights->notes, weights->note_capacity, weights->note_count));
    weights->notes[weights->note_count++] = (struct weights_note){ "vkseg.family", own_family };
    return VKS_OK;
}

vks_status synth_open(const struct synth_tensor *tensors, uint32_t count, const char *label, const char *family,
                      struct weights **out)
{
    const struct synth_tensor **sorted;
    *out = NULL;
    VKS_TRY(vkr_alloc(count + 1, sizeof *sorted, "a synthetic model", (void **)&sorted));
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &tensors[i];
    vks_status status = vkr_alloc(1, sizeof **out, "weights", (void **)out);
    if (status == VKS_OK)
        status = fill(*out, sorted, count, label, family);
    vkr_free(sorted);
    if (status != VKS_OK && *out)
        weights_close(out);
    return status;
}

static void generate(const struct weights *weights, const struct weights_entry *entry, uint64_t first, size_t count, float *dst)
{
    const struct weights_rule *rule = &weights->rules[entry - weights->entries];
    synth_fill(entry->name, rule->seed, first, rule->c, rule->a, count, dst);
}

vks_status synth_read(const struct weights *weights, const struct weights_entry *entry, enum vkr_dtype dst_type, void *dst)
{
    uint64_t count = vkr_numel(&entry->desc);
    size_t size = vkr_dtype_size(dst_type);
    float piece[PIECE];
    if (dst_type == VKR_F32) {
        generate(weights, entry, 0, (size_t)count, dst);
        return VKS_OK;
    }
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t now = count - at < PIECE ? (size_t)(count - at) : PIECE;
        generate(weights, entry, at, now, piece);
        VKS_TRY(vkr_convert((unsigned char *)dst + at * size, dst_type, piece, VKR_F32, now));
    }
    return VKS_OK;
}

/* Little-endian bytes, whatever the machine's are. */
static void add_floats(struct sha256 *sha, const float *values, size_t count)
{
    unsigned char bytes[4 * PIECE];
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t k = 0; k < 4; k++)
            bytes[4 * i + k] = (unsigned char)(bits >> 8 * k);
    }
    sha256_add(sha, bytes, 4 * count);
}

void synth_sha256(const struct weights *weights, char hex[65])
{
    struct sha256 sha;
    float piece[PIECE];
    sha256_begin(&sha);
    for (uint32_t i = 0; i < weights->count; i++) {
        uint64_t count = vkr_numel(&weights->entries[i].desc);
        for (uint64_t at = 0; at < count; at += PIECE) {
            size_t now = count - at < PIECE ? (size_t)(count - at) : PIECE;
            generate(weights, &weights->entries[i], at, now, piece);
            add_floats(&sha, piece, now);
        }
    }
    sha256_end(&sha, hex);
}
