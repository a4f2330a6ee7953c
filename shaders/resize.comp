#version 450
// y[b, o, c] = sum over taps of weight * x[b, tap, c], separable; index rules of torch.nn.functional.interpolate.
// TAPS 1: nearest, floor(o * in / out) in float as torch does. TAPS 2: linear. TAPS 4: cubic with a = -0.75 and
// repeated borders. Source positions are ratios of integers, split exactly into a whole part and a fraction.
// x [batch, in_d, in_h, in_w, channels]; y [batch, out_d, out_h, out_w, channels].
//! variant nearest TAPS=1 X_TYPE=float
//! variant linear TAPS=2 X_TYPE=float
//! variant cubic TAPS=4 X_TYPE=float
//! variant nearest_f16 TAPS=1 X_TYPE=float16_t F16=1 needs=f16
//! variant linear_f16 TAPS=2 X_TYPE=float16_t F16=1 needs=f16
//! variant cubic_f16 TAPS=4 X_TYPE=float16_t F16=1 needs=f16
//! variant nearest_vec TAPS=1 X_TYPE=float VEC=1 needs=vec8
//! variant linear_vec TAPS=2 X_TYPE=float VEC=1 needs=vec8
//! variant cubic_vec TAPS=4 X_TYPE=float VEC=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "resize.h"
#include "divide.glsl"

#ifdef VEC
#define RUN uint(RESIZE_RUN)
layout(local_size_x = RESIZE_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
#else
#define RUN 1u
layout(local_size_x = RESIZE_LOCAL) in;
layout(std430, binding = 0) readonly buffer X { X_TYPE x[]; };
#endif
layout(push_constant) uniform Args { resize_args a; };
layout(std430, binding = 1) writeonly buffer Y { X_TYPE y[]; };

// Taps along the depth; cubic is 2-D. A loop over a depth of one ends after one round.
#if TAPS == 1
#define DEPTH_TAPS 1
#define DEPTH_WEIGHT(k) 1.0
#elif TAPS == 2
#define DEPTH_TAPS 2
#define DEPTH_WEIGHT(k) (depth == 1 ? 1.0 : k == 0 ? weight_z[0] : weight_z[1])
#else
#define DEPTH_TAPS 1
#define DEPTH_WEIGHT(k) 1.0
#endif

float load(int i)
{
#ifdef VEC
    vec4 v = texelFetch(x, i >> 2);
    vec2 half_of = (i & 2) != 0 ? v.zw : v.xy;
    return (i & 1) != 0 ? half_of.y : half_of.x;
#else
    return float(x[i]);
#endif
}

// Distance t from the tap; the convolution kernel of Keys with a = -0.75.
float near_weight(float t)
{
    return ((1.25 * t - 2.25) * t) * t + 1.0;
}

float far_weight(float t)
{
    return ((-0.75 * t + 3.75) * t - 6.0) * t + 3.0;
}

// First tap and weights of output position `o`; taps beyond the border are clamped by whoever reads them.
void axis_taps(uint o, uint size_in, uint size_out, float scale, bool align, out int first, out float weight[TAPS])
{
#if TAPS == 1
    first = min(int(float(o) * scale), int(size_in) - 1);
    weight[0] = 1.0;
#else
    uint numerator, denominator;
    if (align) {
        denominator = max(size_out, 2u) - 1u;
        numerator = size_out > 1u ? o * (size_in - 1u) : 0u;
    } else {
        denominator = 2u * size_out;                            // ((o + 1/2) * in / out - 1/2) as a fraction, plus 1
        numerator = (2u * o + 1u) * size_in + size_out;
    }
    uvec2 parts = div_mod(numerator, denominator);
    first = int(parts.x) - (align ? 0 : 1);
    float t = float(parts.y) / float(denominator);
#if TAPS == 2
    if (first < 0)
        first = 0, t = 0.0;
    weight[0] = 1.0 - t;
    weight[1] = t;
#else
    first -= 1;
    weight[0] = far_weight(t + 1.0);
    weight[1] = near_weight(t);
    weight[2] = near_weight(1.0 - t);
    weight[3] = far_weight(2.0 - t);
#endif
#endif
}

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint runs = (a.out_w + RUN - 1u) / RUN;
    uvec2 run = div_mod(i, a.channels), row = div_mod(run.x, runs), plane = div_mod(row.x, a.out_h);
    uvec2 image = div_mod(plane.x, a.out_d);
    if (i >= a.rows * runs * a.channels)
        return;
    // What the loop needs is read from the push constants once: llvmpipe would gather it in every round.
    bool align = a.align_corners != 0u;
    uint out_w = a.out_w;
    float scale_w = a.scale_w;
    int first_x, first_y, first_z;
    float weight_x[TAPS], weight_y[TAPS], weight_z[TAPS];
    axis_taps(plane.y, a.in_h, a.out_h, a.scale_h, align, first_y, weight_y);
    axis_taps(image.y, a.in_d, a.out_d, a.scale_d, align, first_z, weight_z);
    int channel = int(run.y), channels = int(a.channels), width = int(a.in_w);
    int last_x = width - 1, last_y = int(a.in_h) - 1, last_z = int(a.in_d) - 1;
    int depth = last_z > 0 ? DEPTH_TAPS : 1;
    uint x_end = min(row.y * RUN + RUN, out_w), to = (row.x * out_w + row.y * RUN) * a.channels + run.y;
    for (uint o = row.y * RUN; o < x_end; o++) {
        axis_taps(o, uint(width), out_w, scale_w, align, first_x, weight_x);
        float sum = 0.0;
        for (int kz = 0; kz < depth; kz++) {
            int from = (int(image.x) * (last_z + 1) + clamp(first_z + kz, 0, last_z)) * (last_y + 1);
            float part = 0.0;
            for (int ky = 0; ky < TAPS; ky++) {
                int line = (from + clamp(first_y + ky, 0, last_y)) * width;
                float piece = 0.0;
                for (int kx = 0; kx < TAPS; kx++)
                    piece += weight_x[kx] * load((line + clamp(first_x + kx, 0, last_x)) * channels + channel);
                part += weight_y[ky] * piece;
            }
            sum += DEPTH_WEIGHT(kz) * part;
        }
        y[to] = X_TYPE(sum);
        to += uint(channels);
    }
}
