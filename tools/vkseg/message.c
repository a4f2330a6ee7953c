/* message.c: sentences on stderr. Nothing here writes to stdout. */
#include "message.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_quiet, level;

void message_level(int quiet, int verbosity)
{
    is_quiet = quiet;
    level = verbosity;
}

int message_verbosity(void)
{
    return level;
}

/* A file name or a tensor name may hold anything, also a terminal's escape sequences. */
static void put_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
            *c = '?';
    }
    fputs(text, stderr);
}

static void put_line(const char *prefix, int is_error, const char *format, va_list values)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, values);
    const char *no_color = getenv("NO_COLOR");
    int in_colour = is_error && isatty(STDERR_FILENO) && !(no_color && *no_color);
    progress_clear();
    fputs(in_colour ? "\033[1;31mvkseg:\033[0m " : "vkseg: ", stderr);
    fputs(prefix, stderr);
    put_clean(text);
    fputc('\n', stderr);
}

int fail(enum exit_code code, const char *advice, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    put_line("", 1, format, values);
    va_end(values);
    if (advice && *advice)
        fprintf(stderr, "       %s\n", advice);
    return (int)code;
}

void note(const char *format, ...)
{
    if (is_quiet)
        return;
    va_list values;
    va_start(values, format);
    put_line("", 0, format, values);
    va_end(values);
}

static enum exit_code code_of(vks_status status, enum stage stage)
{
    switch (status) {
    case VKS_OK:
        return DONE;
    case VKS_ERR_ARGUMENT:
        return BAD_USAGE;
    case VKS_ERR_NOT_FOUND:
        return stage == STAGE_MODEL ? MODEL_BAD : INPUT_MISSING;
    case VKS_ERR_CORRUPT:
    case VKS_ERR_SHAPE:
    case VKS_ERR_UNSUPPORTED:
        return stage == STAGE_MODEL ? MODEL_BAD : INPUT_BAD;
    case VKS_ERR_MODEL:
        return MODEL_BAD;
    case VKS_ERR_NO_DEVICE:
        return NO_DEVICE;
    case VKS_ERR_HOST_MEMORY:
    case VKS_ERR_DEVICE_MEMORY:
        return NO_MEMORY;
    case VKS_ERR_DEVICE_LOST:
    case VKS_ERR_TIMEOUT:
        return DEVICE_LOST;
    case VKS_ERR_OUTPUT:
        return OUTPUT_REFUSED;
    case VKS_ERR_CHECK:
        return CHECK_FAILED;
    case VKS_ERR_CANCELLED:
        return CANCELLED;
    case VKS_ERR_INTERNAL:
        break;
    }
    return FAILED_INTERNALLY;
}

static const char *advice_of(enum exit_code code, enum stage stage)
{
    switch (code) {
    case BAD_USAGE:
        return "See `vkseg help` and `vkseg help prompts`.";
    case INPUT_MISSING:
        return "Check the path and that you may read the file.";
    case INPUT_BAD:
        return stage == STAGE_INPUT
                   ? "Readable are PNG, JPEG, BMP, TGA, TIFF, PNM, .npy, volumes (`vkseg help volumes`) and "
                     "embeddings of `vkseg encode`."
                   : "See `vkseg help models` for what this version can do.";
    case MODEL_BAD:
        return "See `vkseg help models`; `vkseg info FILE` says what a file is.";
    case NO_DEVICE:
        return "`vkseg devices` lists what is there; `-d cpu` takes software Vulkan (package mesa-vulkan-drivers).";
    case NO_MEMORY:
        return "Try --precision f16, a larger --max-memory, another device (-d), or close other programs.";
    case DEVICE_LOST:
        return "Try again, another device (-d), or `-d cpu`; `-v` shows more.";
    case OUTPUT_REFUSED:
        return "Choose another name or folder, or use --overwrite to replace a file.";
    case FAILED_INTERNALLY:
        return "This is a bug in vkseg: please report it with the command line and `vkseg --version --json`.";
    case DONE:
    case CHECK_FAILED:
    case CANCELLED:
        break;
    }
    return NULL;
}

int fail_status(vks_status status, enum stage stage, const char *subject)
{
    return fail_sentence(status, stage, subject, vks_last_error());
}

int fail_sentence(vks_status status, enum stage stage, const char *subject, const char *sentence)
{
    enum exit_code code = code_of(status, stage);
    if (!*sentence)
        sentence = vks_status_name(status);
    if (!subject || strstr(sentence, base_name(subject)))
        return fail(code, advice_of(code, stage), "%s", sentence);
    return fail(code, advice_of(code, stage), "%s: %s", subject, sentence);
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
