#version 450
// O = softmax(scale Q Kᵀ + rel) V with cooperative matrices: f16 operands, f32 scores, softmax and sums. A subgroup owns
// FRAGMENT_M query rows; keys and values pass through shared memory KEYS at a time, for all subgroups of the workgroup.
// A fragment's layout is the driver's secret, so scores become probabilities in shared memory, LANES lanes to a row.
// Q [B, H, queries padded, WIDTH], K and V [B or 1, H, positions, WIDTH] as attention_half writes them; rel as attention.comp
// has it; O f32 [B, Nq, H * head_dim].
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
//! variant plain needs=f16,f16_math,shuffle,coopmat glslang=coopmat env=vulkan1.2
//! variant rel REL=1 needs=f16,f16_math,shuffle,coopmat glslang=coopmat env=vulkan1.2
//! variant bias BIAS=1 needs=f16,f16_math,shuffle,coopmat glslang=coopmat env=vulkan1.2
#include "attention.h"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FRAGMENT_M = 16;
layout(constant_id = 2) const uint FRAGMENT_N = 16;
layout(constant_id = 3) const uint FRAGMENT_K = 16;
layout(constant_id = 4) const uint WAVES = 4;
layout(constant_id = 5) const uint KEYS = 32;
layout(constant_id = 6) const uint WIDTH = 64;
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0) readonly buffer Q { uvec4 q[]; };
layout(binding = 1) readonly buffer K { uvec4 k[]; };
layout(binding = 2) readonly buffer V { uvec4 v[]; };
layout(binding = 3) writeonly buffer O { float o[]; };
#if defined(REL) || defined(BIAS)
layout(binding = 4) readonly buffer R { float rel[]; };
#endif

const uint LOCAL = gl_WorkGroupSize.x;
const uint LANES = LOCAL / WAVES / FRAGMENT_M;          // of a subgroup, for each of its rows
const uint WIDTH4 = WIDTH / 8, ROW = WIDTH4 + 1;        // uvec4; one more than needed spreads rows over banks
const uint STAGE_ROW = KEYS + 4, P_ROW = KEYS + 8, FRAGMENT = FRAGMENT_M * FRAGMENT_N;
shared uvec4 ks[KEYS * ROW], vs[KEYS * ROW];
shared float stage[WAVES * FRAGMENT_M * STAGE_ROW];     // scores; at the end, fragments of O
shared float16_t ps[WAVES * FRAGMENT_M * P_ROW];
shared float shrink[WAVES * FRAGMENT];                  // what a row's former sums are worth, once per column

void fence_subgroup()
{
    controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
}

void main()
{
    uint local = gl_LocalInvocationID.x, wave = gl_SubgroupID, head = gl_WorkGroupID.y, batch = gl_WorkGroupID.z;
    uint row = gl_SubgroupInvocationID / LANES, part = gl_SubgroupInvocationID % LANES;
    uint first = (gl_WorkGroupID.x * WAVES + wave) * FRAGMENT_M, padded = gl_NumWorkGroups.x * WAVES * FRAGMENT_M;
    uint q_at = ((batch * a.heads + head) * padded + first) * WIDTH4;
    uint k_at = ((a.kv_batch == 1u ? batch : 0u) * a.heads + head) * a.positions * WIDTH4;
    uint stage_at = wave * FRAGMENT_M * STAGE_ROW, p_at = wave * FRAGMENT_M * P_ROW;
    uint query = min(first + row, a.queries - 1u);
#ifdef REL
    uint rel_at = ((batch * a.heads + head) * a.queries + query) * (a.grid_h + a.grid_w);
#endif
#ifdef BIAS
    uint rel_at = (head * a.queries + query) * a.keys;
#endif

    coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_K, gl_MatrixUseA> queries[WIDTH / FRAGMENT_K];
    for (uint d = 0; d < WIDTH / FRAGMENT_K; d++)
        coopMatLoad(queries[d], q, q_at + d * (FRAGMENT_K / 8), WIDTH4, gl_CooperativeMatrixLayoutRowMajor);
    coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator> sum[WIDTH / FRAGMENT_N];
    for (uint d = 0; d < WIDTH / FRAGMENT_N; d++)
        sum[d] = coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator>(0.0);
    float top = -1.0e30, total = 0.0;

    for (uint k0 = 0; k0 < a.keys; k0 += KEYS) {
        barrier();
        for (uint i = local; i < KEYS * WIDTH4; i += LOCAL) {
            uint to = i / WIDTH4 * ROW + i % WIDTH4, from = k_at + k0 * WIDTH4 + i;
            ks[to] = k[from];
            vs[to] = v[from];
        }
        barrier();
        for (uint j = 0; j < KEYS / FRAGMENT_N; j++) {
            coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator> scores =
                coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator>(0.0);
            for (uint d = 0; d < WIDTH / FRAGMENT_K; d++) {
                coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_K, FRAGMENT_N, gl_MatrixUseB> keys;
                coopMatLoad(keys, ks, j * FRAGMENT_N * ROW + d * (FRAGMENT_K / 8), ROW, gl_CooperativeMatrixLayoutColumnMajor);
                scores = coopMatMulAdd(queries[d], keys, scores);
            }
            coopMatStore(scores, stage, stage_at + j * FRAGMENT_N, STAGE_ROW, gl_CooperativeMatrixLayoutRowMajor);
        }
        fence_subgroup();

        float highest = top, added = 0.0;
#ifdef REL
        uint y = (k0 + part) / a.grid_w, x = (k0 + part) % a.grid_w;
#endif
        for (uint c = part; c < KEYS; c += LANES) {
            float s = -1.0e30;
            if (k0 + c < a.keys) {
                s = stage[stage_at + row * STAGE_ROW + c] * a.scale;
#ifdef REL
                s += rel[rel_at + y] + rel[rel_at + a.grid_h + x];
                for (x += LANES; x >= a.grid_w; x -= a.grid_w)
                    y++;
#endif
#ifdef BIAS
                s += rel[rel_at + k0 + c];
#endif
            }
            stage[stage_at + row * STAGE_ROW + c] = s;
            highest = max(highest, s);
        }
        for (uint step = 1; step < LANES; step *= 2)
            highest = max(highest, subgroupShuffleXor(highest, step));
        for (uint c = part; c < KEYS; c += LANES) {
            float16_t p = float16_t(exp(stage[stage_at + row * STAGE_ROW + c] - highest));
            ps[p_at + row * P_ROW + c] = p;
            added += float(p);
        }
        for (uint step = 1; step < LANES; step *= 2)
            added += subgroupShuffleXor(added, step);
        float keep = exp(top - highest);
        total = total * keep + added;
        top = highest;
        for (uint c = part; c < FRAGMENT_N; c += LANES)
            shrink[wave * FRAGMENT + row * FRAGMENT_N + c] = keep;
        fence_subgroup();

        coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator> factor;
        coopMatLoad(factor, shrink, wave * FRAGMENT, FRAGMENT_N, gl_CooperativeMatrixLayoutRowMajor);
        for (uint d = 0; d < WIDTH / FRAGMENT_N; d++)
            sum[d] = sum[d] * factor;
        for (uint j = 0; j < KEYS / FRAGMENT_K; j++) {
            coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_K, gl_MatrixUseA> p;
            coopMatLoad(p, ps, p_at + j * FRAGMENT_K, P_ROW, gl_CooperativeMatrixLayoutRowMajor);
            for (uint d = 0; d < WIDTH / FRAGMENT_N; d++) {
                coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_K, FRAGMENT_N, gl_MatrixUseB> values;
                coopMatLoad(values, vs, j * FRAGMENT_K * ROW + d * (FRAGMENT_N / 8), ROW, gl_CooperativeMatrixLayoutRowMajor);
                sum[d] = coopMatMulAdd(p, values, sum[d]);
            }
        }
    }

    fence_subgroup();
    if (part == 0u)
        shrink[wave * FRAGMENT + row] = 1.0 / total;
    for (uint d = 0; d < WIDTH / FRAGMENT_N; d++) {
        coopMatStore(sum[d], stage, stage_at, FRAGMENT_N, gl_CooperativeMatrixLayoutRowMajor);
        fence_subgroup();
        for (uint e = gl_SubgroupInvocationID; e < FRAGMENT; e += gl_SubgroupSize) {
            uint r = first + e / FRAGMENT_N, c = d * FRAGMENT_N + e % FRAGMENT_N;
            if (r < a.queries && c < a.head_dim)
                o[((batch * a.queries + r) * a.heads + head) * a.head_dim + c] =
                    stage[stage_at + e] * shrink[wave * FRAGMENT + e / FRAGMENT_N];
        }
        fence_subgroup();
    }
}
