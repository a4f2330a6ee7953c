/* params.h: the parameter store: name -> device tensor, results of folded nodes kept under their own names.
 * Append-only; entries never change; safe from several threads (own lock). Shared by every plan of a model. */
#ifndef VKR_PARAMS_H
#define VKR_PARAMS_H

#include "base/shape.h"

struct vkr_device;
struct vkr_params;

/* Where raw weights come from: fills `dst` with desc (f32 or f16) of the weight `name`. Called under the store's lock. */
struct vkr_params_source {
    vks_status (*read)(void *user, const char *name, const struct vkr_desc *desc, void *dst);
    void *user;
};

vks_status vkr_params_create(struct vkr_device *device, const struct vkr_params_source *source, struct vkr_params **out);
void vkr_params_destroy(struct vkr_params **params);    /* after every plan that uses it */

/* Bytes of device memory held. */
uint64_t vkr_params_bytes(const struct vkr_params *params);

#endif
