/* trial.h: runs one candidate for a call by itself, at the call's shape, and says how long it takes. */
#ifndef VKS_TRIAL_H
#define VKS_TRIAL_H

#include "api/handles.h"

struct vkr_question;                    /* graph/tuning.h */

/* May the operands of `question`, with what kernels make of them, be on the device for a moment? */
bool trial_fits(const vks_context *context, const struct vkr_question *question);

/* The best of several runs in milliseconds. They end early after left_ms, and once the candidate is known to be far slower than
 * best_ms (0: nothing to compare with). Errors: what making and running a plan may return. */
vks_status trial_run(vks_context *context, const struct vkr_question *question, const char *kernel, double left_ms, double best_ms,
                     double *ms);

#endif
