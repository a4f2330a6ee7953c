/* inspect.h: the halves of `vksegdev inspect`. */
#ifndef DEV_INSPECT_H
#define DEV_INSPECT_H

#include "dev.h"

vks_status inspect_graph(const struct args *args);
vks_status inspect_plan(const struct args *args);
vks_status inspect_memory(const struct args *args);

#endif
