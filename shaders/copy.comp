#version 450
// y[y_at + i * y_strides] = x[x_at + i * x_strides] over up to five dimensions: permute, slice, concatenate, broadcast.
// Workgroup x walks the innermost dimension, y and z the rows.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
//! variant f32 T=float
//! variant f16 T=float16_t needs=f16
//! variant x4 T=vec4
//! variant vec T=vec4 TEXEL=1 needs=vec8
#ifdef TEXEL
#define VEC
#endif
#include "copy.h"
#include "divide.glsl"
layout(local_size_x = COPY_LOCAL) in;
layout(push_constant) uniform Args { copy_args a; };
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer x;
#define X(i) texelFetch(x, int(i))
#else
layout(binding = 0) readonly buffer Xs { T x[]; };
#define X(i) x[i]
#endif
layout(binding = 1) writeonly buffer Y { T y[]; };

void main()
{
    uint row = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
    if (row >= a.rows)
        return;
    uvec2 r1 = div_mod(row, a.d1), r2 = div_mod(r1.x, a.d2), r3 = div_mod(r2.x, a.d3);
    uint i1 = r1.y, i2 = r2.y, i3 = r3.y, i4 = r3.x;
    uint from = a.x_at + i1 * a.x1 + i2 * a.x2 + i3 * a.x3 + i4 * a.x4;
    uint to = a.y_at + i1 * a.y1 + i2 * a.y2 + i3 * a.y3 + i4 * a.y4, x0 = a.x0, y0 = a.y0;
    uint first = gl_WorkGroupID.x * COPY_LOCAL * COPY_PER_LANE + gl_LocalInvocationID.x;
    uint end = min(a.inner, (gl_WorkGroupID.x + 1u) * COPY_LOCAL * COPY_PER_LANE);
    for (uint i = first; i < end; i += COPY_LOCAL)
        y[to + i * y0] = X(from + i * x0);
}
