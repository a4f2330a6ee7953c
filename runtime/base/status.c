/* status.c: the thread-local message behind vks_last_error(). */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[1024];

vks_status vks_fail(vks_status code, const char *format, ...)
{
    /* Formatted aside first: an argument may be vks_last_error() itself. */
    char text[sizeof message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%s", text);
    return code;
}

const char *vks_last_error(void)
{
    return message;
}

const char *vks_status_name(vks_status status)
{
    static const char *const names[] = {
        [VKS_OK] = "ok", [VKS_ERR_ARGUMENT] = "argument", [VKS_ERR_NOT_FOUND] = "not found",
        [VKS_ERR_CORRUPT] = "corrupt", [VKS_ERR_MODEL] = "model", [VKS_ERR_SHAPE] = "shape",
        [VKS_ERR_UNSUPPORTED] = "unsupported", [VKS_ERR_NO_DEVICE] = "no device",
        [VKS_ERR_HOST_MEMORY] = "out of host memory", [VKS_ERR_DEVICE_MEMORY] = "out of device memory",
        [VKS_ERR_DEVICE_LOST] = "device lost", [VKS_ERR_TIMEOUT] = "timeout", [VKS_ERR_OUTPUT] = "output",
        [VKS_ERR_CHECK] = "check failed", [VKS_ERR_CANCELLED] = "cancelled", [VKS_ERR_INTERNAL] = "internal",
    };
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

const char *vks_version(void)
{
    return VKS_VERSION_STRING;
}
