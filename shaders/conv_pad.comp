#version 450
// Rows padded with zeros: channels to a multiple of 4, so that a texel holds channels of one position only, or the weights
// of conv_patches.
// x [positions, channels]; y [positions, padded], both of type TYPE.
//! variant f32 TYPE=float
//! variant f16 TYPE=float16_t F16=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv.h"

layout(local_size_x = CONV_LOCAL) in;
layout(push_constant) uniform Args { conv_pad_args a; };
layout(std430, binding = 0) readonly buffer X { TYPE x[]; };
layout(std430, binding = 1) writeonly buffer Y { TYPE y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * CONV_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint c = i % a.padded;
    float v = 0.0;
    if (c < a.channels)
        v = float(x[i / a.padded * a.channels + c]);
    y[i] = TYPE(v);
}
