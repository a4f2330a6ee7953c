/* synthetic.h: models by name alone: "synthetic:sam_vit_b", "synthetic:sam_vit_b:7". synthetic.def lists them. */
#ifndef VKS_SYNTHETIC_H
#define VKS_SYNTHETIC_H

#include "weights/weights.h"

/* Does this text, given where a path is expected, name a model to generate? */
bool synthetic_is(const char *text);

/* The table of such a model; elements are computed when they are read. Its family is in the metadata. Errors: MODEL (the
 * name, which then lists those there are, or the seed), HOST_MEMORY. */
vks_status synthetic_open(const char *text, struct weights **out);

/* Whatever -m names: synthetic_open, or else weights_open. */
vks_status synthetic_or_file(const char *path, struct weights **out);

#endif
