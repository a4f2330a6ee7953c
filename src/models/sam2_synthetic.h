/* sam2_synthetic.h: the sizes of SAM 2.1 by name, for models that are generated. */
#ifndef VKS_SAM2_SYNTHETIC_H
#define VKS_SAM2_SYNTHETIC_H

#include "models/schema.h"

/* family.tensors: "medsam2", "sam2_hiera_t", "sam2_hiera_s", "sam2_hiera_b", "sam2_hiera_l", under published names. */
void sam2_synthetic(const char *name, struct schema *schema);

#endif
