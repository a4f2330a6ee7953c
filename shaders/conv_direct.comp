#version 450
// The sum of conv.comp with one invocation per output element: depthwise and thinly grouped convolutions, few outputs.
// x [pixels_in, channels]; w [taps, group_channels, outputs]; y [pixels, outputs].
//! variant f32 W_TYPE=float
//! variant f16 W_TYPE=float16_t F16=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv.h"
#include "conv.glsl"

layout(local_size_x = CONV_LOCAL) in;
layout(push_constant) uniform Args { conv_args a; };
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) readonly buffer W { W_TYPE w[]; };
layout(std430, binding = 2) readonly buffer Bias { float bias[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };

void main()
{
    uint i = conv_workgroup() * CONV_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.pixels * a.outputs)
        return;
    uint n = i % a.outputs;
    ivec4 at = conv_position(i / a.outputs, a.out_d, a.out_h, a.out_w);
    ivec3 first = at.yzw * ivec3(a.stride_d, a.stride_h, a.stride_w) - ivec3(a.pad_d, a.pad_h, a.pad_w);
    ivec3 size = ivec3(a.in_d, a.in_h, a.in_w);
    uint channel = n / a.group_outputs * a.group_channels, weight = n;
    float sum = 0.0;
    for (uint kz = 0; kz < a.kernel_d; kz++)
        for (uint ky = 0; ky < a.kernel_h; ky++)
            for (uint kx = 0; kx < a.kernel_w; kx++) {
                ivec3 p = first + ivec3(kz * a.dilation_d, ky * a.dilation_h, kx * a.dilation_w);
                if (all(greaterThanEqual(p, ivec3(0))) && all(lessThan(p, size))) {
                    uint from = uint(((at.x * size.x + p.x) * size.y + p.y) * size.z + p.z) * a.channels + channel;
                    for (uint c = 0; c < a.group_channels; c++)
                        sum += x[from + c] * float(w[weight + c * a.outputs]);
                }
                weight += a.group_channels * a.outputs;
            }
    y[i] = act_apply(sum + (a.has_bias != 0u ? bias[n] : 0.0), a.act);
}
