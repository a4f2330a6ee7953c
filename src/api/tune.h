/* tune.h: times kernels on the device, where there is a choice between several, and keeps the times in the cache folder. */
#ifndef VKS_TUNE_H
#define VKS_TUNE_H

#include "api/handles.h"

/* Gives the context's target a tuning with the times of earlier runs. Nothing without a cache folder, without tune=auto, and
 * for the cpu class, whose kernels have no rivals. */
vks_status tune_open(vks_context *context);
void tune_close(vks_context *context);

/* Kernels may be timed for so long again; for a load, TUNE_LOAD_MS. */
enum { TUNE_LOAD_MS = 300 };
void tune_renew(vks_context *context, double ms);

/* Times the candidates of the questions that graphs have asked since, as long as the budget of the load lasts. *news: an
 * answer has changed from the table's to one by times, so that graphs built before are to be built again. What cannot run
 * loses; a call that takes too much memory is left to the table; only a lost device is an error. */
vks_status tune_answer(vks_context *context, bool *news);

#endif
