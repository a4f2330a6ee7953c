/* offers.c: every refusal of a kind of prompt ends with what would have been right. */
#include "offers.h"

#include "message.h"

#include <stdio.h>
#include <string.h>

static const char *const EXAMPLE = "For example: vkseg segment ct.png -m model.pth --box 95,255,190,350 -o mask.png";

static void append(char text[OFFERS_TEXT], const char *before, const char *words)
{
    size_t used = strlen(text);
    snprintf(text + used, OFFERS_TEXT - used, "%s%s", before, words);
}

void offers_text(const vks_model_info *info, uint32_t kind, char text[OFFERS_TEXT])
{
    static const struct {
        uint32_t bit;
        const char *option;
    } offers[] = { { VKS_ACCEPTS_POINT, "--point" },
                   { VKS_ACCEPTS_BOX, "--box" },
                   { VKS_ACCEPTS_MASK, "--mask-prompt" },
                   { VKS_ACCEPTS_SUPPORT, "--support DIR" } };
    int count = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
        if (info->accepts & offers[i].bit)
            append(text, count++ ? ", " : "It takes ", offers[i].option);
    append(text, count ? "" : "It labels a whole volume without being asked: `vkseg predict`", ".");
    if (!kind)
        return;
    char takers[160];
    vks_families(kind, takers, sizeof takers);
    append(text, " Families that take this kind: ", takers);
    append(text, ".", "");
}

int offers_nothing_given(const struct args *args)
{
    char advice[OFFERS_TEXT];
    const char *path = args_value(args, "model");
    const vks_model_params params = { .struct_size = sizeof params,
                                      .family = args_value(args, "family"),
                                      .options = args_value(args, "model-option") };
    vks_model_info info;
    if (!path || vks_model_inspect(path, &params, &info) != VKS_OK)
        return fail(BAD_USAGE, EXAMPLE, "nothing says what to segment: give a --box or a --point.");
    offers_text(&info, 0, advice);
    return fail(BAD_USAGE, advice, "nothing says what a %s model shall segment.", info.family);
}
