#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n] with cooperative matrices of workgroup scope: the driver
// stages operands and lays out fragments; what remains is the loop over k and what happens to each element at the end.
// X [batch, m padded, k32] and W [batch or 1, n padded, k32] as matmul_half writes them; Y and residual f32 [batch, m, n].
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
//! variant f16 needs=f16,f16_math,coopmat,coopmat2 glslang=coopmat2 env=vulkan1.3
//! variant f16_add RESIDUAL=1 needs=f16,f16_math,coopmat,coopmat2 glslang=coopmat2 env=vulkan1.3
#include "matmul.h"
#include "act.glsl"
layout(local_size_x = MATMUL_COOPMAT2_LOCAL) in;
layout(constant_id = 0) const uint TILE_M = 128;
layout(constant_id = 1) const uint TILE_N = 128;
layout(push_constant) uniform Args { matmul_args a; };
layout(binding = 0) readonly buffer X { float16_t x[]; };
layout(binding = 1) readonly buffer W { float16_t w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
#ifdef RESIDUAL
layout(binding = 4) readonly buffer R { float residual[]; };
#endif

// Runs once per element of the tile, with its true row and column: where a fragment lies is the driver's secret.
float finish(const in uint row, const in uint column, const in float sum)
{
    uint r = gl_WorkGroupID.x * TILE_M + row, c = gl_WorkGroupID.y * TILE_N + column;
    if (r >= a.m || c >= a.n)
        return sum;
    float v = sum;
    if ((a.flags & 1u) != 0u)
        v += bias[c];
    v = a.act == 2u ? act_gelu(v) : a.act == 1u ? act_relu(v) : v;
    uint to = (gl_WorkGroupID.z * a.m + r) * a.n + c;
#ifdef RESIDUAL
    v += residual[to];
#endif
    y[to] = v;
    return v;
}

void main()
{
    uint m0 = gl_WorkGroupID.x * TILE_M, n0 = gl_WorkGroupID.y * TILE_N;
    uint row = (a.k + MATMUL_COOPMAT_DEPTH - 1) / MATMUL_COOPMAT_DEPTH * MATMUL_COOPMAT_DEPTH;
    uint rows = gl_NumWorkGroups.x * TILE_M, columns = gl_NumWorkGroups.y * TILE_N;
    tensorLayoutNV<2> x_layout = createTensorLayoutNV(2), w_layout = createTensorLayoutNV(2);
    x_layout = setTensorLayoutDimensionNV(x_layout, rows, row);
    w_layout = setTensorLayoutDimensionNV(w_layout, columns, row);
    tensorViewNV<2, false, 1, 0> transposed = createTensorViewNV(2, false, 1, 0);

    coopmat<float, gl_ScopeWorkgroup, TILE_M, TILE_N, gl_MatrixUseAccumulator> sum =
        coopmat<float, gl_ScopeWorkgroup, TILE_M, TILE_N, gl_MatrixUseAccumulator>(0.0);
    for (uint k = 0; k < row; k += MATMUL_COOPMAT_DEPTH) {
        coopmat<float16_t, gl_ScopeWorkgroup, TILE_M, MATMUL_COOPMAT_DEPTH, gl_MatrixUseA> p;
        coopmat<float16_t, gl_ScopeWorkgroup, MATMUL_COOPMAT_DEPTH, TILE_N, gl_MatrixUseB> q;
        coopMatLoadTensorNV(p, x, gl_WorkGroupID.z * a.x_batch * 8,
                            sliceTensorLayoutNV(x_layout, m0, TILE_M, k, MATMUL_COOPMAT_DEPTH));
        coopMatLoadTensorNV(q, w, gl_WorkGroupID.z * a.w_batch * 8,
                            sliceTensorLayoutNV(w_layout, n0, TILE_N, k, MATMUL_COOPMAT_DEPTH), transposed);
        sum = coopMatMulAdd(p, q, sum);
    }
    coopMatPerElementNV(sum, sum, finish);
}
