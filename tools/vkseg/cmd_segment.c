/* cmd_segment.c: one image and prompts to masks. Cheap checks come first, the device last, outputs after everything. */
#include "commands.h"

#include "cut.h"
#include "examples.h"
#include "hints.h"
#include "interrupt.h"
#include "message.h"
#include "outputs.h"
#include "report.h"
#include "run.h"
#include "segment_volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg segment IMAGE -m MODEL --box x0,y0,x1,y1 -o OUT.png";

const struct option segment_options[] = {
    { .help = "Prompts, in pixels of the image; (0,0) is the centre of the top-left pixel" },
    { "point", 0, "X,Y[,-]", 1, "A point on the object; with ,- a point that is not on it." },
    { "box", 0, "X0,Y0,X1,Y1", 1, "A box around the object: top-left and bottom-right corner." },
    { "mask-prompt", 0, "FILE.npy", 1, "Low-res logits of an earlier run (--logits)." },
    { "object", 0, NULL, 1, "Starts a new object; prompts after it belong to it." },
    { "prompts", 0, "FILE.json", 0, "All prompts from a file; see `vkseg help prompts`." },
    { "support", 0, "DIR", 0, "Examples instead of prompts: images with their masks; see `vkseg help prompts`." },
    { .help = "Outputs" },
    { "output", 'o', "FILE", 0,
      "Masks: .png (0/255; several objects: palette), .npy (0/1) or .json (COCO RLE). "
      "Labels of a volume: .nii.gz or .nii in the place of the input, .dcm (DICOM SEG) from a series." },
    { "multimask", 0, NULL, 0, "All three candidate masks of each object, not only the best single one." },
    { "first-mask", 0, NULL, 0, "The decoder's first mask, also of families that answer with the best of three." },
    { "overlay", 0, "FILE.png", 0,
      "The image with masks and prompts drawn on it; of a volume three planes "
      "through the centre of the labels." },
    { "logits", 0, "FILE.npy", 0, "Low-res mask logits before any threshold, float32." },
    { "iou", 0, "FILE.json", 0, "Predicted IoU of every mask." },
    { "report", 0, "FILE.json", 0, "What was done with what: model, hashes, prompts, device, times." },
    { "embeddings", 0, "DIR", 0,
      "Keeps what the encoder makes of the image or the slices in this folder, and takes it from there the next time: "
      "other prompts need no encoder. 0.25 to 4 MiB a slice; as private as the image." },
    { .help = "Volumes; see `vkseg help volumes`" },
    { "axis", 0, "ax|cor|sag", 0,
      "Across which stored axis slices are cut: the third (ax, the default), second or "
      "first." },
    { "slice", 0, "N|A:B", 0, "The slice of prompts without @; or the slices, ends included, that are looked at." },
    { "propagate", 0, "none|box|memory", 0,
      "box: from each prompted slice outwards, prompted by the box around the mask "
      "before. memory: by the model's own memory (MedSAM2, SAM 2.1). Default none." },
    VOLUME_OPTIONS,
    MODEL_OPTIONS,
    IMAGE_OPTIONS,
    DEVICE_OPTIONS,
    GENERAL_OPTIONS,
    { 0 },
};

enum { OUT_MASKS, OUT_LOGITS, OUT_IOU, OUT_OVERLAY, OUT_REPORT, OUT_COUNT };

/* Everything one run owns; segment_close accepts any half of it. */
struct segment {
    struct args args;
    struct settings settings;
    struct hints hints;
    struct examples examples;
    struct input input;
    struct run run;
    struct output outputs[OUT_COUNT];
    vks_masks *masks;
    int is_multimask, is_first;
    double began;
};

static void segment_close(struct segment *segment)
{
    vks_masks_free(&segment->masks);
    run_close(&segment->run);
    input_close(&segment->input);
    hints_free(&segment->hints);
    examples_free(&segment->examples);
    args_free(&segment->args);
}

static int check_outputs(struct segment *segment, const char *image)
{
    const struct args *args = &segment->args;
    struct output outputs[OUT_COUNT] = {
        [OUT_MASKS] = { "-o", args_value(args, "output"), ".png .npy .json", segment->is_multimask ? 3 : 1 },
        [OUT_LOGITS] = { "--logits", args_value(args, "logits"), ".npy", 1 },
        [OUT_IOU] = { "--iou", args_value(args, "iou"), ".json", 1 },
        [OUT_OVERLAY] = { "--overlay", args_value(args, "overlay"), ".png", 1 },
        [OUT_REPORT] = { "--report", args_value(args, "report"), ".json", 1 },
    };
    int given = segment->settings.is_json;
    for (size_t i = 0; i < OUT_COUNT; i++)
        given += outputs[i].path != NULL;
    memcpy(segment->outputs, outputs, sizeof outputs);
    if (!given)
        return fail(BAD_USAGE, USAGE, "no output is given: -o names the file for the mask.");
    if (outputs[OUT_OVERLAY].path && is_tensor_file(image))
        return fail(BAD_USAGE, "Segment the image file itself, or leave --overlay out.",
                    "--overlay draws on the image, but an embedding holds no pixels.");
    return outputs_check(outputs, OUT_COUNT, image, segment->settings.may_overwrite);
}

/* All that can be known to be wrong without a device. */
static int prepare(struct segment *segment)
{
    /* Prompts before surplus words: `--point 12 30` is a mistake about points. */
    const char *support = args_value(&segment->args, "support");
    int code = args_word(&segment->args, 0) && !support ? hints_read(&segment->args, &segment->hints) : 0;
    if (!code && support)
        code = examples_refuse_prompts(&segment->args);
    if (!code)
        code = args_expect_words(&segment->args, 1, "segment", USAGE);
    if (!code)
        code = settings_read(&segment->args, USAGE, &segment->settings);
    if (code)
        return code;
    const char *image = args_word(&segment->args, 0);
    segment->is_multimask = args_count(&segment->args, "multimask");
    segment->is_first = args_count(&segment->args, "first-mask");
    if (segment->is_multimask && segment->is_first)
        return fail(BAD_USAGE, "Leave one of them out.", "--multimask and --first-mask exclude each other.");
    code = check_outputs(segment, image);
    if (!code)
        code = input_open(image, segment->settings.window, &segment->input);
    if (!code)
        code = hints_check_flat(&segment->hints);
    if (!code)
        code = hints_check(&segment->hints, segment->input.width, segment->input.height);
    if (!code)
        code = hints_load_masks(&segment->hints);
    if (!code)
        code = run_inspect(&segment->settings, &segment->run);
    if (!code)
        code = hints_check_model(&segment->hints, &segment->run.info, NULL);
    if (!code)
        code = examples_check_model(support, &segment->run.info);
    if (!code && support)
        code = examples_read(support, &segment->examples);
    segment->run.examples = &segment->examples;
    segment->run.embeddings = args_value(&segment->args, "embeddings");
    if (!code && segment->run.embeddings && segment->input.embedding)
        code = fail(BAD_USAGE, "Leave it out.", "--embeddings is for images; '%s' is an embedding already.", image);
    return code;
}

static json_t *make_report(struct segment *segment)
{
    char image_sha256[65] = "";
    vks_embedding *embedding = NULL;
    if (vks_session_get_embedding(segment->run.session, &embedding) == VKS_OK)
        memcpy(image_sha256, embedding->image_sha256, sizeof image_sha256);
    vks_embedding_free(&embedding);
    struct report report = { .command = "segment",
                             .settings = &segment->settings,
                             .input = &segment->input,
                             .run = &segment->run,
                             .hints = &segment->hints,
                             .outputs = segment->outputs,
                             .output_count = OUT_COUNT,
                             .masks = segment->masks,
                             .is_multimask = segment->is_multimask,
                             .image_sha256 = image_sha256,
                             .total_ms = milliseconds() - segment->began };
    json_t *document = report_build(&report);
    json_object_set_new(document, "encoded", json_boolean(segment->run.was_encoded));
    return document;
}

static int write_report(struct segment *segment, const char *path)
{
    json_t *document = make_report(segment);
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(document);
    if (!text)
        return fail(FAILED_INTERNALLY, NULL, "the report could not be made.");
    vks_status status = vks_io_write_text(path, text, segment->settings.may_overwrite);
    free(text);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static vks_status write_one(struct segment *segment, int which, const char *path)
{
    int overwrite = segment->settings.may_overwrite;
    const struct hints *hints = &segment->hints;
    switch (which) {
    case OUT_MASKS:
        return vks_io_write_masks(path, segment->masks, overwrite);
    case OUT_LOGITS:
        return vks_io_write_logits(path, segment->masks, overwrite);
    case OUT_IOU:
        return vks_io_write_iou(path, segment->masks, overwrite);
    default:
        return vks_io_write_overlay(path, &segment->input.image.view, segment->masks, hints->prompts, hints->count,
                                    overwrite);
    }
}

static int write_outputs(struct segment *segment)
{
    for (int i = 0; i < OUT_COUNT; i++) {
        const char *path = segment->outputs[i].path;
        if (!path)
            continue;
        if (i == OUT_REPORT) {
            int code = write_report(segment, path);
            if (code)
                return code;
        } else {
            vks_status status = write_one(segment, i, path);
            if (status)
                return fail_status(status, STAGE_OUTPUT, path);
        }
        if (segment->settings.verbosity)
            note("wrote %s", path);
    }
    return 0;
}

static void print_masks(const vks_masks *masks)
{
    for (size_t i = 0; i < (size_t)masks->objects * masks->masks_per_object; i++) {
        uint32_t box[4];
        uint64_t area = mask_area(masks, i, box);
        printf("object %zu", i / masks->masks_per_object + 1);
        if (masks->masks_per_object > 1)
            printf(" mask %zu", i % masks->masks_per_object + 1);
        if (masks->iou)
            printf(": predicted IoU %.3f, %llu pixels", (double)masks->iou[i], (unsigned long long)area);
        else
            printf(": %llu pixels", (unsigned long long)area);
        if (area)
            printf(", within %u,%u,%u,%u", box[0], box[1], box[2], box[3]);
        puts(area ? "" : " (nothing found)");
    }
}

static int segment_run(struct segment *segment)
{
    int code = run_start(&segment->settings, &segment->input, &segment->run);
    if (code)
        return code;
    int needs_hash = segment->settings.is_json || segment->outputs[OUT_REPORT].path;
    if (needs_hash && !*segment->run.sha256)
        code = run_hash(&segment->run, &segment->settings);
    if (code)
        return code;
    const uint32_t flags = segment->is_multimask ? VKS_PREDICT_MULTIMASK : segment->is_first ? VKS_PREDICT_FIRST : 0;
    vks_status status =
        vks_session_predict(segment->run.session, segment->hints.prompts, segment->hints.count, flags, &segment->masks);
    if (interrupt_code())
        return interrupt_report();
    if (status)
        return fail_status(status, STAGE_RUN, segment->input.path);
    code = write_outputs(segment);
    if (code)
        return code;
    if (segment->settings.is_json)
        return print_json(make_report(segment));
    print_masks(segment->masks);
    return 0;
}

int cmd_segment(int count, char **words)
{
    struct segment segment = { .began = milliseconds() };
    int code = args_parse(count, words, "segment", segment_options, &segment.args);
    if (!code && segment.args.wants_help)
        code = help_print("segment");
    else if (!code && args_word(&segment.args, 0) && vks_io_is_volume(args_word(&segment.args, 0)))
        code = segment_volume(&segment.args);
    else if (!code) {
        code = prepare(&segment);
        interrupt_install();
        if (!code)
            code = segment_run(&segment);
    }
    segment_close(&segment);
    return code;
}
