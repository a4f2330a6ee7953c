/* op.h: what an operator is to the engine, and how it says which shaders to dispatch. Everything here is data. */
#ifndef VKR_OP_H
#define VKR_OP_H

#include "graph/graph.h"

struct vkr_lower;

struct vkr_op {
    const char *name;                   /* equals the file stem and the line in ops.def */
    size_t params_size;                 /* bytes of the operator's params struct, at most 128 */

    /* Checks the operands and says the result. in[i].dtype is VKR_NONE for an absent operand. Sentences name the
     * operator and both shapes. */
    vks_status (*infer)(const void *params, const struct vkr_desc *in, uint32_t count, struct vkr_desc *out);

    /* Emits the dispatches. in[i] may be NULL. Scratch tensors live from the first to the last dispatch using them. */
    vks_status (*lower)(struct vkr_lower *lower, const void *params, struct vkr_tensor *const *in, uint32_t count,
                        struct vkr_tensor *out);

    /* Floating-point operations (2 per multiply-add), for profiles and for splitting submissions. NULL: one per output
     * element. */
    double (*cost)(const void *params, const struct vkr_desc *in, uint32_t count, const struct vkr_desc *out);
};

enum { VKR_MAX_BIND = 8, VKR_MAX_ARGS = 128, VKR_MAX_CONSTANTS = 8 };

/* One dispatch as data. Binding i of the shader is bind[i]. */
struct vkr_dispatch {
    const char *shader;                         /* file stem of the .comp */
    const char *variant;                        /* neither is kept by vkr_emit: a record names the table's strings */
    const struct vkr_tensor *bind[VKR_MAX_BIND];
    uint32_t bind_count;
    uint32_t writes;                            /* bit i: bind[i] is written (read-modify-write counts) */
    uint32_t texels;                            /* bit i: bind[i] is a uniform texel buffer (RGBA32F, or RGBA16F when the
                                                   tensor is f16), not a storage buffer; its byte size must be a multiple
                                                   of one texel (pad scratch shapes) and it must not be written */
    uint32_t images;                            /* bit i: as texels, whose bit is set too, but a storage texel buffer for
                                                   imageLoad; f32 only. For kernels of the cpu class: its driver inlines
                                                   these loads, and calls a function for the others */
    const void *args;                           /* push constants, copied */
    uint32_t args_size;
    uint32_t groups[3];
    uint32_t constants[VKR_MAX_CONSTANTS];      /* specialization constants 0, 1, ...: tile shapes, and what the cpu class must not branch
                                                   on (masked execution runs both sides) */
    uint32_t constant_count;
};

/* Checks the record (variant exists, its needs are met, limits of groups, bindings, texels, push constants, number of
 * storage buffers) and appends it. */
vks_status vkr_emit(struct vkr_lower *lower, const struct vkr_dispatch *dispatch);

/* A temporary of this node. Name is for plans and profiles. NULL after an allocation failure (vkr_emit then fails). */
struct vkr_tensor *vkr_scratch(struct vkr_lower *lower, const char *name, struct vkr_desc desc);

const struct vkr_target *vkr_lower_target(const struct vkr_lower *lower);

/* The node whose result `tensor` (or the tensor it is a view of) is: its operator, its parameters and the shape of its first
 * input; NULL: none. */
const struct vkr_op *vkr_graph_producer(const struct vkr_graph *graph, const struct vkr_tensor *tensor, const void **params,
                                        struct vkr_desc *input);

/* An input of that node; NULL: it has none there, or there is no such node. */
struct vkr_tensor *vkr_graph_operand(const struct vkr_graph *graph, const struct vkr_tensor *tensor, uint32_t index);

/* A second node like tensor's producer, but for `params`: for builders that want its result in another layout. The first is
 * not run when nothing else uses its result. Named where the first is. */
struct vkr_tensor *vkr_graph_twin(struct vkr_graph *graph, const struct vkr_tensor *tensor, const void *params);

/* ---- variant choice ------------------------------------------------------------------------------------------- */

/* One way to cut a call into workgroups. */
struct vkr_cut {
    const char *name;                           /* "64x128"; "": there is one way only */
    uint32_t index;                             /* the operator's own number of it */
    double cost;                                /* expected: the static order among cuts */
};
enum { VKR_MAX_CUTS = 4 };

/* Candidates in order of preference; one of them must run on the least device (needs 0, any class). */
struct vkr_choice {
    const char *shader, *variant;
    uint64_t needs;                             /* VKR_CAP_*; must equal the shader's `needs=` */
    bool cpu_only;                              /* for VKR_CLASS_CPU alone: the `vec` family */
    bool (*fits)(const void *shape, const struct vkr_target *target);   /* NULL: always */
};

/* 0: needs nothing, or belongs to the class of the device; above that the more the more special its units: 1 optional
 * features, 2 cooperative matrices, 3 those of a workgroup. */
uint32_t vkr_choice_tier(const struct vkr_choice *choice);

/* llvmpipe leaves all loops of an invocation after this many rounds together, without a word. */
enum { VKR_MOST_ROUNDS = 65534 };

/* `fits` for a tensor's description as the shape: its rows are whole fours of elements; and, as a texel buffer, whole
 * texels. */
bool vkr_fits_fours(const void *desc, const struct vkr_target *target);
bool vkr_fits_texels(const void *desc, const struct vkr_target *target);

/* The first candidate that the build contains, the target can run, that fits, and that is not ruled out by a
 * `force=SHADER:VARIANT` option: a forced pair is chosen when it can run, else this fails with UNSUPPORTED. `force`
 * names the operator (its op name) and the variant as "SHADER.VARIANT" or just VARIANT when unambiguous in the list, with
 * ":CUT" behind it for one cut only. With tune=off the first of the lowest tier. `shape` is handed to fits and cuts. On
 * success *out is the index. */
vks_status vkr_choose(const struct vkr_target *target, const char *op, const struct vkr_choice *list, uint32_t count,
                      const void *shape, uint32_t *out);

enum { VKR_KERNEL_NAME = 64, VKR_CALL_NAME = 96 };

/* A call whose candidates are worth timing (graph/tuning.h). */
struct vkr_call {
    const char *op;
    const struct vkr_choice *list;
    uint32_t count;
    const void *shape;
    /* The cuts of candidate `choice` that run here, as many as it returns, in any order; none: it does not fit. */
    uint32_t (*cuts)(const void *shape, const struct vkr_target *target, uint32_t choice, struct vkr_cut out[VKR_MAX_CUTS]);
    uint32_t rivals;                            /* so many from the front are worth a comparison; the rest: for what none fits */
    char name[VKR_CALL_NAME];                   /* its shape class, begun with the operator's name */
    double flops;
    /* For timing candidates at its shape, by themselves: issues the call again for `in`, tensors like `operands`, which are
     * inputs or, where the bit is set in `weights`, parameters. `data` (data_size bytes, at most 128) is the rest of it. */
    struct vkr_tensor *(*alone)(struct vkr_graph *graph, const void *data, struct vkr_tensor *const *in);
    struct vkr_desc operands[VKR_MAX_INPUTS];   /* dtype VKR_NONE: absent */
    uint32_t weights;
    const void *data;
    size_t data_size;
};

/* As vkr_choose, but by the times that the target's tuning knows, once it knows all of them; *cut is the index of the cut
 * (0 for candidates without). */
vks_status vkr_choose_call(const struct vkr_target *target, const struct vkr_call *call, uint32_t *choice, uint32_t *cut);

/* The next power of two: what a dimension that varies from call to call is known by in a shape class. */
static inline uint32_t vkr_class_of(uint64_t count)
{
    uint32_t power = 1;
    while (power < count && power < 1u << 31)
        power *= 2;
    return power;
}

/* Was (shader, variant) built, and with which needs? A cut behind the variant (":64x64") makes no difference. */
bool vkr_variant_built(const char *shader, const char *variant, uint64_t *needs);

/* ceil(count / per), as a group count. */
static inline uint32_t vkr_groups(uint64_t count, uint32_t per)
{
    return (uint32_t)((count + per - 1) / per);
}

/* Spreads `groups` workgroups over x and y so that neither exceeds the device limit; the shader recovers the linear index
 * as gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x and must return when it is >= the wanted number. */
void vkr_spread(const struct vkr_target *target, uint64_t groups, uint32_t out[3]);

/* The same over y and z, for shaders that walk a row along x: out[1] and out[2]; out[0] is left alone. The index is
 * gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y. */
void vkr_spread_rows(const struct vkr_target *target, uint64_t rows, uint32_t out[3]);

#define OP(name) extern const struct vkr_op vkr_op_##name;
#include "ops.def"
#undef OP

#endif
