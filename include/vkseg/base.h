/* base.h: status codes, log levels, export macro and version, shared by every other vkseg header.
 *
 * Rules that hold everywhere in this library:
 *  - A function that can fail returns vks_status; VKS_OK is zero. The sentence that explains the last failure of the
 *    calling thread is vks_last_error().
 *  - On failure an out-parameter is left NULL or untouched, and nothing is leaked.
 *  - Strings are UTF-8. Sizes are bytes unless the name says otherwise.
 *  - The library never exits, never aborts on bad input, never writes to stdout or stderr, never touches the network.
 */
#ifndef VKSEG_BASE_H
#define VKSEG_BASE_H

#include <stddef.h>
#include <stdint.h>

#define VKS_VERSION_MAJOR 0
#define VKS_VERSION_MINOR 1
#define VKS_VERSION_PATCH 0
#define VKS_VERSION_STRING "0.1.0"

#if defined(_WIN32)
#  ifdef VKS_BUILDING
#    define VKS_API __declspec(dllexport)
#  else
#    define VKS_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define VKS_API __attribute__((visibility("default")))
#else
#  define VKS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every failure is one of these; the neighbour to choose is named where two look alike. */
typedef enum vks_status {
    VKS_OK = 0,
    VKS_ERR_ARGUMENT,     /* the caller passed something impossible (NULL, negative size, empty box) */
    VKS_ERR_NOT_FOUND,    /* a file or folder does not exist or cannot be opened */
    VKS_ERR_CORRUPT,      /* an image or data file is malformed or of an unsupported kind */
    VKS_ERR_MODEL,        /* a checkpoint is malformed, incomplete, or of no known family */
    VKS_ERR_SHAPE,        /* tensors do not fit together (in a checkpoint file: VKS_ERR_MODEL) */
    VKS_ERR_UNSUPPORTED,  /* correct request, but this device, family or build cannot do it */
    VKS_ERR_NO_DEVICE,    /* no Vulkan loader, driver or matching device */
    VKS_ERR_HOST_MEMORY,  /* malloc failed or a size is beyond reason */
    VKS_ERR_DEVICE_MEMORY,/* the device has not enough memory; the sentence says how much was wanted */
    VKS_ERR_DEVICE_LOST,  /* device lost or driver failure; the context then refuses work */
    VKS_ERR_TIMEOUT,      /* the device did not finish in time */
    VKS_ERR_OUTPUT,       /* an output exists already or cannot be written */
    VKS_ERR_CHECK,        /* a requested comparison failed */
    VKS_ERR_CANCELLED,    /* the progress callback asked to stop */
    VKS_ERR_INTERNAL      /* a bug in this library: please report */
} vks_status;

typedef enum vks_log_level { VKS_LOG_ERROR, VKS_LOG_WARNING, VKS_LOG_INFO, VKS_LOG_DEBUG } vks_log_level;

/* The sentence of this thread's last failure, "" if there was none. Valid until this thread's next failure. */
VKS_API const char *vks_last_error(void);

/* "argument", "not found", ...: a short English name, never NULL. */
VKS_API const char *vks_status_name(vks_status status);

/* "0.1.0" */
VKS_API const char *vks_version(void);

#ifdef __cplusplus
}
#endif
#endif
