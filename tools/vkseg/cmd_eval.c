/* cmd_eval.c: how well a label map agrees with the truth, label by label. No device is touched. */
#include "commands.h"

#include "message.h"
#include "report.h"
#include "vkseg/vkseg_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg eval PREDICTION TRUTH [--json] [--min-dice 0.9]";

const struct option eval_options[] = {
    { "json", 0, NULL, 0, "Print one JSON document instead of text." },
    { "min-dice", 0, "NUMBER", 0, "Exit with 11 when a label's Dice is below this (0 to 1)." },
    { "tolerance", 0, "MM", 0, "Distance that surface Dice forgives. Default 2 mm (2 pixels in images)." },
    { "ignore-geometry", 0, NULL, 0, "Compare voxel by voxel although the files lie in different places." },
    { "volume", 0, "N", 0, "Which volume of 4D files, counted from 0." },
    { "quiet", 'q', NULL, 0, "Print no remarks." },
    { 0 },
};

enum { LABELS = 65536 };

struct evaluation {
    vks_io_volume files[2]; /* prediction, truth */
    uint16_t *maps[2];
    vks_score *scores;
    size_t count;
    double tolerance, least;
    int is_flat;
};

static void evaluation_close(struct evaluation *evaluation)
{
    for (int i = 0; i < 2; i++) {
        vks_io_volume_free(&evaluation->files[i]);
        free(evaluation->maps[i]);
    }
    free(evaluation->scores);
}

static size_t voxel_count(const vks_volume *view)
{
    return (size_t)view->size[0] * view->size[1] * view->size[2];
}

/* A mask of 0 and 255 is one of 0 and 1 made visible. */
static void lower_white(uint16_t *map, size_t count)
{
    int is_white = 0;
    for (size_t i = 0; i < count; i++) {
        if (map[i] && map[i] != 255)
            return;
        is_white |= map[i] == 255;
    }
    for (size_t i = 0; is_white && i < count; i++)
        map[i] = map[i] == 255;
}

static int open_map(const struct args *args, int which, struct evaluation *out)
{
    const char *path = args_word(args, (size_t)which), *volume = args_value(args, "volume");
    double index = 0;
    if (volume && (parse_number(volume, strlen(volume), &index) || index < 0 || floor(index) != index || index > 1e9))
        return fail(BAD_USAGE, "Volumes are counted from 0.", "--volume %s: this is not the number of a volume.",
                    volume);
    vks_io_volume_params params = { .struct_size = sizeof params,
                                    .has_index = volume != NULL,
                                    .index = (uint32_t)index };
    vks_status status = vks_io_read_labels(path, &params, &out->files[which]);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    if (*out->files[which].note)
        note("note: %s: %s", base_name(path), out->files[which].note);
    size_t count = voxel_count(&out->files[which].view);
    out->maps[which] = malloc(count * sizeof *out->maps[which]);
    if (!out->maps[which])
        return fail(NO_MEMORY, NULL, "no memory for the labels of %s.", base_name(path));
    if (vks_volume_labels(&out->files[which].view, out->maps[which]))
        return fail(INPUT_BAD, "Name label maps: `vkseg eval PREDICTION TRUTH`.", "%s: %s.", path, vks_last_error());
    lower_white(out->maps[which], count);
    return 0;
}

static int is_picture(const vks_io_volume *file)
{
    return strcmp(file->format, "png") == 0 || (strcmp(file->format, "npy") == 0 && file->view.size[2] == 1);
}

static int check_geometry(const struct args *args, const struct evaluation *evaluation)
{
    const vks_volume *a = &evaluation->files[0].view, *b = &evaluation->files[1].view;
    if (memcmp(a->size, b->size, sizeof a->size) != 0)
        return fail(INPUT_BAD, "Resample one onto the grid of the other first.",
                    "the prediction has %u x %u x %u voxels, the truth %u x %u x %u.", a->size[0], a->size[1],
                    a->size[2], b->size[0], b->size[1], b->size[2]);
    int is_known = !is_picture(&evaluation->files[0]) && !is_picture(&evaluation->files[1]);
    if (!is_known || vks_volume_same_grid(a, b, 0.01))
        return 0;
    char from[4], to[4];
    vks_volume_orientation(a->affine, from);
    vks_volume_orientation(b->affine, to);
    if (args_count(args, "ignore-geometry")) {
        note("note: the files lie in different places (%s and %s); compared voxel by voxel, in the truth's spacing",
             from, to);
        return 0;
    }
    return fail(INPUT_BAD,
                "Resample one onto the other's grid, or add --ignore-geometry if only the headers are wrong.",
                "prediction and truth lie in different places: %s with %.4g x %.4g x %.4g mm and %s with %.4g x %.4g x "
                "%.4g mm, or shifted.",
                from, a->spacing[0], a->spacing[1], a->spacing[2], to, b->spacing[0], b->spacing[1], b->spacing[2]);
}

static int score_all(struct evaluation *evaluation)
{
    unsigned char *present = calloc(LABELS, 1);
    evaluation->scores = calloc(LABELS, sizeof *evaluation->scores);
    if (!present || !evaluation->scores) {
        free(present);
        return fail(NO_MEMORY, NULL, "no memory for the scores.");
    }
    const vks_volume *truth = &evaluation->files[1].view;
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < voxel_count(truth); i++)
            present[evaluation->maps[which][i]] = 1;
    }
    vks_score_params params = { sizeof params, evaluation->tolerance, evaluation->is_flat };
    int code = 0;
    for (uint32_t label = 1; !code && label < LABELS; label++) {
        if (!present[label])
            continue;
        vks_status status = vks_score_label(evaluation->maps[0], evaluation->maps[1], truth->size, truth->spacing,
                                            label, &params, &evaluation->scores[evaluation->count]);
        if (status)
            code = fail_status(status, STAGE_INPUT, NULL);
        evaluation->count++;
    }
    free(present);
    return code;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double mean_dice(const struct evaluation *evaluation)
{
    double sum = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        sum += evaluation->scores[i].dice;
    return evaluation->count ? sum / (double)evaluation->count : NAN;
}

static double millilitres(const struct evaluation *evaluation, uint64_t voxels)
{
    const double *spacing = evaluation->files[1].view.spacing;
    return (double)voxels * spacing[0] * spacing[1] * spacing[2] * 1e-3;
}

static int print_scores_json(const struct args *args, const struct evaluation *evaluation)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < evaluation->count; i++) {
        const vks_score *score = &evaluation->scores[i];
        json_t *entry =
            json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "label", (json_int_t)score->label,
                      "voxels_prediction", (json_int_t)score->prediction, "voxels_truth", (json_int_t)score->truth,
                      "dice", number(score->dice), "iou", number(score->iou), "hd95", number(score->hd95),
                      "surface_dice", number(score->surface_dice), "mean_surface_distance",
                      number(score->mean_distance), "volume_difference", number(score->volume_difference));
        if (!evaluation->is_flat) {
            json_object_set_new(entry, "ml_prediction", number(millilitres(evaluation, score->prediction)));
            json_object_set_new(entry, "ml_truth", number(millilitres(evaluation, score->truth)));
        }
        json_array_append_new(labels, entry);
    }
    return print_json(json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o}", "schema", 1, "prediction",
                                base_name(args_word(args, 0)), "truth", base_name(args_word(args, 1)), "unit",
                                evaluation->is_flat ? "pixel" : "mm", "tolerance", number(evaluation->tolerance),
                                "mean_dice", number(mean_dice(evaluation)), "labels", labels));
}

static void print_scores(const struct evaluation *evaluation)
{
    const char *unit = evaluation->is_flat ? "px" : "mm";
    printf("label   Dice     IoU      HD95 %-4s  surface Dice at %g %s  volume\n", unit, evaluation->tolerance, unit);
    for (size_t i = 0; i < evaluation->count; i++) {
        const vks_score *score = &evaluation->scores[i];
        printf("%5u   %.4f   %.4f   %9.3f  %.4f                 ", score->label, score->dice, score->iou, score->hd95,
               score->surface_dice);
        if (score->truth)
            printf("%+.1f %%\n", 100 * score->volume_difference);
        else
            puts("not in the truth");
    }
    if (evaluation->count)
        printf(" mean   %.4f\n", mean_dice(evaluation));
    else
        puts("both maps are empty: there is no label to compare");
}

static int check_least(const struct evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        if (evaluation->scores[i].dice < evaluation->least)
            return fail(CHECK_FAILED, NULL, "label %u has a Dice of %.4f, below %g.", evaluation->scores[i].label,
                        evaluation->scores[i].dice, evaluation->least);
    }
    return 0;
}

static int read_number(const struct args *args, const char *name, double most, double *out)
{
    const char *text = args_value(args, name);
    if (text && (parse_number(text, strlen(text), out) || *out < 0 || *out > most))
        return fail(BAD_USAGE, USAGE, "--%s %s: expected a number from 0 to %g.", name, text, most);
    return 0;
}

static int evaluate(const struct args *args, struct evaluation *evaluation)
{
    evaluation->tolerance = 2;
    int code = args_expect_words(args, 2, "eval", USAGE);
    if (!code)
        code = read_number(args, "min-dice", 1, &evaluation->least);
    if (!code)
        code = read_number(args, "tolerance", 1000, &evaluation->tolerance);
    if (!code && !(evaluation->tolerance > 0))
        return fail(BAD_USAGE, USAGE, "--tolerance must be more than 0.");
    for (int which = 0; !code && which < 2; which++)
        code = open_map(args, which, evaluation);
    if (!code)
        code = check_geometry(args, evaluation);
    evaluation->is_flat = is_picture(&evaluation->files[1]);
    if (!code)
        code = score_all(evaluation);
    if (code)
        return code;
    if (args_count(args, "json"))
        code = print_scores_json(args, evaluation);
    else
        print_scores(evaluation);
    return code ? code : check_least(evaluation);
}

int cmd_eval(int count, char **words)
{
    struct args args;
    struct evaluation evaluation = { .least = 0 };
    int code = args_parse(count, words, "eval", eval_options, &args);
    message_level(args_count(&args, "quiet"), 0);
    if (!code && args.wants_help)
        code = help_print("eval");
    else if (!code)
        code = evaluate(&args, &evaluation);
    evaluation_close(&evaluation);
    args_free(&args);
    return code;
}
