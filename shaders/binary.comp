#version 450
// y = a op b with broadcasting: y is dense [rows, inner]; operands are read through strides.
// Workgroup x walks the innermost dimension, y and z the rows.
#extension GL_GOOGLE_include_directive : require
//! variant f32 T=float
//! variant x4 T=vec4
//! variant vec T=vec4 TEXEL=1 needs=vec8
#ifdef TEXEL
#define VEC
#endif
#include "binary.h"
#include "divide.glsl"
layout(local_size_x = BINARY_LOCAL) in;
layout(push_constant) uniform Args { binary_args g; };
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer a;
layout(binding = 1) uniform samplerBuffer b;
#define A(i) texelFetch(a, int(i))
#define B(i) texelFetch(b, int(i))
#else
layout(binding = 0) readonly buffer As { T a[]; };
layout(binding = 1) readonly buffer Bs { T b[]; };
#define A(i) a[i]
#define B(i) b[i]
#endif
layout(binding = 2) writeonly buffer Y { T y[]; };

void main()
{
    uint row = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
    if (row >= g.rows)
        return;
    uvec2 r1 = div_mod(row, g.d1), r2 = div_mod(r1.x, g.d2), r3 = div_mod(r2.x, g.d3);
    uint i1 = r1.y, i2 = r2.y, i3 = r3.y, i4 = r3.x;
    uint at_a = i1 * g.a1 + i2 * g.a2 + i3 * g.a3 + i4 * g.a4, at_b = i1 * g.b1 + i2 * g.b2 + i3 * g.b3 + i4 * g.b4;
    uint first = gl_WorkGroupID.x * BINARY_LOCAL * BINARY_PER_LANE + gl_LocalInvocationID.x;
    uint end = min(g.inner, (gl_WorkGroupID.x + 1u) * BINARY_LOCAL * BINARY_PER_LANE), kind = g.kind, a0 = g.a0, b0 = g.b0;
    uint to = row * g.inner;
    for (uint i = first; i < end; i += BINARY_LOCAL) {
        T p = A(at_a + i * a0), q = B(at_b + i * b0);
        y[to + i] = kind == 0u ? p + q : kind == 1u ? p - q : p * q;
    }
}
