#version 450
// Rows [batch, rows, k] become f16 [batch, padded, ceil32(k)] with zeros around, clamped to what f16 can hold: what
// matmul_coopmat reads without a bound to check. One invocation writes eight values.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : enable
//! variant f32 T=float needs=f16
//! variant f16 T=float16_t needs=f16
#include "matmul.h"
layout(local_size_x = MATMUL_PACK_LOCAL) in;
layout(push_constant) uniform Args { matmul_half_args a; };
layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { uvec4 y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MATMUL_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint per_row = (a.k + 31u) / 32u * 4u, k = i % per_row * 8u, row = i / per_row % a.padded, batch = i / per_row / a.padded;
    uint from = (batch * a.rows + row) * a.k + k;
    float v[8];
    for (uint j = 0u; j < 8u; j++)
        v[j] = row < a.rows && k + j < a.k ? clamp(float(x[from + j]), -65504.0, 65504.0) : 0.0;
    y[i] = uvec4(packHalf2x16(vec2(v[0], v[1])), packHalf2x16(vec2(v[2], v[3])), packHalf2x16(vec2(v[4], v[5])),
                 packHalf2x16(vec2(v[6], v[7])));
}
