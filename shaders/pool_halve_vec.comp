#version 450
// The maximum of pool.comp over 2 x 2 positions side by side, without padding, for the cpu class: nothing to branch on.
// x [planes, in_h, in_w, channels / 4] texels; y [planes, out_h, out_w, channels / 4] vec4, planes being batch and depth. A
// workgroup of eight lanes goes along a run of one row of y.
//! variant max needs=vec8
#extension GL_GOOGLE_include_directive : require
#define VEC
#include "pool.h"
#include "divide.glsl"

layout(local_size_x = POOL_LANES) in;
layout(push_constant) uniform Args { pool_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
layout(std430, binding = 1) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint lane = gl_LocalInvocationID.x, quads = a.channels / 4u, size = a.out_w * quads;
    uint runs = (size + POOL_RUN - 1u) / POOL_RUN, index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uvec2 group = div_mod(index, runs), row = div_mod(group.x, a.out_h);
    if (row.x >= a.planes)
        return;
    uint begin = group.y * POOL_RUN + lane, end = min(size, (group.y + 1u) * POOL_RUN);
    // Element i = (position, quad) of a row of y lies twice that position from the start of two rows of x.
    uvec2 place = div_mod(begin, quads), leap = div_mod(uint(POOL_LANES), quads);
    int width = int(quads), below = int(a.in_w * quads), quad = int(place.y), rest = int(leap.y);
    int at = int((row.x * a.in_h + row.y * 2u) * a.in_w * quads + begin + place.x * quads);
    int step = int(POOL_LANES + leap.x * quads);
    uint to = group.x * size + begin;
    for (uint i = begin; i < end; i += POOL_LANES) {
        y[to] = max(max(imageLoad(x, at), imageLoad(x, at + width)),
                    max(imageLoad(x, at + below), imageLoad(x, at + below + width)));
        quad += rest;
        bool next = quad >= width;
        at += next ? step + width : step;
        quad -= next ? width : 0;
        to += POOL_LANES;
    }
}
