#version 450
// The sum of conv.comp for the cpu class: dense convolution as implicit GEMM without shared memory or barriers.
// A workgroup is one subgroup of 8 lanes and makes 16 positions x 32 outputs. Lane l fetches four channels of positions
// l and 8 + l and owns output columns 4 l .. 4 l + 3; shuffles hand every position's value to all lanes.
// x [pixels_in, channels / 4] texels; w [panels, taps * channels, 8] texels; y [pixels, outputs].
// Positions outside x are fetched from texel 0 and replaced by zero. The chosen lane is pc.zero + i, which the compiler
// cannot fold: a constant index would become a slow broadcast on llvmpipe.
// Masked execution would evaluate every case of a switch, so GELU is a variant; the rest are one slope for v < 0.
//! variant f32 needs=vec8
//! variant f16 needs=vec8,f16
//! variant f32_gelu GELU=1 needs=vec8
//! variant f16_gelu GELU=1 needs=vec8,f16
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#define VEC
#include "conv.h"
#include "conv.glsl"

layout(local_size_x = CONV_LANES) in;
layout(push_constant) uniform Args { conv_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer w;
layout(std430, binding = 2) readonly buffer Bias { float bias[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
layout(std430, binding = 3) writeonly buffer YQuads { vec4 y_quads[]; };

#define EACH_ROW(DO) \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

vec4 activate(vec4 v)
{
#ifdef GELU
    return act_gelu(v);
#else
    return mix(a.slope * v, v, greaterThan(v, vec4(0.0)));
#endif
}

vec4 bias_of(uint n)
{
    vec4 b = vec4(0.0);
    if (a.has_bias != 0u)
        for (uint j = 0; j < 4; j++)
            if (n + j < a.outputs)
                b[j] = bias[n + j];
    return b;
}

void store(uint pixel, uint n, vec4 v)
{
    if (pixel >= a.pixels || n >= a.outputs)
        return;
    uint at = pixel * a.outputs + n;
    if (a.outputs % 4u == 0u) {
        y_quads[at / 4u] = v;
        return;
    }
    y[at] = v.x;
    if (n + 1 < a.outputs)
        y[at + 1] = v.y;
    if (n + 2 < a.outputs)
        y[at + 2] = v.z;
    if (n + 3 < a.outputs)
        y[at + 3] = v.w;
}

void main()
{
    uint lane = gl_LocalInvocationID.x;
    uint tiles = (a.pixels + CONV_ROWS - 1) / CONV_ROWS, panels = (a.outputs + CONV_PANEL - 1) / CONV_PANEL;
    uvec2 tile = div_mod(conv_workgroup(), tiles);
    if (tile.x >= panels)
        return;
    uint pixel = tile.y * CONV_ROWS, panel = tile.x;
    int quads = int(a.channels / 4u), kernel_w = int(a.kernel_w), kernel_h = int(a.kernel_h);
    int taps = int(a.kernel_d) * kernel_h * kernel_w;
    ivec3 size = ivec3(a.in_d, a.in_h, a.in_w), dilation = ivec3(a.dilation_d, a.dilation_h, a.dilation_w);
    ivec3 stride = ivec3(a.stride_d, a.stride_h, a.stride_w), pad = ivec3(a.pad_d, a.pad_h, a.pad_w);
    // Positions beyond the last repeat it; store() drops them.
    ivec4 at0 = conv_position(min(pixel + lane, a.pixels - 1u), a.out_d, a.out_h, a.out_w);
    ivec4 at1 = conv_position(min(pixel + 8u + lane, a.pixels - 1u), a.out_d, a.out_h, a.out_w);
    ivec3 first0 = at0.yzw * stride - pad, first1 = at1.yzw * stride - pad;
    int at_w = int(panel) * taps * quads * CONV_PANEL + int(lane);
    uint z0 = a.zero, z1 = z0 + 1u, z2 = z0 + 2u, z3 = z0 + 3u, z4 = z0 + 4u, z5 = z0 + 5u, z6 = z0 + 6u, z7 = z0 + 7u;
#define ZERO(i) vec4 c##i = vec4(0.0);
    EACH_ROW(ZERO)

    ivec3 at_tap = ivec3(0);
    for (int tap = 0; tap < taps; tap++) {
        ivec3 offset = at_tap * dilation;
        ivec3 p0 = first0 + offset, p1 = first1 + offset;
        bool in0 = all(greaterThanEqual(p0, ivec3(0))) && all(lessThan(p0, size));
        bool in1 = all(greaterThanEqual(p1, ivec3(0))) && all(lessThan(p1, size));
        int from0 = in0 ? (((at0.x * size.x + p0.x) * size.y + p0.y) * size.z + p0.z) * quads : 0;
        int from1 = in1 ? (((at1.x * size.x + p1.x) * size.y + p1.y) * size.z + p1.z) * quads : 0;
        for (int q = 0; q < quads; q++) {
            vec4 b0 = texelFetch(w, at_w), b1 = texelFetch(w, at_w + 8);
            vec4 b2 = texelFetch(w, at_w + 16), b3 = texelFetch(w, at_w + 24);
            vec4 a0 = texelFetch(x, from0 + q), a1 = texelFetch(x, from1 + q);
            a0 = in0 ? a0 : vec4(0.0);
            a1 = in1 ? a1 : vec4(0.0);
#define ROW(i, from, row_lane) \
    { \
        float v0 = subgroupShuffle(from.x, row_lane), v1 = subgroupShuffle(from.y, row_lane); \
        float v2 = subgroupShuffle(from.z, row_lane), v3 = subgroupShuffle(from.w, row_lane); \
        c##i = (((c##i + v0 * b0) + v1 * b1) + v2 * b2) + v3 * b3; \
    }
            ROW(0, a0, z0) ROW(1, a0, z1) ROW(2, a0, z2) ROW(3, a0, z3) ROW(4, a0, z4) ROW(5, a0, z5) ROW(6, a0, z6)
            ROW(7, a0, z7) ROW(8, a1, z0) ROW(9, a1, z1) ROW(10, a1, z2) ROW(11, a1, z3) ROW(12, a1, z4) ROW(13, a1, z5)
            ROW(14, a1, z6) ROW(15, a1, z7)
            at_w += CONV_PANEL;
        }
        at_tap.z++;
        if (at_tap.z == kernel_w)
            at_tap = ivec3(at_tap.x, at_tap.y + 1, 0);
        if (at_tap.y == kernel_h)
            at_tap = ivec3(at_tap.x + 1, 0, 0);
    }

    uint n = panel * CONV_PANEL + lane * 4;
    vec4 b = bias_of(n);
#define STORE(i) store(pixel + i, n, activate(c##i + b));
    EACH_ROW(STORE)
}
