#version 450
// y[b, o, c] = maximum or average of x[b, i, c] over the part of the window at o * stride - pad that lies within x.
// x [batch, in_d, in_h, in_w, channels]; y [batch, out_d, out_h, out_w, channels]. One element of y per invocation,
// four channels of it in the vec variants.
//! variant max MAXIMUM=1
//! variant average
//! variant max_vec MAXIMUM=1 VEC=1 needs=vec8
//! variant average_vec VEC=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#include "pool.h"
#include "divide.glsl"

#ifdef VEC
#define VALUE vec4
#define WIDTH 4u
#define LOAD(i) texelFetch(x, int(i))
layout(local_size_x = POOL_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
#else
#define VALUE float
#define WIDTH 1u
#define LOAD(i) x[i]
layout(local_size_x = POOL_LOCAL) in;
layout(std430, binding = 0) readonly buffer X { float x[]; };
#endif
layout(push_constant) uniform Args { pool_args a; };
layout(std430, binding = 1) writeonly buffer Y { VALUE y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= a.count / WIDTH)
        return;
    uint channels = a.channels / WIDTH;
    uvec2 pixel = div_mod(i, channels), row = div_mod(pixel.x, a.out_w), plane = div_mod(row.x, a.out_h);
    uvec2 image = div_mod(plane.x, a.out_d);
    ivec3 first = ivec3(image.y, plane.y, row.y) * ivec3(a.stride_d, a.stride_h, a.stride_w) -
                  ivec3(a.pad_d, a.pad_h, a.pad_w);
    ivec3 size = ivec3(a.in_d, a.in_h, a.in_w);
    ivec3 begin = max(first, ivec3(0)), end = min(first + ivec3(a.window_d, a.window_h, a.window_w), size);
#ifdef MAXIMUM
    VALUE result = VALUE(uintBitsToFloat(0xff800000u));
#else
    VALUE result = VALUE(0.0);
#endif
    for (int z = begin.x; z < end.x; z++)
        for (int p = begin.y; p < end.y; p++) {
            VALUE part = result;
#ifndef MAXIMUM
            part = VALUE(0.0);
#endif
            uint at = uint(((int(image.x) * size.x + z) * size.y + p) * size.z + begin.z) * channels + pixel.y;
            for (int q = begin.z; q < end.z; q++) {
#ifdef MAXIMUM
                part = max(part, LOAD(at));
#else
                part += LOAD(at);
#endif
                at += channels;
            }
#ifdef MAXIMUM
            result = part;
#else
            result += part;
#endif
        }
#ifndef MAXIMUM
    ivec3 extent = end - begin;
    result /= float(extent.x * extent.y * extent.z);
#endif
    y[i] = result;
}
