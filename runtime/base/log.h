/* log.h: one sink per context; nothing in the library prints by itself. */
#ifndef VKR_LOG_H
#define VKR_LOG_H

#include "status.h"

struct vkr_log {
    void (*sink)(void *user, vks_log_level level, const char *message);  /* NULL: silent */
    void *user;
    vks_log_level level;                                                 /* messages above it are not formatted */
};

/* `log` may be NULL. One line, no trailing newline. Called from the thread that does the work. */
void vkr_log(const struct vkr_log *log, vks_log_level level, const char *format, ...) VKR_PRINTF(3, 4);

#endif
