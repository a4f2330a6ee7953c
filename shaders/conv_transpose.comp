#version 450
// y[b, o, n] = act(bias[n] + sum over taps t and channels c of x[b, i, c] * w[t, c, n]), where i * stride =
// o + pad - t * dilation has a solution: every output element gathers what the transposed convolution would scatter.
// x [pixels_in, channels]; w [taps, channels, group_outputs]; y [pixels, outputs].
//! variant f32 W_TYPE=float
//! variant f16 W_TYPE=float16_t F16=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv_transpose.h"
#include "conv.glsl"

layout(local_size_x = CONV_TRANSPOSE_LOCAL) in;
layout(push_constant) uniform Args { conv_args a; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer W { W_TYPE w[]; };
layout(std430, binding = 2) readonly buffer Bias { float bias[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };

void main()
{
    uint i = conv_workgroup() * CONV_TRANSPOSE_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.pixels * a.outputs)
        return;
    uint n = i % a.outputs;
    ivec4 at = conv_position(i / a.outputs, a.out_d, a.out_h, a.out_w);
    ivec3 first = at.yzw + ivec3(a.pad_d, a.pad_h, a.pad_w), size = ivec3(a.in_d, a.in_h, a.in_w);
    ivec3 stride = ivec3(a.stride_d, a.stride_h, a.stride_w);
    uint channel = n / a.group_outputs * a.group_channels, weight = channel * a.group_outputs + n % a.group_outputs;
    float sum = 0.0;
    for (uint kz = 0; kz < a.kernel_d; kz++)
        for (uint ky = 0; ky < a.kernel_h; ky++)
            for (uint kx = 0; kx < a.kernel_w; kx++) {
                ivec3 p = first - ivec3(kz * a.dilation_d, ky * a.dilation_h, kx * a.dilation_w);
                ivec3 q = p / stride;
                if (all(greaterThanEqual(p, ivec3(0))) && q * stride == p && all(lessThan(q, size))) {
                    uint from = uint(((at.x * size.x + q.x) * size.y + q.y) * size.z + q.z) * a.channels + channel;
                    for (uint c = 0; c < a.group_channels; c++)
                        sum += x[from + c] * float(w[weight + c * a.group_outputs]);
                }
                weight += a.channels * a.group_outputs;
            }
    y[i] = act_apply(sum + (a.has_bias != 0u ? bias[n] : 0.0), a.act);
}
