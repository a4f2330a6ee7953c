/* cmd_info.c: what a file is, recognised by its first bytes. No device is touched. */
#include "commands.h"

#include "cut.h"
#include "message.h"
#include "report.h"
#include "settings.h"
#include "vkseg/vkseg_io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const USAGE = "vkseg info FILE [--json]";

const struct option info_options[] = {
    { "json", 0, NULL, 0, "Print one JSON document instead of text." },
    { "family", 0, "NAME", 0, "Read a checkpoint as this family, whatever it looks like." },
    VOLUME_OPTIONS,
    { "model-option", 0, "KEY=VALUE", 0, "A hyper-parameter that the file cannot tell." },
    { 0 },
};

static const char *size_text(double bytes, char out[32])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    snprintf(out, 32, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
    return out;
}

static const char *accepts_text(uint32_t accepts, char out[64])
{
    static const char *const kinds[] = { "points", "boxes", "masks" };
    static const uint32_t bits[] = { VKS_ACCEPTS_POINT, VKS_ACCEPTS_BOX, VKS_ACCEPTS_MASK };
    snprintf(out, 64, "%s", accepts & VKS_ACCEPTS_SUPPORT ? "none: examples (--support)" : "");
    for (size_t i = 0; i < 3; i++) {
        size_t used = strlen(out);
        if (accepts & bits[i])
            snprintf(out + used, 64 - used, "%s%s", used ? ", " : "", kinds[i]);
    }
    return out;
}

static void print_prompted(const vks_model_info *info)
{
    char accepts[64];
    printf("  image          %u x %u; %s\n", info->image_size, info->image_size, info->preprocessing);
    printf("  embedding      %u x %u x %u\n", info->embedding[0], info->embedding[1], info->embedding[2]);
    printf("  prompts        %s\n", accepts_text(info->accepts, accepts));
    printf("  work           %.1f GMAC an image, %.2f GMAC a prompt\n", info->encoder_gmac, info->decoder_gmac);
}

static int print_model(const char *path, const vks_model_info *info, int is_json)
{
    if (is_json) {
        json_t *document = describe_model(info);
        json_object_set_new(document, "kind", json_string("model"));
        return print_json(document);
    }
    char f32[32], f16[32];
    printf("%s: %s %s checkpoint (%s)\n", base_name(path), info->family, info->variant, info->format);
    printf("  licence        %s; research use only\n", info->licence);
    if (info->parameters < 500000)
        printf("  parameters     %.1f thousand\n", 1e-3 * (double)info->parameters);
    else
        printf("  parameters     %.1f million\n", 1e-6 * (double)info->parameters);
    if (info->accepts & VKS_ACCEPTS_VOLUME) {
        printf("  volume         %u x %u x %u voxels; %s\n", info->image_size, info->image_size, info->image_size,
               info->preprocessing);
        printf("  prompts        none: `vkseg predict` labels every voxel\n");
        printf("  work           %.1f GMAC a volume\n", info->encoder_gmac);
    } else {
        print_prompted(info);
    }
    printf("  device memory  about %s (f32), %s (f16)\n", size_text((double)info->memory_f32, f32),
           size_text((double)info->memory_f16, f16));
    if (*info->note)
        printf("  note           %s\n", info->note);
    return 0;
}

static int info_model(const char *path, const struct args *args)
{
    vks_model_params params = { .struct_size = sizeof params,
                                .family = args_value(args, "family"),
                                .options = args_value(args, "model-option") };
    vks_model_info info;
    vks_status status = vks_model_inspect(path, &params, &info);
    if (status)
        return fail_status(status, STAGE_MODEL, path);
    return print_model(path, &info, args_count(args, "json"));
}

static int print_embedding(const char *path, const vks_embedding *embedding, int is_json)
{
    if (is_json) {
        json_t *more = json_object();
        for (uint32_t i = 0; i < embedding->more_count; i++) {
            const vks_feature_map *map = &embedding->more[i];
            json_object_set_new(
                more, map->name,
                json_pack("[I,I,I]", (json_int_t)map->channels, (json_int_t)map->height, (json_int_t)map->width));
        }
        return print_json(json_pack("{s:s, s:s, s:[I,I,I], s:o, s:I, s:I, s:s, s:s}", "kind", "embedding", "family",
                                    embedding->family, "embedding", (json_int_t)embedding->channels,
                                    (json_int_t)embedding->height, (json_int_t)embedding->width, "more", more, "width",
                                    (json_int_t)embedding->image_width, "height", (json_int_t)embedding->image_height,
                                    "model_sha256", embedding->model_sha256, "image_sha256", embedding->image_sha256));
    }
    printf("%s: embedding made by `vkseg encode`\n", base_name(path));
    printf("  family         %s\n", embedding->family);
    printf("  embedding      %u x %u x %u\n", embedding->channels, embedding->height, embedding->width);
    for (uint32_t i = 0; i < embedding->more_count; i++)
        printf("  %-14s %u x %u x %u\n", embedding->more[i].name, embedding->more[i].channels,
               embedding->more[i].height, embedding->more[i].width);
    printf("  image          %u x %u pixels\n", embedding->image_width, embedding->image_height);
    printf("  model SHA-256  %s\n", *embedding->model_sha256 ? embedding->model_sha256 : "unknown");
    printf("  image SHA-256  %s\n", *embedding->image_sha256 ? embedding->image_sha256 : "unknown");
    return 0;
}

static int info_image(const char *path, int is_json)
{
    static const char *const types[] = { "8-bit", "16-bit", "signed 16-bit", "float" };
    static const char *const type_names[] = { "u8", "u16", "i16", "f32" };
    vks_io_image image;
    vks_status status = vks_io_read_image(path, &image);
    if (status)
        return fail_status(status, STAGE_INPUT, path);
    const vks_image *view = &image.view;
    int code = 0;
    if (is_json)
        code = print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "kind", "image", "format", image.format, "width",
                                    (json_int_t)view->width, "height", (json_int_t)view->height, "channels",
                                    (json_int_t)view->channels, "type", type_names[view->type]));
    else
        printf("%s: %s image, %u x %u pixels, %u channel%s, %s\n", base_name(path), image.format, view->width,
               view->height, view->channels, view->channels == 1 ? "" : "s", types[view->type]);
    vks_io_image_free(&image);
    return code;
}

enum kind { KIND_IMAGE, KIND_MODEL, KIND_TENSORS };

/* A zip or pickle is a PyTorch checkpoint, JSON a Keras model; safetensors opens with a 64-bit length and a brace. */
static enum kind kind_of(const unsigned char *head, size_t size)
{
    if (size >= 4 && memcmp(head, "PK\003\004", 4) == 0)
        return KIND_MODEL;
    if (head[0] == '{' && !memchr(head, 0, size))
        return KIND_MODEL;
    if (size >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return KIND_MODEL;
    if (size >= 9 && head[8] == '{' && !head[5] && !head[6] && !head[7])
        return KIND_TENSORS;
    return KIND_IMAGE;
}

static int info_file(const char *path, const struct args *args)
{
    if (strncmp(path, "synthetic:", 10) == 0)
        return info_model(path, args);
    struct stat found;
    char demo[1024];
    if (stat(path, &found) != 0 && strcmp(path, "demo") == 0) {
        int code = settings_find_demo(demo, sizeof demo);
        return code ? code : info_model(demo, args);
    }
    if (stat(path, &found) != 0)
        return fail(INPUT_MISSING, "Check the path; it is relative to the folder you are in.",
                    "'%s' cannot be opened (%s).", path, strerror(errno));
    if (S_ISDIR(found.st_mode) && vks_io_is_volume(path))
        return info_volume(path, args);
    char inside[1024];
    if (S_ISDIR(found.st_mode) && find_in_folder(path, inside, sizeof inside))
        return info_model(inside, args);
    if (S_ISDIR(found.st_mode))
        return fail(INPUT_BAD, "Name one file in it.", "'%s' is a folder of neither a volume nor a model.", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(INPUT_MISSING, "Check the permissions of the file.", "'%s' cannot be read (%s).", path,
                    strerror(errno));
    unsigned char head[16];
    size_t size = fread(head, 1, sizeof head, file);
    fclose(file);
    if (!size)
        return fail(INPUT_BAD, "Was it copied completely?", "'%s' is empty.", path);
    if (vks_io_is_volume(path))
        return info_volume(path, args);
    enum kind kind = kind_of(head, size);
    vks_embedding *embedding = NULL;
    if (kind == KIND_TENSORS && vks_io_read_embedding(path, &embedding) == VKS_OK) {
        int code = print_embedding(path, embedding, args_count(args, "json"));
        vks_embedding_free(&embedding);
        return code;
    }
    return kind == KIND_IMAGE ? info_image(path, args_count(args, "json")) : info_model(path, args);
}

int cmd_info(int count, char **words)
{
    struct args args;
    int code = args_parse(count, words, "info", info_options, &args);
    if (!code && args.wants_help)
        code = help_print("info");
    else if (!code) {
        code = args_expect_words(&args, 1, "info", USAGE);
        if (!code)
            code = info_file(args_word(&args, 0), &args);
    }
    args_free(&args);
    return code;
}
