/* bench_golden.c: is the output right? A golden is a tensor in few numbers; its text form is JSON, built in or in a
 * file. */
#include "bench.h"

#include "message.h"
#include "vkseg/vkseg_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made by tools/bench-goldens on the base kernels. */
static const struct built_in {
    const char *name, *seed, *text;
} built_ins[] = {
#include "bench_goldens.inc"
    { NULL, NULL, NULL },
};

/* ---- digests -------------------------------------------------------------------------------------------------- */

/* Places by the golden ratio, which never fall into step with rows or channels. */
static void take_digest(const float *values, size_t count, struct digest *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < GOLDEN_SAMPLES && count; i++)
        out->samples[i] = (double)values[(size_t)((uint64_t)i * 0x9e3779b1u % count)];
    for (size_t part = 0; part < GOLDEN_PARTS; part++) {
        size_t first = count * part / GOLDEN_PARTS, end = count * (part + 1) / GOLDEN_PARTS;
        double sum = 0;
        for (size_t i = first; i < end; i++)
            sum += (double)values[i] * (double)values[i];
        out->parts[part] = end > first ? sqrt(sum / (double)(end - first)) : 0;
    }
}

void golden_of(const vks_embedding *embedding, const vks_masks *masks, vks_precision precision, struct golden *out)
{
    out->precision = precision;
    take_digest(embedding->data, (size_t)embedding->channels * embedding->height * embedding->width, &out->embedding);
    take_digest(masks->logits, (size_t)masks->logits_height * masks->logits_width, &out->logits);
    out->iou = masks->iou ? (double)masks->iou[0] : 0;
}

/* No voxel stands for itself: where two classes are nearly equal, one label may differ between devices. */
void golden_of_labels(const vks_labels *labels, vks_precision precision, struct golden *out)
{
    size_t plane = (size_t)labels->box_size[0] * labels->box_size[1] * labels->name_count;
    size_t count = (size_t)labels->size[0] * labels->size[1] * labels->size[2];
    size_t of_label[256] = { 0 };
    memset(out, 0, sizeof *out);
    out->precision = precision;
    for (size_t part = 0; part < GOLDEN_PARTS; part++) {
        size_t first = count * part / GOLDEN_PARTS, end = count * (part + 1) / GOLDEN_PARTS;
        double sum = 0;
        for (size_t i = first; i < end; i++) {
            uint8_t label = labels->voxels[i];
            sum += (double)label * label;
            of_label[label]++;
        }
        out->embedding.parts[part] = end > first ? sqrt(sum / (double)(end - first)) : 0;
    }
    for (size_t i = 0; i < GOLDEN_SAMPLES; i++)
        out->embedding.samples[i] = (double)of_label[i] / (double)count;
    out->iou = (double)(count - of_label[0]) / (double)count;
    take_digest(labels->logits, plane * labels->logit_planes, &out->logits);
}

/* The larger of: deviation of the samples, deviation of the parts; both against the golden's root mean square. NaN is
 * as wrong as can be. */
static double deviation(const struct digest *wanted, const struct digest *got)
{
    double scale = 0, samples = 0, parts = 0;
    for (size_t i = 0; i < GOLDEN_PARTS; i++) {
        scale += wanted->parts[i] * wanted->parts[i] / GOLDEN_PARTS;
        parts = fmax(parts, fabs(got->parts[i] - wanted->parts[i]));
    }
    for (size_t i = 0; i < GOLDEN_SAMPLES; i++)
        samples += pow(got->samples[i] - wanted->samples[i], 2) / GOLDEN_SAMPLES;
    double worst = fmax(parts, sqrt(samples)) / (sqrt(scale) + 1e-30);
    for (size_t i = 0; i < GOLDEN_SAMPLES; i++)
        if (!isfinite(got->samples[i]) || (i < GOLDEN_PARTS && !isfinite(got->parts[i])))
            worst = INFINITY;
    return worst;
}

/* 16-bit weights move logits by at most some 6 % of their size (measured on the golden cases), 32-bit sums in another
 * order by 1e-4. */
struct verdict golden_compare(const struct golden *wanted, const struct golden *got)
{
    int is_half = wanted->precision == VKS_PRECISION_F16 || got->precision == VKS_PRECISION_F16;
    struct verdict verdict = { .embedding = deviation(&wanted->embedding, &got->embedding),
                               .logits = deviation(&wanted->logits, &got->logits),
                               .iou = fabs(got->iou - wanted->iou) / fmax(1, fabs(wanted->iou)),
                               .tolerance = is_half ? 0.06 : 1e-3 };
    verdict.passed = verdict.embedding <= verdict.tolerance && verdict.logits <= verdict.tolerance &&
                     verdict.iou <= verdict.tolerance;
    return verdict;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

static int read_numbers(const json_t *list, double *out, size_t count)
{
    if (json_array_size(list) != count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value))
            return 0;
        out[i] = json_number_value(value);
    }
    return 1;
}

static int read_digest(const json_t *object, struct digest *out)
{
    return read_numbers(json_object_get(object, "samples"), out->samples, GOLDEN_SAMPLES) &&
           read_numbers(json_object_get(object, "parts"), out->parts, GOLDEN_PARTS);
}

/* Non-zero when the document is a whole golden of this version. */
static int read_document(const json_t *document, struct golden *out)
{
    const json_t *schema = json_object_get(document, "schema"), *iou = json_object_get(document, "iou");
    const json_t *precision = json_object_get(document, "precision");
    if (!json_is_string(schema) || strcmp(json_string_value(schema), "vkseg.golden/1") != 0 || !json_is_number(iou) ||
        !json_is_string(precision))
        return 0;
    out->precision = strcmp(json_string_value(precision), "f16") == 0 ? VKS_PRECISION_F16 : VKS_PRECISION_F32;
    out->iou = json_number_value(iou);
    return read_digest(json_object_get(document, "embedding"), &out->embedding) &&
           read_digest(json_object_get(document, "logits"), &out->logits);
}

int golden_built_in(const char *model, struct golden *out)
{
    for (const struct built_in *row = built_ins; row->name; row++) {
        size_t length = strlen(row->name);
        const char *rest = model + length;
        if (strncmp(model, row->name, length) != 0 || (*rest && (*rest != ':' || strcmp(rest + 1, row->seed) != 0)))
            continue;
        json_t *document = json_loads(row->text, JSON_REJECT_DUPLICATES, NULL);
        int is_whole = document && read_document(document, out);
        json_decref(document);
        return !is_whole;
    }
    return 1;
}

int golden_read(const char *path, struct golden *out)
{
    json_error_t error;
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!document && json_error_code(&error) == json_error_cannot_open_file)
        return fail(INPUT_MISSING, "Check the path.", "--golden %s: %s.", path, error.text);
    int is_whole = document && read_document(document, out);
    json_decref(document);
    if (!is_whole)
        return fail(INPUT_BAD, "Make one with --write-golden FILE on a device you trust.",
                    "--golden %s: this is no golden of this version.", path);
    return 0;
}

static json_t *describe_digest(const struct digest *digest)
{
    json_t *samples = json_array(), *parts = json_array();
    for (size_t i = 0; i < GOLDEN_SAMPLES; i++)
        json_array_append_new(samples, json_real(digest->samples[i]));
    for (size_t i = 0; i < GOLDEN_PARTS; i++)
        json_array_append_new(parts, json_real(digest->parts[i]));
    return json_pack("{s:o, s:o}", "samples", samples, "parts", parts);
}

int golden_write(const char *path, const char *model, const struct golden *golden, int may_overwrite)
{
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:f}", "schema", "vkseg.golden/1", "model", base_name(model), "precision",
                  precision_name(golden->precision), "embedding", describe_digest(&golden->embedding), "logits",
                  describe_digest(&golden->logits), "iou", golden->iou);
    char *text = document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(7)) : NULL;
    json_decref(document);
    if (!text)
        return fail(FAILED_INTERNALLY, NULL, "the golden could not be made: an output is not finite, or no memory.");
    vks_status status = vks_io_write_text(path, text, may_overwrite);
    free(text);
    return status ? fail_status(status, STAGE_OUTPUT, path) : 0;
}
