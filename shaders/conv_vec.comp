#version 450
// The sum of conv.comp for the cpu class: dense convolution as implicit GEMM without shared memory or barriers.
// A workgroup is one subgroup of 8 lanes and makes 16 (wide: 32) positions x 32 outputs. Lane l fetches four channels of
// positions l, 8 + l, ... and owns output columns 4 l .. 4 l + 3; shuffles hand every position's value to all lanes.
// A loop-carried value costs its driver a masked blend per iteration, so wide takes eight channels at a time.
// x [pixels_in, channels / 4] texels; w [panels, taps * channels, 8] texels; y [pixels, outputs].
// Positions outside x are fetched from texel 0 and replaced by zero. The chosen lane is pc.zero + i, which the compiler
// cannot fold: a constant index would become a slow broadcast on llvmpipe.
// Masked execution would evaluate every case of a switch, so GELU is a variant; the rest are one slope for v < 0.
//! variant f32 needs=vec8
//! variant f16 needs=vec8,f16
//! variant f32_gelu GELU=1 needs=vec8
//! variant f16_gelu GELU=1 needs=vec8,f16
//! variant wide WIDE=1 needs=vec8
//! variant wide_gelu WIDE=1 GELU=1 needs=vec8
//! variant wide_half WIDE=1 HALF=1 needs=vec8,f16
//! variant wide_half_gelu WIDE=1 HALF=1 GELU=1 needs=vec8,f16
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#define VEC
#include "conv.h"
#include "conv.glsl"
#include "rows16.glsl"
#include "touch.glsl"

layout(local_size_x = CONV_LANES) in;
layout(push_constant) uniform Args { conv_args a; };
#ifdef WIDE
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
#define LOAD_X(i) imageLoad(x, i)
#else
layout(binding = 0) uniform samplerBuffer x;
#define LOAD_X(i) texelFetch(x, i)
#endif
#if defined(WIDE) && !defined(HALF)
layout(binding = 1, rgba32f) readonly uniform imageBuffer w;
#define LOAD_W(i) imageLoad(w, i)
#else
layout(binding = 1) uniform samplerBuffer w;
#define LOAD_W(i) texelFetch(w, i)
#endif
layout(std430, binding = 2) readonly buffer Bias { float bias[]; };
layout(std430, binding = 3) writeonly buffer Y { float y[]; };
#ifdef WIDE
layout(std430, binding = 3) buffer YQuads { vec4 y_quads[]; };
#else
layout(std430, binding = 3) writeonly buffer YQuads { vec4 y_quads[]; };
#endif

#ifdef WIDE
#define TILE CONV_WIDE_ROWS
#define EACH_ROW ROWS32
#define EACH_BLOCK(F) F(0) F(1) F(2) F(3)
#else
#define TILE CONV_ROWS
#define EACH_ROW ROWS16
#define EACH_BLOCK(F) F(0) F(1)
#endif

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
    uint tiles = (a.pixels + TILE - 1) / TILE, panels = (a.outputs + CONV_PANEL - 1) / CONV_PANEL;
    uvec2 tile = div_mod(conv_workgroup(), tiles);
    if (tile.x >= panels)
        return;
    uint pixel = tile.y * TILE, panel = tile.x;
    int quads = int(a.channels / 4u), kernel_w = int(a.kernel_w), kernel_h = int(a.kernel_h);
    int taps = int(a.kernel_d) * kernel_h * kernel_w;
    ivec3 size = ivec3(a.in_d, a.in_h, a.in_w), dilation = ivec3(a.dilation_d, a.dilation_h, a.dilation_w);
    ivec3 stride = ivec3(a.stride_d, a.stride_h, a.stride_w), pad = ivec3(a.pad_d, a.pad_h, a.pad_w);
    // Positions beyond the last repeat it; store() drops them.
#define START(b) \
    ivec4 at##b = conv_position(min(pixel + 8u * uint(b) + lane, a.pixels - 1u), a.out_d, a.out_h, a.out_w); \
    ivec3 first##b = at##b.yzw * stride - pad;
    EACH_BLOCK(START)
    int at_w = int(panel) * taps * quads * CONV_PANEL + int(lane);
    uint z0 = a.zero, z1 = z0 + 1u, z2 = z0 + 2u, z3 = z0 + 3u, z4 = z0 + 4u, z5 = z0 + 5u, z6 = z0 + 6u, z7 = z0 + 7u;
#define ZERO(i, b, r) vec4 c##i = vec4(0.0);
    EACH_ROW(ZERO)

    uint n = panel * CONV_PANEL + lane * 4;
#ifdef WIDE
    if (a.outputs % 4u == 0u) {         // the lines of y, fetched while products are summed (touch.glsl)
        uint begin = (pixel + lane) * (a.outputs / 4u) + panel * (CONV_PANEL / 4u), touched = 0u;
#define TOUCH_BLOCK(b) touched |= TOUCH_TWO(y_quads, begin + uint(b) * 2u * a.outputs);
        EACH_BLOCK(TOUCH_BLOCK)
        n += touched & a.zero;
    }
#endif
    ivec3 at_tap = ivec3(0);
    for (int tap = 0; tap < taps; tap++) {
        ivec3 offset = at_tap * dilation;
#define FIND(b) \
        ivec3 p##b = first##b + offset; \
        bool in##b = all(greaterThanEqual(p##b, ivec3(0))) && all(lessThan(p##b, size)); \
        int from##b = in##b ? (((at##b.x * size.x + p##b.x) * size.y + p##b.y) * size.z + p##b.z) * quads : 0;
        EACH_BLOCK(FIND)
#define FETCH(b) vec4 a##b = LOAD_X(from##b + q); a##b = in##b ? a##b : vec4(0.0);
#define MULTIPLY(i, b, r) { \
        float v0 = subgroupShuffle(a##b.x, z##r), v1 = subgroupShuffle(a##b.y, z##r); \
        float v2 = subgroupShuffle(a##b.z, z##r), v3 = subgroupShuffle(a##b.w, z##r); \
        c##i = (((c##i + v0 * b0) + v1 * b1) + v2 * b2) + v3 * b3; }
#define STEP { \
            vec4 b0 = LOAD_W(at_w), b1 = LOAD_W(at_w + 8), b2 = LOAD_W(at_w + 16), b3 = LOAD_W(at_w + 24); \
            EACH_BLOCK(FETCH) \
            EACH_ROW(MULTIPLY) \
            q++; \
            at_w += CONV_PANEL; }
        for (int q = 0; q < quads;) {
            STEP
#ifdef WIDE
            STEP                                        // channels are whole eights
#endif
        }
        at_tap.z++;
        if (at_tap.z == kernel_w)
            at_tap = ivec3(at_tap.x, at_tap.y + 1, 0);
        if (at_tap.y == kernel_h)
            at_tap = ivec3(at_tap.x + 1, 0, 0);
    }

    vec4 added = bias_of(n);
#define STORE(i, b, r) store(pixel + i, n, activate(c##i + added));
    EACH_ROW(STORE)
}
