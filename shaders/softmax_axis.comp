#version 450
// softmax(scale x) over an axis that is not the last: x, y [outer, cols, inner]; an invocation makes a column, or four
// neighbouring ones (vec), in three passes.
#extension GL_GOOGLE_include_directive : require
//! variant f32 T=float
//! variant vec T=vec4 VEC=1 needs=vec8
#include "softmax.h"
#include "divide.glsl"
layout(push_constant) uniform Args { softmax_args a; };
#ifdef VEC
layout(local_size_x = SOFTMAX_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
#define X(i) texelFetch(x, int(i))
#else
layout(local_size_x = SOFTMAX_LOCAL) in;
layout(binding = 0) readonly buffer Xs { T x[]; };
#define X(i) x[i]
#endif
layout(binding = 1) writeonly buffer Ys { T y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint cols = a.cols, inner = a.inner;
    float scale = a.scale;
    uvec2 at = div_mod(min(i, a.rows - 1u), inner);
    uint base = at.x * cols * inner + at.y;
    T top = T(-3.4e38), sum = T(0.0);
    for (uint c = 0u; c < cols; c++)
        top = max(top, X(base + c * inner) * scale);
    for (uint c = 0u; c < cols; c++)
        sum += exp(X(base + c * inner) * scale - top);
    if (i >= a.rows)
        return;
    T part = T(1.0) / sum;
    for (uint c = 0u; c < cols; c++)
        y[base + c * inner] = exp(X(base + c * inner) * scale - top) * part;
}
