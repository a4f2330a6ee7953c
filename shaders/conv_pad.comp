#version 450
// Channels padded with zeros to a multiple of 4, so that a texel holds channels of one position only.
// x [positions, channels]; y [positions, padded].
//! variant f32
#extension GL_GOOGLE_include_directive : require
#include "conv.h"

layout(local_size_x = CONV_LOCAL) in;
layout(push_constant) uniform Args { conv_pad_args a; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * CONV_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint c = i % a.padded;
    float v = 0.0;
    if (c < a.channels)
        v = x[i / a.padded * a.channels + c];
    y[i] = v;
}
