/* verdicts.h: what is known about kernels on a device: kept in the cache folder under the device's key. Without a cache folder
 * nothing is known and nothing is kept. */
#ifndef VKS_VERDICTS_H
#define VKS_VERDICTS_H

#include "api/handles.h"

/* The verdicts as text, "" for none; vkr_free()d by the caller. NULL without a cache folder or memory. */
char *verdicts_read(const vks_context *context);

/* The latest verdict on a kernel in such a text: "right", "wrong" or "crashed"; "" when it is not known. */
void verdicts_find(const char *text, const char *kernel, char verdict[16]);

void verdicts_add(const vks_context *context, const char *kernel, const char *verdict);

/* Around everything that may take the process down: whoever finds the mark of a process that is gone knows by what. */
void verdicts_try(const vks_context *context, const char *kernel);
void verdicts_tried(const vks_context *context);

/* Adds to the context's options what earlier runs found, so that those kernels are not chosen. */
void verdicts_apply(vks_context *context);

#endif
