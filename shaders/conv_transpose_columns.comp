#version 450
// The second half of a transposed convolution whose products were made by a matmul: every output element adds up the
// columns that fall on it. columns [pixels_in, taps, outputs]; y [pixels, outputs].
//! variant f32
#extension GL_GOOGLE_include_directive : require
#include "conv_transpose.h"
#include "conv.glsl"

layout(local_size_x = CONV_TRANSPOSE_LOCAL) in;
layout(push_constant) uniform Args { conv_args a; };
layout(std430, binding = 0) readonly buffer Columns { float columns[]; };
layout(std430, binding = 1) readonly buffer Bias { float bias[]; };
layout(std430, binding = 2) writeonly buffer Y { float y[]; };

void main()
{
    uint i = conv_workgroup() * CONV_TRANSPOSE_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.pixels * a.outputs)
        return;
    uint n = i % a.outputs;
    ivec4 at = conv_position(i / a.outputs, a.out_d, a.out_h, a.out_w);
    ivec3 first = at.yzw + ivec3(a.pad_d, a.pad_h, a.pad_w), size = ivec3(a.in_d, a.in_h, a.in_w);
    ivec3 stride = ivec3(a.stride_d, a.stride_h, a.stride_w);
    uint taps = a.kernel_d * a.kernel_h * a.kernel_w, tap = 0;
    float sum = 0.0;
    for (uint kz = 0; kz < a.kernel_d; kz++)
        for (uint ky = 0; ky < a.kernel_h; ky++)
            for (uint kx = 0; kx < a.kernel_w; kx++) {
                ivec3 p = first - ivec3(kz * a.dilation_d, ky * a.dilation_h, kx * a.dilation_w);
                ivec3 q = p / stride;
                if (all(greaterThanEqual(p, ivec3(0))) && q * stride == p && all(lessThan(q, size))) {
                    uint pixel = uint(((at.x * size.x + q.x) * size.y + q.y) * size.z + q.z);
                    sum += columns[(pixel * taps + tap) * a.outputs + n];
                }
                tap++;
            }
    y[i] = act_apply(sum + (a.has_bias != 0u ? bias[n] : 0.0), a.act);
}
