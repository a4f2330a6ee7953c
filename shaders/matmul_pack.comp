#version 450
// Weights [batch][N][K] -> panels [batch][ceil(N/32)][ceil4(K) + 4][32] of matmul_vec, zero padded, bias behind each panel.
// One invocation writes four neighbouring columns of one k.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
//! variant f32 T=float V=vec4
//! variant f16 T=float16_t V=f16vec4 needs=f16
#include "matmul.h"
layout(local_size_x = MATMUL_PACK_LOCAL) in;
layout(push_constant) uniform Args { matmul_pack_args a; };
layout(binding = 0) readonly buffer W { T w[]; };
layout(binding = 1) readonly buffer Bias { float bias[]; };
layout(binding = 2) writeonly buffer P { V p[]; };

float bias_at(uint n, uint row)
{
    if (a.bias == 0u || row > 1u)
        return 0.0;
    // The bits that f16 holds, cut out by hand: compilers take the way to 16 bits and back for none (Mesa 26 does).
    float high = uintBitsToFloat(floatBitsToUint(bias[n]) & 0xffffe000u);
    return row == 0u ? high : bias[n] - high;
}

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MATMUL_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint kp = (a.k + 3u) / 4u * 4u, depth = kp + MATMUL_BIAS_ROWS;
    uint column = i % 8u * 4u, k = i / 8u % depth, panel = i / 8u / depth;
    uint n0 = panel % a.panels * MATMUL_PANEL + column, batch = panel / a.panels;
    vec4 v = vec4(0.0);
    for (uint c = 0u; c < 4u; c++) {
        uint n = n0 + c;
        if (n < a.rows)
            v[c] = k < a.k ? float(w[(batch * a.rows + n) * a.k + k]) : k >= kp ? bias_at(n, k - kp) : 0.0;
    }
    p[i] = V(v);
}
