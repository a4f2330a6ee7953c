#version 450
// Heads of [B, N, row] become f16 [B, H, padded N, padded D] with zeros around, clamped to what f16 can hold: what
// attention_coopmat reads without a bound to check. One invocation writes eight values.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "attention.h"
layout(local_size_x = ATTENTION_PACK_LOCAL) in;
layout(push_constant) uniform Args { attention_half_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { uvec4 y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * ATTENTION_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint per_row = a.width / 8u, c = i % per_row * 8u, n = i / per_row % a.padded, head = i / per_row / a.padded % a.heads;
    uint batch = i / per_row / a.padded / a.heads, from = (batch * a.tokens + n) * a.row + a.at + head * a.head_dim + c;
    float v[8];
    for (uint j = 0u; j < 8u; j++)
        v[j] = n < a.tokens && c + j < a.head_dim ? clamp(x[from + j], -65504.0, 65504.0) : 0.0;
    y[i] = uvec4(packHalf2x16(vec2(v[0], v[1])), packHalf2x16(vec2(v[2], v[3])), packHalf2x16(vec2(v[4], v[5])),
                 packHalf2x16(vec2(v[6], v[7])));
}
