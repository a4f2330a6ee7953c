#version 450
// y[b, p, c] = (x[b, p, c] - factors[b, 0, c]) * factors[b, 1, c] + factors[b, 2, c]: what group_norm_join prepared.
// x, y [batch, positions, channels]; factors [batch, 3, channels].
//! variant f32
//! variant vec VEC=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#include "group_norm.h"
#include "divide.glsl"

#ifdef VEC
#define VALUE vec4
#define WIDTH 4u
#define LOAD(from, i) texelFetch(from, int(i))
layout(local_size_x = GROUP_NORM_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer factors;
#else
#define VALUE float
#define WIDTH 1u
#define LOAD(from, i) from[i]
layout(local_size_x = GROUP_NORM_LOCAL) in;
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer Factors { float factors[]; };
#endif
layout(push_constant) uniform Args { group_norm_args a; };
layout(std430, binding = 2) writeonly buffer Y { VALUE y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint channels = a.channels / WIDTH;
    uvec2 row = div_mod(i, channels);
    if (row.x >= a.batch * a.positions)
        return;
    uint at = div_mod(row.x, a.positions).x * 3u * channels + row.y;
    y[i] = (LOAD(x, i) - LOAD(factors, at)) * LOAD(factors, at + channels) + LOAD(factors, at + 2u * channels);
}
