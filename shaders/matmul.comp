#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n], portable: 64 x 64 outputs per workgroup through shared
// memory, 8 x 4 per invocation in registers.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
//! variant f32 T=float
//! variant f32_add T=float RESIDUAL=1
//! variant f16 T=float16_t needs=f16
//! variant f16_add T=float16_t RESIDUAL=1 needs=f16
#include "matmul.h"
#include "act.glsl"
layout(local_size_x = MATMUL_LOCAL) in;
layout(push_constant) uniform Args { matmul_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { T w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
#ifdef RESIDUAL
layout(binding = 4) readonly buffer R { float residual[]; };
#endif
shared float xs[MATMUL_DEPTH][MATMUL_TILE + 1], ws[MATMUL_DEPTH][MATMUL_TILE + 1];

void main()
{
    uint lane = gl_LocalInvocationID.x, column = lane % 16u, row = lane / 16u;
    uint m0 = gl_WorkGroupID.x * MATMUL_TILE, n0 = gl_WorkGroupID.y * MATMUL_TILE, batch = gl_WorkGroupID.z;
    float sum[8][4];
    for (uint i = 0u; i < 8u; i++)
        for (uint j = 0u; j < 4u; j++)
            sum[i][j] = 0.0;
    for (uint k0 = 0u; k0 < a.k; k0 += MATMUL_DEPTH) {
        for (uint i = lane; i < MATMUL_TILE * MATMUL_DEPTH; i += MATMUL_LOCAL) {
            uint k = k0 + i % MATMUL_DEPTH, r = i / MATMUL_DEPTH;
            xs[i % MATMUL_DEPTH][r] = k < a.k && m0 + r < a.m ? x[batch * a.x_batch + (m0 + r) * a.k + k] : 0.0;
            ws[i % MATMUL_DEPTH][r] = k < a.k && n0 + r < a.n ? float(w[batch * a.w_batch + (n0 + r) * a.k + k]) : 0.0;
        }
        barrier();
        for (uint k = 0u; k < MATMUL_DEPTH; k++) {
            float p[8], q[4];
            for (uint i = 0u; i < 8u; i++)
                p[i] = xs[k][row + 8u * i];
            for (uint j = 0u; j < 4u; j++)
                q[j] = ws[k][column + 16u * j];
            for (uint i = 0u; i < 8u; i++)
                for (uint j = 0u; j < 4u; j++)
                    sum[i][j] += p[i] * q[j];
        }
        barrier();
    }
    for (uint i = 0u; i < 8u; i++)
        for (uint j = 0u; j < 4u; j++) {
            uint r = m0 + row + 8u * i, c = n0 + column + 16u * j;
            if (r >= a.m || c >= a.n)
                continue;
            float v = sum[i][j];
            if ((a.flags & 1u) != 0u)
                v += bias[c];
            v = a.act == 2u ? act_gelu(v) : a.act == 1u ? act_relu(v) : v;
            uint to = (batch * a.m + r) * a.n + c;
#ifdef RESIDUAL
            v += residual[to];
#endif
            y[to] = v;
        }
}
