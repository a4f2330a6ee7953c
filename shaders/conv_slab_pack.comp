#version 450
// Weights and bias for the kernels of conv_slab, of w [outputs, channels, taps] and bias [outputs] (f32); zero
// outside w. A bias in f16 is two numbers, its rounded value and the rest.
// vec: y [panels][16 texels of bias: 8 high, 8 rest], then of a single tap [stored / 4][fetches][8 texels: 4 channels of an
//   output], of a single channel [taps / 3][fetches][8 texels: 3 taps of an output].
// winograd: y [panels][16 texels of bias][3 depth taps][4 row terms][stored / 4][4 column terms][width texels], f32; with
//   F16 of weights that were rounded before they became terms.
// tile: y [2 rows of bias][taps][stored] x width.
//! variant f32 Y_TYPE=float
//! variant f16 Y_TYPE=float16_t F16=1 needs=f16
//! variant vec_f32 Y_TYPE=float PANELS=1
//! variant vec_f16 Y_TYPE=float16_t F16=1 PANELS=1 needs=f16
//! variant winograd_f32 Y_TYPE=float WINOGRAD=1
//! variant winograd_f16 Y_TYPE=float F16=1 WINOGRAD=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv_slab.h"

layout(local_size_x = CONV_SLAB_LOCAL) in;
layout(push_constant) uniform Args { conv_slab_pack_args a; };
layout(std430, binding = 0) readonly buffer W { float w[]; };
layout(std430, binding = 1) readonly buffer Bias { float bias[]; };
layout(std430, binding = 2) writeonly buffer Y { Y_TYPE y[]; };

float weight(uint n, uint c, uint tap)
{
    return n < a.outputs && c < a.channels && tap < a.taps ? w[(n * a.channels + c) * a.taps + tap] : 0.0;
}

// What f16 makes of v, by its bits: a compiler may take float(float16_t(v)) for v.
float rounded(float v)
{
#ifdef F16
    return unpackHalf2x16(packHalf2x16(vec2(v, 0.0))).x;
#else
    return v;
#endif
}

float bias_part(uint n, bool rest)
{
    float b = n < a.outputs && a.has_bias != 0u ? bias[n] : 0.0;
    return rest ? b - rounded(b) : b;
}

#ifdef WINOGRAD
// Of three taps, what term u of four multiplies.
float term(uint u, float g0, float g1, float g2)
{
    return u == 0 ? g0 : u == 3 ? g2 : 0.5 * (u == 1 ? g0 + g1 + g2 : g0 - g1 + g2);
}

float value(uint i)
{
    uint quads = (a.stored + 3) / 4, panel_size = (CONV_SLAB_BIAS + 12 * quads * 4 * a.width) * 4;
    uint n = i / panel_size * a.width, at = i % panel_size, part = at % 4, texel = at / 4;
    if (texel < CONV_SLAB_BIAS) {
        uint j = texel % 8 * 4 + part;
        return j < a.width && texel < 8 ? bias_part(n + j, false) : 0.0;
    }
    texel -= CONV_SLAB_BIAS;
    uint of_row = 4 * a.width, block = texel / of_row, c = block % quads * 4 + part, k = block / quads % 4;
    uint u = texel % of_row / a.width, tap = block / quads / 4 * 9;
    n += texel % a.width;
    float row[3];
    for (uint j = 0; j < 3; j++, tap += 3)
        row[j] = term(u, rounded(weight(n, c, tap)), rounded(weight(n, c, tap + 1)), rounded(weight(n, c, tap + 2)));
    return term(k, row[0], row[1], row[2]);
}
#elif defined(PANELS)
float value(uint i)
{
    uint fetches = (a.width + 7) / 8, steps = a.taps == 1 ? (a.stored + 3) / 4 : a.taps / 3;
    uint panel_size = (CONV_SLAB_BIAS + steps * fetches * 8) * 4;
    uint n = i / panel_size * a.width, at = i % panel_size, part = at % 4, texel = at / 4;
    if (texel < CONV_SLAB_BIAS) {
        uint j = texel % 8 * 4 + part;
        return j < a.width ? bias_part(n + j, texel >= 8) : 0.0;
    }
    texel -= CONV_SLAB_BIAS;
    uint step_ = texel / 8 / fetches, output_ = texel % (8 * fetches);
    if (output_ >= a.width)
        return 0.0;
    if (a.taps == 1)
        return weight(n + output_, step_ * 4 + part, 0);
    return part < 3 ? weight(n + output_, 0, step_ * 3 + part) : 0.0;
}
#else
float value(uint i)
{
    uint n = i % a.width, row = i / a.width;
    if (row < 2)
        return bias_part(n, row == 1);
    return weight(n, (row - 2) % a.stored, (row - 2) / a.stored);
}
#endif

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * CONV_SLAB_LOCAL + gl_LocalInvocationID.x;
    if (i < a.count)
        y[i] = Y_TYPE(value(i));
}
