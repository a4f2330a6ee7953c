#version 450
// Depthwise convolution for the cpu class: every read is a texel of four channels. An invocation makes four channels of
// four neighbours in a row at a time, so that one weight texel serves four positions, and of up to CONV_ROW_PART in all,
// so that finding its place costs little. THREE: rows of three taps, stride and
// dilation 1, where the four positions share their six columns.
// x [pixels_in, channels / 4], w [taps, channels / 4], bias [channels / 4]: texels; y [pixels, channels / 4].
//! variant f32 needs=vec8
//! variant f16 needs=vec8,f16
//! variant f32_gelu GELU=1 needs=vec8
//! variant f16_gelu GELU=1 needs=vec8,f16
//! variant f32_3 THREE=1 needs=vec8
//! variant f16_3 THREE=1 needs=vec8,f16
//! variant f32_3_gelu THREE=1 GELU=1 needs=vec8
//! variant f16_3_gelu THREE=1 GELU=1 needs=vec8,f16
#extension GL_GOOGLE_include_directive : require
#define VEC
#include "conv.h"
#include "conv.glsl"
#include "touch.glsl"

layout(local_size_x = CONV_LANES) in;
layout(push_constant) uniform Args { conv_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
layout(binding = 1) uniform samplerBuffer w;
layout(binding = 2) uniform samplerBuffer bias;
layout(std430, binding = 3) buffer Y { vec4 y[]; };

// Four channels of x at `column` of the line under way, or zero outside x.
#define COLUMN(v, column) \
    bool valid_##v = inside && (column) >= 0 && (column) < in_w; \
    vec4 v = imageLoad(x, valid_##v ? (line + (column)) * step + quad : 0); \
    v = valid_##v ? v : vec4(0.0);

vec4 activate(vec4 v)
{
#ifdef GELU
    return act_gelu(v);
#else
    return mix(a.slope * v, v, greaterThan(v, vec4(0.0)));
#endif
}

void main()
{
    uint i = conv_workgroup() * CONV_LANES + gl_LocalInvocationID.x;
    uint width = a.out_w, quads = a.channels / 4u, parts = (width + CONV_ROW_PART - 1) / CONV_ROW_PART;
    uint rows = div_mod(a.pixels, width).x;
    if (i >= rows * parts * quads)
        return;
    uvec2 part = div_mod(i, quads), line_of = div_mod(part.x, parts);
    int quad = int(part.y), step = int(quads);
    uint row = line_of.x, column = line_of.y * CONV_ROW_PART;
    ivec4 at = conv_position(row * width + column, a.out_d, a.out_h, width);
    int in_w = int(a.in_w), in_h = int(a.in_h), in_d = int(a.in_d), stride = int(a.stride_w);
    int dilation_w = int(a.dilation_w), kernel_w = int(a.kernel_w);
    int kernel_h = int(a.kernel_h), kernel_d = int(a.kernel_d);
    int first_z = at.y * int(a.stride_d) - int(a.pad_d), first_y = at.z * int(a.stride_h) - int(a.pad_h);
    int first_x = at.w * stride - int(a.pad_w), dilation_d = int(a.dilation_d), dilation_h = int(a.dilation_h);
    uint to = (row * width + column) * quads + quad, end = min(width, column + CONV_ROW_PART);
    vec4 b = a.has_bias != 0u ? texelFetch(bias, quad) : vec4(0.0);
    for (; column < end; column += CONV_RUN) {
        vec4 c0 = vec4(0.0), c1 = vec4(0.0), c2 = vec4(0.0), c3 = vec4(0.0);
        int at_w = quad;
        // the lines of y, fetched while products are summed (touch.glsl)
        to += TOUCH(y, to + gl_LocalInvocationID.x % CONV_RUN * quads) & a.zero;
        for (int kz = 0; kz < kernel_d; kz++)
            for (int ky = 0; ky < kernel_h; ky++) {
                int z = first_z + kz * dilation_d, p = first_y + ky * dilation_h;
                bool inside = z >= 0 && z < in_d && p >= 0 && p < in_h;
                int line = inside ? ((at.x * in_d + z) * in_h + p) * in_w : 0;
#ifdef THREE
                vec4 b0 = texelFetch(w, at_w), b1 = texelFetch(w, at_w + step), b2 = texelFetch(w, at_w + 2 * step);
                COLUMN(v0, first_x) COLUMN(v1, first_x + 1) COLUMN(v2, first_x + 2)
                COLUMN(v3, first_x + 3) COLUMN(v4, first_x + 4) COLUMN(v5, first_x + 5)
                c0 += v0 * b0 + v1 * b1 + v2 * b2;
                c1 += v1 * b0 + v2 * b1 + v3 * b2;
                c2 += v2 * b0 + v3 * b1 + v4 * b2;
                c3 += v3 * b0 + v4 * b1 + v5 * b2;
                at_w += 3 * step;
#else
                for (int kx = 0; kx < kernel_w; kx++) {
                    vec4 weight = texelFetch(w, at_w);
                    int q = first_x + kx * dilation_w;
                    COLUMN(v0, q) COLUMN(v1, q + stride) COLUMN(v2, q + 2 * stride) COLUMN(v3, q + 3 * stride)
                    c0 += v0 * weight;
                    c1 += v1 * weight;
                    c2 += v2 * weight;
                    c3 += v3 * weight;
                    at_w += step;
                }
#endif
            }
        y[to] = activate(c0 + b);
        if (column + 1 < width)
            y[to + quads] = activate(c1 + b);
        if (column + 2 < width)
            y[to + 2 * quads] = activate(c2 + b);
        if (column + 3 < width)
            y[to + 3 * quads] = activate(c3 + b);
        first_x += CONV_RUN * stride;
        to += CONV_RUN * quads;
    }
}
