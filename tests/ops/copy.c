/* copy.c: permute, slice, concatenate and broadcast, exact. */
#include "support/cases.h"

enum what { PERMUTE, SLICE, CONCAT, BROADCAST };

struct call { enum what what; uint32_t order[5], axis, start, count; struct vkr_desc shape; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *c = params;
    (void)count;
    switch (c->what) {
    case PERMUTE: return vkr_permute(g, in[0], c->order);
    case SLICE: return vkr_slice(g, in[0], c->axis, c->start, c->count);
    case CONCAT: return vkr_concat(g, in[0], in[1], c->axis);
    default: return vkr_broadcast(g, in[0], c->shape);
    }
}

static void split(const struct vkr_desc *desc, uint64_t i, uint32_t *index)
{
    for (uint32_t k = desc->rank; k-- > 0; i /= desc->dim[k])
        index[k] = (uint32_t)(i % desc->dim[k]);
}

static uint64_t join(const struct vkr_desc *desc, const uint32_t *index)
{
    uint64_t i = 0;
    for (uint32_t k = 0; k < desc->rank; k++)
        i = i * desc->dim[k] + index[k];
    return i;
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *c = params;
    (void)count;
    for (uint64_t i = 0; i < vkr_numel(out_desc); i++) {
        uint32_t to[5], from[5] = { 0 }, which = 0;
        split(out_desc, i, to);
        for (uint32_t k = 0; k < out_desc->rank; k++) {
            uint32_t missing = out_desc->rank - desc[0].rank;
            if (c->what == PERMUTE)
                from[c->order[k]] = to[k];
            else if (c->what == BROADCAST && k >= missing)
                from[k - missing] = desc[0].dim[k - missing] == 1 ? 0 : to[k];
            else if (c->what != BROADCAST)
                from[k] = to[k];
        }
        if (c->what == SLICE)
            from[c->axis] += c->start;
        if (c->what == CONCAT && from[c->axis] >= desc[0].dim[c->axis]) {
            from[c->axis] -= desc[0].dim[c->axis];
            which = 1;
        }
        out[i] = in[which][join(&desc[which], from)];
    }
}

#define ORDER(...) &(const struct call){ .what = PERMUTE, .order = { __VA_ARGS__ } }
#define PART(A, S, C) &(const struct call){ .what = SLICE, .axis = A, .start = S, .count = C }
#define ALONG(A) &(const struct call){ .what = CONCAT, .axis = A }
#define TO(...) &(const struct call){ .what = BROADCAST, .shape = { VKR_F32, DIMS(__VA_ARGS__) } }
#define ONE(NAME, CALL, X) { .name = NAME, .params = CALL, .in = { X }, .count = 1 }
#define TWO(NAME, CALL, X, Y) { .name = NAME, .params = CALL, .in = { X, Y }, .count = 2 }

static const struct op_case cases[] = {
    ONE("transpose", ORDER(1, 0), IN(37, 113)),
    ONE("identity", ORDER(0, 1), IN(5, 7)),
    ONE("channels last", ORDER(0, 2, 3, 1), IN(2, 5, 7, 3)),
    ONE("patches", ORDER(0, 1, 3, 2, 4), IN(2, 3, 4, 5, 12)),
    ONE("reverse", ORDER(4, 3, 2, 1, 0), IN(2, 3, 4, 5, 7)),
    ONE("swap in the middle of fours", ORDER(0, 2, 1, 3), IN(3, 5, 7, 8)),
    ONE("a weight", ORDER(1, 0), PARAM(17, 41)),
    ONE("a 16-bit weight", ORDER(2, 0, 1), PARAM16(17, 5, 3)),
    ONE("slice of rows", PART(0, 2, 3), IN(7, 16)),
    ONE("slice of columns", PART(1, 3, 9), IN(7, 17)),
    ONE("slice of columns of fours", PART(1, 4, 8), IN(7, 16)),
    ONE("one token", PART(1, 1, 1), IN(3, 6, 64)),
    TWO("tokens", ALONG(1), IN(3, 5, 64), IN(3, 2, 64)),
    TWO("channels", ALONG(2), IN(3, 5, 7), IN(3, 5, 9)),
    TWO("batches", ALONG(0), IN(1, 4), IN(2, 4)),
    ONE("repeat a batch", TO(3, 5, 8), IN(1, 5, 8)),
    ONE("repeat a row", TO(6, 113), IN(113)),
    ONE("repeat a column", TO(6, 9), IN(6, 1)),
    ONE("repeat a scalar", TO(3, 4), IN(1)),
    ONE("many rows", ORDER(1, 0, 2), IN(300, 250, 3)),
    { .name = "ViT-B patches", .params = ORDER(0, 1, 3, 2, 4), .in = { IN(1, 64, 16, 64, 48) }, .count = 1, .slow = true },
};

static const struct op_rejection rejections[] = {
    { "an order that is none", ORDER(0, 0), { DESC(3, 4) }, 1, "permutation" },
    { "a slice past the end", PART(1, 3, 2), { DESC(3, 4) }, 1, "slice" },
    { "an empty slice", PART(1, 1, 0), { DESC(3, 4) }, 1, "slice" },
    { "a slice of no axis", PART(2, 0, 1), { DESC(3, 4) }, 1, "slice" },
    { "rows of other length", ALONG(0), { DESC(3, 4), DESC(3, 5) }, 2, "concat" },
    { "a broadcast that is none", TO(3, 5), { DESC(3, 4) }, 1, "broadcast" },
};

static const struct vkr_choice choices[] = {
    { "copy", "f16", VKR_CAP_F16, false, NULL }, { "copy", "vec", VKR_CAP_VEC8, true, NULL },
    { "copy", "x4", 0, false, NULL }, { "copy", "f32", 0, false, NULL },
};

const struct op_suite op_suite_copy = {
    .name = "copy", .build = build, .reference = reference, .cases = cases, .case_count = COUNT_OF(cases),
    .rejections = rejections, .rejection_count = COUNT_OF(rejections), .choices = choices, .choice_count = COUNT_OF(choices),
};
