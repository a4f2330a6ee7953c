#version 450
// O = softmax(scale Q Kᵀ + rel) V, portable: one query row per invocation, keys in shared-memory tiles, running maximum.
// rel [B, H, Nq, grid_h + grid_w] holds q·Rh per grid row, then q·Rw per grid column; with BIAS it is [H, Nq, Nk], per key.
// llvmpipe leaves all loops of an invocation, without a word, when they have gone round 65535 times together. So the
// loops over d go round once for STEP elements, and 4096 keys of any width stay below.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
//! variant d16 D=16
//! variant d32 D=32
//! variant d64 D=64
//! variant d128 D=128
//! variant d16_rel D=16 REL=1
//! variant d32_rel D=32 REL=1
//! variant d64_rel D=64 REL=1
//! variant d128_rel D=128 REL=1
//! variant d16_bias D=16 BIAS=1
//! variant d32_bias D=32 BIAS=1
//! variant d64_bias D=64 BIAS=1
//! variant d128_bias D=128 BIAS=1
#include "attention.h"
layout(local_size_x = ATTENTION_LOCAL) in;
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0) readonly buffer Q { float q[]; };
// Four storage buffers are all a small device has: with REL, q, k and v lie in one tensor; with BIAS, k and v do.
#if defined(REL)
layout(binding = 1) readonly buffer R { float rel[]; };
#define k q
#define v q
layout(binding = 2) writeonly buffer O { float o[]; };
#elif defined(BIAS)
layout(binding = 1) readonly buffer K { float k[]; };
#define v k
layout(binding = 2) readonly buffer R { float rel[]; };
layout(binding = 3) writeonly buffer O { float o[]; };
#else
layout(binding = 1) readonly buffer K { float k[]; };
layout(binding = 2) readonly buffer V { float v[]; };
layout(binding = 3) writeonly buffer O { float o[]; };
#endif
#if D < 32
#define STEP D
#else
#define STEP 32
#endif
#define EACH_D for (uint first = 0u; first < D; first += STEP) [[unroll]] for (uint i = 0u; i < STEP; i++)
shared float ks[ATTENTION_KEYS][D], vs[ATTENTION_KEYS][D];

void main()
{
    uint lane = gl_LocalInvocationID.x, row = gl_WorkGroupID.x * ATTENTION_LOCAL + lane, head = gl_WorkGroupID.y;
    uint batch = gl_WorkGroupID.z, d = a.head_dim, other = a.kv_batch == 1u ? batch : 0u;
    bool live = row < a.queries;
    float query[D], sum[D], top = -3.0e38, total = 0.0;
    uint from = (batch * a.queries + min(row, a.queries - 1u)) * a.q_row + a.q_at + head * d;
    for (uint i = 0u; i < D; i++) {
        query[i] = i < d ? q[from + i] * a.scale : 0.0;
        sum[i] = 0.0;
    }
    for (uint k0 = 0u; k0 < a.keys; k0 += ATTENTION_KEYS) {
        uint count = min(a.keys - k0, uint(ATTENTION_KEYS));
        barrier();
        for (uint i = lane; i < ATTENTION_KEYS * D; i += ATTENTION_LOCAL) {
            uint key = i / D, c = i % D;
            bool inside = key < count && c < d;
            ks[key][c] = inside ? k[(other * a.keys + k0 + key) * a.k_row + a.k_at + head * d + c] : 0.0;
            vs[key][c] = inside ? v[(other * a.keys + k0 + key) * a.v_row + a.v_at + head * d + c] : 0.0;
        }
        barrier();
        for (uint key = 0u; key < count; key++) {
            float s = 0.0;
            EACH_D
                s += query[first + i] * ks[key][first + i];
#ifdef REL
            uint at = ((batch * a.heads + head) * a.queries + min(row, a.queries - 1u)) * (a.grid_h + a.grid_w);
            s += rel[at + (k0 + key) / a.grid_w] + rel[at + a.grid_h + (k0 + key) % a.grid_w];
#endif
#ifdef BIAS
            s += rel[(head * a.queries + min(row, a.queries - 1u)) * a.keys + k0 + key];
#endif
            float higher = max(top, s), shrink = exp(top - higher), p = exp(s - higher);
            total = total * shrink + p;
            top = higher;
            EACH_D
                sum[first + i] = sum[first + i] * shrink + p * vs[key][first + i];
        }
    }
    if (!live)
        return;
    uint to = (batch * a.queries + row) * a.heads * d + head * d;
    for (uint i = 0u; i < D; i++)
        if (i < d)
            o[to + i] = sum[i] / total;
}
