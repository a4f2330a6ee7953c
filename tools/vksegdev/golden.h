/* golden.h: a golden case folder (case.json and .npy arrays from a model's own code) under check. Every array of the
 * case is accounted for exactly once: compared, given to the model as an input, or not compared for a reason that is
 * said. */
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

struct golden_summary {
    uint32_t arrays;    /* of the case */
    uint32_t within;    /* compared, and within tolerance */
    uint32_t outside;   /* comparisons that failed */
    uint32_t given;     /* inputs */
    uint32_t elsewhere; /* belong to the case's other half (SAM and MedSAM with one checkpoint) */
    uint32_t forgotten; /* nothing compares them */
    double worst;       /* error / tolerance of the array that comes closest to its own, or goes furthest beyond */
    char worst_name[128];
    bool half; /* tolerances of weights in f16 */
};

enum golden_fate { GOLDEN_FORGOTTEN, GOLDEN_COMPARED, GOLDEN_GIVEN, GOLDEN_ELSEWHERE };

struct golden {
    const struct args *args;
    const char *folder;
    bool show;           /* a line for every array, not only for those outside */
    char temporary[256]; /* a folder of our own: dumps, and the checkpoint when it is generated */
    json_t *json;
    const char *prefix;     /* of the names of this half's arrays: "" or "medsam_" */
    enum golden_fate *fate; /* by array */
    vks_context *context;
    vks_model *model;
    vks_session *session;
    struct golden_summary summary;
};

/* Runs the case through the library as a program would. args: model (NULL: the folder's checkpoint, or the one its
 * weights.tsv describes), device, options, family, model_options, precision. `show`: every array gets a line. A case
 * with a "medsam" object holds two halves; args->family "medsam" runs the second. Arrays outside their tolerance are no
 * error here, but counted. */
vks_status golden_run(const struct args *args, const char *folder, bool show, struct golden_summary *out);

/* ---- arrays (golden.c) ---- */

vks_status golden_array_read(const char *folder, const char *file, struct golden_array *out);
void golden_array_free(struct golden_array *array);

/* The case's description of `name`.npy, NULL when it has none. *index may be NULL. */
const json_t *golden_find(const struct golden *golden, const char *name, size_t *index);

/* A bound of the tolerance for the run's precision; what storage does not touch has one for both. < 0: none. */
double golden_limit(const struct golden *golden, const json_t *array, const char *key);

/* `name` was read as an input. It may still be compared elsewhere. */
void golden_give(struct golden *golden, const char *name);

/* Compares `count` values with the array `name`.npy (absent: nothing happens) and prints one line under `path`. nchw:
 * the golden is [N, C, ..], `got` is channels last. Errors: INTERNAL (compared twice), and those of reading. */
vks_status golden_compare(struct golden *golden, const char *name, const char *path, const float *got, uint64_t count,
                          bool nchw);

/* The same for a part of `got`, [height, width, channels] of which rows y0 <= y < y1 and columns x0 <= x < x1 are kept,
 * every `step`-th. */
struct golden_region {
    uint32_t y0, y1, x0, x1, step;
};
vks_status golden_compare_region(struct golden *golden, const char *name, const char *path, const float *got,
                                 const uint32_t shape[3], struct golden_region region, bool nchw);

/* The same for a golden of fewer rows and columns, the first and every so many after it. */
vks_status golden_compare_grid(struct golden *golden, const char *name, const char *path, const float *got,
                               const uint32_t shape[3], bool nchw);

/* golden_compare for a dumped tensor (STAGE.MODULE_PATH); sub-sampled goldens (NAME_sub) are gathered. */
vks_status golden_compare_dump(struct golden *golden, const char *name, const char *stage, const char *path, bool nchw);

/* Keeps rows (of the last dimension) of a dump, in the order of `rows`; count 0: all. Errors: CORRUPT, HOST_MEMORY. */
vks_status golden_keep_rows(struct golden_array *array, const size_t *rows, size_t count);

/* The golden was taken after the projection of padded windows. The graph projects real tokens only, so rows of the
 * windows before it (PATH.windows; count 0: all) are projected here. */
vks_status golden_compare_projected(struct golden *golden, const char *name, const char *path, const size_t *rows,
                                    size_t count);

/* A verdict: worst is error / tolerance, above 1 is a failure. `text` says what was measured. */
void golden_judge(struct golden *golden, const char *name, const char *path, double worst, const char *text);

/* ---- steps ---- */

vks_status golden_open(struct golden *golden);    /* golden_open.c: temporary folder, model, session */
void golden_close(struct golden *golden);         /* accepts half-open */
vks_status golden_image(struct golden *golden);   /* golden_image.c: pixels, blocks, embedding, constants */
vks_status golden_tiny_vit(struct golden *golden); /* golden_tiny_vit.c: blocks of MobileSAM's encoder */
vks_status golden_prompts(struct golden *golden); /* golden_prompts.c: decoder, logits, scores, masks */

/* golden_stack.c: all steps of a case whose input is a stack of slices, for families with a memory. */
bool golden_is_stack(const struct golden *golden);
vks_status golden_stack(struct golden *golden);

/* golden_steps.c: the case's steps with several objects, if it has any. */
struct golden_slices {
    const uint8_t *pixels; /* [count, height, width] */
    uint32_t count, height, width;
};
vks_status golden_steps(struct golden *golden, const struct golden_slices *slices);

/* golden_support.c: all steps of a case with a support set. */
bool golden_is_support(const struct golden *golden);
vks_status golden_support(struct golden *golden);

#endif
