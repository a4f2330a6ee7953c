/* doctor.h: known answers: kernels that are wrong on a device, or take its driver down, are set aside there. */
#ifndef VKS_DOCTOR_H
#define VKS_DOCTOR_H

#include "api/handles.h"
#include "vkseg/vkseg_measure.h"

/* Checks kernels that this device has not met yet, for some seconds at most; what stays unchecked is used all the same. */
void doctor_check_new(vks_context *context);

#endif
