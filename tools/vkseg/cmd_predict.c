/* cmd_predict.c: automatic models: a volume in, a label map in the same place out. */
#include "commands.h"

#include "cut.h"
#include "interrupt.h"
#include "message.h"
#include "offers.h"
#include "outputs.h"
#include "report.h"
#include "run.h"
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg predict VOLUME -m MODEL -o OUT.nii.gz";

const struct option predict_options[] = {
    { .help = "Outputs" },
    { "output", 'o', "FILE", 0,
      "The label map, in the place of the volume: .nii or .nii.gz; .dcm (DICOM SEG) from a series." },
    { "overlay", 0, "FILE.png", 0,
      "Three planes through the centre of the labels, with them drawn on it in the model's colours." },
    { "report", 0, "FILE.json", 0, "What was done with what: model, hashes, device, times." },
    { .help = "Volume" },
    VOLUME_OPTIONS,
    { "no-conform", 0, NULL, 0,
      "Take the voxels as they lie. Default: bring the volume into the model's grid (256 x 256 x 256 voxels of 1 mm, "
      "8 bits) unless it is there already, and the labels back." },
    { "crop", 0, NULL, 0, "Show the model only the box of what is not dark; labels outside are 0." },
    { "crop-threshold", 0, "T", 0, "Dark is what is not above T (0..1) times the brightest. Default 0." },
    { "crop-padding", 0, "N", 0, "Voxels the box grows by on each side. Default 0." },
    { "largest-component", 0, NULL, 0, "Keep only the largest connected piece of all labels together." },
    MODEL_OPTIONS,
    DEVICE_OPTIONS,
    GENERAL_OPTIONS,
    { 0 },
};

enum { OUT_LABELS, OUT_OVERLAY, OUT_REPORT, OUT_COUNT };

struct predict {
    struct args args;
    struct settings settings;
    struct run run;
    struct output outputs[OUT_COUNT];
    vks_label_params params;
    vks_io_volume volume;
    vks_labels *labels;
    uint64_t *counts; /* voxels of each label */
    double began, total_ms;
};

static const char *input_path(const struct predict *p)
{
    return args_word(&p->args, 0);
}

/* A number of 0..most, whole when `whole`. Returns 0 or an exit code. */
static int read_number(const struct args *args, const char *name, double most, int whole, double *out)
{
    const char *value = args_value(args, name);
    if (!value)
        return 0;
    const char *wrong = parse_number(value, strlen(value), out);
    if (wrong || *out < 0 || *out > most || (whole && *out != (double)(uint32_t)*out))
        return fail(BAD_USAGE, USAGE, "--%s %s: a %snumber from 0 to %g is wanted.", name, value, whole ? "whole " : "",
                    most);
    return 0;
}

static int read_params(struct predict *p)
{
    double threshold = 0, padding = 0;
    int code = read_number(&p->args, "crop-threshold", 0.999999, 0, &threshold);
    if (!code)
        code = read_number(&p->args, "crop-padding", 32768, 1, &padding);
    if (!code && !args_count(&p->args, "crop") &&
        (args_value(&p->args, "crop-threshold") || args_value(&p->args, "crop-padding")))
        code = fail(BAD_USAGE, USAGE, "--crop-threshold and --crop-padding say how to crop: add --crop.");
    p->params = (vks_label_params){ .struct_size = sizeof p->params,
                                    .as_stored = args_count(&p->args, "no-conform"),
                                    .crop = args_count(&p->args, "crop"),
                                    .crop_threshold = (float)threshold,
                                    .crop_padding = (uint32_t)padding,
                                    .largest_component = args_count(&p->args, "largest-component"),
                                    .progress = progress_update };
    return code;
}

static int read_volume(struct predict *p)
{
    const char *path = input_path(p);
    vks_io_volume_params params;
    int code = cut_volume_params(&p->args, &params);
    if (code)
        return code;
    vks_status status = vks_io_read_volume(path, &params, &p->volume);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    if (*p->volume.note)
        note("note: %s", p->volume.note);
    return 0;
}

static int check_model(const struct predict *p)
{
    char advice[OFFERS_TEXT];
    if (p->run.info.accepts & VKS_ACCEPTS_VOLUME)
        return 0;
    offers_text(&p->run.info, VKS_ACCEPTS_VOLUME, advice);
    return fail(BAD_USAGE, advice,
                "'%s' is a %s model, to be asked with `vkseg segment`; predict is for automatic models.",
                p->settings.model, p->run.info.family);
}

static int prepare(struct predict *p)
{
    int code = args_expect_words(&p->args, 1, "predict", USAGE);
    if (!code)
        code = settings_read(&p->args, USAGE, &p->settings);
    if (!code)
        code = read_params(p);
    if (code)
        return code;
    p->outputs[OUT_LABELS] = (struct output){ "-o", args_value(&p->args, "output"), ".nii .nii.gz .dcm", 1 };
    p->outputs[OUT_OVERLAY] = (struct output){ "--overlay", args_value(&p->args, "overlay"), ".png", 1 };
    p->outputs[OUT_REPORT] = (struct output){ "--report", args_value(&p->args, "report"), ".json", 1 };
    int given = p->settings.is_json;
    for (int i = 0; i < OUT_COUNT; i++)
        given |= p->outputs[i].path != NULL;
    if (!given)
        return fail(BAD_USAGE, USAGE, "no output is given: -o names the file for the label map.");
    code = outputs_check(p->outputs, OUT_COUNT, input_path(p), p->settings.may_overwrite);
    if (!code)
        code = read_volume(p);
    if (!code)
        code = run_inspect(&p->settings, &p->run);
    return code ? code : check_model(p);
}

/* The estimate is printed before the run, so that whoever reads it may stop. */
static void print_estimate(void *user, const vks_label_estimate *e)
{
    (void)user;
    progress_clear();
    note("%u x %u x %u voxels, %.0f GMAC; about %.0f MiB of device memory, %u planes at a time%s", e->size[0],
         e->size[1], e->size[2], e->gmac, (double)e->device_bytes / (1 << 20), e->planes, e->tiles > 1 ? "," : "");
    if (e->tiles > 1)
        note("in %u overlapping tiles, to fit the memory", e->tiles);
}

static int count_labels(struct predict *p)
{
    const vks_labels *labels = p->labels;
    p->counts = calloc(256, sizeof *p->counts);
    if (!p->counts)
        return fail(NO_MEMORY, NULL, "no memory for a table of labels.");
    size_t count = (size_t)labels->size[0] * labels->size[1] * labels->size[2];
    for (size_t i = 0; i < count; i++)
        p->counts[labels->voxels[i]]++;
    return 0;
}

static double voxel_ml(const struct predict *p)
{
    const double *spacing = p->volume.view.spacing;
    return spacing[0] * spacing[1] * spacing[2] * 1e-3;
}

static json_t *describe_labels(const struct predict *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->labels->name_count; i++) {
        const vks_label *label = &p->labels->names[i];
        json_array_append_new(list, json_pack("{s:I, s:s, s:I, s:f, s:[i,i,i]}", "label", (json_int_t)label->value,
                                              "name", label->name, "voxels", (json_int_t)p->counts[i], "volume_ml",
                                              (double)p->counts[i] * voxel_ml(p), "rgb", label->rgb[0], label->rgb[1],
                                              label->rgb[2]));
    }
    return list;
}

static json_t *describe_run(const struct predict *p)
{
    const vks_labels *l = p->labels;
    const vks_label_estimate *e = &l->estimate;
    uint64_t now = 0, peak = 0;
    vks_context_memory(p->run.context, &now, &peak);
    json_t *times = json_pack("{s:f, s:f, s:f, s:f, s:f}", "load_ms", p->run.load_ms, "prepare_ms", l->prepare_ms,
                              "run_ms", l->run_ms, "gpu_ms", l->gpu_ms, "total_ms", p->total_ms);
    return json_pack("{s:b, s:[I,I,I], s:[I,I,I], s:I, s:f, s:f, s:I, s:I, s:I, s:f, s:I, s:o}", "conformed",
                     l->conformed, "box_first", (json_int_t)l->box_first[0], (json_int_t)l->box_first[1],
                     (json_int_t)l->box_first[2], "box_size", (json_int_t)l->box_size[0], (json_int_t)l->box_size[1],
                     (json_int_t)l->box_size[2], "components", (json_int_t)l->components, "intensity_low",
                     (double)l->low, "intensity_high", (double)l->high, "tiles", (json_int_t)e->tiles, "planes",
                     (json_int_t)e->planes, "estimated_device_memory", (json_int_t)e->device_bytes, "gmac", e->gmac,
                     "peak_device_memory", (json_int_t)peak, "times", times);
}

static json_t *build_report(const struct predict *p)
{
    json_t *model = describe_model(&p->run.info);
    json_object_set_new(model, "file", json_string(base_name(p->settings.model_path)));
    json_object_set_new(model, "sha256", json_string(p->run.sha256));
    json_t *input = json_pack("{s:s?, s:s, s:s, s:[I,I,I]}", "file", base_name(input_path(p)), "kind", "volume",
                              "format", p->volume.format, "size", (json_int_t)p->volume.view.size[0],
                              (json_int_t)p->volume.view.size[1], (json_int_t)p->volume.view.size[2]);
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:b}", "schema", 1, "program", "vkseg",
                     "version", vks_version(), "command", "predict", "model", model, "input", input, "device",
                     describe_device(&p->run.device), "precision_requested", precision_name(p->settings.precision),
                     "run", describe_run(p), "labels", describe_labels(p), "research_use_only", 1);
}

static int print_result(const struct predict *p)
{
    if (p->settings.is_json)
        return print_json(build_report(p));
    for (size_t i = 1; i < p->labels->name_count; i++)
        printf("%3u  %-28s %10llu voxels  %10.2f ml\n", p->labels->names[i].value, p->labels->names[i].name,
               (unsigned long long)p->counts[i], (double)p->counts[i] * voxel_ml(p));
    return 0;
}

static int write_report(const struct predict *p)
{
    json_t *document = build_report(p);
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(document);
    if (!text)
        return fail(FAILED_INTERNALLY, NULL, "the report could not be made.");
    vks_status status = vks_io_write_text(p->outputs[OUT_REPORT].path, text, p->settings.may_overwrite);
    free(text);
    return status ? fail_status(status, STAGE_OUTPUT, p->outputs[OUT_REPORT].path) : 0;
}

static int write_overlay(const struct predict *p, const vks_label_map *map)
{
    const char *path = p->outputs[OUT_OVERLAY].path;
    struct window window;
    int code = window_choose(NULL, &p->volume.view, &window);
    if (code)
        return code;
    const vks_io_view_params params = { .struct_size = sizeof params,
                                        .window_centre = window.level,
                                        .window_width = window.width };
    vks_status status = vks_io_write_planes(path, &p->volume.view, map, &params, p->settings.may_overwrite);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static int write_outputs(const struct predict *p)
{
    const vks_labels *l = p->labels;
    const vks_label_map map = {
        l->voxels, VKS_PIXEL_U8, { l->size[0], l->size[1], l->size[2] }, l->names, l->name_count
    };
    const char *path = p->outputs[OUT_LABELS].path;
    vks_status status = path ? vks_io_write_labels(path, &map, &p->volume, p->settings.may_overwrite) : VKS_OK;
    int code = status ? fail_status(status, STAGE_OUTPUT, path) : 0;
    if (!code && p->outputs[OUT_OVERLAY].path)
        code = write_overlay(p, &map);
    if (!code && p->outputs[OUT_REPORT].path)
        code = write_report(p);
    for (int i = 0; i < OUT_COUNT && !code && p->settings.verbosity; i++)
        if (p->outputs[i].path)
            note("wrote %s", p->outputs[i].path);
    return code ? code : print_result(p);
}

static int predict_run(struct predict *p)
{
    int code = run_open(&p->settings, &p->run);
    if (!code && interrupt_code())
        code = interrupt_report();
    if (code)
        return code;
    p->params.estimated = print_estimate;
    progress_begin(p->settings.progress, p->settings.is_quiet);
    vks_status status = vks_model_label(p->run.model, &p->volume.view, &p->params, &p->labels);
    progress_clear();
    if (interrupt_code())
        return interrupt_report();
    if (status)
        return fail_status(status, STAGE_RUN, input_path(p));
    p->total_ms = milliseconds() - p->began;
    code = run_hash(&p->run, &p->settings);
    if (!code)
        code = count_labels(p);
    return code ? code : write_outputs(p);
}

int cmd_predict(int count, char **words)
{
    struct predict predict = { .began = milliseconds() };
    int code = args_parse(count, words, "predict", predict_options, &predict.args);
    if (!code && predict.args.wants_help)
        code = help_print("predict");
    else if (!code) {
        code = prepare(&predict);
        interrupt_install();
        if (!code)
            code = predict_run(&predict);
    }
    vks_labels_free(&predict.labels);
    free(predict.counts);
    vks_io_volume_free(&predict.volume);
    run_close(&predict.run);
    args_free(&predict.args);
    return code;
}
