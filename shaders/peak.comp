#version 450
// What the device does at best: x = x * factor + offset in registers, or a stream through memory. y [1] takes what nobody
// reads, so that nothing is optimised away.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
//! variant f32 T=vec4
//! variant f16 T=f16vec4 needs=f16,f16_math
//! variant read STREAM=1
//! variant read_texel STREAM=1 TEXEL=1 needs=vec8
//! variant copy STREAM=1 COPY=1
//! variant copy_texel STREAM=1 COPY=1 TEXEL=1 needs=vec8
#include "peak.h"
layout(local_size_x = PEAK_LOCAL) in;
layout(push_constant) uniform Args { peak_args a; };
layout(binding = 0) writeonly buffer Y { vec4 y[]; };

#ifdef STREAM
#  ifdef TEXEL
layout(binding = 1) uniform samplerBuffer x;
#    define X(i) texelFetch(x, int(i))
#  else
layout(binding = 1) readonly buffer Xs { vec4 x[]; };
#    define X(i) x[i]
#  endif

void main()
{
    uint first = gl_WorkGroupID.x * PEAK_LOCAL * PEAK_STREAM + gl_LocalInvocationID.x;
    vec4 sum = vec4(0.0);
    for (uint i = 0u; i < PEAK_STREAM; i++) {
        uint at = first + i * PEAK_LOCAL;
        if (at >= a.count)
            break;
#  ifdef COPY
        y[at] = X(at);
#  else
        sum += X(at);
#  endif
    }
#  ifndef COPY
    if (dot(sum, sum) == a.factor)
        y[0] = sum;
#  endif
}
#else
void main()
{
    T factor = T(a.factor), offset = T(a.offset), x0 = T(float(gl_LocalInvocationID.x) * 1e-3), x1 = x0 + factor, x2 = x0 - factor;
    for (uint round = 0u; round < a.rounds; round++) {
        for (int i = 0; i < PEAK_UNROLL; i++) {
            x0 = fma(x0, factor, offset);
            x1 = fma(x1, factor, offset);
            x2 = fma(x2, factor, offset);
        }
    }
    vec4 sum = vec4(x0 + x1 + x2);
    if (dot(sum, sum) == -a.factor)
        y[0] = sum;
}
#endif
