/* op_suite.h: one suite per operator, three readers: test_ops (every case in every variant the device can run, forced),
 * vksegdev bench ops (times the same cases), vksegdev check nodes (re-runs real nodes against the reference). */
#ifndef OP_SUITE_H
#define OP_SUITE_H

#include "graph/op.h"
#include "ops.h"

/* One operand of a case: uniform random in [-scale, scale] + offset, rounded to the dtype first. rank-0 desc with
 * dtype VKR_NONE: absent. `param` makes it a weight (reaches the device through the parameter store and folding). */
struct op_operand {
    struct vkr_desc desc;
    bool param;
    float scale, offset;                /* scale 0 means 1 */
};

struct op_case {
    const char *name;
    const void *params;                 /* the suite's own description of the call */
    struct op_operand in[VKR_MAX_INPUTS];
    uint32_t count;
    uint32_t reduction;                 /* K of the tolerance: terms summed per output element; 0 means 1 */
    bool slow;                          /* real model shape: correctness only when asked */
    bool only_chosen;                   /* real model shape that would take the reference minutes: which kernel it becomes */
};

/* A call that infer must refuse, and a word its sentence must contain. */
struct op_rejection {
    const char *name;
    const void *params;
    struct vkr_desc in[VKR_MAX_INPUTS];
    uint32_t count;
    const char *word;
};

struct op_suite {
    const char *name;                   /* operator */
    /* The call under test, from the case's params. */
    struct vkr_tensor *(*build)(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count);
    /* Reference in double: `in` are the rounded inputs as double, `out` has room for the result. */
    void (*reference)(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out);
    const struct op_case *cases;
    uint32_t case_count;
    const struct op_rejection *rejections;
    uint32_t rejection_count;
    const struct vkr_choice *choices;   /* every (shader, variant) to force in turn; NULL: whatever is chosen */
    uint32_t choice_count;
    double coopmat_unit;                /* unit roundoff inside cooperative-matrix kernels, whose operands the harness
                                           rounds to f16 first; 0: that of f32 */
    double factor;                      /* c of the tolerance; 0 means 4: |y - r| <= c * u * (4 + log2 K) * |r|max */
};

#define OP(name) extern const struct op_suite op_suite_##name;
#include "ops.def"
#undef OP

#endif
