/* verdicts.h: what is known about kernels on a device: kept in the cache folder under the device's key. Without a cache folder
 * nothing is known and nothing is kept. */
#ifndef VKS_VERDICTS_H
#define VKS_VERDICTS_H

#include "api/handles.h"

/* The verdicts as text, "" for none; vkr_free()d by the caller. NULL without a cache folder or memory. */
char *verdicts_read(const vks_context *context);

/* The latest verdict on a kernel in such a text: "right", "wrong", "crashed" (while its answers were checked) or "died" (it, or
 * one cut of it, while it was timed); "" when it is not known. */
void verdicts_find(const char *text, const char *kernel, char verdict[16]);

void verdicts_add(const vks_context *context, const char *kernel, const char *verdict);

/* Around everything that may take the process down: whoever finds the mark of a process that is gone gives this verdict. */
void verdicts_try(const vks_context *context, const char *kernel, const char *verdict);
void verdicts_tried(const vks_context *context);

/* A kernel that is right after all may be timed again. */
void verdicts_lift(const vks_context *context, const char *kernel);

/* Adds to the context's options what earlier runs found, so that those kernels are not chosen: never what was wrong or crashed,
 * and what died while it was timed, which right kernels may through no fault of theirs, only where nothing else can run. */
void verdicts_apply(vks_context *context);

#endif
