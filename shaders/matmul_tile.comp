#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n] for GPUs without usable cooperative matrices: TILE_M x TILE_N
// outputs per workgroup, 8 x 8 per invocation in registers, both operands through shared memory as [k][row], the next 16 of k
// in registers while the last are multiplied. k is a multiple of 4. X f32 [batch, m, k], W [batch or 1, n, k].
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
//! variant f32 V=vec4
//! variant f32_add V=vec4 RESIDUAL=1
//! variant f16 V=f16vec4 needs=f16
//! variant f16_add V=f16vec4 RESIDUAL=1 needs=f16
#include "matmul.h"
#include "act.glsl"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(push_constant) uniform Args { matmul_args a; };
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) readonly buffer W { V w[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
#ifdef RESIDUAL
layout(binding = 4) readonly buffer R { float residual[]; };
#endif

const uint DEPTH = 16, QUARTER = 4;                     // of k per step; vec4 of it
const uint LOCAL = gl_WorkGroupSize.x, ROW_M = TILE_M + 4, ROW_N = TILE_N + 4;
const uint LOADS_X = TILE_M * QUARTER / LOCAL, LOADS_W = TILE_N * QUARTER / LOCAL;      // the host makes these divide
shared float xs[DEPTH * ROW_M], ws[DEPTH * ROW_N];

void main()
{
    uint lane = gl_LocalInvocationID.x, batch = gl_WorkGroupID.z, k4 = a.k / 4u;
    uint m0 = gl_WorkGroupID.x * TILE_M, n0 = gl_WorkGroupID.y * TILE_N;
    uint row = lane % (TILE_M / 8) * 4, column = lane / (TILE_M / 8) * 4;   // and the same, half a tile further
    uint x_at = batch * (a.x_batch / 4u), w_at = batch * (a.w_batch / 4u);
    vec4 next_x[LOADS_X], next_w[LOADS_W];
    vec4 sum[8][2];
    for (uint i = 0; i < 8; i++)
        sum[i][0] = sum[i][1] = vec4(0.0);

    for (uint at = 0; at < k4 + QUARTER; at += QUARTER) {
        if (at > 0) {                                   // the registers hold the 16 of k before `at`
            barrier();
            for (uint i = 0; i < LOADS_X; i++) {
                uint r = (lane + i * LOCAL) / QUARTER, q = (lane + i * LOCAL) % QUARTER * 4;
                for (uint c = 0; c < 4; c++)
                    xs[(q + c) * ROW_M + r] = next_x[i][c];
            }
            for (uint i = 0; i < LOADS_W; i++) {
                uint r = (lane + i * LOCAL) / QUARTER, q = (lane + i * LOCAL) % QUARTER * 4;
                for (uint c = 0; c < 4; c++)
                    ws[(q + c) * ROW_N + r] = next_w[i][c];
            }
            barrier();
        }
        for (uint i = 0; i < LOADS_X && at < k4; i++) {
            uint r = m0 + (lane + i * LOCAL) / QUARTER, q = at + (lane + i * LOCAL) % QUARTER;
            next_x[i] = r < a.m && q < k4 ? x[x_at + r * k4 + q] : vec4(0.0);
        }
        for (uint i = 0; i < LOADS_W && at < k4; i++) {
            uint r = n0 + (lane + i * LOCAL) / QUARTER, q = at + (lane + i * LOCAL) % QUARTER;
            next_w[i] = r < a.n && q < k4 ? vec4(w[w_at + r * k4 + q]) : vec4(0.0);
        }
        for (uint k = 0; k < DEPTH && at > 0; k++) {
            float p[8];
            vec4 low, high;
            for (uint i = 0; i < 4; i++) {
                p[i] = xs[k * ROW_M + row + i];
                p[4 + i] = xs[k * ROW_M + TILE_M / 2 + row + i];
                low[i] = ws[k * ROW_N + column + i];
                high[i] = ws[k * ROW_N + TILE_N / 2 + column + i];
            }
            for (uint i = 0; i < 8; i++) {
                sum[i][0] += p[i] * low;
                sum[i][1] += p[i] * high;
            }
        }
    }

    for (uint i = 0; i < 8; i++)
        for (uint j = 0; j < 8; j++) {
            uint r = m0 + i / 4 * (TILE_M / 2) + row + i % 4, c = n0 + j / 4 * (TILE_N / 2) + column + j % 4;
            if (r >= a.m || c >= a.n)
                continue;
            float v = sum[i][j / 4][j % 4];
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
