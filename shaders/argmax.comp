#version 450
// y[i] = the smallest c < classes with x[i, c] = max; x [rows, channels], y [rows] as int. An invocation per row.
// vec: channels is a multiple of 4, read as texels; the classes of the last quad that do not count lose by their number.
//! variant f32
//! variant vec VEC=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#include "argmax.h"

layout(push_constant) uniform Args { argmax_args a; };
#ifdef VEC
layout(local_size_x = ARGMAX_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
#else
layout(local_size_x = ARGMAX_LOCAL) in;
layout(std430, binding = 0) readonly buffer X { float x[]; };
#endif
layout(std430, binding = 1) writeonly buffer Y { int y[]; };

void main()
{
    uint row = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint rows = a.rows;
    int classes = int(a.classes), best = 0;
#ifdef VEC
    int quads = int(a.channels / 4u), from = int(min(row, rows - 1u)) * quads;
    vec4 first = texelFetch(x, from);
    float top = first.x;
    for (int q = 0; q * 4 < classes; q++) {
        vec4 v = texelFetch(x, from + q);
        int c = q * 4;
#define TRY(part, k) if (v.part > top && c + k < classes) { top = v.part; best = c + k; }
        TRY(x, 0) TRY(y, 1) TRY(z, 2) TRY(w, 3)
    }
    if (row >= rows)
        return;
#else
    if (row >= rows)
        return;
    float top = x[row * a.channels];
    for (int c = 1; c < classes; c++) {
        float v = x[row * a.channels + uint(c)];
        if (v > top) {
            top = v;
            best = c;
        }
    }
#endif
    y[row] = best;
}
