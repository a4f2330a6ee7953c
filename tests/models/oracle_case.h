/* oracle_case.h: one operator case of shared/oracle/00_ops as graph inputs and parameters. Host code here only reorders
 * axes: the goldens are channels first, the runtime is channels last. Every failure fails the running CMocka test. */
#ifndef ORACLE_CASE_H
#define ORACLE_CASE_H

#include "base/mem.h"
#include "base/npy.h"
#include "graph/graph.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_TENSORS = 24 };

struct array { const char *name; struct vkr_desc desc; float *data; bool input; };

/* One operator case under way. */
struct call {
    json_t *json;                       /* {op, name, params, inputs, outputs} */
    bool half;                          /* weights in f16 */
    const char *folder;
    struct vkr_graph *graph;
    struct array arrays[MOST_TENSORS];  /* what inputs and parameters are filled from; data is ours */
    uint32_t count;
};

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static inline struct array load(const struct call *c, const json_t *file)
{
    struct array a = { 0 };
    char path[2048];
    void *data = NULL;
    snprintf(path, sizeof path, "%s/%s", c->folder, json_string_value(json_object_get(file, "file")));
    assert_int_equal(vkr_npy_read(path, &a.desc, &data), VKS_OK);
    assert_int_equal(a.desc.dtype, VKR_F32);
    a.data = data;
    return a;
}

/* y.dim[i] = x.dim[order[i]]; replaces a.data. */
static inline void reorder(struct array *a, const uint32_t *order)
{
    struct vkr_desc to = a->desc;
    uint64_t stride[VKR_MAX_DIMS] = { 0 }, from_stride[VKR_MAX_DIMS] = { 0 }, step = 1, count = vkr_numel(&a->desc);
    for (uint32_t i = a->desc.rank; i-- > 0; step *= a->desc.dim[i])
        from_stride[i] = step;
    for (uint32_t i = 0; i < to.rank; i++) {
        to.dim[i] = a->desc.dim[order[i]];
        stride[i] = from_stride[order[i]];
    }
    float *data = vkr_calloc(count, sizeof *data);
    assert_non_null(data);
    for (uint64_t n = 0; n < count; n++) {
        uint64_t rest = n, from = 0;
        for (uint32_t i = to.rank; i-- > 0; rest /= to.dim[i])
            from += rest % to.dim[i] * stride[i];
        data[n] = a->data[from];
    }
    vkr_free(a->data);
    a->data = data;
    a->desc = to;
}

/* [N, C, ..] -> [N, .., C]; 1-D positions become [N, L, 1, C]. */
static inline void to_channels_last(struct array *a)
{
    uint32_t order[VKR_MAX_DIMS] = { 0 }, rank = a->desc.rank;
    for (uint32_t i = 1; i < rank; i++)
        order[i] = i + 1 < rank ? i + 1 : 1;
    reorder(a, order);
    if (rank == 3)
        a->desc = vkr_f32(4, a->desc.dim[0], a->desc.dim[1], 1, a->desc.dim[2]);
}

static inline struct array *keep(struct call *c, struct array a, const char *name, bool input)
{
    assert_true(c->count < MOST_TENSORS);
    a.name = name;
    a.input = input;
    c->arrays[c->count] = a;
    return &c->arrays[c->count++];
}

static inline const json_t *file_of(struct call *c, const char *kind, const char *name)
{
    return json_object_get(json_object_get(c->json, kind), name);
}

static inline struct vkr_tensor *input(struct call *c, const char *name, bool images)
{
    struct array a = load(c, file_of(c, "inputs", name));
    if (images)
        to_channels_last(&a);
    return vkr_graph_input(c->graph, name, keep(c, a, name, true)->desc);
}

/* A parameter in f32; NULL when the case has none of that name. */
static inline struct vkr_tensor *vector(struct call *c, const char *name)
{
    if (!file_of(c, "inputs", name))
        return NULL;
    return vkr_graph_param(c->graph, name, keep(c, load(c, file_of(c, "inputs", name)), name, false)->desc);
}

/* A weight of a product: in f16 when this is the f16 run. */
static inline struct vkr_tensor *matrix(struct call *c, const char *name)
{
    struct vkr_desc desc = keep(c, load(c, file_of(c, "inputs", name)), name, false)->desc;
    desc.dtype = c->half ? VKR_F16 : VKR_F32;
    return vkr_graph_param(c->graph, name, desc);
}

static inline vks_status read_array(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct call *c = user;
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->arrays[i].name, name) == 0)
            return vkr_convert(dst, desc->dtype, c->arrays[i].data, VKR_F32, vkr_numel(desc));
    return vks_fail(VKS_ERR_INTERNAL, "no array %s", name);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static inline json_t *param(struct call *c, const char *name)
{
    return json_object_get(json_object_get(c->json, "params"), name);
}

static inline double number(struct call *c, const char *name, double otherwise)
{
    json_t *value = param(c, name);
    return value ? json_number_value(value) : otherwise;
}

static inline bool named(struct call *c, const char *key, const char *value)
{
    json_t *text = json_is_string(json_object_get(c->json, key)) ? json_object_get(c->json, key) : param(c, key);
    return json_is_string(text) && strcmp(json_string_value(text), value) == 0;
}

/* A number for every axis, or one number per spatial axis, right-aligned in d, h, w. */
static inline void axes(struct call *c, const char *name, uint32_t otherwise, uint32_t out[3])
{
    json_t *value = param(c, name);
    size_t count = json_array_size(value);
    for (size_t i = 0; i < 3; i++)
        if (!value)
            out[i] = otherwise;
        else
            out[i] = (uint32_t)json_integer_value(
                json_is_array(value) ? json_array_get(value, i + count >= 3 ? i + count - 3 : 0) : value);
}

#endif
