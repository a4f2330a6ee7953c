/* sam_synthetic.h: the sizes of SAM by name, for models that are generated. */
#ifndef VKS_SAM_SYNTHETIC_H
#define VKS_SAM_SYNTHETIC_H

#include "models/schema.h"

/* family.tensors: "sam_vit_b", "sam_vit_l", "sam_vit_h", "medsam", "sam_mini". */
void sam_synthetic(const char *name, struct schema *schema);

#endif
