/* env.h: environment variables as defaults for what a program did not say. Read only when the program asks for it. */
#ifndef VKS_ENV_H
#define VKS_ENV_H

#include "base/options.h"

/* Applies every VKS_* knob that is set to `options`. Errors: ARGUMENT, naming the variable. */
vks_status env_options(struct vkr_options *options);

/* VKSEG_DEVICE or VKS_DEVICE; NULL when neither is set. */
const char *env_device(void);

/* VKS_LOG = error, warning, info or debug; `level` stays when it is not set. Errors: ARGUMENT. */
vks_status env_log_level(vks_log_level *level);

#endif
