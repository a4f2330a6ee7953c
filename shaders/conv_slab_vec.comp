#version 450
// y[p, h, w, n] = act(bias[n] + sum over taps (i, j, k) of x[p + (i - 1) r, h + (j - 1) r, w + (k - 1) r] * W[i, j, k, n]),
// r the dilation, of a single channel; or, HEAD, of many channels and one tap. For the cpu class: few channels, many
// positions; no shared memory, no barrier. A workgroup is one subgroup of 8 lanes and makes 32 positions of a row x CO
// outputs. A lane owns four positions that lie r apart, so that the six positions it fetches per row serve all three taps;
// shuffles hand one lane's weights to all.
// x [planes, height, width] / 4 texels (HEAD: [planes, height, width, channels / 4]); w texels by conv_slab_pack; sum, y
// [planes, height, width, outputs]. Positions outside the plane are fetched from texel 0 and replaced by zero.
//! variant one_c8 CO=8 needs=vec8
//! variant one_c12 CO=12 needs=vec8
//! variant one_c16 CO=16 needs=vec8
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
#include "conv_slab.glsl"

#define EACH_POSITION(DO) DO(0) DO(1) DO(2) DO(3)
#define FETCHES ((CO + 7) / 8)                  // of weights, per row of taps; of one tap, per quad of channels
#if CO == 8
#define EACH_OUTPUT(DO) LOW(DO, 0, wA, 0) HIGH(DO, 0, wA, 1)
#elif CO == 12
#define EACH_OUTPUT(DO) LOW(DO, 0, wA, 0) HIGH(DO, 0, wA, 1) LOW(DO, 0, wB, 2)
#else
#define EACH_OUTPUT(DO) LOW(DO, 0, wA, 0) HIGH(DO, 0, wA, 1) LOW(DO, 0, wB, 2) HIGH(DO, 0, wB, 3)
#endif

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
    LANES()

#define ZERO_QUAD(v, j, lane_) vec4 c##v##_##j = vec4(0.0);
#define ZERO(v) EACH_QUAD(ZERO_QUAD, v)
    EACH_POSITION(ZERO)

    // Where the results go: position v of this lane, in quads of outputs.
    int to = (((int(a.first) + plane) * height + h) * width + first) * outputs + panel * (CO / 4);
    int step_to = dilation * outputs;
#define OK(v) bool ok##v = here && first + v * dilation < width;
    EACH_POSITION(OK)
    if (RESUME) {
#define RESUME_QUAD(v, j, lane_) c##v##_##j = texelFetch(sum, ok##v ? to + v * step_to + j : 0);
#define RESUME_ALL(v) EACH_QUAD(RESUME_QUAD, v)
        EACH_POSITION(RESUME_ALL)
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
#define OUTPUT(tap_, fetched, j, part, lane_) { vec4 t = subgroupShuffle(fetched, lane_); \
    ADD(0, j, part) ADD(1, j, part) ADD(2, j, part) ADD(3, j, part) }
        EACH_OUTPUT(OUTPUT)
    }
#else
    // Six positions per row: one before, the lane's four, one behind.
    int before = first - dilation;
#define EACH_SOURCE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define INSIDE(s) int p##s = before + s * dilation; bool in##s = here && p##s >= 0 && p##s < width; p##s = in##s ? p##s : 0;
    EACH_SOURCE(INSIDE)
    int row_first = h < dilation ? 1 : 0, row_end = h + dilation < height ? 3 : 2;
    int panel_size = CONV_SLAB_BIAS + 9 * FETCHES * 8;
    int at_w = panel * panel_size, taps = int(a.taps), tap = int(a.tap), source = int(a.source) + plane;
    for (int i = 0; i < taps; i++)
        for (int j = row_first; j < row_end; j++) {
            int row = ((source + i * dilation) * height + h + (j - 1) * dilation) * width;
            int wi = at_w + CONV_SLAB_BIAS + ((tap + i) * 3 + j) * FETCHES * 8 + int(lane);
            vec4 wA = texelFetch(w, wi);
#if CO > 8
            vec4 wB = texelFetch(w, wi + 8);
#endif
#define LOAD(s) float x##s; { int at = row + p##s; vec4 four = texelFetch(x, at >> 2); \
    vec2 two = (at & 2) != 0 ? four.zw : four.xy; x##s = (at & 1) != 0 ? two.y : two.x; x##s = in##s ? x##s : 0.0; }
            EACH_SOURCE(LOAD)
#define ADD(v, s, u, j, part) c##v##_##j.part = ((c##v##_##j.part + t.x * x##v) + t.y * x##s) + t.z * x##u;
#define OUTPUT(tap_, fetched, j, part, lane_) { vec4 t = subgroupShuffle(fetched, lane_); \
    ADD(0, 1, 2, j, part) ADD(1, 2, 3, j, part) ADD(2, 3, 4, j, part) ADD(3, 4, 5, j, part) }
            EACH_OUTPUT(OUTPUT)
        }
#endif

    vec4 bias = fetch_bias(at_w + int(lane));
    int left = outputs - panel * (CO / 4);          // quads of outputs there are
#define BIAS(v, j, lane_) vec4 b##j = subgroupShuffle(bias, lane_);
    EACH_QUAD(BIAS, 0)
#define STORE_QUAD(v, j, lane_) store(ok##v && j < left, to + v * step_to + j, activate(c##v##_##j + b##j));
#define STORE(v) EACH_QUAD(STORE_QUAD, v)
    EACH_POSITION(STORE)
}
