/* choose.c: PURE: which of an operator's kernels a call becomes: those that the build contains and the target can run, in the
 * order of the list; then by what was timed. */
#include "base/spirv.h"
#include "graph/tuning.h"

#include <stdio.h>
#include <string.h>

bool vkr_variant_built(const char *shader, const char *variant, uint64_t *needs)
{
    char plain[VKR_KERNEL_NAME];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(variant, ":"), variant);
    int row = vkr_spirv_find(shader, plain);
    if (row >= 0 && needs)
        *needs = vkr_spirv_table[row].needs;
    return row >= 0;
}

uint32_t vkr_choice_tier(const struct vkr_choice *choice)
{
    return choice->cpu_only || choice->needs == 0 ? 0
        : choice->needs & VKR_CAP_COOPMAT2 ? 3 : choice->needs & VKR_CAP_COOPMAT ? 2 : 1;
}

/* ---- candidates ------------------------------------------------------------------------------------------------- */

/* A choice, cut in one way, on this target. */
struct live {
    uint32_t choice, cut, tier;
    bool cpu_only, is_rival;
    char kernel[VKR_KERNEL_NAME];               /* "SHADER.VARIANT" or "SHADER.VARIANT:CUT" */
};

/* A candidate is meant by "SHADER.VARIANT:CUT", and by that without the shader or without the cut. */
static bool named_by(const char *kernel, const char *text)
{
    const char *variant = strchr(kernel, '.') + 1;
    size_t length = strlen(text), whole = strcspn(kernel, ":"), part = strcspn(variant, ":");
    return strcmp(kernel, text) == 0 || strcmp(variant, text) == 0 ||
           (length == whole && strncmp(kernel, text, length) == 0) || (length == part && strncmp(variant, text, length) == 0);
}

/* As a whole, or in this cut. */
static bool is_in(const char (*list)[64], uint32_t count, const char *kernel)
{
    for (uint32_t i = 0; i < count; i++)
        if (named_by(kernel, list[i]))
            return true;
    return false;
}

/* Who may be chosen. */
struct wish { const char *forced; bool takes_avoided, takes_all; };

static bool is_wanted(const struct vkr_options *options, const struct wish *wish, const char *kernel)
{
    if (wish->forced)
        return named_by(kernel, wish->forced);
    return wish->takes_all || (!is_in(options->ban, options->ban_count, kernel) &&
                               (wish->takes_avoided || !is_in(options->avoid, options->avoid_count, kernel)));
}

static void add_choice(const struct vkr_target *target, const struct wish *wish, const struct vkr_call *call, uint32_t index,
                       struct live *out, uint32_t *count)
{
    const struct vkr_choice *choice = &call->list[index];
    struct live candidate = { index, 0, vkr_choice_tier(choice), choice->cpu_only, index < call->rivals, "" };
    struct vkr_cut cuts[VKR_MAX_CUTS] = { { "", 0, 0 } };
    uint32_t left = call->cuts ? call->cuts(call->shape, target, index, cuts) : 1;
    for (; left > 0; left--) {                  /* the cheapest first */
        uint32_t least = 0;
        for (uint32_t i = 1; i < left; i++)
            least = cuts[i].cost < cuts[least].cost ? i : least;
        candidate.cut = cuts[least].index;
        snprintf(candidate.kernel, sizeof candidate.kernel, "%s.%s%s%s", choice->shader, choice->variant, *cuts[least].name ? ":" : "",
                 cuts[least].name);
        if (*count < VKR_MAX_CANDIDATES && is_wanted(&target->options, wish, candidate.kernel))
            out[(*count)++] = candidate;
        memmove(&cuts[least], &cuts[least + 1], (left - least - 1) * sizeof *cuts);
    }
}

/* What could be used, in the static order. */
static uint32_t list_live(const struct vkr_target *target, const struct vkr_call *call, const struct wish *wish, struct live *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        const struct vkr_choice *choice = &call->list[i];
        if (!vkr_variant_built(choice->shader, choice->variant, NULL) || (choice->needs & ~target->caps.bits))
            continue;
        if (choice->cpu_only && target->caps.device_class != VKR_CLASS_CPU && !wish->forced)
            continue;
        if (choice->fits && !choice->fits(call->shape, target))
            continue;
        add_choice(target, wish, call, i, out, &count);
    }
    return count;
}

/* ---- choice ----------------------------------------------------------------------------------------------------- */

static uint32_t pick_safest(const struct live *live, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        best = live[i].tier < live[best].tier ? i : best;
    return best;
}

/* Kernels of the cpu class have no rivals there: the others are slower by orders of magnitude. */
static uint32_t pick_by_time(const struct vkr_target *target, const struct vkr_call *call, const struct live *live, uint32_t count,
                             struct vkr_decision *decision)
{
    struct vkr_question question = { .flops = call->flops, .alone = call->alone, .weights = call->weights };
    if (!target->tuning || !call->alone || call->flops < VKR_TUNING_LEAST_FLOPS || live[0].cpu_only || !live[0].is_rival ||
        call->data_size > sizeof question.data)
        return 0;
    memcpy(question.call, call->name, sizeof question.call);
    memcpy(question.operands, call->operands, sizeof question.operands);
    memcpy(question.data, call->data, call->data_size);
    for (uint32_t i = 0; i < count; i++) {
        if (!live[i].is_rival)
            continue;
        struct vkr_candidate *candidate = &question.candidates[question.count++];
        memcpy(candidate->kernel, live[i].kernel, sizeof candidate->kernel);
        candidate->tier = live[i].tier;
    }
    if (question.count < 2)
        return 0;
    uint32_t chosen = vkr_tuning_ask(target->tuning, &question);
    decision->why = question.why;
    decision->ms = question.why == VKR_BY_TIMING || question.why == VKR_BY_CACHE ? question.candidates[chosen].ms : 0;
    return chosen;
}

/* Cuts of one choice stand together. */
static uint32_t pick_turn(const struct live *live, uint32_t count, uint32_t turn)
{
    uint32_t cuts = 1;
    while (cuts < count && live[cuts].choice == live[0].choice)
        cuts++;
    return turn % cuts;
}

static void tell(const struct vkr_target *target, const struct vkr_call *call, const struct live *live, uint32_t count,
                 struct vkr_decision *decision)
{
    struct live all[VKR_MAX_CANDIDATES];
    uint32_t more = list_live(target, call, &(struct wish){ .takes_all = true }, all), i = 0;
    while (i < more && i < count && strcmp(all[i].kernel, live[i].kernel) == 0)
        i++;
    decision->aside = decision->why != VKR_BY_FORCE && i < more ? all[i].kernel : "";
    target->witness->see(target->witness->user, decision);
}

static vks_status refuse(const struct vkr_target *target, const char *op, const char *forced)
{
    VKS_REQUIRE(forced || target->options.ban_count == 0, VKS_ERR_UNSUPPORTED,
                "%s: every kernel that %s could run has been set aside as wrong there", op, target->caps.name);
    return forced ? vks_fail(VKS_ERR_UNSUPPORTED, "%s: the forced variant \"%s\" cannot run here", op, forced)
                  : vks_fail(VKS_ERR_UNSUPPORTED, "%s: no variant can run on %s", op, target->caps.name);
}

vks_status vkr_choose_call(const struct vkr_target *target, const struct vkr_call *call, uint32_t *choice, uint32_t *cut)
{
    struct live live[VKR_MAX_CANDIDATES];
    struct wish wish = { .forced = vkr_options_forced(&target->options, call->op) };
    uint32_t count = list_live(target, call, &wish, live), at;
    if (count == 0 && wish.forced && target->options.force_is_wish) {
        wish.forced = NULL;
        count = list_live(target, call, &wish, live);
    }
    if (count == 0 && target->options.avoid_count) {
        wish.takes_avoided = true;
        count = list_live(target, call, &wish, live);
    }
    if (count == 0)
        return refuse(target, call->op, wish.forced);
    const bool safest = target->options.tune == VKR_TUNE_OFF;
    struct vkr_decision decision = { .why = wish.forced ? VKR_BY_FORCE : safest ? VKR_BY_SAFETY : VKR_BY_TABLE, .op = call->op,
                                     .call = call->name, .candidates = count };
    at = wish.forced ? pick_turn(live, count, target->options.force_turn)
        : safest ? pick_safest(live, count) : pick_by_time(target, call, live, count, &decision);
    decision.kernel = live[at].kernel;
    if (target->witness)
        tell(target, call, live, count, &decision);
    *choice = live[at].choice;
    *cut = live[at].cut;
    return VKS_OK;
}

bool vkr_fits_fours(const void *desc, const struct vkr_target *target)
{
    (void)target;
    return vkr_last(desc) % 4 == 0;
}

bool vkr_fits_texels(const void *desc, const struct vkr_target *target)
{
    return vkr_last(desc) % 4 == 0 && vkr_numel(desc) / 4 <= target->caps.max_texels;
}

vks_status vkr_choose(const struct vkr_target *target, const char *op, const struct vkr_choice *list, uint32_t count,
                      const void *shape, uint32_t *out)
{
    const struct vkr_call call = { .op = op, .list = list, .count = count, .shape = shape };
    uint32_t cut;
    return vkr_choose_call(target, &call, out, &cut);
}
