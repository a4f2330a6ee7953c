/* bank.c: the rule by which SAM 2 chooses memories (sam2_base.py, _prepare_memory_conditioned_features). */
#include "api/bank.h"

#include "base/mem.h"

#include <string.h>

vks_status bank_create(uint32_t slices, struct bank *out)
{
    *out = (struct bank){ .slices = slices };
    return vkr_alloc(slices, sizeof *out->entries, "the memory of an object", (void **)&out->entries);
}

static void drop(struct bank_entry *entry)
{
    vkr_free(entry->logits);
    vkr_free(entry->pointer);
    vkr_free(entry->memory);
    *entry = (struct bank_entry){ 0 };
}

void bank_free(struct bank *bank)
{
    for (uint32_t i = 0; bank->entries && i < bank->slices; i++)
        drop(&bank->entries[i]);
    vkr_free(bank->entries);
    *bank = (struct bank){ 0 };
}

vks_status bank_reserve(struct bank *bank, const struct network *network, uint32_t slice)
{
    struct bank_entry *entry = &bank->entries[slice];
    size_t cells = (size_t)network->grid * network->grid;
    if (!entry->logits)
        VKS_TRY(vkr_alloc((size_t)network->low * network->low, sizeof *entry->logits, "a followed mask",
                          (void **)&entry->logits));
    if (!entry->pointer)
        VKS_TRY(vkr_alloc(network->channels, sizeof *entry->pointer, "an object pointer", (void **)&entry->pointer));
    if (!entry->memory)
        VKS_TRY(vkr_alloc(cells * network->bank.width, sizeof *entry->memory, "a memory", (void **)&entry->memory));
    return VKS_OK;
}

void bank_forget(struct bank *bank)
{
    for (uint32_t i = 0; i < bank->slices; i++) {
        if (!bank->entries[i].prompted)
            drop(&bank->entries[i]);
        bank->entries[i].followed = false;
    }
}

/* The slice `distance` steps back in the direction of travel, if there is one and it was followed only. */
static bool behind(const struct bank *bank, uint32_t slice, uint32_t distance, bool backwards, uint32_t *out)
{
    bool inside = backwards ? distance < bank->slices - slice : distance <= slice;
    if (!inside)
        return false;
    *out = backwards ? slice + distance : slice - distance;
    return bank->entries[*out].known && !bank->entries[*out].prompted;
}

static void select_pointers(const struct bank *bank, const struct family_bank *rule, uint32_t slice, bool backwards,
                            struct bank_view *out)
{
    uint32_t most = bank->slices < rule->pointers ? bank->slices : rule->pointers, at;
    double span = most > 1 ? most - 1 : 1;
    for (uint32_t i = 0; i < bank->slices && out->pointers < BANK_POINTERS; i++) {
        if (!bank->entries[i].prompted || (backwards ? i < slice : i > slice))
            continue;
        out->pointer[out->pointers].slice = i;
        out->pointer[out->pointers++].distance = (backwards ? i - slice : slice - i) / span;
    }
    for (uint32_t distance = 1; distance < most && out->pointers < BANK_POINTERS; distance++)
        if (behind(bank, slice, distance, backwards, &at)) {
            out->pointer[out->pointers].slice = at;
            out->pointer[out->pointers++].distance = distance / span;
        }
}

vks_status bank_select(const struct bank *bank, const struct family_bank *rule, uint32_t slice, bool backwards,
                       struct bank_view *out)
{
    uint32_t at;
    *out = (struct bank_view){ 0 };
    VKS_REQUIRE(
        bank->prompted + rule->frames <= BANK_FRAMES, VKS_ERR_UNSUPPORTED,
        "an object with hints on %u slices is attended to on %d at most; give fewer hints, as the model follows "
        "by itself",
        bank->prompted, BANK_FRAMES - (int)rule->frames);
    for (uint32_t i = 0; i < bank->slices; i++)
        if (bank->entries[i].prompted) {
            out->frame[out->frames].slice = i;
            out->frame[out->frames++].time = rule->frames - 1;
        }
    for (uint32_t distance = rule->frames - 1; distance >= 1; distance--)
        if (behind(bank, slice, distance, backwards, &at)) {
            out->frame[out->frames].slice = at;
            out->frame[out->frames++].time = distance - 1;
        }
    select_pointers(bank, rule, slice, backwards, out);
    return VKS_OK;
}

uint16_t bank_round(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* NaN stays one */
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
