/* tune.c: which kernel is fastest here? What is timed first, for how long, and where the times are kept: under the device's
 * key. One thread times at a time; the others go on with the static order. */
#include "api/tune.h"

#include "api/clock.h"
#include "api/trial.h"
#include "api/verdicts.h"
#include "base/mem.h"
#include "base/store.h"
#include "gpu/device.h"
#include "graph/tuning.h"

#include <stdio.h>
#include <string.h>

static const char *folder_of(const vks_context *context)
{
    return context->target.options.cache;
}

static void file_name(const vks_context *context, char name[64])
{
    snprintf(name, 64, "times-%016llx", (unsigned long long)vkr_device_key(context->device));
}

vks_status tune_open(vks_context *context)
{
    char name[64];
    void *text;
    size_t size;
    vkr_mutex_init(&context->tune_lock);
    context->tune_left_ms = TUNE_LOAD_MS;
    if (context->target.options.tune != VKR_TUNE_AUTO || context->target.caps.device_class == VKR_CLASS_CPU || !folder_of(context)[0])
        return VKS_OK;
    VKS_TRY(vkr_tuning_create(&context->target.tuning));
    file_name(context, name);
    if (!vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size))
        return VKS_OK;
    vks_status status = vkr_tuning_read(context->target.tuning, text);
    vkr_free(text);
    return status;
}

void tune_close(vks_context *context)
{
    vkr_tuning_destroy(&context->target.tuning);
    vkr_mutex_destroy(&context->tune_lock);
}

void tune_renew(vks_context *context, double ms)
{
    vkr_mutex_lock(&context->tune_lock);
    context->tune_left_ms = ms;
    vkr_mutex_unlock(&context->tune_lock);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void keep(const vks_context *context)
{
    char name[64], *text = NULL;
    file_name(context, name);
    if (vkr_tuning_text(context->target.tuning, &text) == VKS_OK)
        vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
    vkr_free(text);
}

static double best_known(const struct vkr_question *question)
{
    double best = 0;
    for (uint32_t i = 0; i < question->count; i++)
        if (question->candidates[i].ms > 0 && (best <= 0 || question->candidates[i].ms < best))
            best = question->candidates[i].ms;
    return best;
}

/* What takes the process down here, or the device, is set aside from the next start on. */
static vks_status try(vks_context *context, const struct vkr_question *question, const char *kernel, double *ms)
{
    verdicts_try(context, kernel, "died");
    vks_status status = trial_run(context, question, kernel, context->tune_left_ms, best_known(question), ms);
    if (status == VKS_ERR_DEVICE_LOST)
        verdicts_add(context, kernel, "died");
    verdicts_tried(context);
    return status;
}

/* Gives the first candidate that has none a time. */
static vks_status answer(vks_context *context, const struct vkr_question *question, bool *added)
{
    struct vkr_tuning *tuning = context->target.tuning;
    const struct vkr_candidate *candidate = question->candidates;
    double began = clock_ms(), ms = 0;
    while (candidate->ms != 0)
        candidate++;
    vks_status status = trial_fits(context, question) ? try(context, question, candidate->kernel, &ms) : VKS_ERR_DEVICE_MEMORY;
    context->tune_left_ms -= clock_ms() - began;
    if (status == VKS_ERR_DEVICE_LOST)
        return status;
    if (status == VKS_ERR_DEVICE_MEMORY || status == VKS_ERR_HOST_MEMORY) {
        vkr_tuning_leave(tuning, question->call);
        return VKS_OK;
    }
    vkr_log(&context->log, VKS_LOG_DEBUG, "%s: %s %.3f ms%s", question->call, candidate->kernel, ms, status ? ", could not run" : "");
    VKS_TRY(vkr_tuning_add(tuning, question->call, candidate->kernel, status == VKS_OK && ms > 0 ? ms : -1));
    *added = true;
    return VKS_OK;
}

static vks_status answer_all(vks_context *context)
{
    struct vkr_tuning *tuning = context->target.tuning;
    struct vkr_question question;
    bool added = false;
    vks_status status = VKS_OK;
    while (status == VKS_OK && vkr_tuning_next(tuning, context->tune_left_ms, &question))
        status = answer(context, &question, &added);
    if (added)
        keep(context);
    return status;
}

vks_status tune_answer(vks_context *context, bool *news)
{
    *news = false;
    uint32_t open = context->target.tuning ? vkr_tuning_open(context->target.tuning) : 0;
    if (open == 0)
        return VKS_OK;
    vkr_mutex_lock(&context->tune_lock);
    vks_status status = answer_all(context);
    vkr_mutex_unlock(&context->tune_lock);
    *news = vkr_tuning_open(context->target.tuning) < open;
    return status;
}
