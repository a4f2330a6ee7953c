/* report.c: provenance. A number that is not finite becomes null, since JSON has no other word for it. */
#include "report.h"

#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* File names need not be UTF-8, JSON strings must. */
static json_t *text_or_null(const char *text)
{
    if (!text || !*text)
        return json_null();
    json_t *out = json_string(text);
    if (out)
        return out;
    char plain[512];
    size_t i = 0;
    for (; text[i] && i < sizeof plain - 1; i++)
        plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    plain[i] = '\0';
    return json_string(plain);
}

/* 0.1f is 0.1 to a reader, not 0.100000001490116. */
static json_t *coordinate(float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", (double)value);
    double number = strtod(text, NULL);
    if (fabs(number) < 1e9 && floor(number) == number)
        return json_integer((json_int_t)number);
    return json_real(number);
}

json_t *describe_model(const vks_model_info *info)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } kinds[] = { { VKS_ACCEPTS_VOLUME, "volume" },
                  { VKS_ACCEPTS_POINT, "point" },
                  { VKS_ACCEPTS_BOX, "box" },
                  { VKS_ACCEPTS_MASK, "mask" },
                  { VKS_ACCEPTS_SUPPORT, "support" } };
    json_t *accepts = json_array();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (info->accepts & kinds[i].bit)
            json_array_append_new(accepts, json_string(kinds[i].name));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:[I,I,I], s:o, s:I, s:o, s:o, s:I, s:I, s:o}", "family",
                     info->family, "variant", info->variant, "format", info->format, "licence", info->licence,
                     "preprocessing", info->preprocessing, "image_size", (json_int_t)info->image_size, "embedding",
                     (json_int_t)info->embedding[0], (json_int_t)info->embedding[1], (json_int_t)info->embedding[2],
                     "accepts", accepts, "parameters", (json_int_t)info->parameters, "encoder_gmac",
                     number(info->encoder_gmac), "decoder_gmac", number(info->decoder_gmac), "memory_f32",
                     (json_int_t)info->memory_f32, "memory_f16", (json_int_t)info->memory_f16, "note",
                     text_or_null(info->note));
}

json_t *describe_device(const vks_device_info *device)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "index", (json_int_t)device->index,
                     "name", device->name, "driver", device->driver, "uuid", device->uuid, "class",
                     device->device_class, "capabilities", device->capabilities, "memory", (json_int_t)device->memory,
                     "max_binding", (json_int_t)device->max_binding, "subgroup_size", (json_int_t)device->subgroup_size,
                     "usable", (int)(device->usable != 0), "reason", text_or_null(device->reason));
}

uint64_t mask_area(const vks_masks *masks, size_t index, uint32_t box[4])
{
    const uint8_t *pixels = masks->mask + index * masks->width * masks->height;
    uint64_t area = 0;
    for (uint32_t y = 0; y < masks->height; y++) {
        for (uint32_t x = 0; x < masks->width; x++) {
            if (!pixels[(size_t)y * masks->width + x])
                continue;
            if (!area) {
                box[0] = box[2] = x;
                box[1] = y;
            }
            box[0] = x < box[0] ? x : box[0];
            box[2] = x > box[2] ? x : box[2];
            box[3] = y;
            area++;
        }
    }
    return area;
}

json_t *report_masks(const vks_masks *masks)
{
    json_t *list = json_array();
    for (size_t i = 0; i < (size_t)masks->objects * masks->masks_per_object; i++) {
        uint32_t box[4];
        uint64_t area = mask_area(masks, i, box);
        json_t *bounds = area ? json_pack("[I,I,I,I]", (json_int_t)box[0], (json_int_t)box[1], (json_int_t)box[2],
                                          (json_int_t)box[3])
                              : json_null();
        json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:I, s:o}", "object",
                                              (json_int_t)(i / masks->masks_per_object + 1), "mask",
                                              (json_int_t)(i % masks->masks_per_object + 1), "predicted_iou",
                                              masks->iou ? number((double)masks->iou[i]) : json_null(), "area",
                                              (json_int_t)area, "bounds", bounds));
    }
    return list;
}

/* The same form that --prompts reads, so that a report can be run again. */
static json_t *describe_hints(const struct hints *hints)
{
    json_t *objects = json_array();
    for (uint32_t k = 0; k < hints->objects; k++) {
        json_t *object = json_object(), *points = json_array();
        for (size_t i = 0; i < hints->count; i++) {
            const vks_prompt *prompt = &hints->prompts[i];
            if (prompt->object != k)
                continue;
            if (hints->slices[i] >= 0)
                json_object_set_new(object, "slice", json_integer(hints->slices[i]));
            if (hints->extents[i].first >= 0)
                json_object_set_new(object, "slices",
                                    json_pack("[i,i]", (int)hints->extents[i].first, (int)hints->extents[i].last));
            if (prompt->kind == VKS_PROMPT_POINT)
                json_array_append_new(
                    points, json_pack("[o,o,i]", coordinate(prompt->x0), coordinate(prompt->y0), (int)prompt->label));
            else if (prompt->kind == VKS_PROMPT_BOX)
                json_object_set_new(object, "box",
                                    json_pack("[o,o,o,o]", coordinate(prompt->x0), coordinate(prompt->y0),
                                              coordinate(prompt->x1), coordinate(prompt->y1)));
            else
                json_object_set_new(object, "mask", text_or_null(base_name(hints->mask_paths[i])));
        }
        if (json_array_size(points))
            json_object_set_new(object, "points", json_incref(points));
        json_decref(points);
        json_array_append_new(objects, object);
    }
    return json_pack("{s:o}", "objects", objects);
}

static json_t *describe_input(const struct report *report)
{
    const struct input *input = report->input;
    json_t *out = json_pack("{s:o, s:s, s:I, s:I, s:o}", "file", text_or_null(base_name(input->path)), "kind",
                            input->embedding ? "embedding" : "image", "width", (json_int_t)input->width, "height",
                            (json_int_t)input->height, "image_sha256", text_or_null(report->image_sha256));
    if (!input->embedding) {
        json_object_set_new(out, "format", json_string(input->image.format));
        json_object_set_new(out, "channels", json_integer(input->image.view.channels));
        json_object_set_new(out, "window", text_or_null(report->settings->window));
    }
    return out;
}

static json_t *describe_times(const struct report *report)
{
    vks_timing timing = { 0 };
    vks_session_timing(report->run->session, &timing);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "load_ms", number(report->run->load_ms), "prepare_ms",
                     number(timing.prepare_ms), "encode_ms", number(timing.encode_ms), "decode_ms",
                     number(timing.decode_ms), "finish_ms", number(timing.finish_ms), "encode_gpu_ms",
                     number(timing.encode_gpu_ms), "decode_gpu_ms", number(timing.decode_gpu_ms), "total_ms",
                     number(report->total_ms));
}

static json_t *describe_memory(const struct report *report)
{
    uint64_t now = 0, peak = 0;
    if (vks_context_memory(report->run->context, &now, &peak))
        return json_null();
    return json_integer((json_int_t)peak);
}

json_t *report_build(const struct report *report)
{
    char created[32] = "";
    time_t clock = time(NULL);
    struct tm utc;
    if (gmtime_r(&clock, &utc))
        strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *model = describe_model(&report->run->info), *outputs = json_object();
    json_object_set_new(model, "file", text_or_null(base_name(report->settings->model_path)));
    json_object_set_new(model, "sha256", text_or_null(report->run->sha256));
    json_object_set_new(model, "options", text_or_null(report->settings->model_options));
    for (size_t i = 0; i < report->output_count; i++) {
        const struct output *output = &report->outputs[i];
        const char *key = strcmp(output->flag, "-o") == 0 ? "output" : output->flag + strspn(output->flag, "-");
        if (output->path)
            json_object_set_new(outputs, key, text_or_null(base_name(output->path)));
    }
    json_t *document =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "schema", 1, "program", "vkseg",
                  "version", vks_version(), "command", report->command, "created", created, "model", model, "input",
                  describe_input(report), "device", describe_device(&report->run->device), "precision_requested",
                  precision_name(report->settings->precision), "times", describe_times(report), "peak_device_memory",
                  describe_memory(report), "outputs", outputs);
    if (!document)
        return NULL;
    json_object_set_new(document, "research_use_only", json_true());
    if (report->hints)
        json_object_set_new(document, "prompts", describe_hints(report->hints));
    if (report->masks) {
        json_object_set_new(document, "multimask", json_boolean(report->is_multimask));
        json_object_set_new(document, "masks", report_masks(report->masks));
    }
    return document;
}

int print_json(json_t *document)
{
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(document);
    if (!text)
        return fail(FAILED_INTERNALLY, NULL, "the JSON document could not be made.");
    int is_written = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    return is_written ? 0 : fail(OUTPUT_REFUSED, NULL, "standard output cannot be written.");
}
