/* device_plan.h: PURE: which device and which queue, decided on plain data so that tests need no GPU. */
#ifndef VKR_DEVICE_PLAN_H
#define VKR_DEVICE_PLAN_H

#include "gpu/device.h"

struct vkr_queue_family { bool compute, graphics; uint32_t count; };

/* Why a device cannot be used ("" when it can): API version below 1.1, no compute queue, limits below the guaranteed. */
void vkr_judge_device(struct vkr_device_entry *entry, uint32_t api_version, const struct vkr_queue_family *families,
                      uint32_t count);

/* A compute family: one without graphics on discrete devices (it does not wait for the desktop), else the first.
 * UINT32_MAX: none. */
uint32_t vkr_pick_queue(const struct vkr_queue_family *families, uint32_t count, enum vkr_device_class device_class);

/* order[] becomes the indices of `entries`, best first: usable before not, discrete, integrated, mobile, cpu; then by
 * memory; then as the driver lists them. */
void vkr_rank_devices(const struct vkr_device_entry *entries, uint32_t count, uint32_t *order);

/* Finds what -d asks for in a list already ranked. NO_DEVICE with a sentence that lists what there is; ARGUMENT for
 * words that mean nothing. */
vks_status vkr_match_device(const struct vkr_device_entry *entries, uint32_t count, const char *which, uint32_t *index);

/* 32 hex digits. */
void vkr_uuid_text(const uint8_t uuid[16], char text[33]);

#endif
