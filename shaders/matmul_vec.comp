#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n], for the cpu class.
// Eight lanes make 16 (wide: 32, few: 8) rows x 32 columns: a lane owns four columns of all rows. Reads are texels, a row's
// value reaches all lanes by a shuffle whose index the compiler cannot see; no shared memory, no barrier.
// A loop-carried value costs its driver a masked blend per iteration, so wide takes eight k at a time, and its workgroups
// go through all columns of a block of rows before the next: the block then stays in the second-level cache.
// It fetches the lines of Y before it begins (touch.glsl).
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
//! variant vec needs=vec8
//! variant vec_gelu ACT=2 needs=vec8
//! variant vec_relu ACT=1 needs=vec8
//! variant few FEW=1 needs=vec8
//! variant few_gelu FEW=1 ACT=2 needs=vec8
//! variant few_relu FEW=1 ACT=1 needs=vec8
//! variant wide WIDE=1 needs=vec8
//! variant wide_gelu WIDE=1 ACT=2 needs=vec8
//! variant wide_relu WIDE=1 ACT=1 needs=vec8
//! variant wide_half WIDE=1 HALF=1 needs=vec8
//! variant wide_half_gelu WIDE=1 HALF=1 ACT=2 needs=vec8
//! variant wide_half_relu WIDE=1 HALF=1 ACT=1 needs=vec8
//! variant wide_cells WIDE=1 CELLS=1 needs=vec8
//! variant wide_half_cells WIDE=1 HALF=1 CELLS=1 needs=vec8
#define VEC
#include "matmul.h"
#include "rows16.glsl"
#include "act.glsl"
#include "divide.glsl"
#include "touch.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { matmul_args a; };
// x: rows [M][K/4] or panels; w: panels, 16-bit ones in wide_half only (vec takes both kinds)
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
layout(binding = 2) uniform samplerBuffer residual;     // [M][N/4]
#ifdef WIDE
layout(binding = 3) buffer Y4 { vec4 y4[]; };
#else
layout(binding = 3) writeonly buffer Y4 { vec4 y4[]; };
#endif
layout(binding = 4) writeonly buffer Y1 { float y1[]; };

#if ACT == 2
#define ACTIVATE(v) act_gelu(v)
#elif ACT == 1
#define ACTIVATE(v) act_relu(v)
#else
#define ACTIVATE(v) (v)
#endif

#ifdef WIDE
#define EACH_ROW ROWS32
#define EACH_BLOCK(F) F(0) F(1) F(2) F(3)
#elif defined(FEW)
#define EACH_ROW ROWS8A
#define EACH_BLOCK(F) F(0)
#else
#define EACH_ROW ROWS16
#define EACH_BLOCK(F) F(0) F(1)
#endif

void main()
{
    uint lane = gl_LocalInvocationID.x, z = a.zero, m = a.m, n = a.n, flags = a.flags;
#ifdef WIDE
    uint batch = gl_WorkGroupID.z / a.blocks;
    uint m0 = (gl_WorkGroupID.z % a.blocks * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MATMUL_WIDE_ROWS;
    if (m0 >= m)
        return;
#else
    uint batch = gl_WorkGroupID.z, m0 = gl_WorkGroupID.x * MATMUL_VEC_ROWS;     // few: one workgroup has all rows
#endif
    uint panel = gl_WorkGroupID.y, k4 = (a.k + 3u) / 4u;
    uint z0 = z, z1 = z + 1u, z2 = z + 2u, z3 = z + 3u, z4 = z + 4u, z5 = z + 5u, z6 = z + 6u, z7 = z + 7u;
    int at_w = int(batch * a.w_batch + panel * (k4 * 4u + MATMUL_BIAS_ROWS) * (MATMUL_PANEL / 4u) + lane);
    bool packed = (flags & 4u) != 0u;
    int step = packed ? 8 : 1;
    // Rows and panels beyond the last repeat it; they are not stored.
#ifdef CELLS
    // Four rows of x after each other are a cell: of its left and right, upper and lower.
#define START(b) uint in##b = min(m0 + uint(b) * 8u + lane, m - 1u); \
    uvec2 cell##b = div_mod(in##b / 4u, a.cells_w); \
    uint row##b = (cell##b.x * 2u + (in##b & 2u) / 2u) * a.cells_w * 2u + cell##b.y * 2u + (in##b & 1u); \
    int at_x##b = int(packed ? row##b / 8u * k4 * 8u + row##b % 8u : row##b * k4);
#else
#define START(b) int at_x##b = int(batch * a.x_batch + (packed ? min(m0 / 8u + uint(b), (m - 1u) / 8u) * k4 * 8u + lane \
                                                               : min(m0 + uint(b) * 8u + lane, m - 1u) * k4));
#endif
    EACH_BLOCK(START)
    uint n4 = n / 4u, touched = 0u, block = n4 * 8u;
    bool panels = (flags & 8u) != 0u;
#ifdef WIDE
    // 32 columns of a row are two lines, as are four columns of eight rows in a panel.
#ifdef CELLS
    touched = TOUCH_TWO(y4, (m0 / 4u + lane) * n4 + panel * 8u);
#else
    uint begin = panels ? (batch * ((m + 7u) / 8u) + m0 / 8u) * block + panel * 64u + lane * 8u
                        : (batch * m + m0 + lane) * n4 + panel * 8u;
#define TOUCH_BLOCK(b) touched |= TOUCH_TWO(y4, begin + uint(b) * block);
    EACH_BLOCK(TOUCH_BLOCK)
#endif
    touched &= z;
#endif
#define DECLARE(i, b, r) vec4 c##i = vec4(0.0);
    EACH_ROW(DECLARE)
#define FETCH(b) vec4 x##b = LOAD_X(at_x##b + at);
#define MULTIPLY(i, b, r) { \
        float p = subgroupShuffle(x##b.x, z##r), q = subgroupShuffle(x##b.y, z##r); \
        float s = subgroupShuffle(x##b.z, z##r), t = subgroupShuffle(x##b.w, z##r); \
        c##i = (((c##i + p * w0) + q * w1) + s * w2) + t * w3; }
#define STEP(s) { \
        vec4 w0 = LOAD_W(at_w + s * 32), w1 = LOAD_W(at_w + s * 32 + 8); \
        vec4 w2 = LOAD_W(at_w + s * 32 + 16), w3 = LOAD_W(at_w + s * 32 + 24); \
        EACH_BLOCK(FETCH) \
        EACH_ROW(MULTIPLY) \
        at += step; }
    int at = 0;
#ifdef WIDE
    for (uint k = 0u; k < k4; k += 2u) {                // K is a multiple of eight
        STEP(0)
        STEP(1)
        at_w += 64;
    }
#else
    for (uint k = 0u; k < k4; k++) {
        STEP(0)
        at_w += 32;
    }
#endif
    vec4 bias = LOAD_W(at_w) + LOAD_W(at_w + 8);
    uint column = panel * MATMUL_PANEL + lane * 4u, left = column < n ? n - column : 0u;
#ifdef CELLS
    if (left == 0u)
        return;
    uint first = m0 / 4u, cells = m / 4u, at_y = first * n4 + column / 4u + touched;
#define CELL(i, c0, c1, c2, c3) if (first + uint(i) < cells) \
        y4[at_y + uint(i) * n4] = max(max(c0, c1), max(c2, c3)) + bias;
    CELL(0, c0, c1, c2, c3)
    CELL(1, c4, c5, c6, c7)
    CELL(2, c8, c9, c10, c11)
    CELL(3, c12, c13, c14, c15)
    CELL(4, c16, c17, c18, c19)
    CELL(5, c20, c21, c22, c23)
    CELL(6, c24, c25, c26, c27)
    CELL(7, c28, c29, c30, c31)
#else
    uint from = (batch * m + m0) * n4 + column / 4u;
#define FINISH(i, b, r) c##i = ACTIVATE(c##i + bias);
    EACH_ROW(FINISH)
#ifndef WIDE
    if (n % 4u != 0u) {
        uint to = (batch * m + m0) * n + column;
#define STORE_PART(i, b, r) if (m0 + uint(i) < m) { \
        if (left > 0u) y1[to + uint(i) * n] = c##i.x; \
        if (left > 1u) y1[to + uint(i) * n + 1u] = c##i.y; \
        if (left > 2u) y1[to + uint(i) * n + 2u] = c##i.z; \
        if (left > 3u) y1[to + uint(i) * n + 3u] = c##i.w; }
        EACH_ROW(STORE_PART)
        return;
    }
#endif
    if (left == 0u)
        return;
    if ((flags & 2u) != 0u) {
#define ADD(i, b, r) c##i += texelFetch(residual, int(from + uint(i) * n4));
        EACH_ROW(ADD)
    }
    // A panel's rows beyond the last are written, too: there is room for them.
    uint last = panels ? (m + 7u) / 8u * 8u : m, row = panels ? 1u : n4;
    uint to = panels ? (batch * ((m + 7u) / 8u) + m0 / 8u) * block + column / 4u * 8u : from;
    to += touched;
#define STORE(i, b, r) if (m0 + uint(i) < last) y4[to + uint(b) * block + uint(r) * row] = c##i;
    EACH_ROW(STORE)
#endif
}
