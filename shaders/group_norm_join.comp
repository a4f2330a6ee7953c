#version 450
// Per batch element b and group: mean and variance over all chunks and channels of the group (Chan, Golub, LeVeque:
// squared deviations of parts add up with those of their means), then what every channel needs to be normalised.
// sums [batch, chunks, 2, channels]; w, b [channels]; factors [batch, 3, channels]: mean, w / sqrt(variance + eps), b.
// One workgroup per batch element and group.
//! variant f32
#extension GL_GOOGLE_include_directive : require
#include "group_norm.h"

layout(local_size_x = GROUP_NORM_LOCAL) in;
layout(push_constant) uniform Args { group_norm_args a; };
layout(std430, binding = 0) readonly buffer Sums { float sums[]; };
layout(std430, binding = 1) readonly buffer W { float w[]; };
layout(std430, binding = 2) readonly buffer B { float b[]; };
layout(std430, binding = 3) writeonly buffer Factors { float factors[]; };

shared float part[GROUP_NORM_LOCAL];

float total_of(float v)
{
    uint id = gl_LocalInvocationID.x;
    barrier();
    part[id] = v;
    for (uint half_of = GROUP_NORM_LOCAL / 2; half_of > 0; half_of >>= 1) {
        barrier();
        if (id < half_of)
            part[id] += part[id + half_of];
    }
    barrier();
    return part[0];
}

void main()
{
    uint index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (index >= a.batch * a.groups)
        return;
    uint image = index / a.groups, members = a.channels / a.groups, first = index % a.groups * members;
    uint entries = a.chunks * members;
    float count = float(a.positions) * float(members), v = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < entries; i += GROUP_NORM_LOCAL) {
        uint chunk = i / members, at = (image * a.chunks + chunk) * 2u * a.channels + first + i % members;
        v += sums[at] * float(min(a.chunk, a.positions - chunk * a.chunk));
    }
    float mean = total_of(v) / count;
    v = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < entries; i += GROUP_NORM_LOCAL) {
        uint chunk = i / members, at = (image * a.chunks + chunk) * 2u * a.channels + first + i % members;
        float d = sums[at] - mean;
        v += sums[at + a.channels] + d * d * float(min(a.chunk, a.positions - chunk * a.chunk));
    }
    float scale = 1.0 / sqrt(total_of(v) / count + a.eps);
    for (uint i = gl_LocalInvocationID.x; i < members; i += GROUP_NORM_LOCAL) {
        uint channel = first + i, at = image * 3u * a.channels + channel;
        factors[at] = mean;
        factors[at + a.channels] = a.has_weight != 0u ? scale * w[channel] : scale;
        factors[at + 2u * a.channels] = a.has_bias != 0u ? b[channel] : 0.0;
    }
}
