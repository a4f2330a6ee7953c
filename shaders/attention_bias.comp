#version 450
// Additive bias of attention_vec: rows padded to whole tiles of 32 keys by -1e30, which masks them, and in the order that a
// lane takes: its four keys are eight apart. Runs once, at load.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "attention.h"
layout(local_size_x = ATTENTION_PACK_LOCAL) in;
layout(push_constant) uniform Args { attention_bias_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * ATTENTION_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint at = i % a.positions, in_tile = at % ATTENTION_VEC_KEYS, key = at - in_tile + in_tile / 4u + in_tile % 4u * 8u;
    float value = -1e30;
    if (key < a.keys)
        value = x[i / a.positions * a.keys + key];
    y[i] = value;
}
