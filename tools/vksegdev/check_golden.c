/* check_golden.c: `vksegdev check golden`: a case of the official code, run through the library as a program would, with
 * every array that the library can show compared by module path. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"
#include "base/npy.h"
#include "weights/synth.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ------------------------------------------------------------------------------------------------ */

static vks_status make_temporary(struct golden *golden)
{
    const char *base = getenv("TMPDIR");
    int written = snprintf(golden->temporary, sizeof golden->temporary, "%s/vksegdev.XXXXXX", base && *base ? base : "/tmp");
    bool made = written < (int)sizeof golden->temporary && mkdtemp(golden->temporary);
    if (!made)
        golden->temporary[0] = '\0';
    VKS_REQUIRE(made, VKS_ERR_OUTPUT, "no temporary folder could be made; set TMPDIR to one that can be written");
    return VKS_OK;
}

static void remove_temporary(struct golden *golden)
{
    DIR *folder = golden->temporary[0] ? opendir(golden->temporary) : NULL;
    for (const struct dirent *item; folder && (item = readdir(folder));) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", golden->temporary, item->d_name);
        if (item->d_name[0] != '.')
            remove(path);
    }
    if (folder)
        closedir(folder);
    if (golden->temporary[0])
        rmdir(golden->temporary);
}

/* What shapes cannot tell, from the case's configuration, in the words of the model options. */
static void describe_options(const json_t *config, char *text, size_t size)
{
    static const struct { const char *key, *option; } keys[] = {
        { "decoder_heads", "decoder_heads" }, { "num_heads", "encoder_heads" }, { "window_size", "window_size" },
    };
    size_t used = 0, i;
    text[0] = '\0';
    for (i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(config, keys[i].key);
        if (json_is_integer(value) && json_integer_value(value) > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s=%d", used ? "," : "", keys[i].option,
                                     (int)json_integer_value(value));
    }
    json_t *blocks = json_object_get(config, "global_attn_indexes"), *block;
    json_array_foreach(blocks, i, block)
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? "+" : used ? ",global_blocks=" : "global_blocks=",
                                 (int)json_integer_value(block));
}

/* -m, else the folder's own checkpoint, else the one its table describes. */
static vks_status find_model(const struct golden *golden, char *path, size_t size)
{
    char table[1024];
    snprintf(path, size, "%s/model.safetensors", golden->folder);
    if (access(path, R_OK) == 0)
        return VKS_OK;
    snprintf(table, sizeof table, "%s/weights.tsv", golden->folder);
    VKS_REQUIRE(access(table, R_OK) == 0, VKS_ERR_MODEL, "%s holds neither model.safetensors nor weights.tsv; use -m MODEL",
                golden->folder);
    snprintf(path, size, "%s/model.safetensors", golden->temporary);
    return synth_write(table, path);
}

static vks_status open_model(struct golden *golden)
{
    const struct args *args = golden->args;
    char options[1024], path[1024], model_options[256];
    struct args own = *args;
    snprintf(options, sizeof options, "%s%sdump=%s", args->options ? args->options : "", args->options ? "," : "",
             golden->temporary);
    describe_options(json_object_get(golden->json, "config"), model_options, sizeof model_options);
    own.options = options;
    if (!own.model_options && model_options[0])
        own.model_options = model_options;
    if (!own.family)
        own.family = json_string_value(json_object_get(golden->json, "family"));
    if (!own.model) {
        VKS_TRY(find_model(golden, path, sizeof path));
        own.model = path;
    }
    VKS_TRY(dev_context(&own, &golden->context));
    VKS_TRY(dev_model(&own, golden->context, &golden->model));
    golden->half = golden->model->half;
    return vks_session_create(golden->model, NULL, &golden->session);
}

/* ---- image -------------------------------------------------------------------------------------------------- */

static vks_status set_image(struct golden *golden)
{
    const char *file = json_string_value(json_object_get(json_object_get(golden->json, "input"), "file"));
    char path[1024];
    struct vkr_desc desc;
    void *pixels = NULL;
    VKS_REQUIRE(file, VKS_ERR_CORRUPT, "case.json names no input.file");
    snprintf(path, sizeof path, "%s/%s", golden->folder, file);
    VKS_TRY(vkr_npy_read(path, &desc, &pixels));
    bool fits = desc.dtype == VKR_U8 && (desc.rank == 2 || desc.rank == 3);
    const vks_image image = { .pixels = pixels, .type = VKS_PIXEL_U8, .width = desc.dim[1], .height = desc.dim[0],
                              .channels = desc.rank == 3 ? desc.dim[2] : 1 };
    vks_status status = fits ? vks_session_set_image(golden->session, &image)
                             : vks_fail(VKS_ERR_CORRUPT, "%s is no 8-bit image", path);
    struct prepared prepared = { 0 };
    if (status == VKS_OK)
        status = prepare(&golden->model->network->image, &image, &prepared);
    if (status == VKS_OK)
        status = golden_compare(golden, "preprocessed", "pixels", prepared.pixels, (uint64_t)prepared.side * prepared.side * 3,
                                true);
    prepared_free(&prepared);
    vkr_free(pixels);
    return status;
}

static vks_status compare_encoder(struct golden *golden)
{
    VKS_TRY(golden_compare_dump(golden, "patch_embed", "encode", "image_encoder.patch_embed", false));
    for (unsigned i = 0; i < 64; i++) {
        char name[64], path[128];
        snprintf(name, sizeof name, "block%u_norm1", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u.norm1", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
        snprintf(name, sizeof name, "block%u", i);
        snprintf(path, sizeof path, "image_encoder.blocks.%u", i);
        VKS_TRY(golden_compare_dump(golden, name, "encode", path, false));
    }
    VKS_TRY(golden_compare_dump(golden, "neck_ln1", "encode", "image_encoder.neck.1", true));
    vks_embedding *embedding = NULL;
    VKS_TRY(vks_session_get_embedding(golden->session, &embedding));
    uint64_t count = (uint64_t)embedding->channels * embedding->height * embedding->width;
    vks_status status = golden_compare(golden, "image_embedding", "image_encoder", embedding->data, count, false);
    if (status == VKS_OK)
        status = golden_compare(golden, "image_embedding_f16", "image_encoder", embedding->data, count, false);
    vks_embedding_free(&embedding);
    return status;
}

/* ---- prompts ------------------------------------------------------------------------------------------------ */

enum { MOST_PROMPTS = 64 };

struct call {
    vks_prompt prompts[MOST_PROMPTS];
    size_t count;
    uint32_t flags;
    struct golden_array mask;
};

static float at(const json_t *list, size_t index)
{
    return (float)json_number_value(json_array_get(list, index));
}

static void add_box(struct call *call, const json_t *box, uint32_t object)
{
    if (call->count < MOST_PROMPTS)
        call->prompts[call->count++] = (vks_prompt){ .kind = VKS_PROMPT_BOX, .object = object, .x0 = at(box, 0),
                                                     .y0 = at(box, 1), .x1 = at(box, 2), .y1 = at(box, 3) };
}

static vks_status read_call(const struct golden *golden, const json_t *prompt, uint32_t object, struct call *call)
{
    json_t *points = json_object_get(prompt, "points"), *labels = json_object_get(prompt, "labels");
    json_t *boxes = json_object_get(prompt, "batched_boxes"), *box = json_object_get(prompt, "box"), *item;
    const char *mask = json_string_value(json_object_get(prompt, "mask_input"));
    size_t i;
    json_array_foreach(points, i, item)
        if (call->count < MOST_PROMPTS)
            call->prompts[call->count++] = (vks_prompt){ .kind = VKS_PROMPT_POINT, .object = object, .x0 = at(item, 0),
                                                         .y0 = at(item, 1), .label = (int32_t)at(labels, i) };
    if (box)
        add_box(call, box, object);
    json_array_foreach(boxes, i, item)
        add_box(call, item, (uint32_t)i);
    if (json_is_true(json_object_get(prompt, "multimask")))
        call->flags = VKS_PREDICT_MULTIMASK;
    if (!mask || call->count == MOST_PROMPTS)
        return VKS_OK;
    VKS_TRY(golden_array_read(golden->folder, mask, &call->mask));
    uint32_t rank = call->mask.desc.rank;
    VKS_REQUIRE(rank >= 2, VKS_ERR_CORRUPT, "%s is no mask prompt", mask);
    call->prompts[call->count++] = (vks_prompt){ .kind = VKS_PROMPT_MASK, .object = object, .logits = call->mask.data,
                                                 .logits_width = call->mask.desc.dim[rank - 1],
                                                 .logits_height = call->mask.desc.dim[rank - 2] };
    return VKS_OK;
}

/* `prefix`: "p3_", or "" for the arrays of a case that has one batch. */
static vks_status compare_decoder(struct golden *golden, const char *prefix)
{
    static const struct { const char *name, *path; bool nchw; } rows[] = {
        { "dense", "prompt_encoder.mask_downscaling", true },
        { "dec_layer0_queries", "mask_decoder.transformer.layers.0.queries", false },
        { "dec_layer0_keys", "mask_decoder.transformer.layers.0.keys", false },
        { "dec_layer1_queries", "mask_decoder.transformer.layers.1.queries", false },
        { "dec_layer1_keys", "mask_decoder.transformer.layers.1.keys", false },
        { "dec_final_tokens", "mask_decoder.transformer.queries", false },
        { "upscaled_embedding", "mask_decoder.output_upscaling", true },
        { "hyper_in", "mask_decoder.hyper_in", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, rows[i].name);
        VKS_TRY(golden_compare_dump(golden, name, "decode", rows[i].path, rows[i].nchw));
    }
    return VKS_OK;
}

/* Masks as f32; a golden of fewer masks (the first ones) is compared with those. */
static vks_status compare_mask(struct golden *golden, const char *name, const vks_masks *masks)
{
    const json_t *shape = json_object_get(golden_find(golden, name), "shape");
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object * masks->width * masks->height, wanted = 1;
    size_t i;
    json_t *dim;
    if (!shape)
        return VKS_OK;
    json_array_foreach(shape, i, dim)
        wanted *= (uint64_t)json_integer_value(dim);
    count = wanted < count ? wanted : count;
    float *values;
    VKS_TRY(vkr_alloc((size_t)count, sizeof *values, "masks", (void **)&values));
    for (uint64_t k = 0; k < count; k++)
        values[k] = masks->mask[k];
    vks_status status = golden_compare(golden, name, "masks", values, count, false);
    vkr_free(values);
    return status;
}

static vks_status run_call(struct golden *golden, const struct call *call, const char *prefix, const char *mask_name)
{
    vks_masks *masks = NULL;
    char name[128];
    VKS_TRY(vks_session_predict(golden->session, call->prompts, call->count, call->flags, &masks));
    uint64_t count = (uint64_t)masks->objects * masks->masks_per_object;
    vks_status status = compare_decoder(golden, prefix);
    snprintf(name, sizeof name, "%slowres", prefix);
    if (status == VKS_OK)
        status = golden_compare(golden, name, "logits", masks->logits, count * masks->logits_width * masks->logits_height,
                                false);
    snprintf(name, sizeof name, "%siou", prefix);
    if (status == VKS_OK)
        status = golden_compare(golden, name, "iou", masks->iou, count, false);
    snprintf(name, sizeof name, "%s%s", prefix, mask_name);
    if (status == VKS_OK)
        status = compare_mask(golden, name, masks);
    vks_masks_free(&masks);
    return status;
}

/* A case whose arrays are not named after its prompts holds one batch: every prompt is an object of it. */
static vks_status run_prompts(struct golden *golden)
{
    json_t *prompts = json_object_get(golden->json, "prompts"), *prompt;
    bool batch = golden_find(golden, "lowres") != NULL;
    struct call call = { 0 };
    size_t i;
    vks_status status = VKS_OK;
    json_array_foreach(prompts, i, prompt) {
        char prefix[64];
        if (!batch)
            call = (struct call){ 0 };
        status = read_call(golden, prompt, batch ? (uint32_t)i : 0, &call);
        snprintf(prefix, sizeof prefix, "%s_", json_string_value(json_object_get(prompt, "id")));
        if (status == VKS_OK && !batch)
            status = run_call(golden, &call, prefix, "mask");
        golden_array_free(&call.mask);
        VKS_TRY(status);
    }
    return batch ? run_call(golden, &call, "", "seg") : VKS_OK;
}

static vks_status check(struct golden *golden)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/case.json", golden->folder);
    VKS_REQUIRE(access(path, R_OK) == 0, VKS_ERR_NOT_FOUND, "%s cannot be read; a golden case is a folder with case.json", path);
    golden->json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    VKS_REQUIRE(golden->json, VKS_ERR_CORRUPT, "%s: line %d: %s", path, error.line, error.text);
    VKS_TRY(make_temporary(golden));
    VKS_TRY(open_model(golden));
    VKS_TRY(set_image(golden));
    VKS_TRY(compare_encoder(golden));
    VKS_TRY(run_prompts(golden));
    printf("%u arrays within tolerance, %u not, weights in %s\n", golden->passed, golden->failed, golden->half ? "f16" : "f32");
    VKS_REQUIRE(golden->failed == 0 && golden->passed > 0, VKS_ERR_CHECK, "%u of %u arrays of %s are not within tolerance",
                golden->failed, golden->failed + golden->passed, golden->folder);
    return VKS_OK;
}

vks_status check_golden(const struct args *args)
{
    VKS_REQUIRE(args->words == 2, VKS_ERR_ARGUMENT, "expected: vksegdev check golden CASE_DIR [-m MODEL]");
    struct golden golden = { .args = args, .folder = args->word[1] };
    vks_status status = check(&golden);
    vks_session_destroy(&golden.session);
    vks_model_destroy(&golden.model);
    vks_context_destroy(&golden.context);
    json_decref(golden.json);
    remove_temporary(&golden);
    return status;
}
