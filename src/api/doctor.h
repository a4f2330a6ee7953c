/* doctor.h: kernels that are set aside on a device because they were wrong there, or took its driver down. */
#ifndef VKS_DOCTOR_H
#define VKS_DOCTOR_H

#include "api/handles.h"
#include "vkseg/vkseg_measure.h"

/* Adds to the context's options what earlier runs found, so that those kernels are not chosen. Nothing without a cache
 * folder. */
void doctor_apply(vks_context *context);

/* Checks kernels that this device has not met yet, for some seconds at most; what stays unchecked is used all the same. */
void doctor_check_new(vks_context *context);

#endif
