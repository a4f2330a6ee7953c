#version 450
// A 3x3x3 conv_slab with fewer products, for the cpu class: along columns and along rows two outputs cost four products
// instead of six (Winograd's F(2, 3)); depth taps are summed as they are. A workgroup is one subgroup of 8 lanes and makes
// 2 rows, a dilation apart, x 64 positions x CO outputs; a lane owns four pairs of positions, all a dilation apart. No
// shared memory, no barrier; shuffles hand one lane's weights to all.
// Of source rows d0..d3 the terms are d0 - d2, d1 + d2, d1 - d2, d1 - d3, one at a time; of columns likewise, all at once.
// x [planes, height, width, channels / 4] texels; w texels by conv_slab_pack; sum, y [planes, height, width, outputs].
// Positions outside the plane are fetched from texel 0 and replaced by zero.
//! variant c8 CO=8 needs=vec8
//! variant c12 CO=12 needs=vec8
//! variant c16 CO=16 needs=vec8
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#define VEC
#include "conv_slab.h"
#include "act.glsl"
#include "divide.glsl"
#include "conv_slab.glsl"

#define RUN uint(CONV_SLAB_WIDE)
#define EACH_PAIR(DO) DO(0, 0, 1, 2, 3) DO(1, 2, 3, 4, 5) DO(2, 4, 5, 6, 7) DO(3, 6, 7, 8, 9)   // and its sources
#define EACH_POSITION(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define EACH_SOURCE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9)

// The outputs of column term u: a texel of weights each, one behind the other through all four terms. Fetches stand
// where they are first used: the compiler moves nothing across them, which keeps its spills few.
#define FETCH(f, n) vec4 f = texelFetch(w, wi + n * 8);
#if CO == 8
#define FETCHES 4
#define TERM0(DO) FETCH(w0, 0) LOW(DO, 0, w0, 0) HIGH(DO, 0, w0, 1)
#define TERM1(DO) FETCH(w1, 1) LOW(DO, 1, w1, 0) HIGH(DO, 1, w1, 1)
#define TERM2(DO) FETCH(w2, 2) LOW(DO, 2, w2, 0) HIGH(DO, 2, w2, 1)
#define TERM3(DO) FETCH(w3, 3) LOW(DO, 3, w3, 0) HIGH(DO, 3, w3, 1)
#elif CO == 12
#define FETCHES 6
#define TERM0(DO) FETCH(w0, 0) LOW(DO, 0, w0, 0) HIGH(DO, 0, w0, 1) FETCH(w1, 1) LOW(DO, 0, w1, 2)
#define TERM1(DO) HIGH(DO, 1, w1, 0) FETCH(w2, 2) LOW(DO, 1, w2, 1) HIGH(DO, 1, w2, 2)
#define TERM2(DO) FETCH(w3, 3) LOW(DO, 2, w3, 0) HIGH(DO, 2, w3, 1) FETCH(w4, 4) LOW(DO, 2, w4, 2)
#define TERM3(DO) HIGH(DO, 3, w4, 0) FETCH(w5, 5) LOW(DO, 3, w5, 1) HIGH(DO, 3, w5, 2)
#else
#define FETCHES 8
#define TERM0(DO) FETCH(w0, 0) LOW(DO, 0, w0, 0) HIGH(DO, 0, w0, 1) FETCH(w1, 1) LOW(DO, 0, w1, 2) HIGH(DO, 0, w1, 3)
#define TERM1(DO) FETCH(w2, 2) LOW(DO, 1, w2, 0) HIGH(DO, 1, w2, 1) FETCH(w3, 3) LOW(DO, 1, w3, 2) HIGH(DO, 1, w3, 3)
#define TERM2(DO) FETCH(w4, 4) LOW(DO, 2, w4, 0) HIGH(DO, 2, w4, 1) FETCH(w5, 5) LOW(DO, 2, w5, 2) HIGH(DO, 2, w5, 3)
#define TERM3(DO) FETCH(w6, 6) LOW(DO, 3, w6, 0) HIGH(DO, 3, w6, 1) FETCH(w7, 7) LOW(DO, 3, w7, 2) HIGH(DO, 3, w7, 3)
#endif

void main()
{
    uint lane = gl_LocalInvocationID.x;
    int dilation = int(a.dilation), width = int(a.width), height = int(a.height);
    int outputs = int(a.outputs / 4u), panels = (int(a.outputs) + CO - 1) / CO, quads = int(a.channels / 4u);
    uint slots = div_mod(a.width + a.dilation * RUN - 1u, a.dilation * RUN).x * a.dilation, groups = (slots + 7u) / 8u;
    uint pairs = div_mod(a.height + a.dilation * 2u - 1u, a.dilation * 2u).x * a.dilation;
    // A few rows of all planes before the next few: a cache holds what they share.
    uvec2 by_panel = div_mod(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, uint(panels));
    uvec2 by_group = div_mod(by_panel.x, groups), by_pair = div_mod(by_group.x, CONV_SLAB_BAND);
    uvec2 by_plane = div_mod(by_pair.x, a.planes);
    uint pair = by_plane.x * CONV_SLAB_BAND + by_pair.y, slot = by_group.y * 8u + lane;
    if (pair >= pairs)
        return;
    int plane = int(by_plane.y), panel = int(by_panel.y);
    uvec2 down = div_mod(pair, a.dilation), across = div_mod(slot, a.dilation);
    int h = int(down.y) + int(down.x) * dilation * 2, first = int(across.y) + int(across.x) * dilation * int(RUN);
    bool here = slot < slots && h < height, second = h + dilation < height;
    LANES()

    // Where the results go: position v of either row, in quads of outputs.
    int to = (((int(a.first) + plane) * height + h) * width + first) * outputs + panel * (CO / 4);
    int step_to = dilation * outputs, row_to = dilation * width * outputs;
#define OK(v) bool ok0##v = here && first + v * dilation < width, ok1##v = ok0##v && second;
    EACH_POSITION(OK)
#define ZERO_QUAD(v, j, lane_) vec4 c0##v##_##j = vec4(0.0), c1##v##_##j = vec4(0.0);
#define ZERO(v) EACH_QUAD(ZERO_QUAD, v)
    EACH_POSITION(ZERO)
    if (RESUME) {
#define RESUME_QUAD(v, j, lane_) c0##v##_##j = texelFetch(sum, ok0##v ? to + v * step_to + j : 0); \
    c1##v##_##j = texelFetch(sum, ok1##v ? to + row_to + v * step_to + j : 0);
#define RESUME_ALL(v) EACH_QUAD(RESUME_QUAD, v)
        EACH_POSITION(RESUME_ALL)
    }

    // Ten positions per row: one before, the lane's eight, one behind.
    int before = first - dilation;
#define INSIDE(s) int p##s = before + s * dilation; bool in##s = here && p##s >= 0 && p##s < width; p##s = in##s ? p##s : 0;
    EACH_SOURCE(INSIDE)
    bool above = h >= dilation, below = h + 2 * dilation < height;
    int next = second ? dilation : 0, panel_size = CONV_SLAB_BIAS + 12 * quads * FETCHES * 8, at_w = panel * panel_size;
    int taps = int(a.taps), source = int(a.source) + plane;
    float other = second ? 1.0 : 0.0;
    for (int k = 0; k < 4; k++) {
        // Row term k is one row + of_b times another; a row that is not there is zero.
        int from_a = k == 0 ? (above ? -dilation : next) : 0, from_b = k == 3 ? (below ? 2 * dilation : 0) : next;
        float of_b = k == 0 ? (above ? -other : -1.0 - other) : k == 3 ? (below ? -1.0 : 0.0) : k == 1 ? other : -other;
#define NONE_QUAD(t, j, lane_) vec4 m0##t##_##j = vec4(0.0), m1##t##_##j = vec4(0.0), m2##t##_##j = vec4(0.0), \
    m3##t##_##j = vec4(0.0);
#define NONE(t, s0, s1, s2, s3) EACH_QUAD(NONE_QUAD, t)
        EACH_PAIR(NONE)
        for (int i = 0; i < taps; i++) {
            int row = (source + i * dilation) * height + h;
            int row_a = (row + from_a) * width * quads, row_b = (row + from_b) * width * quads;
            int wi = at_w + CONV_SLAB_BIAS + ((int(a.tap) + i) * 4 + k) * quads * FETCHES * 8 + int(lane);
            for (int q = 0; q < quads; q++) {
#define LOAD(s) vec4 x##s; { int at = p##s * quads + q; \
    x##s = texelFetch(x, row_a + at) + of_b * texelFetch(x, row_b + at); x##s = in##s ? x##s : vec4(0.0); }
                EACH_SOURCE(LOAD)
#define TERMS(t, s0, s1, s2, s3) vec4 v0##t = x##s0 - x##s2, v1##t = x##s1 + x##s2, v2##t = x##s1 - x##s2, \
    v3##t = x##s1 - x##s3;
                EACH_PAIR(TERMS)
#define ADD(t, u, j, part) m##u##t##_##j.part = (((m##u##t##_##j.part + f.x * v##u##t.x) + f.y * v##u##t.y) + \
    f.z * v##u##t.z) + f.w * v##u##t.w;
#define OUTPUT(u, fetched, j, part, lane_) { vec4 f = subgroupShuffle(fetched, lane_); \
    ADD(0, u, j, part) ADD(1, u, j, part) ADD(2, u, j, part) ADD(3, u, j, part) }
                TERM0(OUTPUT)
                TERM1(OUTPUT)
                TERM2(OUTPUT)
                TERM3(OUTPUT)
                wi += FETCHES * 8;
            }
        }
        float to_0 = k < 2 ? 1.0 : k == 2 ? -1.0 : 0.0, to_1 = k == 0 ? 0.0 : k < 3 ? 1.0 : -1.0;
#define BACK(t, v0, v1, j) { vec4 even = (m0##t##_##j + m1##t##_##j) - m2##t##_##j, \
    odd = (m1##t##_##j + m2##t##_##j) - m3##t##_##j; \
    c0##v0##_##j += to_0 * even; c0##v1##_##j += to_0 * odd; c1##v0##_##j += to_1 * even; c1##v1##_##j += to_1 * odd; }
#define BACK0(t, j, lane_) BACK(0, 0, 1, j)
#define BACK1(t, j, lane_) BACK(1, 2, 3, j)
#define BACK2(t, j, lane_) BACK(2, 4, 5, j)
#define BACK3(t, j, lane_) BACK(3, 6, 7, j)
        EACH_QUAD(BACK0, 0)
        EACH_QUAD(BACK1, 1)
        EACH_QUAD(BACK2, 2)
        EACH_QUAD(BACK3, 3)
    }

    vec4 bias = fetch_bias(at_w + int(lane));
    int left = outputs - panel * (CO / 4);          // quads of outputs there are
#define BIAS(v, j, lane_) vec4 b##j = subgroupShuffle(bias, lane_);
    EACH_QUAD(BIAS, 0)
#define STORE_QUAD(v, j, lane_) store(ok0##v && j < left, to + v * step_to + j, activate(c0##v##_##j + b##j)); \
    store(ok1##v && j < left, to + row_to + v * step_to + j, activate(c1##v##_##j + b##j));
#define STORE(v) EACH_QUAD(STORE_QUAD, v)
    EACH_POSITION(STORE)
}
