/* golden_prompts.c: the second half of a golden case: prompts through the decoder to logits, scores and masks. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PROMPTS = 64 };

struct call {
    vks_prompt prompts[MOST_PROMPTS];
    size_t count;
    uint32_t flags;
    struct golden_array mask;
};

/* ---- reading prompts ---------------------------------------------------------------------------------------- */

static float at(const json_t *list, size_t index)
{
    return (float)json_number_value(json_array_get(list, index));
}

static void add_box(struct call *call, const json_t *box, uint32_t object)
{
    if (call->count < MOST_PROMPTS)
        call->prompts[call->count++] = (vks_prompt){ .kind = VKS_PROMPT_BOX,
                                                     .object = object,
                                                     .x0 = at(box, 0),
                                                     .y0 = at(box, 1),
                                                     .x1 = at(box, 2),
                                                     .y1 = at(box, 3) };
}

static vks_status read_mask(struct golden *golden, const char *file, uint32_t object, struct call *call)
{
    char name[128];
    VKS_TRY(golden_array_read(golden->folder, file, &call->mask));
    uint32_t rank = call->mask.desc.rank;
    VKS_REQUIRE(rank >= 2 && strlen(file) > 4, VKS_ERR_CORRUPT, "%s is no mask prompt", file);
    call->prompts[call->count++] = (vks_prompt){ .kind = VKS_PROMPT_MASK,
                                                 .object = object,
                                                 .logits = call->mask.data,
                                                 .logits_width = call->mask.desc.dim[rank - 1],
                                                 .logits_height = call->mask.desc.dim[rank - 2] };
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 4), file);
    golden_give(golden, name);
    return VKS_OK;
}

static vks_status read_call(struct golden *golden, const json_t *prompt, uint32_t object, struct call *call)
{
    json_t *points = json_object_get(prompt, "points"), *labels = json_object_get(prompt, "labels");
    json_t *boxes = json_object_get(prompt, "batched_boxes"), *box = json_object_get(prompt, "box"), *item;
    const char *mask = json_string_value(json_object_get(prompt, "mask_input"));
    size_t i;
    json_array_foreach(points, i, item) if (call->count < MOST_PROMPTS) call->prompts[call->count++] =
        (vks_prompt){ .kind = VKS_PROMPT_POINT,
                      .object = object,
                      .x0 = at(item, 0),
                      .y0 = at(item, 1),
                      .label = (int32_t)at(labels, i) };
    if (box)
        add_box(call, box, object);
    json_array_foreach(boxes, i, item) add_box(call, item, (uint32_t)i);
    if (json_is_true(json_object_get(prompt, "multimask")))
        call->flags = VKS_PREDICT_MULTIMASK;
    return mask && call->count < MOST_PROMPTS ? read_mask(golden, mask, object, call) : VKS_OK;
}

/* ---- comparing ---------------------------------------------------------------------------------------------- */

static const char *join(const char *prefix, const char *name, char text[128])
{
    snprintf(text, 128, "%s%s", prefix, name);
    return text;
}
#define JOIN(prefix, name) join((prefix), (name), (char[128]){ 0 })

/* `prefix`: "p3_", or "" for the arrays of a case that has one batch. */
static vks_status compare_decoder(struct golden *golden, const char *prefix)
{
    static const struct {
        const char *name, *path;
        bool nchw;
    } rows[] = {
        { "sparse", "mask_decoder.prompts", false },
        { "dense", "prompt_encoder.mask_downscaling", true },
        { "dec_layer0_queries", "mask_decoder.transformer.layers.0.queries", false },
        { "dec_layer0_keys", "mask_decoder.transformer.layers.0.keys", false },
        { "dec_layer1_queries", "mask_decoder.transformer.layers.1.queries", false },
        { "dec_layer1_keys", "mask_decoder.transformer.layers.1.keys", false },
        { "dec_final_tokens", "mask_decoder.transformer.queries", false },
        { "upscaled_embedding", "mask_decoder.output_upscaling", true },
        { "hyper_in", "mask_decoder.hyper_in", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        VKS_TRY(golden_compare_dump(golden, JOIN(prefix, rows[i].name), "decode", rows[i].path, rows[i].nchw));
    return VKS_OK;
}

/* Masks as f32; a golden of fewer masks (the first ones) is compared with those. Where the case says that pixels far
 * from the threshold must agree exactly, those that do not make the mask fail whatever the overlap. */
static vks_status compare_mask(struct golden *golden, const char *prefix, const char *name, const vks_masks *masks,
                               const float *values)
{
    const json_t *entry = golden_find(golden, name, NULL), *logits = golden_find(golden, JOIN(prefix, "lowres"), NULL);
    if (!logits)
        logits = golden_find(golden, JOIN(prefix, "logits"), NULL);
    bool rule = json_object_get(json_object_get(entry, "tol_fp32"), "rule") != NULL;
    double sure = rule ? golden_limit(golden, logits, "max_abs") : -1;
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object * masks->width * masks->height, wrong = 0;
    char file[160];
    struct golden_array want;
    if (!entry)
        return VKS_OK;
    snprintf(file, sizeof file, "%s.npy", name);
    VKS_TRY(golden_array_read(golden->folder, file, &want));
    uint64_t wanted = vkr_numel(&want.desc);
    count = wanted < count ? wanted : count;
    float *got;
    vks_status status = vkr_alloc((size_t)count, sizeof *got, "masks", (void **)&got);
    for (uint64_t i = 0; status == VKS_OK && i < count; i++) {
        got[i] = masks->mask[i];
        wrong += sure >= 0 && got[i] != want.data[i] &&
                 fabs((double)values[i] - (double)golden->model->network->finish.threshold) > sure;
    }
    if (status == VKS_OK) {
        status = golden_compare(golden, name, "masks", got, count, false);
        snprintf(file, sizeof file, "%llu pixels beyond %g of the threshold differ", (unsigned long long)wrong, sure);
        if (status == VKS_OK && sure >= 0)
            golden_judge(golden, name, "masks, surely", wrong ? 1e9 : 0, file);
        vkr_free(got);
    }
    golden_array_free(&want);
    return status;
}

/* Values of the full size: all of them, or rows FIRST..LAST of the first mask as the array's meaning says. */
static vks_status compare_values(struct golden *golden, const char *prefix, const vks_masks *masks, const float *values)
{
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object * masks->width * masks->height;
    const char *meaning =
        json_string_value(json_object_get(golden_find(golden, JOIN(prefix, "prob_box0_rows"), NULL), "meaning"));
    const char *rows = meaning ? strstr(meaning, "rows ") : NULL;
    uint32_t first, last;
    VKS_TRY(golden_compare(golden, JOIN(prefix, "logits"), "logits, full size", values, count, false));
    if (!rows || sscanf(rows, "rows %u..%u", &first, &last) != 2 || last < first || last >= masks->height)
        return VKS_OK;
    return golden_compare(golden, JOIN(prefix, "prob_box0_rows"), "probabilities",
                          values + (size_t)first * masks->width, (uint64_t)(last + 1 - first) * masks->width, false);
}

static vks_status compare_masks(struct golden *golden, const char *prefix, const char *mask_name,
                                const vks_masks *masks)
{
    const struct network *network = golden->model->network;
    uint32_t count = masks->objects * masks->masks_per_object;
    float *values;
    VKS_TRY(
        vkr_alloc((size_t)count * masks->width * masks->height, sizeof *values, "full-size logits", (void **)&values));
    vks_status status = finish_values(&network->finish, &golden->session->size, masks->logits, count, network->low,
                                      network->low, values);
    if (status == VKS_OK)
        status = compare_values(golden, prefix, masks, values);
    if (status == VKS_OK)
        status = compare_mask(golden, prefix, JOIN(prefix, mask_name), masks, values);
    vkr_free(values);
    return status;
}

/* Fewer rows and columns of all masks. */
static vks_status compare_lowres_sub(struct golden *golden, const char *name, const vks_masks *masks)
{
    const json_t *dims = json_object_get(golden_find(golden, name, NULL), "shape");
    const size_t planes = (size_t)masks->objects * masks->masks_per_object, low = masks->logits_width;
    const json_int_t rows = json_integer_value(json_array_get(dims, 2));
    float *kept;
    size_t count = 0, every = rows > 0 ? masks->logits_height / (size_t)rows : 1;
    if (!dims)
        return VKS_OK;
    VKS_TRY(vkr_alloc(planes * masks->logits_height * low, sizeof *kept, name, (void **)&kept));
    for (size_t y = 0; y < planes * masks->logits_height; y += every)
        for (size_t x = 0; x < low; x += every)
            kept[count++] = masks->logits[y * low + x];
    vks_status status = golden_compare(golden, name, "logits", kept, count, false);
    vkr_free(kept);
    return status;
}

static vks_status run_call(struct golden *golden, const struct call *call, const char *prefix, const char *mask_name)
{
    vks_masks *masks = NULL;
    VKS_TRY(vks_session_predict(golden->session, call->prompts, call->count, call->flags, &masks));
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object;
    vks_status status = compare_decoder(golden, prefix);
    if (status == VKS_OK)
        status = golden_compare(golden, JOIN(prefix, "lowres"), "logits", masks->logits,
                                count * masks->logits_width * masks->logits_height, false);
    if (status == VKS_OK)
        status = compare_lowres_sub(golden, JOIN(prefix, "lowres_sub"), masks);
    if (status == VKS_OK)
        status = golden_compare(golden, JOIN(prefix, "iou"), "iou", masks->iou, count, false);
    if (status == VKS_OK)
        status = compare_masks(golden, prefix, mask_name, masks);
    vks_masks_free(&masks);
    return status;
}

/* Families that answer with one of the candidates: all of them first, then the chosen one. */
static vks_status run_choice(struct golden *golden, const struct call *call, const char *prefix, const char *mask_name)
{
    vks_masks *masks = NULL;
    bool multimask = call->flags & VKS_PREDICT_MULTIMASK;
    VKS_TRY(vks_session_predict(golden->session, call->prompts, call->count,
                                multimask ? VKS_PREDICT_MULTIMASK : VKS_PREDICT_FIRST, &masks));
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object;
    vks_status status = golden_compare(golden, JOIN(prefix, "lowres_all"), "logits", masks->logits,
                                       count * masks->logits_width * masks->logits_height, false);
    if (status == VKS_OK)
        status = golden_compare(golden, JOIN(prefix, "iou_all"), "iou", masks->iou, count, false);
    vks_masks_free(&masks);
    if (status == VKS_OK)
        status = vks_session_predict(golden->session, call->prompts, call->count, multimask ? 0 : VKS_PREDICT_FIRST,
                                     &masks);
    if (status == VKS_OK)
        status = compare_masks(golden, prefix, mask_name, masks);
    vks_masks_free(&masks);
    return status;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

/* The one box of the MedSAM half. */
static vks_status run_medsam(struct golden *golden)
{
    const json_t *box = json_object_get(json_object_get(golden->json, "medsam"), "box_original_pixels");
    struct call call = { 0 };
    add_box(&call, box, 0);
    return run_call(golden, &call, golden->prefix, "seg");
}

/* A case whose arrays are not named after its prompts holds one batch: every prompt is an object of it. Where prompts
 * belong to a stack, those of one image are called stills. */
vks_status golden_prompts(struct golden *golden)
{
    json_t *stills = json_object_get(golden->json, "stills"), *prompt;
    json_t *prompts = stills ? stills : json_object_get(golden->json, "prompts");
    bool batch = golden_find(golden, "lowres", NULL) != NULL;
    struct call call = { 0 };
    size_t i;
    vks_status status = VKS_OK;
    if (golden->prefix[0])
        return run_medsam(golden);
    json_array_foreach(prompts, i, prompt)
    {
        char prefix[64];
        if (!batch)
            call = (struct call){ 0 };
        status = read_call(golden, prompt, batch ? (uint32_t)i : 0, &call);
        snprintf(prefix, sizeof prefix, "%s_", json_string_value(json_object_get(prompt, "id")));
        bool choice = golden_find(golden, JOIN(prefix, "lowres_all"), NULL) != NULL;
        if (status == VKS_OK && !batch)
            status = (choice ? run_choice : run_call)(golden, &call, prefix, "mask");
        golden_array_free(&call.mask);
        VKS_TRY(status);
    }
    return batch ? run_call(golden, &call, "", "seg") : VKS_OK;
}
