/* window.c: presets are Hounsfield windows in daily use, width and level. */
#include "window.h"

#include "args.h"
#include "message.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    float width, level;
} presets[] = {
    { "abdomen", 400, 40 }, { "bone", 1800, 400 },         { "brain", 80, 40 },        { "liver", 150, 30 },
    { "lung", 1500, -600 }, { "lung-medsam", 1500, -160 }, { "mediastinum", 350, 50 }, { "soft-tissue", 400, 40 },
};

int window_parse(const char *text, struct window *out)
{
    static const char *const advice = "Write --window width,level, or a name: abdomen, bone, brain, liver, lung, "
                                      "lung-medsam, mediastinum, soft-tissue.";
    double values[2];
    char wrong[160];
    *out = (struct window){ .rule = "auto" };
    if (!text || strcmp(text, "auto") == 0)
        return 0;
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(text, presets[i].name) == 0) {
            *out = (struct window){ .width = presets[i].width, .level = presets[i].level };
            snprintf(out->rule, sizeof out->rule, "%s", presets[i].name);
            return 0;
        }
    }
    if (parse_numbers(text, values, 2, wrong) != 2)
        return fail(BAD_USAGE, advice, "--window %s: this is no known window.", text);
    if (!(values[0] > 0))
        return fail(BAD_USAGE, advice, "--window %s: the width must be more than 0.", text);
    *out = (struct window){ .width = (float)values[0], .level = (float)values[1], .rule = "given" };
    return 0;
}

/* The data preparation of MedSAM: CT is cut to width 400 at level 40, anything else to percentiles 0.5 and 99.5 of the
 * voxels above 0, over the whole volume. No CT number is below -1024, and little but CT goes below -500. */
static int choose_automatically(const vks_volume *volume, struct window *out)
{
    vks_volume_range range;
    vks_status status = vks_volume_get_range(volume, 0.5, 99.5, &range);
    if (status)
        return fail_status(status, STAGE_INPUT, NULL);
    if (range.least < -500) {
        *out = (struct window){ .width = 400, .level = 40, .rule = "CT guessed: abdomen" };
        note("values go down to %g, so this is taken for CT: window abdomen (width 400, level 40). --window overrules.",
             range.least);
    } else if (range.positive && range.high > range.low) {
        *out = (struct window){ .width = (float)(range.high - range.low),
                                .level = (float)((range.high + range.low) / 2),
                                .rule = "percentiles 0.5 to 99.5 above 0" };
        note("no CT (no value below -500): window from %g to %g, percentiles 0.5 and 99.5 of the voxels above 0. "
             "--window overrules.",
             range.low, range.high);
    } else {
        *out = (struct window){ .width = (float)(range.most - range.least),
                                .level = (float)((range.most + range.least) / 2),
                                .rule = "smallest to largest" };
        note("window from the smallest value (%g) to the largest (%g). --window overrules.", range.least, range.most);
    }
    return 0;
}

int window_choose(const char *text, const vks_volume *volume, struct window *out)
{
    int code = window_parse(text, out);
    if (code)
        return code;
    if (volume->type == VKS_PIXEL_U8) {
        if (text && out->width > 0)
            return fail(BAD_USAGE, "Leave it out.", "--window is for more than 8 bits; this volume has 8.");
        *out = (struct window){ .rule = "none: 8 bits" };
    } else if (!(out->width > 0)) {
        code = choose_automatically(volume, out);
    }
    return code;
}
