/* run.c: the sequence every command with a model shares. */
#include "run.h"

#include "interrupt.h"
#include "message.h"

#include <string.h>
#include <time.h>

double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

void log_line(void *user, vks_log_level level, const char *message)
{
    (void)user;
    note("%s%s", level <= VKS_LOG_WARNING ? "warning: " : "", message);
}

static vks_model_params model_params(const struct settings *settings)
{
    return (vks_model_params){ .struct_size = sizeof(vks_model_params),
                               .family = settings->family,
                               .options = *settings->model_options ? settings->model_options : NULL,
                               .precision = settings->precision };
}

int run_inspect(const struct settings *settings, struct run *out)
{
    *out = (struct run){ 0 };
    vks_model_params params = model_params(settings);
    vks_status status = vks_model_inspect(settings->model_path, &params, &out->info);
    if (status)
        return fail_status(status, STAGE_MODEL, settings->model_path);
    note("%s: %s %s, licence %s. Research use only.", base_name(settings->model_path), out->info.family,
         out->info.variant, out->info.licence);
    if (*out->info.note)
        note("note: %s", out->info.note);
    return 0;
}

static int open_context(const struct settings *settings, struct run *run)
{
    int verbosity = settings->verbosity;
    vks_context_params params = { .struct_size = sizeof params,
                                  .device = settings->device,
                                  .options = *settings->tune ? settings->tune : NULL,
                                  .use_environment = 1,
                                  .max_memory = settings->max_memory,
                                  .log_level = verbosity > 1 ? VKS_LOG_DEBUG
                                               : verbosity   ? VKS_LOG_INFO
                                                             : VKS_LOG_WARNING,
                                  .log = log_line };
    vks_status status = vks_context_create(&params, &run->context);
    if (status)
        return fail_status(status, STAGE_DEVICE, settings->device ? settings->device : NULL);
    vks_context_device(run->context, &run->device);
    if (verbosity)
        note("device: %s (%s)", run->device.name, run->device.driver);
    return 0;
}

int run_hash(struct run *run, const struct settings *settings)
{
    vks_status status = vks_model_sha256(run->model, run->sha256);
    return status ? fail_status(status, STAGE_MODEL, settings->model_path) : 0;
}

/* An embedding of another checkpoint would give a mask that looks plausible and is wrong. */
static int check_origin(const struct settings *settings, const struct input *input, struct run *run)
{
    const vks_embedding *embedding = input->embedding;
    const char *advice = "Encode the image again with this model.";
    if (*embedding->family && strcmp(embedding->family, run->info.family) != 0)
        return fail(MODEL_BAD, advice, "'%s' was made by a %s model; this is a %s model.", input->path,
                    embedding->family, run->info.family);
    if (!*embedding->model_sha256)
        return 0;
    int code = run_hash(run, settings);
    if (!code && strcmp(run->sha256, embedding->model_sha256) != 0)
        code = fail(MODEL_BAD, advice, "'%s' was made by another checkpoint (SHA-256 %.12s...) than '%s' (%.12s...).",
                    input->path, embedding->model_sha256, base_name(settings->model_path), run->sha256);
    return code;
}

/* By the encoder, unless the shelf has what it would make. */
static vks_status set_image(struct run *run, const vks_image *image)
{
    vks_embedding *embedding = NULL;
    if (!run->shelf.folder) {
        vks_status status = vks_session_set_image(run->session, image);
        run->was_encoded = !status;
        return status;
    }
    vks_status status = shelf_embed(&run->shelf, run->session, image, &embedding, &run->was_encoded);
    if (!status && !run->was_encoded)
        status = vks_session_set_embedding(run->session, embedding);
    vks_embedding_free(&embedding);
    return status;
}

static int load_image(const struct settings *settings, const struct input *input, struct run *run)
{
    vks_session_params params = { .struct_size = sizeof params, .progress = progress_update };
    vks_status status = vks_session_create(run->model, &params, &run->session);
    if (status)
        return fail_status(status, STAGE_RUN, NULL);
    progress_begin(settings->progress, settings->is_quiet);
    if (run->examples && run->examples->count) {
        status = vks_session_set_support(run->session, run->examples->list, run->examples->count);
        if (status)
            return fail_status(status, STAGE_RUN, run->examples->folder);
    }
    if (input->embedding)
        status = vks_session_set_embedding(run->session, input->embedding);
    else
        status = set_image(run, &input->image.view);
    progress_clear();
    shelf_warn(&run->shelf);
    if (interrupt_code())
        return interrupt_report();
    if (input->embedding && status == VKS_ERR_ARGUMENT)
        return fail(INPUT_BAD, "Encode the image again with this model.", "'%s': %s", input->path, vks_last_error());
    return status ? fail_status(status, STAGE_RUN, input->path) : 0;
}

int run_open(const struct settings *settings, struct run *run)
{
    double began = milliseconds();
    int code = open_context(settings, run);
    if (code)
        return code;
    run->device_ms = milliseconds() - began;
    vks_model_params params = model_params(settings);
    vks_status status = vks_model_load(run->context, settings->model_path, &params, &run->model);
    if (status)
        return fail_status(status, STAGE_MODEL, settings->model_path);
    run->load_ms = milliseconds() - began;
    if (settings->verbosity)
        note("model loaded in %.0f ms", run->load_ms);
    code = shelf_open(run->embeddings, run, settings, &run->shelf);
    if (code)
        return code;
    return interrupt_code() ? interrupt_report() : 0;
}

int run_start(const struct settings *settings, const struct input *input, struct run *run)
{
    int code = run_open(settings, run);
    if (!code && input->embedding)
        code = check_origin(settings, input, run);
    return code ? code : load_image(settings, input, run);
}

void run_close(struct run *run)
{
    vks_session_destroy(&run->session);
    vks_model_destroy(&run->model);
    vks_context_destroy(&run->context);
}
