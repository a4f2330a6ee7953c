/* pickle_globals.h: the names that a pickle may mention. Everything else is refused. */
#ifndef VKS_PICKLE_GLOBALS_H
#define VKS_PICKLE_GLOBALS_H

#include "weights/pickle.h"

enum role {
    ROLE_ORDERED_DICT,          /* called without arguments */
    ROLE_TENSOR,                /* torch._utils._rebuild_tensor_v2 */
    ROLE_PARAMETER,             /* torch._utils._rebuild_parameter */
    ROLE_STORAGE,               /* part of a persistent id, never called */
    ROLE_CALL,                  /* kept with its arguments, as it is written */
    ROLE_OPAQUE                 /* its result is of no use here */
};

struct pickle_global {
    const char *name;           /* "module name"; a final * stands for any rest */
    enum role role;
    enum vkr_dtype dtype;       /* of a storage; VKR_NONE when it is none of ours */
};

/* NULL: not allowed */
const struct pickle_global *pickle_global_find(enum pickle_purpose purpose, struct pickle_text module,
                                               struct pickle_text name);

#endif
