/* verdicts.c: two small files per device, "kernels-KEY" and "trying-KEY": lines "SHADER.VARIANT VERDICT", of which the latest
 * counts, and a marker that only a crash leaves behind. */
#include "api/verdicts.h"

#include "base/mem.h"
#include "base/store.h"
#include "gpu/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <process.h>
#  define getpid _getpid
#else
#  include <signal.h>
#  include <unistd.h>
#endif

enum { TEXT = 64 * 1024, LINE = 128 };

static void file_name(const vks_context *context, const char *kind, char name[64])
{
    snprintf(name, 64, "%s-%016llx", kind, (unsigned long long)vkr_device_key(context->device));
}

static const char *folder_of(const vks_context *context)
{
    return context->target.options.cache;
}

char *verdicts_read(const vks_context *context)
{
    char name[64];
    void *text;
    size_t size;
    if (!folder_of(context)[0])
        return NULL;
    file_name(context, "kernels", name);
    return vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size) ? text : vkr_strdup("");
}

void verdicts_find(const char *text, const char *kernel, char verdict[16])
{
    char line_kernel[LINE], line_verdict[16];
    verdict[0] = '\0';
    for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : "")
        if (sscanf(text, "%127s %15s", line_kernel, line_verdict) == 2 && strcmp(line_kernel, kernel) == 0)
            snprintf(verdict, 16, "%s", line_verdict);
}

/* Later lines overrule earlier ones; the file stays short because it is begun anew once it is long. */
void verdicts_add(const vks_context *context, const char *kernel, const char *verdict)
{
    char name[64], *known = verdicts_read(context);
    size_t length = known ? strlen(known) : 0;
    char *text = known ? vkr_calloc(1, length + LINE + 32) : NULL;
    if (text) {
        snprintf(text, length + LINE + 32, "%s%s %s\n", length < TEXT ? known : "", kernel, verdict);
        file_name(context, "kernels", name);
        vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
    }
    vkr_free(text);
    vkr_free(known);
}

void verdicts_lift(const vks_context *context, const char *kernel)
{
    char cut[LINE], verdict[16], latest[16];
    char *known = verdicts_read(context);
    for (const char *at = known; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : "") {
        if (sscanf(at, "%127s %15s", cut, verdict) != 2 || strncmp(cut, kernel, strlen(kernel)) != 0 || cut[strlen(kernel)] != ':')
            continue;
        verdicts_find(known, cut, latest);
        if (strcmp(latest, "died") == 0 && strcmp(verdict, "died") == 0)
            verdicts_add(context, cut, "right");
    }
    vkr_free(known);
}

/* ---- quarantine -------------------------------------------------------------------------------------------------- */

void verdicts_try(const vks_context *context, const char *kernel, const char *verdict)
{
    char name[64], text[LINE + 48];
    snprintf(text, sizeof text, "%ld %s %s", (long)getpid(), kernel, verdict);
    file_name(context, "trying", name);
    vkr_store_write(folder_of(context), name, vkr_device_key(context->device), text, strlen(text));
}

void verdicts_tried(const vks_context *context)
{
    char name[64];
    file_name(context, "trying", name);
    vkr_store_remove(folder_of(context), name);
}

static bool is_running(long process)
{
#if defined(_WIN32)
    (void)process;
    return false;
#else
    return process > 0 && (kill((pid_t)process, 0) == 0 || errno != ESRCH);
#endif
}

/* A marker of a process that is gone: what it tried took it down. */
static void read_marker(const vks_context *context)
{
    char name[64], kernel[LINE], verdict[16];
    void *text = NULL;
    size_t size;
    long process;
    file_name(context, "trying", name);
    if (!vkr_store_read(folder_of(context), name, vkr_device_key(context->device), &text, &size))
        return;
    if (sscanf(text, "%ld %127s %15s", &process, kernel, verdict) == 3 && !is_running(process)) {
        verdicts_add(context, kernel, verdict);
        verdicts_tried(context);
        vkr_log(&context->log, VKS_LOG_WARNING, "the kernel %s ended an earlier run on %s; it is set aside (vkseg doctor tries again)",
                kernel, context->target.caps.name);
    }
    vkr_free(text);
}

void verdicts_apply(vks_context *context)
{
    char kernel[LINE], verdict[16], latest[16];
    struct vkr_options *options = &context->target.options;
    if (!folder_of(context)[0])
        return;
    read_marker(context);
    char *known = verdicts_read(context);
    for (const char *at = known; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : "") {
        if (sscanf(at, "%127s %15s", kernel, verdict) != 2)
            continue;
        verdicts_find(known, kernel, latest);
        if (strcmp(latest, "died") == 0)
            vkr_options_avoid(options, kernel);
        else if (strcmp(latest, "right") != 0)
            vkr_options_ban(options, kernel);
    }
    vkr_free(known);
}
