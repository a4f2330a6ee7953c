#version 450
// y[r, c] = exp(s x[r, c] - max_r) / sum_c exp(s x[r, c] - max_r) with the scale s; x, y [rows, cols]; a workgroup per row.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "softmax.h"
layout(local_size_x = SOFTMAX_LOCAL) in;
layout(push_constant) uniform Args { softmax_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
shared float parts[SOFTMAX_LOCAL];

float reduce(float v, bool largest)
{
    uint i = gl_LocalInvocationID.x;
    barrier();
    parts[i] = v;
    for (uint s = SOFTMAX_LOCAL / 2; s > 0; s >>= 1) {
        barrier();
        if (i < s)
            parts[i] = largest ? max(parts[i], parts[i + s]) : parts[i] + parts[i + s];
    }
    barrier();
    return parts[0];
}

void main()
{
    uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, first = gl_LocalInvocationID.x;
    if (row >= a.rows)
        return;
    uint base = row * a.cols;
    float top = -3.4e38, sum = 0.0;
    for (uint i = first; i < a.cols; i += SOFTMAX_LOCAL)
        top = max(top, x[base + i] * a.scale);
    top = reduce(top, true);
    for (uint i = first; i < a.cols; i += SOFTMAX_LOCAL)
        sum += exp(x[base + i] * a.scale - top);
    float part = 1.0 / reduce(sum, false);
    for (uint i = first; i < a.cols; i += SOFTMAX_LOCAL)
        y[base + i] = exp(x[base + i] * a.scale - top) * part;
}
