#version 450
// The sum of conv_slab_vec.comp for every device: implicit GEMM, a workgroup makes 128 positions x 16 outputs; both
// operands pass through shared memory. An invocation owns 4 positions x 4 outputs.
// x [planes, height, width, channels]; w [2 + taps * channels, N]; sum (f32), y [planes, height, width, outputs];
// N is outputs rounded up to 16.
//! variant f32 X_TYPE=float W_TYPE=float Y_TYPE=float
//! variant f16 X_TYPE=float16_t W_TYPE=float16_t Y_TYPE=float16_t F16=1 needs=f16
//! variant f16_sum X_TYPE=float16_t W_TYPE=float16_t Y_TYPE=float F16=1 needs=f16
//! variant f16_first X_TYPE=float W_TYPE=float16_t Y_TYPE=float16_t F16=1 needs=f16
//! variant f16_first_sum X_TYPE=float W_TYPE=float16_t Y_TYPE=float F16=1 needs=f16
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "conv_slab.h"
#include "act.glsl"

layout(local_size_x = CONV_SLAB_LOCAL) in;
layout(push_constant) uniform Args { conv_slab_args a; };
layout(std430, binding = 0) readonly buffer X { X_TYPE x[]; };
layout(std430, binding = 1) readonly buffer W { W_TYPE w[]; };
layout(std430, binding = 2) readonly buffer Sum { float sum[]; };
layout(std430, binding = 3) writeonly buffer Y { Y_TYPE y[]; };

shared float tile_x[CONV_SLAB_STEP][CONV_SLAB_LOCAL];
shared float tile_w[CONV_SLAB_STEP][CONV_SLAB_OUTPUTS];

void load_x(uint step_, uint terms, ivec3 at)
{
    uint id = gl_LocalInvocationID.x;
    int half_ = int(a.kernel / 2u), r = int(a.dilation);
    for (uint i = 0; i < CONV_SLAB_STEP; i++) {
        uint k = step_ + i, tap = k / a.channels, c = k % a.channels, row = tap / a.kernel;
        int z = at.x + int(row / a.kernel) * r;
        int h = at.y + (int(row % a.kernel) - half_) * r, p = at.z + (int(tap % a.kernel) - half_) * r;
        float v = 0.0;
        if (k < terms && at.x >= 0 && h >= 0 && h < int(a.height) && p >= 0 && p < int(a.width))
            v = float(x[uint((z * int(a.height) + h) * int(a.width) + p) * a.channels + c]);
        tile_x[i][id] = v;
    }
}

void load_w(uint step_, uint terms, uint first, uint n)
{
    uint row_size = (a.outputs + CONV_SLAB_OUTPUTS - 1) / CONV_SLAB_OUTPUTS * CONV_SLAB_OUTPUTS;
    for (uint i = gl_LocalInvocationID.x; i < CONV_SLAB_STEP * CONV_SLAB_OUTPUTS; i += CONV_SLAB_LOCAL) {
        uint k = step_ + i / CONV_SLAB_OUTPUTS;
        float v = 0.0;
        if (k < terms)
            v = float(w[(first + k) * row_size + n + i % CONV_SLAB_OUTPUTS]);
        tile_w[i / CONV_SLAB_OUTPUTS][i % CONV_SLAB_OUTPUTS] = v;
    }
}

void store(uint at, uint n, float v)
{
    uint row_size = (a.outputs + CONV_SLAB_OUTPUTS - 1) / CONV_SLAB_OUTPUTS * CONV_SLAB_OUTPUTS;
    uint to = (a.first * a.height * a.width + at) * a.outputs + n;
    if (a.resume != 0u)
        v += sum[to];
    if (a.finish != 0u)
        v = act_apply(v + (float(w[n]) + float(w[row_size + n])), a.act);
    y[to] = Y_TYPE(v);
}

void main()
{
    uint positions = a.planes * a.height * a.width, id = gl_LocalInvocationID.x;
    uint tiles = (positions + CONV_SLAB_LOCAL - 1) / CONV_SLAB_LOCAL;
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint first = group % tiles * CONV_SLAB_LOCAL, n = group / tiles * CONV_SLAB_OUTPUTS;
    if (n >= a.outputs)
        return;
    uint own = first + id;
    ivec3 at = ivec3(own / a.width / a.height + a.source, own / a.width % a.height, own % a.width);
    if (own >= positions)
        at.x = -1;
    uint area = a.kernel * a.kernel, terms = a.taps * area * a.channels, first_term = 2 + a.tap * area * a.channels;
    uint p = id % 32, o = id / 32 * 4;
    vec4 c[4];
    for (int i = 0; i < 4; i++)
        c[i] = vec4(0.0);
    for (uint step_ = 0; step_ < terms; step_ += CONV_SLAB_STEP) {
        barrier();
        load_x(step_, terms, at);
        load_w(step_, terms, first_term, n);
        barrier();
        for (uint k = 0; k < CONV_SLAB_STEP; k++) {
            vec4 b = vec4(tile_w[k][o], tile_w[k][o + 1], tile_w[k][o + 2], tile_w[k][o + 3]);
            for (int i = 0; i < 4; i++)
                c[i] += tile_x[k][p + 32 * i] * b;
        }
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            if (first + p + 32 * i < positions && n + o + j < a.outputs)
                store(first + p + 32 * i, n + o + j, c[i][j]);
}
