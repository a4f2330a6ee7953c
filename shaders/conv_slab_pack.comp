#version 450
// Weights and bias for conv_slab and conv_slab_vec, of w [outputs, channels, taps] and bias [outputs] (f32); zero
// outside w. A bias in f16 is two numbers, its rounded value and the rest.
// vec: y [panels][16 texels of bias: 8 high, 8 rest][taps / 3][stored / 4][fetches][3 taps][8 texels of 4 channels of an
//   output], taps / 3 and [3] only when taps is 27; a single channel: [taps / 3][fetches][8 texels: 3 taps of an output].
// tile: y [2 rows of bias][taps][stored] x width.
//! variant f32 Y_TYPE=float
//! variant f16 Y_TYPE=float16_t F16=1 needs=f16
//! variant vec_f32 Y_TYPE=float PANELS=1
//! variant vec_f16 Y_TYPE=float16_t F16=1 PANELS=1 needs=f16
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

float bias_part(uint n, bool rest)
{
    float b = n < a.outputs && a.has_bias != 0u ? bias[n] : 0.0;
    return rest ? b - float(Y_TYPE(b)) : b;
}

#ifdef PANELS
float value(uint i)
{
    uint fetches = (a.width + 7) / 8, quads = (a.stored + 3) / 4, rows = a.taps == 1 ? 1 : 9;
    uint across = a.taps == 1 || a.stored == 1 ? 1 : 3;             // taps of a row that have texels of their own
    uint panel_size = (CONV_SLAB_BIAS + rows * quads * fetches * across * 8) * 4;
    uint n = i / panel_size * a.width, at = i % panel_size, part = at % 4, texel = at / 4;
    if (texel < CONV_SLAB_BIAS) {
        uint j = texel % 8 * 4 + part;
        return j < a.width ? bias_part(n + j, texel >= 8) : 0.0;
    }
    texel -= CONV_SLAB_BIAS;
    uint lane = texel % 8, block = texel / 8;
    uint tap = block % across, fetch = block / across % fetches, row = block / across / fetches;
    uint q = row % quads, output_ = fetch * 8 + lane;
    if (output_ >= a.width)
        return 0.0;
    if (a.taps == 1)
        return weight(n + output_, q * 4 + part, 0);
    if (a.stored == 1)
        return part < 3 ? weight(n + output_, 0, row / quads * 3 + part) : 0.0;
    return weight(n + output_, q * 4 + part, row / quads * 3 + tap);
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
