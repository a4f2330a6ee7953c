#version 450
// Per batch element, chunk of positions and channel: mean and sum of squared deviations from that mean, in two passes.
// x [batch, positions, channels]; sums [batch, chunks, 2, channels].
//! variant f32
//! variant vec VEC=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#include "group_norm.h"

layout(push_constant) uniform Args { group_norm_args a; };

#ifdef VEC
layout(local_size_x = GROUP_NORM_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
layout(std430, binding = 1) writeonly buffer Sums { vec4 sums[]; };

void main()
{
    uint quads = a.channels / 4u, tiles = (quads + GROUP_NORM_LANES - 1) / GROUP_NORM_LANES;
    uint tile = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint quad = tile % tiles * GROUP_NORM_LANES + gl_LocalInvocationID.x, slice = tile / tiles;
    if (slice >= a.batch * a.chunks || quad >= quads)
        return;
    uint first = slice % a.chunks * a.chunk, count = min(a.chunk, a.positions - first);
    int begin = int((slice / a.chunks * a.positions + first) * quads + quad), step = int(quads);
    int end = begin + int(count) * step;
    vec4 total = vec4(0.0), square = vec4(0.0);
    for (int i = begin; i < end; i += step)
        total += texelFetch(x, i);
    vec4 mean = total / float(count);
    for (int i = begin; i < end; i += step) {
        vec4 d = texelFetch(x, i) - mean;
        square += d * d;
    }
    sums[slice * 2u * quads + quad] = mean;
    sums[(slice * 2u + 1u) * quads + quad] = square;
}
#else
layout(local_size_x = GROUP_NORM_LOCAL) in;
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) writeonly buffer Sums { float sums[]; };

shared float part[GROUP_NORM_LOCAL];

// The sum of v over the invocations of the same channel.
float total_of(float v)
{
    uint id = gl_LocalInvocationID.x;
    barrier();
    part[id] = v;
    for (uint half_of = GROUP_NORM_LOCAL / 2; half_of >= a.lanes; half_of >>= 1) {
        barrier();
        if (id < half_of)
            part[id] += part[id + half_of];
    }
    barrier();
    return part[id % a.lanes];
}

void main()
{
    uint tiles = (a.channels + a.lanes - 1u) / a.lanes, tile = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint slice = tile / tiles, channel = tile % tiles * a.lanes + gl_LocalInvocationID.x % a.lanes;
    if (slice >= a.batch * a.chunks)
        return;
    uint first = slice % a.chunks * a.chunk, count = min(a.chunk, a.positions - first);
    uint base = (slice / a.chunks * a.positions + first) * a.channels + channel;
    uint row = gl_LocalInvocationID.x / a.lanes, rows = GROUP_NORM_LOCAL / a.lanes;
    bool used = channel < a.channels;
    float v = 0.0;
    if (used)
        for (uint p = row; p < count; p += rows)
            v += x[base + p * a.channels];
    float mean = total_of(v) / float(count);
    v = 0.0;
    if (used)
        for (uint p = row; p < count; p += rows) {
            float d = x[base + p * a.channels] - mean;
            v += d * d;
        }
    float square = total_of(v);
    if (used && row == 0u) {
        sums[slice * 2u * a.channels + channel] = mean;
        sums[(slice * 2u + 1u) * a.channels + channel] = square;
    }
}
#endif
