#version 450
// What the cooperative-matrix units do at best: sums of products that stay in registers. y as in peak.comp. Constants 1, 2, 3:
// the fragment's shape, as the device prefers it.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
//! variant f16 needs=f16,f16_math,coopmat glslang=coopmat env=vulkan1.2
#include "peak.h"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint M = 16;
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;
layout(push_constant) uniform Args { peak_args a; };
layout(binding = 0) writeonly buffer Y { vec4 y[]; };

void main()
{
    coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left =
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA>(float16_t(a.factor));
    coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right =
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB>(float16_t(a.offset));
    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[PEAK_TILES];
    for (int i = 0; i < PEAK_TILES; i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(float(i));
    for (uint round = 0u; round < a.rounds; round++)
        for (int i = 0; i < PEAK_TILES; i++)
            sums[i] = coopMatMulAdd(left, right, sums[i]);
    float sum = 0.0;
    for (int i = 0; i < PEAK_TILES; i++)
        sum += sums[i][0];
    if (sum == -a.factor)
        y[0] = vec4(sum);
}
