/* golden_open.c: the model of a golden case, on a device, in a session that dumps its marked tensors. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"
#include "weights/synth.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static vks_status make_temporary(struct golden *golden)
{
    const char *base = getenv("TMPDIR");
    int written =
        snprintf(golden->temporary, sizeof golden->temporary, "%s/vksegdev.XXXXXX", base && *base ? base : "/tmp");
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
    static const struct {
        const char *key, *option;
    } keys[] = {
        { "decoder_heads", "decoder_heads" },
        { "num_heads", "encoder_heads" },
        { "window_size", "window_size" },
    };
    size_t used = 0, i;
    const char *options = json_string_value(json_object_get(config, "model_options"));
    text[0] = '\0';
    if (options && options[0]) { /* said in full */
        snprintf(text, size, "%s", options);
        return;
    }
    for (i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(config, keys[i].key);
        if (json_is_integer(value) && json_integer_value(value) > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s=%d", used ? "," : "", keys[i].option,
                                     (int)json_integer_value(value));
    }
    const json_t *image_size = json_object_get(config, "image_size");
    if (json_object_get(config, "encoder_blocks")) /* a support set: its last single supports are in the case */
        used += (size_t)snprintf(text + used, size - used, "trace=1,image_size=%d",
                                 image_size ? (int)json_integer_value(image_size) : 128);
    if (json_object_get(config, "embed_dims")) /* TinyViT: no tensor tells the size of the image */
        used += (size_t)snprintf(text + used, size - used, "%simage_size=%d", used ? "," : "",
                                 (int)json_integer_value(json_object_get(config, "img_size")));
    json_t *blocks = json_object_get(config, "global_attn_indexes"), *block;
    json_array_foreach(blocks, i, block) used += (size_t)snprintf(text + used, size - used, "%s%d",
                                                                  i      ? "+"
                                                                  : used ? ",global_blocks="
                                                                         : "global_blocks=",
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
    VKS_REQUIRE(access(table, R_OK) == 0, VKS_ERR_MODEL,
                "%s holds neither model.safetensors nor weights.tsv; use -m MODEL", golden->folder);
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
    golden->summary.half = golden->model->half;
    return vks_session_create(golden->model, NULL, &golden->session);
}

/* Everything that the other half's prefix begins, or does not begin, is the other half's. */
static vks_status choose_half(struct golden *golden)
{
    static const char other[] = "medsam_";
    size_t i;
    json_t *array, *arrays = json_object_get(golden->json, "arrays");
    bool halves = json_object_get(golden->json, "medsam") != NULL;
    bool second = halves && golden->args->family && strcmp(golden->args->family, "medsam") == 0;
    golden->prefix = second ? other : "";
    golden->summary.arrays = (uint32_t)json_array_size(arrays);
    VKS_TRY(vkr_alloc(golden->summary.arrays + 1, sizeof *golden->fate, "a golden case", (void **)&golden->fate));
    json_array_foreach(arrays, i, array)
    {
        const char *file = json_string_value(json_object_get(array, "file"));
        VKS_REQUIRE(file, VKS_ERR_CORRUPT, "%s/case.json: an array without a file", golden->folder);
        if (halves && (strncmp(file, other, sizeof other - 1) == 0) != second)
            golden->fate[i] = GOLDEN_ELSEWHERE;
    }
    return VKS_OK;
}

vks_status golden_open(struct golden *golden)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/case.json", golden->folder);
    VKS_REQUIRE(access(path, R_OK) == 0, VKS_ERR_NOT_FOUND,
                "%s cannot be read; a golden case is a folder with case.json", path);
    golden->json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    VKS_REQUIRE(golden->json, VKS_ERR_CORRUPT, "%s: line %d: %s", path, error.line, error.text);
    VKS_TRY(choose_half(golden));
    VKS_TRY(make_temporary(golden));
    return open_model(golden);
}

void golden_close(struct golden *golden)
{
    vks_session_destroy(&golden->session);
    vks_model_destroy(&golden->model);
    vks_context_destroy(&golden->context);
    vkr_free(golden->fate);
    json_decref(golden->json);
    remove_temporary(golden);
}
