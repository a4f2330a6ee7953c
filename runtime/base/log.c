/* log.c: format once, hand to the sink. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

void vkr_log(const struct vkr_log *log, vks_log_level level, const char *format, ...)
{
    if (!log || !log->sink || level > log->level)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log->sink(log->user, level, text);
}
