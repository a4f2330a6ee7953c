#version 450
// y[i] = act(x[i]); x, y of `count` elements. Masked execution evaluates every case of a switch: the cpu class has variants
// of its own for what models use most.
#extension GL_GOOGLE_include_directive : require
//! variant f32 T=float
//! variant x4 T=vec4
//! variant vec T=vec4 TEXEL=1 needs=vec8
//! variant vec_relu T=vec4 TEXEL=1 ACT=1 needs=vec8
//! variant vec_gelu T=vec4 TEXEL=1 ACT=2 needs=vec8
#include "unary.h"
#include "act.glsl"
layout(local_size_x = UNARY_LOCAL) in;
layout(push_constant) uniform Args { unary_args a; };
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer x;
#define X(i) texelFetch(x, int(i))
#else
layout(binding = 0) readonly buffer Xs { T x[]; };
#define X(i) x[i]
#endif
layout(binding = 1) writeonly buffer Y { T y[]; };
#if ACT == 1
#define ACTIVATE(v) act_relu(v)
#elif ACT == 2
#define ACTIVATE(v) act_gelu(v)
#else
#define ACTIVATE(v) act_apply(v, kind)
#endif

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, kind = a.kind;
    uint first = group * UNARY_LOCAL * UNARY_PER_LANE + gl_LocalInvocationID.x;
    uint end = min(a.count, (group + 1u) * UNARY_LOCAL * UNARY_PER_LANE);
    for (uint i = first; i < end; i += UNARY_LOCAL)
        y[i] = ACTIVATE(X(i));
}
