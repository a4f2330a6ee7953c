/* status.h: how a failure is made (vks_fail, at its origin) and passed on (VKS_TRY, upward, never re-worded). */
#ifndef VKR_STATUS_H
#define VKR_STATUS_H

#include "vkseg/base.h"

#if defined(__GNUC__)
#  define VKR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#  define VKR_PRINTF(fmt, args)
#endif

/* Formats this thread's message (truncated at 1 KiB) and returns `code`. Exported, though in no public header: libvksegio
 * fails through it, so that a thread has one last failure whichever library it came from. */
VKS_API vks_status vks_fail(vks_status code, const char *format, ...) VKR_PRINTF(2, 3);

/* Evaluates a vks_status expression once and returns it from the calling function unless it is VKS_OK. */
#define VKS_TRY(expression) \
    do { vks_status vks_try_ = (expression); if (vks_try_ != VKS_OK) return vks_try_; } while (0)

/* Returns vks_fail(code, ...) from the calling function unless `condition` holds. For what the world may do wrong;
 * our own bugs are assert()s. */
#define VKS_REQUIRE(condition, code, ...) \
    do { if (!(condition)) return vks_fail((code), __VA_ARGS__); } while (0)

#endif
