#version 450
// layer_norm for the cpu class: lane = row, eight rows per workgroup, texel reads, no shared memory, no barrier.
// cols is a multiple of 4.
#extension GL_GOOGLE_include_directive : require
//! variant f32 needs=vec8
#include "layer_norm.h"
layout(local_size_x = LAYER_NORM_VEC_ROWS) in;
layout(push_constant) uniform Args { layer_norm_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer w;
layout(binding = 2) uniform samplerBuffer b;
layout(binding = 3) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint row = group * LAYER_NORM_VEC_ROWS + gl_LocalInvocationID.x, rows = a.rows, affine = a.affine;
    int count = int(a.cols / 4u), base = int(min(row, rows - 1u)) * count;
    vec4 sum = vec4(0.0);
    for (int i = 0; i < count; i++)
        sum += texelFetch(x, base + i);
    float mean = (sum.x + sum.y + sum.z + sum.w) / float(a.cols);
    sum = vec4(0.0);
    for (int i = 0; i < count; i++) {
        vec4 d = texelFetch(x, base + i) - mean;
        sum += d * d;
    }
    float scale = inversesqrt((sum.x + sum.y + sum.z + sum.w) / float(a.cols) + a.eps);
    // a row beyond the last repeats it; panels have room for it
    if (row >= rows && a.panels == 0u)
        return;
    int to = a.panels == 1u ? int(group) * count * 8 + int(gl_LocalInvocationID.x) : base, step = a.panels == 1u ? 8 : 1;
    if (affine == 1u)
        for (int i = 0; i < count; i++) {
            y[to] = (texelFetch(x, base + i) - mean) * scale * texelFetch(w, i) + texelFetch(b, i);
            to += step;
        }
    else
        for (int i = 0; i < count; i++) {
            y[to] = (texelFetch(x, base + i) - mean) * scale;
            to += step;
        }
}
