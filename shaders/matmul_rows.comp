#version 450
// Rows [batch][M][K] -> panels [batch][ceil(M/8)][ceil4(K)/4][8] vec4 of matmul_vec, zero padded.
// f32: an invocation makes one vec4. vec: K is a multiple of 4; eight lanes make a panel, a lane copies its row.
#extension GL_GOOGLE_include_directive : require
//! variant f32
//! variant vec TEXEL=1 needs=vec8
#include "matmul.h"
layout(push_constant) uniform Args { matmul_pack_args a; };
layout(binding = 1) writeonly buffer P { vec4 p[]; };

#ifdef TEXEL
layout(local_size_x = 8) in;
layout(binding = 0) uniform samplerBuffer x;

void main()
{
    uint panel = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, lane = gl_LocalInvocationID.x, k4 = a.k / 4u;
    uint batch = panel / a.panels, row = panel % a.panels * 8u + lane, to = panel * k4 * 8u + lane;
    if (panel * k4 * 8u >= a.count)
        return;
    int from = int((batch * a.rows + min(row, a.rows - 1u)) * k4);
    float keep = row < a.rows ? 1.0 : 0.0;
    for (uint k = 0u; k < k4; k++)
        p[to + k * 8u] = texelFetch(x, from + int(k)) * keep;
}
#else
layout(local_size_x = MATMUL_PACK_LOCAL) in;
layout(binding = 0) readonly buffer X { float x[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MATMUL_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint k4 = (a.k + 3u) / 4u, k = i / 8u % k4, panel = i / 8u / k4;
    uint row = panel % a.panels * 8u + i % 8u, batch = panel / a.panels;
    vec4 v = vec4(0.0);
    if (row < a.rows)
        for (uint c = 0u; c < 4u; c++)
            if (k * 4u + c < a.k)
                v[c] = x[(batch * a.rows + row) * a.k + k * 4u + c];
    p[i] = v;
}
#endif
