/* segment_volume.c: checks first, the device last, outputs after everything; a signal ends the run early, but what is
 * finished then is written.
 */
#include "segment_volume.h"

#include "commands.h"
#include "interrupt.h"
#include "message.h"
#include "outputs.h"
#include "report.h"
#include "slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const USAGE = "vkseg segment VOLUME -m MODEL --box x0,y0,x1,y1@SLICE -o OUT.nii.gz";

enum { OUT_LABELS, OUT_OVERLAY, OUT_REPORT, OUT_COUNT };

struct job {
    const struct args *args;
    const char *path;
    struct settings settings;
    struct hints hints;
    struct run run;
    struct cut cut;
    struct window window;
    struct slices slices;
    vks_io_volume volume;
    struct output outputs[OUT_COUNT];
    int has_own_boxes; /* the prompts are the boxes of the file */
    double began;
};

static void job_close(struct job *job)
{
    slices_close(&job->slices);
    run_close(&job->run);
    vks_io_volume_free(&job->volume);
    hints_free(&job->hints);
}

static int check_outputs(struct job *job)
{
    static const char *const flat[] = { "logits", "iou", "multimask" };
    const struct args *args = job->args;
    for (size_t i = 0; i < sizeof flat / sizeof *flat; i++) {
        if (args_count(args, flat[i]))
            return fail(BAD_USAGE, "Leave it out; --report records the predicted IoU of every slice.",
                        "--%s is for single images.", flat[i]);
    }
    job->outputs[OUT_LABELS] = (struct output){ "-o", args_value(args, "output"), ".nii.gz .nii .dcm", 1 };
    job->outputs[OUT_OVERLAY] = (struct output){ "--overlay", args_value(args, "overlay"), ".png", 1 };
    job->outputs[OUT_REPORT] = (struct output){ "--report", args_value(args, "report"), ".json", 1 };
    int given = job->settings.is_json;
    for (int i = 0; i < OUT_COUNT; i++)
        given += job->outputs[i].path != NULL;
    if (!given)
        return fail(BAD_USAGE, USAGE, "no output is given: -o names the file for the labels.");
    return outputs_check(job->outputs, OUT_COUNT, job->path, job->settings.may_overwrite);
}

static int read_propagation(struct job *job)
{
    const char *text = args_value(job->args, "propagate");
    int has_memory = text && strcmp(text, "memory") == 0;
    if (text && !has_memory && strcmp(text, "box") != 0 && strcmp(text, "none") != 0)
        return fail(BAD_USAGE, NULL, "--propagate %s: expected none, box or memory.", text);
    job->slices.has_memory = has_memory;
    job->slices.does_propagate = has_memory || (text && strcmp(text, "box") == 0);
    return 0;
}

/* A prompt without @ stands on the slice of --slice N, in the middle of --slice A:B when it is propagated from there,
 * or on the only slice there is. */
static int place_hints(struct job *job)
{
    const struct cut *cut = &job->cut;
    for (size_t i = 0; i < job->hints.count; i++) {
        int32_t *slice = &job->hints.slices[i];
        if (*slice < 0 && cut->single >= 0)
            *slice = cut->single;
        else if (*slice < 0 && cut->is_range && job->slices.does_propagate)
            *slice = (int32_t)((cut->first + cut->last) / 2);
        else if (*slice < 0 && cut->count == 1)
            *slice = 0;
        if (*slice < 0)
            return fail(BAD_USAGE, "Write the slice behind it, as in --box 95,255,190,350@42, or give --slice 42.",
                        "%s: the volume has %u slices, and nothing says which one this is on.", job->hints.origins[i],
                        cut->count);
        if ((uint32_t)*slice < cut->first || (uint32_t)*slice > cut->last)
            return fail(BAD_USAGE, NULL, "%s: slice %d is not among %u to %u.", job->hints.origins[i], *slice,
                        cut->first, cut->last);
    }
    return hints_check(&job->hints, cut->width, cut->height);
}

/* Extents come from files; a prompt outside of its object's is a mistake. */
static int check_extents(const struct job *job)
{
    for (size_t i = 0; i < job->hints.count; i++) {
        struct extent extent = job->hints.extents[i];
        int32_t slice = job->hints.slices[i];
        if (extent.first >= 0 && (slice < extent.first || slice > extent.last))
            return fail(BAD_USAGE, NULL, "%s: slice %d is not among the object's, %d to %d.", job->hints.origins[i],
                        slice, extent.first, extent.last);
    }
    return 0;
}

/* Without prompts on the command line the boxes of the file are the prompts, and each is followed through the slices it
 * spans unless --propagate says otherwise. */
static int take_boxes(struct job *job)
{
    vks_io_box *boxes = NULL;
    size_t count = 0;
    vks_status status = vks_io_read_boxes(job->path, job->volume.view.size, &boxes, &count);
    if (status)
        return fail_status(status, STAGE_INPUT, job->path);
    if (!count)
        return hints_read(job->args, &job->hints);
    int code = hints_from_boxes(&job->hints, boxes, count);
    vks_io_free(boxes);
    if (!code && job->cut.axis != VKS_AXIS_AXIAL)
        code = fail(BAD_USAGE, "Leave --axis out, or give prompts of your own.", "the boxes of %s lie on axial slices.",
                    base_name(job->path));
    if (code)
        return code;
    job->has_own_boxes = 1;
    if (!args_value(job->args, "propagate"))
        job->slices.does_propagate = job->cut.count > 1;
    note("note: %zu box%s in %s %s the prompts%s", count, count == 1 ? "" : "es", base_name(job->path),
         count == 1 ? "is" : "are", job->slices.does_propagate ? ", followed through the slices they span" : "");
    return 0;
}

static int open_volume(struct job *job)
{
    vks_io_volume_params params;
    int code = cut_volume_params(job->args, &params);
    if (code)
        return code;
    vks_status status = vks_io_read_volume(job->path, &params, &job->volume);
    if (status)
        return fail_status(status, STAGE_INPUT, job->path);
    if (*job->volume.note)
        note("note: %s", job->volume.note);
    code = cut_read(job->args, &job->volume.view, &job->cut);
    if (!code)
        cut_note(&job->volume.view, &job->cut);
    return code;
}

static int check_model(const struct job *job)
{
    const vks_model_info *info = &job->run.info;
    const uint32_t slice[2] = { job->cut.width, job->cut.height };
    const int has_memory = job->slices.has_memory, takes_boxes = (info->accepts & VKS_ACCEPTS_BOX) != 0;
    if (has_memory && !info->memory)
        return fail(BAD_USAGE,
                    takes_boxes ? "Use --propagate box, or a MedSAM2 or SAM 2.1 checkpoint."
                                : "MedSAM2 and SAM 2.1 do.",
                    "--propagate memory: a %s model keeps no memory of slices.", info->family);
    int code = hints_check_model(&job->hints, info, has_memory ? slice : NULL);
    if (!code && job->slices.does_propagate && !has_memory && !takes_boxes)
        code =
            fail(BAD_USAGE, "Prompt every slice instead.", "--propagate box: a %s model takes no boxes.", info->family);
    return code;
}

static int prepare(struct job *job)
{
    int code = hints_given(job->args) ? hints_read(job->args, &job->hints) : 0;
    if (!code)
        code = args_expect_words(job->args, 1, "segment", USAGE);
    if (!code)
        code = settings_read(job->args, USAGE, &job->settings);
    if (!code)
        code = read_propagation(job);
    if (!code)
        code = check_outputs(job);
    if (!code)
        code = open_volume(job);
    if (!code && !hints_given(job->args))
        code = take_boxes(job);
    if (!code)
        code = place_hints(job);
    if (!code)
        code = check_extents(job);
    if (!code)
        code = hints_load_masks(&job->hints);
    if (!code)
        code = run_inspect(&job->settings, &job->run);
    if (!code)
        code = check_model(job);
    job->run.embeddings = args_value(job->args, "embeddings");
    if (!code && job->run.embeddings && job->slices.has_memory)
        code = fail(BAD_USAGE, "Leave one of them out.", "--propagate memory takes no kept --embeddings.");
    if (!code)
        code = window_choose(job->settings.window, &job->volume.view, &job->window);
    return code;
}

static int run_slices(struct job *job)
{
    const vks_volume *view = &job->volume.view;
    struct slices *slices = &job->slices;
    slices->settings = &job->settings;
    slices->volume = view;
    slices->cut = &job->cut;
    slices->window = &job->window;
    slices->hints = &job->hints;
    slices->run = &job->run;
    slices->shelf = &job->run.shelf;
    slices->labels = calloc((size_t)view->size[0] * view->size[1] * view->size[2], sizeof *slices->labels);
    if (!slices->labels)
        return fail(NO_MEMORY, NULL, "no memory for the labels.");
    int code = run_open(&job->settings, &job->run);
    if (!code && (job->settings.is_json || job->outputs[OUT_REPORT].path))
        code = run_hash(&job->run, &job->settings);
    return code ? code : slices_run(slices);
}

/* ---- results ---- */

struct summary {
    uint32_t slices, first, last;
    uint64_t voxels;
    double iou; /* mean over slices */
};

static void summarize(const struct job *job, uint32_t object, struct summary *out)
{
    const vks_volume *view = &job->volume.view;
    *out = (struct summary){ .first = UINT32_MAX };
    for (size_t i = 0; i < job->slices.count; i++) {
        const struct slice_result *result = &job->slices.results[i];
        if (result->object != object || !result->area)
            continue;
        out->slices++;
        out->first = result->slice < out->first ? result->slice : out->first;
        out->last = result->slice > out->last ? result->slice : out->last;
        out->iou += (double)result->iou;
    }
    out->iou /= out->slices ? out->slices : 1;
    for (size_t i = 0; i < (size_t)view->size[0] * view->size[1] * view->size[2]; i++)
        out->voxels += job->slices.labels[i] == object + 1;
}

static double millilitres(const vks_volume *view, uint64_t voxels)
{
    return (double)voxels * view->spacing[0] * view->spacing[1] * view->spacing[2] * 1e-3;
}

static void print_objects(const struct job *job)
{
    for (uint32_t object = 0; object < job->hints.objects; object++) {
        struct summary sum;
        summarize(job, object, &sum);
        if (!sum.slices) {
            printf("object %u: nothing found\n", object + 1);
            continue;
        }
        printf("object %u: slices %u to %u, %llu voxels, %.3g ml, mean predicted IoU %.3f\n", object + 1, sum.first,
               sum.last, (unsigned long long)sum.voxels, millilitres(&job->volume.view, sum.voxels), sum.iou);
    }
}

static json_t *describe_volume(const struct job *job)
{
    const vks_volume *view = &job->volume.view;
    char letters[4];
    vks_volume_orientation(view->affine, letters);
    json_t *window = json_pack("{s:s}", "rule", job->window.rule);
    if (job->window.width > 0)
        json_object_update_new(
            window, json_pack("{s:f, s:f}", "width", (double)job->window.width, "level", (double)job->window.level));
    return json_pack("{s:s, s:s, s:s, s:[I,I,I], s:[f,f,f], s:s, s:I, s:s, s:I, s:I, s:o}", "file",
                     base_name(job->path), "kind", "volume", "format", job->volume.format, "size",
                     (json_int_t)view->size[0], (json_int_t)view->size[1], (json_int_t)view->size[2], "spacing",
                     view->spacing[0], view->spacing[1], view->spacing[2], "orientation", letters, "volume",
                     (json_int_t)job->volume.index, "axis", cut_axis_name(job->cut.axis), "first_slice",
                     (json_int_t)job->cut.first, "last_slice", (json_int_t)job->cut.last, "window", window);
}

static json_t *describe_objects(const struct job *job)
{
    json_t *objects = json_array();
    for (uint32_t object = 0; object < job->hints.objects; object++) {
        json_t *list = json_array();
        struct summary sum;
        summarize(job, object, &sum);
        for (size_t i = 0; i < job->slices.count; i++) {
            const struct slice_result *result = &job->slices.results[i];
            if (result->object == object)
                json_array_append_new(list, json_pack("{s:I, s:I, s:f, s:b}", "slice", (json_int_t)result->slice,
                                                      "area", (json_int_t)result->area, "predicted_iou",
                                                      (double)result->iou, "prompted", result->is_prompted));
        }
        json_array_append_new(objects, json_pack("{s:I, s:I, s:f, s:o}", "label", (json_int_t)(object + 1), "voxels",
                                                 (json_int_t)sum.voxels, "ml",
                                                 millilitres(&job->volume.view, sum.voxels), "slices", list));
    }
    return objects;
}

static json_t *make_report(const struct job *job)
{
    struct input input = { .path = job->path, .width = job->cut.width, .height = job->cut.height };
    struct report report = { .command = "segment",
                             .settings = &job->settings,
                             .input = &input,
                             .run = &job->run,
                             .hints = &job->hints,
                             .outputs = job->outputs,
                             .output_count = OUT_COUNT,
                             .image_sha256 = "",
                             .total_ms = milliseconds() - job->began };
    json_t *document = report_build(&report);
    if (!document)
        return NULL;
    json_object_set_new(document, "input", describe_volume(job));
    json_object_set_new(document, "propagate",
                        json_string(job->slices.has_memory       ? "memory"
                                    : job->slices.does_propagate ? "box"
                                                                 : "none"));
    json_object_set_new(document, "prompts_from", json_string(job->has_own_boxes ? "the volume's file" : "the user"));
    json_object_set_new(document, "slices_encoded", json_integer(job->slices.encoded));
    json_object_set_new(document, "slices_reused", json_integer(job->slices.reused));
    json_object_set_new(document, "slices_from_folder", json_integer(job->run.shelf.found));
    json_object_set_new(document, "complete", json_boolean(!job->slices.was_stopped));
    json_object_set_new(document, "objects", describe_objects(job));
    return document;
}

static int write_report(const struct job *job, const char *path)
{
    json_t *document = make_report(job);
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(document);
    if (!text)
        return fail(FAILED_INTERNALLY, NULL, "the report could not be made.");
    vks_status status = vks_io_write_text(path, text, job->settings.may_overwrite);
    free(text);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static int write_labels(struct job *job, const char *path)
{
    const vks_volume *view = &job->volume.view;
    size_t count = (size_t)view->size[0] * view->size[1] * view->size[2];
    vks_label_map map = { .voxels = job->slices.labels, .type = VKS_PIXEL_U16 };
    uint8_t *narrow = NULL;
    memcpy(map.size, view->size, sizeof map.size);
    if (job->hints.objects <= 255) {
        narrow = malloc(count);
        if (!narrow)
            return fail(NO_MEMORY, NULL, "no memory for the labels.");
        for (size_t i = 0; i < count; i++)
            narrow[i] = (uint8_t)job->slices.labels[i];
        map.voxels = narrow;
        map.type = VKS_PIXEL_U8;
    }
    vks_status status = vks_io_write_labels(path, &map, &job->volume, job->settings.may_overwrite);
    free(narrow);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static int write_overlay(struct job *job, const char *path)
{
    vks_label_map map = { .voxels = job->slices.labels, .type = VKS_PIXEL_U16 };
    memcpy(map.size, job->volume.view.size, sizeof map.size);
    vks_io_view_params params = { .struct_size = sizeof params,
                                  .window_centre = job->window.level,
                                  .window_width = job->window.width };
    vks_status status = vks_io_write_planes(path, &job->volume.view, &map, &params, job->settings.may_overwrite);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}

static int write_outputs(struct job *job)
{
    const char *labels = job->outputs[OUT_LABELS].path, *report = job->outputs[OUT_REPORT].path;
    int code = labels ? write_labels(job, labels) : 0;
    if (!code && job->outputs[OUT_OVERLAY].path)
        code = write_overlay(job, job->outputs[OUT_OVERLAY].path);
    if (!code && report)
        code = write_report(job, report);
    for (int i = 0; !code && job->settings.verbosity && i < OUT_COUNT; i++) {
        if (job->outputs[i].path)
            note("wrote %s", job->outputs[i].path);
    }
    return code;
}

/* After Ctrl-C: nothing finished, nothing written. */
static int finish_stopped(struct job *job)
{
    if (!job->slices.count)
        return interrupt_report();
    int code = write_outputs(job);
    if (code)
        return code;
    fail(CANCELLED, NULL, "stopped on request; the %zu masks that were finished are written.", job->slices.count);
    return interrupt_code();
}

int segment_volume(const struct args *args)
{
    struct job job = { .args = args, .path = args_word(args, 0), .began = milliseconds() };
    int code = prepare(&job);
    interrupt_install();
    if (!code)
        code = run_slices(&job);
    if (!code && job.slices.was_stopped) {
        code = finish_stopped(&job);
    } else if (!code) {
        code = write_outputs(&job);
        if (!code && job.settings.is_json)
            code = print_json(make_report(&job));
        else if (!code)
            print_objects(&job);
    }
    job_close(&job);
    return code;
}
