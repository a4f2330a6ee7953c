#version 450
// y[b, o, n] = act(bias[n] + sum over taps t and channels c of x[b, o * stride - pad + t * dilation, c] * w[t, c, n])
// Implicit GEMM: a workgroup makes 64 positions x 64 outputs of one group; both operands pass through shared memory.
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

shared float tile_x[CONV_STEP][CONV_TILE + 4];
shared float tile_w[CONV_STEP][CONV_TILE];
shared ivec4 origin[CONV_TILE];         // batch * in_d, then the input position of tap 0

const int OUTSIDE = -0x40000000;

void find_origins(uint first)
{
    uint i = gl_LocalInvocationID.x;
    if (i < CONV_TILE) {
        ivec4 at = conv_position(first + i, a.out_d, a.out_h, a.out_w);
        ivec3 stride = ivec3(a.stride_d, a.stride_h, a.stride_w);
        origin[i] = ivec4(at.x * int(a.in_d), at.yzw * stride - ivec3(a.pad_d, a.pad_h, a.pad_w));
        if (first + i >= a.pixels)
            origin[i].y = OUTSIDE;
    }
}

void load_x(uint step, uint terms, uint channel)
{
    uint id = gl_LocalInvocationID.x, column = id % CONV_STEP, k = step + column;
    uint tap = k / a.group_channels, c = k % a.group_channels, row = tap / a.kernel_w;
    ivec3 size = ivec3(a.in_d, a.in_h, a.in_w), dilation = ivec3(a.dilation_d, a.dilation_h, a.dilation_w);
    ivec3 offset = ivec3(row / a.kernel_h, row % a.kernel_h, tap % a.kernel_w) * dilation;
    for (uint p = id / CONV_STEP; p < CONV_TILE; p += CONV_LOCAL / CONV_STEP) {
        ivec4 from = origin[p];
        ivec3 at = from.yzw + offset;
        float v = 0.0;
        if (k < terms && all(greaterThanEqual(at, ivec3(0))) && all(lessThan(at, size)))
            v = x[uint(((from.x + at.x) * size.y + at.y) * size.z + at.z) * a.channels + channel + c];
        tile_x[column][p] = v;
    }
}

void load_w(uint step, uint terms, uint group, uint first)
{
    uint n = gl_LocalInvocationID.x % CONV_TILE;
    for (uint i = gl_LocalInvocationID.x / CONV_TILE; i < CONV_STEP; i += CONV_LOCAL / CONV_TILE) {
        float v = 0.0;
        if (step + i < terms && first + n < a.group_outputs)
            v = float(w[(step + i) * a.outputs + group * a.group_outputs + first + n]);
        tile_w[i][n] = v;
    }
}

void main()
{
    uint pixel_tiles = (a.pixels + CONV_TILE - 1) / CONV_TILE;
    uint output_tiles = (a.group_outputs + CONV_TILE - 1) / CONV_TILE;
    uint tile = conv_workgroup();
    if (tile >= pixel_tiles * output_tiles * (a.channels / a.group_channels))
        return;
    uint first_pixel = tile % pixel_tiles * CONV_TILE;
    uint first_output = tile / pixel_tiles % output_tiles * CONV_TILE;
    uint group = tile / pixel_tiles / output_tiles;
    uint terms = a.kernel_d * a.kernel_h * a.kernel_w * a.group_channels;
    uint column = gl_LocalInvocationID.x % 16 * 4, row = gl_LocalInvocationID.x / 16 * 8;
    vec4 sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = vec4(0.0);

    find_origins(first_pixel);
    for (uint step = 0; step < terms; step += CONV_STEP) {
        barrier();
        load_x(step, terms, group * a.group_channels);
        load_w(step, terms, group, first_output);
        barrier();
        for (uint k = 0; k < CONV_STEP; k++) {
            vec4 b = vec4(tile_w[k][column], tile_w[k][column + 1], tile_w[k][column + 2], tile_w[k][column + 3]);
            for (int i = 0; i < 8; i++)
                sum[i] += tile_x[k][row + i] * b;
        }
    }

    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) {
            uint pixel = first_pixel + row + i, n = first_output + column + j;
            if (pixel < a.pixels && n < a.group_outputs) {
                n += group * a.group_outputs;
                float v = sum[i][j] + (a.has_bias != 0u ? bias[n] : 0.0);
                y[pixel * a.outputs + n] = act_apply(v, a.act);
            }
        }
}
