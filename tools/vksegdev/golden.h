/* golden.h: a golden case folder (case.json and .npy arrays from the official code) under check. */
#ifndef DEV_GOLDEN_H
#define DEV_GOLDEN_H

#include "dev.h"

#include "base/shape.h"

#include <jansson.h>

/* An array of the case as f32; `data` is vkr_free()d by golden_array_free. */
struct golden_array {
    struct vkr_desc desc;
    float *data;
};

struct golden {
    const struct args *args;
    const char *folder;
    char temporary[256];        /* a folder of our own: dumps, and the checkpoint when it is generated */
    json_t *json;
    vks_context *context;
    vks_model *model;
    vks_session *session;
    uint32_t passed, failed;
    bool half;
};

vks_status golden_array_read(const char *folder, const char *file, struct golden_array *out);
void golden_array_free(struct golden_array *array);

/* The case's description of `name`.npy, NULL when it has none. */
const json_t *golden_find(const struct golden *golden, const char *name);

/* Compares `count` values with the array `name`.npy (absent: nothing happens) by the tolerance of the model's precision
 * and prints one line under `path`. nchw: the golden is [N, C, ..], `got` is channels last. */
vks_status golden_compare(struct golden *golden, const char *name, const char *path, const float *got, uint64_t count,
                          bool nchw);

/* The same for a dumped tensor (STAGE.MODULE_PATH); sub-sampled goldens (NAME_sub) are gathered. */
vks_status golden_compare_dump(struct golden *golden, const char *name, const char *stage, const char *path, bool nchw);

#endif
