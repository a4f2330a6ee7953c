#version 450
// y[r, c] = (x[r, c] - mean_r) / sqrt(var_r + eps) * w[c] + b[c]; x, y [rows, cols], w, b [cols].
// A workgroup per row; mean first, then the variance about it, both in float.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "layer_norm.h"
layout(local_size_x = LAYER_NORM_LOCAL) in;
layout(push_constant) uniform Args { layer_norm_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) readonly buffer B { float b[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
shared float part[LAYER_NORM_LOCAL];

float total(float v)
{
    uint i = gl_LocalInvocationID.x;
    barrier();
    part[i] = v;
    for (uint s = LAYER_NORM_LOCAL / 2; s > 0; s >>= 1) {
        barrier();
        if (i < s)
            part[i] += part[i + s];
    }
    barrier();
    return part[0];
}

void main()
{
    uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, first = gl_LocalInvocationID.x;
    if (row >= a.rows)
        return;
    uint base = row * a.cols;
    float sum = 0.0;
    for (uint i = first; i < a.cols; i += LAYER_NORM_LOCAL)
        sum += x[base + i];
    float mean = total(sum) / float(a.cols);
    sum = 0.0;
    for (uint i = first; i < a.cols; i += LAYER_NORM_LOCAL) {
        float d = x[base + i] - mean;
        sum += d * d;
    }
    float scale = inversesqrt(total(sum) / float(a.cols) + a.eps);
    for (uint i = first; i < a.cols; i += LAYER_NORM_LOCAL) {
        float v = (x[base + i] - mean) * scale;
        y[base + i] = a.affine == 1 ? v * w[i] + b[i] : v;
    }
}
