#version 450
// Weights into panels for conv_vec: y[panel, t * padded + c, j] = w[panel * 32 + j, c, t], zero outside w.
// w [outputs, channels, taps]; y [panels, taps * padded, 32], both of type W_TYPE.
//! variant f32 W_TYPE=float
//! variant f16 W_TYPE=float16_t F16=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv.h"

layout(local_size_x = CONV_LOCAL) in;
layout(push_constant) uniform Args { conv_pack_args a; };
layout(std430, binding = 0) readonly buffer W { W_TYPE w[]; };
layout(std430, binding = 1) writeonly buffer Y { W_TYPE y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * CONV_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint row = i / CONV_PANEL, terms = a.taps * a.padded;
    uint n = row / terms * CONV_PANEL + i % CONV_PANEL, term = row % terms;
    uint tap = term / a.padded, c = term % a.padded;
    float v = 0.0;
    if (n < a.outputs && c < a.channels)
        v = float(w[(n * a.channels + c) * a.taps + tap]);
    y[i] = W_TYPE(v);
}
