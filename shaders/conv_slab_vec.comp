#version 450
// y[p, h, w, n] = act(bias[n] + sum over taps (i, j, k) and channels c of
//                     x[p + (i - 1) r, h + (j - 1) r, w + (k - 1) r, c] * W[i, j, k, c, n]), r the dilation
// for the cpu class: few channels, many positions; no shared memory, no barrier. A workgroup is one subgroup of 8 lanes
// and makes 32 positions of a row x CO outputs. A lane owns four positions that lie r apart, so that the six positions
// it fetches per row serve all three taps; shuffles hand one lane's weights to all.
// x [planes, height, width, channels / 4] texels (ONE: a quarter of that, four positions to a texel); w texels by
// conv_slab_pack; sum, y [planes, height, width, outputs]. Positions outside the plane are fetched from texel 0 and
// replaced by zero. Loops of no or one pass stand for branches: masked execution would evaluate both sides.
//! variant c8 CO=8 needs=vec8
//! variant c12 CO=12 needs=vec8
//! variant c16 CO=16 needs=vec8
//! variant one_c8 CO=8 ONE=1 needs=vec8
//! variant one_c12 CO=12 ONE=1 needs=vec8
//! variant one_c16 CO=16 ONE=1 needs=vec8
//! variant head_c8 CO=8 HEAD=1 needs=vec8
//! variant head_c12 CO=12 HEAD=1 needs=vec8
//! variant head_c16 CO=16 HEAD=1 needs=vec8
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#define VEC
#include "conv_slab.h"
#include "act.glsl"
#include "divide.glsl"

layout(local_size_x = CONV_SLAB_LANES) in;
layout(push_constant) uniform Args { conv_slab_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer w;
layout(binding = 2) uniform samplerBuffer sum;
layout(std430, binding = 3) writeonly buffer Y { vec4 y[]; };
layout(std430, binding = 3) writeonly buffer YHalf { uvec2 y_half[]; };

// Output quads of a panel; and, for every output, the lane that fetched its weights (z0..z7) and which fetch (A, B).
#if CO == 8
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1)
#define EACH_OUTPUT(DO, t) \
    DO(t, A, 0, x, z0) DO(t, A, 0, y, z1) DO(t, A, 0, z, z2) DO(t, A, 0, w, z3) \
    DO(t, A, 1, x, z4) DO(t, A, 1, y, z5) DO(t, A, 1, z, z6) DO(t, A, 1, w, z7)
#elif CO == 12
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1) DO(v, 2, z2)
#define EACH_OUTPUT(DO, t) \
    DO(t, A, 0, x, z0) DO(t, A, 0, y, z1) DO(t, A, 0, z, z2) DO(t, A, 0, w, z3) \
    DO(t, A, 1, x, z4) DO(t, A, 1, y, z5) DO(t, A, 1, z, z6) DO(t, A, 1, w, z7) \
    DO(t, B, 2, x, z0) DO(t, B, 2, y, z1) DO(t, B, 2, z, z2) DO(t, B, 2, w, z3)
#else
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1) DO(v, 2, z2) DO(v, 3, z3)
#define EACH_OUTPUT(DO, t) \
    DO(t, A, 0, x, z0) DO(t, A, 0, y, z1) DO(t, A, 0, z, z2) DO(t, A, 0, w, z3) \
    DO(t, A, 1, x, z4) DO(t, A, 1, y, z5) DO(t, A, 1, z, z6) DO(t, A, 1, w, z7) \
    DO(t, B, 2, x, z0) DO(t, B, 2, y, z1) DO(t, B, 2, z, z2) DO(t, B, 2, w, z3) \
    DO(t, B, 3, x, z4) DO(t, B, 3, y, z5) DO(t, B, 3, z, z6) DO(t, B, 3, w, z7)
#endif
#define EACH_POSITION(DO) DO(0) DO(1) DO(2) DO(3)
#define FETCHES ((CO + 7) / 8)                  // of weights, per tap and quad of channels

// A packHalf2x16 may cut; these values have 11 bits already and lose nothing.
vec4 round_half(vec4 v)
{
    precise vec4 scaled = v * 8193.0;
    precise vec4 rest = scaled - v;
    precise vec4 rounded = scaled - rest;
    return rounded;
}

void main()
{
    uint lane = gl_LocalInvocationID.x;
    int dilation = int(a.dilation), width = int(a.width), height = int(a.height);
    int outputs = int(a.outputs / 4u), panels = (int(a.outputs) + CO - 1) / CO;
    uint blocks = div_mod(a.width + a.dilation * CONV_SLAB_RUN - 1u, a.dilation * CONV_SLAB_RUN).x;
    uint slots = blocks * a.dilation, groups = (slots + 7u) / 8u;
    uvec2 by_panel = div_mod(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, uint(panels));
    uvec2 by_group = div_mod(by_panel.x, groups), by_row = div_mod(by_group.x, a.height);
    if (by_row.x >= a.planes)
        return;
    int plane = int(by_row.x), h = int(by_row.y), panel = int(by_panel.y);
    uint slot = by_group.y * 8u + lane;
    uvec2 block = div_mod(slot, a.dilation);
    int first = int(block.y) + int(block.x) * dilation * CONV_SLAB_RUN;
    bool here = slot < slots;
    uint z0 = a.zero, z1 = z0 + 1u, z2 = z0 + 2u, z3 = z0 + 3u, z4 = z0 + 4u, z5 = z0 + 5u, z6 = z0 + 6u, z7 = z0 + 7u;

#define ZERO_QUAD(v, j, lane_) vec4 c##v##_##j = vec4(0.0);
#define ZERO(v) EACH_QUAD(ZERO_QUAD, v)
    EACH_POSITION(ZERO)

    // Where the results go: position v of this lane, in quads of outputs.
    int to = (((int(a.first) + plane) * height + h) * width + first) * outputs + panel * (CO / 4);
    int step_to = dilation * outputs;
#define OK(v) bool ok##v = here && first + v * dilation < width;
    EACH_POSITION(OK)
    for (uint i = 0; i < a.resume; i++) {
#define RESUME_QUAD(v, j, lane_) c##v##_##j = texelFetch(sum, ok##v ? to + v * step_to + j : 0);
#define RESUME(v) EACH_QUAD(RESUME_QUAD, v)
        EACH_POSITION(RESUME)
    }

#ifdef HEAD
    int quads = int(a.channels / 4u);
    int panel_size = CONV_SLAB_BIAS + quads * FETCHES * 8, at_w = panel * panel_size;
    int from = ((int(a.source) + plane) * height + h) * width + first;
#define FROM(v) int i##v = ok##v ? (from + v * dilation) * quads : 0;
    EACH_POSITION(FROM)
    for (int q = 0; q < quads; q++) {
        int wi = at_w + CONV_SLAB_BIAS + q * FETCHES * 8 + int(lane);
        vec4 wA = texelFetch(w, wi);
#if CO > 8
        vec4 wB = texelFetch(w, wi + 8);
#endif
#define LOAD(v) vec4 x##v = texelFetch(x, i##v + q);
        EACH_POSITION(LOAD)
#define ADD(v, j, part) c##v##_##j.part = (((c##v##_##j.part + t.x * x##v.x) + t.y * x##v.y) + t.z * x##v.z) + t.w * x##v.w;
#define OUTPUT(tap, fetched, j, part, lane_) { \
    vec4 t = subgroupShuffle(w##fetched, lane_); \
    ADD(0, j, part) ADD(1, j, part) ADD(2, j, part) ADD(3, j, part) }
        EACH_OUTPUT(OUTPUT, 0)
    }
#else
    // Six positions per row: one before, the lane's four, one behind.
    int before = first - dilation;
#define EACH_SOURCE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define INSIDE(s) int p##s = before + s * dilation; bool in##s = here && p##s >= 0 && p##s < width; p##s = in##s ? p##s : 0;
    EACH_SOURCE(INSIDE)
    int row_first = h < dilation ? 1 : 0, row_end = h + dilation < height ? 3 : 2;
#ifdef ONE
    int quads = 1, panel_size = CONV_SLAB_BIAS + 9 * FETCHES * 8;
#else
    int quads = int(a.channels / 4u), panel_size = CONV_SLAB_BIAS + 9 * quads * 3 * FETCHES * 8;
#endif
    int at_w = panel * panel_size, taps = int(a.taps), tap = int(a.tap), source = int(a.source) + plane;
    for (int i = 0; i < taps; i++)
        for (int j = row_first; j < row_end; j++) {
            int row = ((source + i * dilation) * height + h + (j - 1) * dilation) * width;
#ifdef ONE
            int wi = at_w + CONV_SLAB_BIAS + ((tap + i) * 3 + j) * FETCHES * 8 + int(lane);
            vec4 wA = texelFetch(w, wi);
#if CO > 8
            vec4 wB = texelFetch(w, wi + 8);
#endif
#define LOAD(s) float x##s; { int at = row + p##s; vec4 four = texelFetch(x, at >> 2); \
    vec2 two = (at & 2) != 0 ? four.zw : four.xy; x##s = (at & 1) != 0 ? two.y : two.x; x##s = in##s ? x##s : 0.0; }
            EACH_SOURCE(LOAD)
#define ADD(v, s, u, j, part) c##v##_##j.part = ((c##v##_##j.part + t.x * x##v) + t.y * x##s) + t.z * x##u;
#define OUTPUT(tap_, fetched, j, part, lane_) { \
    vec4 t = subgroupShuffle(w##fetched, lane_); \
    ADD(0, 1, 2, j, part) ADD(1, 2, 3, j, part) ADD(2, 3, 4, j, part) ADD(3, 4, 5, j, part) }
            EACH_OUTPUT(OUTPUT, 0)
#else
            int wi = at_w + CONV_SLAB_BIAS + ((tap + i) * 3 + j) * quads * 3 * FETCHES * 8 + int(lane);
#define AT(s) int i##s = (row + p##s) * quads;
            EACH_SOURCE(AT)
            for (int q = 0; q < quads; q++) {
#define LOAD(s) vec4 x##s = texelFetch(x, i##s + q); x##s = in##s ? x##s : vec4(0.0);
                EACH_SOURCE(LOAD)
#define ADD(v, s, j, part) c##v##_##j.part = (((c##v##_##j.part + t.x * x##s.x) + t.y * x##s.y) + t.z * x##s.z) + t.w * x##s.w;
#define OUTPUT0(tap_, fetched, j, part, lane_) { vec4 t = subgroupShuffle(w##fetched##0, lane_); \
    ADD(0, 0, j, part) ADD(1, 1, j, part) ADD(2, 2, j, part) ADD(3, 3, j, part) }
#define OUTPUT1(tap_, fetched, j, part, lane_) { vec4 t = subgroupShuffle(w##fetched##1, lane_); \
    ADD(0, 1, j, part) ADD(1, 2, j, part) ADD(2, 3, j, part) ADD(3, 4, j, part) }
#define OUTPUT2(tap_, fetched, j, part, lane_) { vec4 t = subgroupShuffle(w##fetched##2, lane_); \
    ADD(0, 2, j, part) ADD(1, 3, j, part) ADD(2, 4, j, part) ADD(3, 5, j, part) }
                vec4 wA0 = texelFetch(w, wi), wA1 = texelFetch(w, wi + 8), wA2 = texelFetch(w, wi + 16);
#if CO > 8
                vec4 wB0 = texelFetch(w, wi + 24), wB1 = texelFetch(w, wi + 32), wB2 = texelFetch(w, wi + 40);
#endif
                EACH_OUTPUT(OUTPUT0, 0)
                EACH_OUTPUT(OUTPUT1, 1)
                EACH_OUTPUT(OUTPUT2, 2)
                wi += 3 * FETCHES * 8;
            }
#endif
        }
#endif

    vec4 high = texelFetch(w, at_w + int(lane)), rest = texelFetch(w, at_w + 8 + int(lane));
    vec4 bias = (high + rest) * float(a.finish);
    float slope = a.slope;
#define FINISH_QUAD(v, j, lane_) { vec4 r = c##v##_##j + subgroupShuffle(bias, lane_); \
    c##v##_##j = mix(slope * r, r, greaterThan(r, vec4(0.0))); }
#define FINISH(v) EACH_QUAD(FINISH_QUAD, v)
    EACH_POSITION(FINISH)
    uint elus = a.finish != 0u && a.act == 10u ? 1u : 0u, gelus = a.finish != 0u && a.act == 2u ? 1u : 0u;
    for (uint i = 0; i < elus; i++) {
#define ELU_QUAD(v, j, lane_) c##v##_##j = act_elu(c##v##_##j);
#define ELU(v) EACH_QUAD(ELU_QUAD, v)
        EACH_POSITION(ELU)
    }
    for (uint i = 0; i < gelus; i++) {
#define GELU_QUAD(v, j, lane_) c##v##_##j = act_gelu(c##v##_##j);
#define GELU(v) EACH_QUAD(GELU_QUAD, v)
        EACH_POSITION(GELU)
    }
    int left = outputs - panel * (CO / 4);          // quads of outputs there are
    for (uint i = 0; i < 1u - a.half_y; i++) {
#define STORE_QUAD(v, j, lane_) if (ok##v && j < left) y[to + v * step_to + j] = c##v##_##j;
#define STORE(v) EACH_QUAD(STORE_QUAD, v)
        EACH_POSITION(STORE)
    }
    for (uint i = 0; i < a.half_y; i++) {
#define HALF_QUAD(v, j, lane_) if (ok##v && j < left) { vec4 r = round_half(c##v##_##j); \
    y_half[to + v * step_to + j] = uvec2(packHalf2x16(r.xy), packHalf2x16(r.zw)); }
#define HALF(v) EACH_QUAD(HALF_QUAD, v)
        EACH_POSITION(HALF)
    }
}
