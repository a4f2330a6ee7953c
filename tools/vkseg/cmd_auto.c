/* cmd_auto.c: masks of everything in an image, without a prompt. */
#include "commands.h"

#include "interrupt.h"
#include "message.h"
#include "offers.h"
#include "outputs.h"
#include "report.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static const char *const USAGE = "vkseg auto IMAGE -m MODEL -o OUT.json [--overlay LOOK.png]";

const struct option auto_options[] = {
    { .help = "Search; the words and defaults of the official generator" },
    { "points-per-side", 0, "N", 0, "Points of the grid over the image, a side. Default 32." },
    { "points-per-batch", 0, "N", 0, "Points decoded together; no result depends on it. Default 64." },
    { "pred-iou-thresh", 0, "X", 0, "Predicted IoU that a mask must exceed; negative: no filter. Default 0.88." },
    { "stability-score-thresh", 0, "X", 0, "Least stability of a mask; negative: no filter. Default 0.95." },
    { "stability-score-offset", 0, "X", 0, "Of the logits, for the stability. Default 1." },
    { "box-nms-thresh", 0, "X", 0, "Overlap of boxes beyond which the better mask stays. Default 0.7." },
    { "crop-n-layers", 0, "N", 0, "Layer i looks at 2^i x 2^i parts of the image too. Default 0, at most 4." },
    { "crop-nms-thresh", 0, "X", 0, "Like --box-nms-thresh, between parts. Default 0.7." },
    { "crop-overlap-ratio", 0, "X", 0, "Overlap of parts, a share of the shorter side. Default 0.341." },
    { "crop-n-points-downscale-factor", 0, "N", 0, "Divides the points a side from layer to layer. Default 1." },
    { "min-mask-region-area", 0, "N", 0, "Holes and islands of fewer pixels are removed. Default 0." },
    { .help = "Outputs" },
    { "output", 'o', "FILE.json", 0, "One entry per mask: COCO run lengths, box, area, scores. Required." },
    { "overlay", 0, "FILE.png", 0, "The image with every mask in a colour of its own." },
    MODEL_OPTIONS,
    IMAGE_OPTIONS,
    DEVICE_OPTIONS,
    GENERAL_OPTIONS,
    { 0 },
};

enum { OUT_MASKS, OUT_OVERLAY, OUT_COUNT };

struct automatic {
    struct args args;
    struct settings settings;
    struct input input;
    struct run run;
    struct output outputs[OUT_COUNT];
    vks_auto_params params;
    vks_regions *regions;
    double began;
};

static int read_fraction(const struct args *args, const char *name, float *out)
{
    const char *text = args_value(args, name);
    double value;
    if (!text)
        return 0;
    const char *wrong = parse_number(text, strlen(text), &value);
    if (wrong)
        return fail(BAD_USAGE, NULL, "--%s %s: %s", name, text, wrong);
    *out = value == 0 ? -1 : (float)value; /* 0 is "default" to the library, "no filter" to the official generator */
    return 0;
}

static int read_count(const struct args *args, const char *name, uint32_t least, uint32_t most, uint32_t *out)
{
    const char *text = args_value(args, name);
    double value;
    if (!text)
        return 0;
    if (parse_number(text, strlen(text), &value) || value < least || value > most || value != (double)(uint32_t)value)
        return fail(BAD_USAGE, NULL, "--%s %s: a whole number from %u to %u is expected.", name, text, least, most);
    *out = (uint32_t)value;
    return 0;
}

static int read_params(struct automatic *a)
{
    vks_auto_params *p = &a->params;
    const struct args *args = &a->args;
    p->struct_size = sizeof *p;
    int code = read_count(args, "points-per-side", 1, 1024, &p->points_per_side);
    code = code ? code : read_count(args, "points-per-batch", 1, 65536, &p->points_per_batch);
    code = code ? code : read_count(args, "crop-n-layers", 0, 4, &p->crop_layers);
    code = code ? code : read_count(args, "crop-n-points-downscale-factor", 1, 1024, &p->crop_point_divisor);
    code = code ? code : read_count(args, "min-mask-region-area", 0, 1u << 28, &p->least_area);
    code = code ? code : read_fraction(args, "pred-iou-thresh", &p->iou_threshold);
    code = code ? code : read_fraction(args, "stability-score-thresh", &p->stability_threshold);
    code = code ? code : read_fraction(args, "stability-score-offset", &p->stability_offset);
    code = code ? code : read_fraction(args, "box-nms-thresh", &p->nms_threshold);
    code = code ? code : read_fraction(args, "crop-nms-thresh", &p->crop_nms_threshold);
    return code ? code : read_fraction(args, "crop-overlap-ratio", &p->crop_overlap);
}

static int check_model(const struct automatic *a)
{
    char advice[OFFERS_TEXT];
    if (a->run.info.accepts & VKS_ACCEPTS_POINT)
        return 0;
    offers_text(&a->run.info, VKS_ACCEPTS_POINT, advice);
    return fail(BAD_USAGE, advice, "auto asks a model at points, and a %s model takes none.", a->run.info.family);
}

static int prepare(struct automatic *a)
{
    int code = args_expect_words(&a->args, 1, "auto", USAGE);
    if (!code)
        code = settings_read(&a->args, USAGE, &a->settings);
    if (!code)
        code = read_params(a);
    if (code)
        return code;
    const char *image = args_word(&a->args, 0);
    a->outputs[OUT_MASKS] = (struct output){ "-o", args_value(&a->args, "output"), ".json", 1 };
    a->outputs[OUT_OVERLAY] = (struct output){ "--overlay", args_value(&a->args, "overlay"), ".png", 1 };
    if (!a->outputs[OUT_MASKS].path && !a->outputs[OUT_OVERLAY].path)
        return fail(BAD_USAGE, USAGE, "no output is given: -o names the file for the masks.");
    code = outputs_check(a->outputs, OUT_COUNT, image, a->settings.may_overwrite);
    if (!code)
        code = input_open(image, a->settings.window, &a->input);
    if (!code && a->input.embedding)
        code = fail(BAD_USAGE, "Give the image file itself.", "'%s' is an embedding, which holds no pixels.", image);
    if (!code)
        code = run_inspect(&a->settings, &a->run);
    return code ? code : check_model(a);
}

static int print_result(const struct automatic *a)
{
    if (a->settings.is_json) {
        struct report report = { .command = "auto",
                                 .settings = &a->settings,
                                 .input = &a->input,
                                 .run = &a->run,
                                 .outputs = a->outputs,
                                 .output_count = OUT_COUNT,
                                 .image_sha256 = "",
                                 .total_ms = milliseconds() - a->began };
        json_t *document = report_build(&report);
        if (document)
            json_object_set_new(document, "masks", json_integer((json_int_t)a->regions->count));
        return print_json(document);
    }
    printf("%u masks\n", a->regions->count);
    return 0;
}

static int auto_run(struct automatic *a)
{
    int code = run_open(&a->settings, &a->run);
    if (code)
        return code;
    vks_session_params params = { .struct_size = sizeof params, .progress = progress_update };
    vks_status status = vks_session_create(a->run.model, &params, &a->run.session);
    progress_begin(a->settings.progress, a->settings.is_quiet);
    if (!status)
        status = vks_session_auto(a->run.session, &a->input.image.view, &a->params, &a->regions);
    progress_clear();
    if (interrupt_code())
        return interrupt_report();
    if (status)
        return fail_status(status, STAGE_RUN, a->input.path);
    const struct output *masks = &a->outputs[OUT_MASKS], *overlay = &a->outputs[OUT_OVERLAY];
    if (masks->path)
        status = vks_io_write_regions(masks->path, a->regions, a->settings.may_overwrite);
    if (status)
        return fail_status(status, STAGE_OUTPUT, masks->path);
    if (overlay->path)
        status =
            vks_io_write_regions_overlay(overlay->path, &a->input.image.view, a->regions, a->settings.may_overwrite);
    if (status)
        return fail_status(status, STAGE_OUTPUT, overlay->path);
    if (a->settings.is_json)
        code = run_hash(&a->run, &a->settings);
    return code ? code : print_result(a);
}

int cmd_auto(int count, char **words)
{
    struct automatic a = { .began = milliseconds() };
    int code = args_parse(count, words, "auto", auto_options, &a.args);
    if (!code && a.args.wants_help)
        code = help_print("auto");
    else if (!code) {
        code = prepare(&a);
        interrupt_install();
        if (!code)
            code = auto_run(&a);
    }
    vks_regions_free(&a.regions);
    run_close(&a.run);
    input_close(&a.input);
    args_free(&a.args);
    return code;
}
