/* cmd_encode.c: runs the image encoder once and keeps its result. */
#include "commands.h"

#include "interrupt.h"
#include "message.h"
#include "offers.h"
#include "outputs.h"
#include "progress.h"
#include "report.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static const char *const USAGE = "vkseg encode IMAGE -m MODEL -o OUT.safetensors [--layer NAME]";

const struct option encode_options[] = {
    { .help = "Outputs" },
    { "output", 'o', "FILE", 0,
      "The embedding: .safetensors (usable as IMAGE later) or .npy (the first map alone). Required." },
    { "layer", 0, "NAME", 0,
      "A tensor inside the encoder by its module path, such as image_encoder.blocks.3, channels "
      "last, as .npy. A name that does not exist lists those that do." },
    MODEL_OPTIONS,
    IMAGE_OPTIONS,
    DEVICE_OPTIONS,
    GENERAL_OPTIONS,
    { 0 },
};

struct encode {
    struct args args;
    struct settings settings;
    struct input input;
    struct run run;
    struct output output;
    const char *layer; /* NULL: the embedding */
    vks_embedding *embedding;
    double began;
};

/* What an automatic model or one that is shown examples makes of an image is not an embedding of the image alone. */
static int check_model(const struct encode *encode)
{
    const vks_model_info *info = &encode->run.info;
    char advice[OFFERS_TEXT];
    if (!(info->accepts & (VKS_ACCEPTS_VOLUME | VKS_ACCEPTS_SUPPORT)))
        return 0;
    offers_text(info, 0, advice);
    return fail(BAD_USAGE, advice, "a %s model makes no embedding of an image that could be kept.", info->family);
}

static int prepare(struct encode *encode)
{
    int code = args_expect_words(&encode->args, 1, "encode", USAGE);
    if (!code)
        code = settings_read(&encode->args, USAGE, &encode->settings);
    if (code)
        return code;
    const char *image = args_word(&encode->args, 0);
    encode->layer = args_value(&encode->args, "layer");
    encode->output =
        (struct output){ "-o", args_value(&encode->args, "output"), encode->layer ? ".npy" : ".safetensors .npy", 1 };
    if (!encode->output.path)
        return fail(BAD_USAGE, USAGE, "no output is given: -o names the file for the embedding.");
    code = outputs_check(&encode->output, 1, image, encode->settings.may_overwrite);
    if (!code)
        code = input_open(image, encode->settings.window, &encode->input);
    if (!code && encode->input.embedding)
        code = fail(BAD_USAGE, USAGE, "'%s' is an embedding already.", image);
    if (!code)
        code = run_inspect(&encode->settings, &encode->run);
    return code ? code : check_model(encode);
}

static int print_report(const struct encode *encode, const char *image_sha256)
{
    struct report report = { .command = "encode",
                             .settings = &encode->settings,
                             .input = &encode->input,
                             .run = &encode->run,
                             .outputs = &encode->output,
                             .output_count = 1,
                             .image_sha256 = image_sha256,
                             .total_ms = milliseconds() - encode->began };
    return print_json(report_build(&report));
}

static int print_result(const struct encode *encode)
{
    const vks_embedding *embedding = encode->embedding;
    if (encode->settings.is_json)
        return print_report(encode, embedding->image_sha256);
    printf("embedding %u x %u x %u of an image of %u x %u pixels\n", embedding->channels, embedding->height,
           embedding->width, embedding->image_width, embedding->image_height);
    for (uint32_t i = 0; i < embedding->more_count; i++)
        printf("%s %u x %u x %u\n", embedding->more[i].name, embedding->more[i].channels, embedding->more[i].height,
               embedding->more[i].width);
    return 0;
}

static int layer_run(struct encode *encode)
{
    vks_layer *layer = NULL;
    int code = run_open(&encode->settings, &encode->run);
    if (code)
        return code;
    vks_session_params params = { .struct_size = sizeof params, .progress = progress_update };
    vks_status status = vks_session_create(encode->run.model, &params, &encode->run.session);
    progress_begin(encode->settings.progress, encode->settings.is_quiet);
    if (!status)
        status = vks_session_layer(encode->run.session, &encode->input.image.view, encode->layer, &layer);
    progress_clear();
    if (interrupt_code())
        code = interrupt_report();
    else if (status)
        code = fail_status(status, STAGE_RUN, encode->input.path);
    if (!code)
        status = vks_io_write_layer(encode->output.path, layer, encode->settings.may_overwrite);
    if (!code && status)
        code = fail_status(status, STAGE_OUTPUT, encode->output.path);
    if (!code && encode->settings.is_json) {
        code = print_report(encode, "");
    } else if (!code) {
        printf("%s:", layer->name);
        for (uint32_t i = 0; i < layer->rank; i++)
            printf("%s%u", i ? " x " : " ", layer->shape[i]);
        printf("\n");
    }
    vks_layer_free(&layer);
    return code;
}

static int encode_run(struct encode *encode)
{
    if (encode->layer)
        return layer_run(encode);
    int code = run_start(&encode->settings, &encode->input, &encode->run);
    if (code)
        return code;
    vks_status status = vks_session_get_embedding(encode->run.session, &encode->embedding);
    if (status)
        return fail_status(status, STAGE_RUN, encode->input.path);
    code = run_hash(&encode->run, &encode->settings);
    if (code)
        return code;
    memcpy(encode->embedding->model_sha256, encode->run.sha256, sizeof encode->run.sha256);
    if (interrupt_code())
        return interrupt_report();
    status = vks_io_write_embedding(encode->output.path, encode->embedding, encode->settings.may_overwrite);
    if (status)
        return fail_status(status, STAGE_OUTPUT, encode->output.path);
    if (encode->settings.verbosity)
        note("wrote %s", encode->output.path);
    return print_result(encode);
}

int cmd_encode(int count, char **words)
{
    struct encode encode = { .began = milliseconds() };
    int code = args_parse(count, words, "encode", encode_options, &encode.args);
    if (!code && encode.args.wants_help)
        code = help_print("encode");
    else if (!code) {
        code = prepare(&encode);
        interrupt_install();
        if (!code)
            code = encode_run(&encode);
    }
    vks_embedding_free(&encode.embedding);
    run_close(&encode.run);
    input_close(&encode.input);
    args_free(&encode.args);
    return code;
}
