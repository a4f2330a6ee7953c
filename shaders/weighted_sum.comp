#version 450
// y[b, m, n] = sum_k x[b, k, m] w[b, k, n]; x [batch, k, m], w [batch, k, n]; an element of y per invocation.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "weighted_sum.h"
layout(local_size_x = WEIGHTED_SUM_LOCAL) in;
layout(push_constant) uniform Args { weighted_sum_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * WEIGHTED_SUM_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.batch * a.m * a.n)
        return;
    uint n = i % a.n, m = i / a.n % a.m, b = i / a.n / a.m;
    float sum = 0.0;
    for (uint k = 0u; k < a.k; k++)
        sum += x[(b * a.k + k) * a.m + m] * w[(b * a.k + k) * a.n + n];
    y[i] = sum;
}
