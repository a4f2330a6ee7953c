/* group_norm.c: group and instance normalisation against the two-pass definition in double. */
#include "support/op_suite.h"

#include <math.h>

struct call { uint32_t groups; float eps; };

static struct vkr_tensor *build(struct vkr_graph *g, const void *params, struct vkr_tensor *const *in, uint32_t count)
{
    const struct call *call = params;
    return vkr_group_norm(g, in[0], count > 1 ? in[1] : NULL, count > 2 ? in[2] : NULL, call->groups, call->eps);
}

static void reference(const void *params, const struct vkr_desc *desc, const double *const *in, uint32_t count,
                      const struct vkr_desc *out_desc, double *out)
{
    const struct call *call = params;
    uint64_t channels = vkr_last(desc), batch = desc->dim[0], positions = vkr_rows(desc) / batch;
    uint64_t members = channels / call->groups;
    (void)count, (void)out_desc;
    for (uint64_t i = 0; i < batch * call->groups; i++) {
        uint64_t base = i / call->groups * positions * channels, first = i % call->groups * members;
        double mean = 0, variance = 0;
        for (uint64_t k = 0; k < positions * members; k++)
            mean += in[0][base + k / members * channels + first + k % members];
        mean /= (double)(positions * members);
        for (uint64_t k = 0; k < positions * members; k++) {
            double d = in[0][base + k / members * channels + first + k % members] - mean;
            variance += d * d;
        }
        double scale = 1 / sqrt(variance / (double)(positions * members) + (double)call->eps);
        for (uint64_t k = 0; k < positions * members; k++) {
            uint64_t c = first + k % members, at = base + k / members * channels + c;
            out[at] = (in[0][at] - mean) * scale * (desc[1].dtype != VKR_NONE ? in[1][c] : 1) +
                      (desc[2].dtype != VKR_NONE ? in[2][c] : 0);
        }
    }
}

#define RANK(...) (sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define CALL(GROUPS) &(const struct call){ GROUPS, 1e-5f }
#define DESC(...) { VKR_F32, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define W(C) { .desc = DESC(C), .param = true }
#define NONE { .desc = { VKR_NONE, 0, { 0 } } }
#define CASE(NAME, K, GROUPS, W_, B_, ...) \
    { .name = NAME, .params = CALL(GROUPS), .in = { { .desc = DESC(__VA_ARGS__) }, W_, B_ }, .count = 3, \
      .reduction = K }

static const struct op_case cases[] = {
    CASE("4 groups", 90, 4, W(12), W(12), 2, 5, 6, 12),
    CASE("1 group", 595, 1, W(17), W(17), 2, 5, 7, 17),
    CASE("8 groups of 41 rows", 164, 8, W(32), W(32), 1, 41, 32),
    CASE("instances of 6 channels", 56, 6, W(6), W(6), 2, 8, 7, 6),
    CASE("instances of 1 channel", 15, 1, NONE, NONE, 3, 5, 3, 1),
    CASE("instances in 3-D", 210, 6, W(6), W(6), 2, 5, 6, 7, 6),
    CASE("instances of 113 channels", 85, 113, NONE, W(113), 2, 17, 5, 113),
    CASE("weight only", 85, 5, W(20), NONE, 2, 17, 5, 20),
    CASE("several chunks", 4 * 697, 10, W(40), W(40), 2, 41, 17, 40),
    CASE("several chunks of 5 channels", 697, 5, W(5), W(5), 2, 41, 17, 5),
    CASE("one position", 1, 4, W(8), W(8), 2, 8),
    { .name = "mean of 30 deviations", .params = CALL(2),
      .in = { { .desc = DESC(2, 17, 17, 8), .offset = 30 }, W(8), W(8) }, .count = 3, .reduction = 1 << 20 },
    { .name = "nnU-Net first stage", .params = CALL(32), .in = { { .desc = DESC(1, 64, 96, 96, 32) }, W(32), W(32) },
      .count = 3, .reduction = 64 * 96 * 96, .slow = true },
};

#define REJECT(NAME, WORD, GROUPS, X_, W_, B_) \
    { .name = NAME, .params = CALL(GROUPS), .in = { X_, W_, B_ }, .count = 3, .word = WORD }
#define HALF(...) { VKR_F16, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define ABSENT { VKR_NONE, 0, { 0 } }

static const struct op_rejection rejections[] = {
    REJECT("x of rank 1", "must be f32 [B, .., C]", 1, DESC(8), ABSENT, ABSENT),
    REJECT("x in f16", "must be f32 [B, .., C]", 1, HALF(3, 8), ABSENT, ABSENT),
    REJECT("x too large", "2^31", 1, DESC(1, 65536, 65536, 1), ABSENT, ABSENT),
    REJECT("groups that do not divide", "equal groups", 3, DESC(2, 5, 8), ABSENT, ABSENT),
    REJECT("no groups", "equal groups", 0, DESC(2, 5, 8), ABSENT, ABSENT),
    REJECT("weight of another length", "weight", 2, DESC(2, 5, 8), DESC(4), ABSENT),
    REJECT("bias of another length", "bias", 2, DESC(2, 5, 8), ABSENT, DESC(9)),
    { .name = "negative eps", .params = &(const struct call){ 2, -1 }, .in = { DESC(2, 5, 8) }, .count = 3,
      .word = "eps" },
};

static const struct vkr_choice choices[] = {
    { "group_norm", "vec", VKR_CAP_VEC8, true, NULL },
    { "group_norm", "f32", 0, false, NULL },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const struct op_suite op_suite_group_norm = {
    .name = "group_norm", .build = build, .reference = reference, .cases = cases, .case_count = COUNT(cases),
    .rejections = rejections, .rejection_count = COUNT(rejections), .choices = choices, .choice_count = COUNT(choices),
};
