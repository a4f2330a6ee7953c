/* check_golden.c: a golden case from opening to verdict, and `vksegdev check golden`, which shows it. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

/* What nothing compared is named; inputs are only counted. */
static void count_fates(struct golden *golden)
{
    size_t i;
    json_t *array, *arrays = json_object_get(golden->json, "arrays");
    json_array_foreach(arrays, i, array)
    {
        if (golden->fate[i] == GOLDEN_FORGOTTEN)
            printf("nothing compares %s (%s)\n", json_string_value(json_object_get(array, "file")),
                   json_string_value(json_object_get(array, "meaning")));
        golden->summary.forgotten += golden->fate[i] == GOLDEN_FORGOTTEN;
        golden->summary.given += golden->fate[i] == GOLDEN_GIVEN;
        golden->summary.elsewhere += golden->fate[i] == GOLDEN_ELSEWHERE;
    }
}

vks_status golden_run(const struct args *args, const char *folder, bool show, struct golden_summary *out)
{
    struct golden golden = { .args = args, .folder = folder, .show = show };
    vks_status status = golden_open(&golden);
    bool support = status == VKS_OK && golden_is_support(&golden);
    bool stack = status == VKS_OK && golden_is_stack(&golden);
    if (support)
        status = golden_support(&golden);
    else if (stack)
        status = golden_stack(&golden);
    stack = stack || support;
    if (status == VKS_OK && !stack)
        status = golden_image(&golden);
    if (status == VKS_OK && !stack)
        status = golden_prompts(&golden);
    if (status == VKS_OK)
        count_fates(&golden);
    *out = golden.summary;
    golden_close(&golden);
    return status;
}

vks_status check_golden(const struct args *args)
{
    VKS_REQUIRE(args->words == 2, VKS_ERR_ARGUMENT, "expected: vksegdev check golden CASE_DIR [-m MODEL]");
    const char *folder = args->word[1];
    struct golden_summary s;
    VKS_TRY(golden_run(args, folder, true, &s));
    printf(
        "weights in %s: %u of %u arrays within tolerance, %u not; %u are inputs, %u are for another family, %u are not "
        "compared; worst %.2g of its tolerance (%s)\n",
        s.half ? "f16" : "f32", s.within, s.arrays, s.outside, s.given, s.elsewhere, s.forgotten, s.worst,
        s.worst_name);
    VKS_REQUIRE(s.outside == 0 && s.within > 0, VKS_ERR_CHECK, "%u of %u arrays of %s are not within tolerance",
                s.outside, s.outside + s.within, folder);
    return VKS_OK;
}
