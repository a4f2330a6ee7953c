#version 450
// Rows [batch][M][K] -> panels [batch][ceil(M/8)][ceil4(K)/4][8] vec4 of matmul_vec, zero padded.
#extension GL_GOOGLE_include_directive : require
//! variant f32
//! variant vec TEXEL=1 needs=vec8
#include "matmul.h"
layout(local_size_x = MATMUL_PACK_LOCAL) in;
layout(push_constant) uniform Args { matmul_pack_args a; };
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer x;            // K is a multiple of 4
#else
layout(binding = 0) readonly buffer X { float x[]; };
#endif
layout(binding = 1) writeonly buffer P { vec4 p[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MATMUL_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint k4 = (a.k + 3u) / 4u, k = i / 8u % k4, panel = i / 8u / k4;
    uint row = panel % a.panels * 8u + i % 8u, batch = panel / a.panels;
    vec4 v = vec4(0.0);
    if (row < a.rows) {
#ifdef TEXEL
        v = texelFetch(x, int((batch * a.rows + row) * k4 + k));
#else
        for (uint c = 0u; c < 4u; c++)
            if (k * 4u + c < a.k)
                v[c] = x[(batch * a.rows + row) * a.k + k * 4u + c];
#endif
    }
    p[i] = v;
}
