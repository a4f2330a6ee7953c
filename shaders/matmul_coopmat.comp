#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n] with cooperative matrices: f16 operands in memory and in
// shared memory, f32 sums. A workgroup makes TILE_M x TILE_N outputs, each subgroup COUNT_M x COUNT_N fragments of them; the
// next 32 of k travel in registers while the last are multiplied.
// X [batch, m padded, k32] and W [batch or 1, n padded, k32] as matmul_half writes them; Y and residual f32 [batch, m, n].
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
//! variant f16 needs=f16,f16_math,coopmat glslang=coopmat env=vulkan1.2
//! variant f16_add RESIDUAL=1 needs=f16,f16_math,coopmat glslang=coopmat env=vulkan1.2
#include "matmul.h"
#include "act.glsl"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FRAGMENT_M = 16;
layout(constant_id = 2) const uint FRAGMENT_N = 16;
layout(constant_id = 3) const uint FRAGMENT_K = 16;
layout(constant_id = 4) const uint WAVES_M = 2;
layout(constant_id = 5) const uint WAVES_N = 2;
layout(constant_id = 6) const uint COUNT_M = 2;
layout(constant_id = 7) const uint COUNT_N = 2;
layout(push_constant) uniform Args { matmul_args a; };
layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) readonly buffer W { uvec4 w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
#ifdef RESIDUAL
layout(binding = 4) readonly buffer R { float residual[]; };
#endif

const uint TILE_M = FRAGMENT_M * WAVES_M * COUNT_M;
const uint TILE_N = FRAGMENT_N * WAVES_N * COUNT_N;
const uint LOCAL = gl_WorkGroupSize.x;
const uint ROW = MATMUL_COOPMAT_DEPTH / 8 + 1;          // uvec4 a row; one more than needed spreads rows over banks
const uint LOADS_X = TILE_M * (MATMUL_COOPMAT_DEPTH / 8) / LOCAL;       // the host makes these divide
const uint LOADS_W = TILE_N * (MATMUL_COOPMAT_DEPTH / 8) / LOCAL;
const uint FRAGMENT = FRAGMENT_M * FRAGMENT_N;
shared uvec4 xs[TILE_M * ROW];
shared uvec4 ws[TILE_N * ROW];
shared float stage[WAVES_M * WAVES_N * FRAGMENT];

void fence_subgroup()
{
    controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
}

void main()
{
    uint lane = gl_LocalInvocationID.x, wave = gl_SubgroupID, batch = gl_WorkGroupID.z;
    uint m0 = gl_WorkGroupID.x * TILE_M, n0 = gl_WorkGroupID.y * TILE_N;
    uint chunks = (a.k + MATMUL_COOPMAT_DEPTH - 1) / MATMUL_COOPMAT_DEPTH, row4 = chunks * (MATMUL_COOPMAT_DEPTH / 8);
    uint x_at = batch * a.x_batch + m0 * row4, w_at = batch * a.w_batch + n0 * row4;
    uint wave_m = wave % WAVES_M * (FRAGMENT_M * COUNT_M), wave_n = wave / WAVES_M * (FRAGMENT_N * COUNT_N);

    coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator> sum[COUNT_M * COUNT_N];
    for (uint i = 0; i < COUNT_M * COUNT_N; i++)
        sum[i] = coopmat<float, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_N, gl_MatrixUseAccumulator>(0.0);

    uvec4 next_x[LOADS_X], next_w[LOADS_W];
    for (uint i = 0; i < LOADS_X; i++)
        next_x[i] = x[x_at + (lane + i * LOCAL) / 4 * row4 + lane % 4];
    for (uint i = 0; i < LOADS_W; i++)
        next_w[i] = w[w_at + (lane + i * LOCAL) / 4 * row4 + lane % 4];
    for (uint chunk = 1; chunk <= chunks; chunk++) {
        barrier();
        for (uint i = 0; i < LOADS_X; i++)
            xs[(lane + i * LOCAL) / 4 * ROW + lane % 4] = next_x[i];
        for (uint i = 0; i < LOADS_W; i++)
            ws[(lane + i * LOCAL) / 4 * ROW + lane % 4] = next_w[i];
        barrier();
        if (chunk < chunks) {
            for (uint i = 0; i < LOADS_X; i++)
                next_x[i] = x[x_at + (lane + i * LOCAL) / 4 * row4 + chunk * 4 + lane % 4];
            for (uint i = 0; i < LOADS_W; i++)
                next_w[i] = w[w_at + (lane + i * LOCAL) / 4 * row4 + chunk * 4 + lane % 4];
        }
        for (uint k = 0; k < MATMUL_COOPMAT_DEPTH; k += FRAGMENT_K) {
            coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_M, FRAGMENT_K, gl_MatrixUseA> rows[COUNT_M];
            for (uint i = 0; i < COUNT_M; i++)
                coopMatLoad(rows[i], xs, (wave_m + i * FRAGMENT_M) * ROW + k / 8, ROW, gl_CooperativeMatrixLayoutRowMajor);
            for (uint j = 0; j < COUNT_N; j++) {
                coopmat<float16_t, gl_ScopeSubgroup, FRAGMENT_K, FRAGMENT_N, gl_MatrixUseB> columns;
                coopMatLoad(columns, ws, (wave_n + j * FRAGMENT_N) * ROW + k / 8, ROW,
                            gl_CooperativeMatrixLayoutColumnMajor);
                for (uint i = 0; i < COUNT_M; i++)
                    sum[i * COUNT_N + j] = coopMatMulAdd(rows[i], columns, sum[i * COUNT_N + j]);
            }
        }
    }

    // A fragment's layout is the driver's secret: through shared memory it becomes rows again.
    for (uint i = 0; i < COUNT_M; i++)
        for (uint j = 0; j < COUNT_N; j++) {
            coopMatStore(sum[i * COUNT_N + j], stage, wave * FRAGMENT, FRAGMENT_N, gl_CooperativeMatrixLayoutRowMajor);
            fence_subgroup();
            for (uint e = gl_SubgroupInvocationID; e < FRAGMENT; e += gl_SubgroupSize) {
                uint r = m0 + wave_m + i * FRAGMENT_M + e / FRAGMENT_N, c = n0 + wave_n + j * FRAGMENT_N + e % FRAGMENT_N;
                if (r >= a.m || c >= a.n)
                    continue;
                float v = stage[wave * FRAGMENT + e];
                if ((a.flags & 1u) != 0u)
                    v += bias[c];
                v = a.act == 2u ? act_gelu(v) : a.act == 1u ? act_relu(v) : v;
                uint to = (batch * a.m + r) * a.n + c;
#ifdef RESIDUAL
                v += residual[to];
#endif
                y[to] = v;
            }
            fence_subgroup();
        }
}
