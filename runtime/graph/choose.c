/* choose.c: PURE: which of an operator's kernels a call becomes. The order of the candidates decides, among those that the build
 * contains and the target can run. */
#include "base/spirv.h"
#include "graph/op.h"

#include <stdio.h>
#include <string.h>

bool vkr_variant_built(const char *shader, const char *variant, uint64_t *needs)
{
    int row = vkr_spirv_find(shader, variant);
    if (row >= 0 && needs)
        *needs = vkr_spirv_table[row].needs;
    return row >= 0;
}

/* A choice is meant by "VARIANT" or "SHADER.VARIANT". */
static bool named_by(const struct vkr_choice *choice, const char *text)
{
    size_t length = strlen(choice->shader);
    return strcmp(choice->variant, text) == 0 ||
           (strncmp(choice->shader, text, length) == 0 && text[length] == '.' && strcmp(choice->variant, text + length + 1) == 0);
}

static bool is_banned(const struct vkr_options *options, const struct vkr_choice *choice)
{
    char kernel[80];
    if (options->ban_count == 0)
        return false;
    snprintf(kernel, sizeof kernel, "%s.%s", choice->shader, choice->variant);
    return vkr_options_banned(options, kernel);
}

vks_status vkr_choose(const struct vkr_target *target, const char *op, const struct vkr_choice *list, uint32_t count,
                      const void *shape, uint32_t *out)
{
    const char *forced = vkr_options_forced(&target->options, op);
    for (uint32_t i = 0; i < count; i++) {
        const struct vkr_choice *choice = &list[i];
        if (forced && !named_by(choice, forced))
            continue;
        if (!vkr_variant_built(choice->shader, choice->variant, NULL) || (choice->needs & ~target->caps.bits))
            continue;
        if (choice->cpu_only && target->caps.device_class != VKR_CLASS_CPU && !forced)
            continue;
        if (choice->fits && !choice->fits(shape, target))
            continue;
        if (!forced && is_banned(&target->options, choice))
            continue;
        *out = i;
        return VKS_OK;
    }
    if (forced && target->options.force_is_wish) {
        struct vkr_target free = *target;
        free.options.force_count = 0;
        return vkr_choose(&free, op, list, count, shape, out);
    }
    VKS_REQUIRE(forced || target->options.ban_count == 0, VKS_ERR_UNSUPPORTED,
                "%s: every kernel that %s could run has been set aside as wrong there", op, target->caps.name);
    return forced ? vks_fail(VKS_ERR_UNSUPPORTED, "%s: the forced variant \"%s\" cannot run here", op, forced)
                  : vks_fail(VKS_ERR_UNSUPPORTED, "%s: no variant can run on %s", op, target->caps.name);
}
