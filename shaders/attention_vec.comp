#version 450
// O = softmax(scale Q Kᵀ + rel) V for the cpu class: eight lanes carry 16 query rows. For scores a lane owns four of 32 keys,
// for the output four (eight, ...) channels. Reads are texels. Rows are stored where their query lies on its grid.
// Operands are read where they lie, windows from their grid: a lane's keys are eight apart, and four rows of four channels
// are four channels of four keys without a move, since a component of a vector is a register here. With a relative position
// attention_pack has packed them, and a lane's keys follow each other.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
//! variant d32 NV=1 needs=vec8
//! variant d64 NV=2 needs=vec8
//! variant d96 NV=3 needs=vec8
//! variant d128 NV=4 needs=vec8
//! variant d32_rel NV=1 REL=1 needs=vec8
//! variant d64_rel NV=2 REL=1 needs=vec8
//! variant d96_rel NV=3 REL=1 needs=vec8
//! variant d128_rel NV=4 REL=1 needs=vec8
//! variant d32_bias NV=1 BIAS=1 needs=vec8
//! variant d64_bias NV=2 BIAS=1 needs=vec8
//! variant d96_bias NV=3 BIAS=1 needs=vec8
//! variant d128_bias NV=4 BIAS=1 needs=vec8
#define VEC
#include "attention.h"
#include "rows16.glsl"
#include "window.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer q;
layout(binding = 1, rgba32f) readonly uniform imageBuffer k;
layout(binding = 2, rgba32f) readonly uniform imageBuffer v;
#ifdef REL
layout(binding = 3, rgba32f) readonly uniform imageBuffer rel_rows;
layout(binding = 4, rgba32f) readonly uniform imageBuffer rel_columns;
#else
layout(binding = 3, rgba32f) readonly uniform imageBuffer fill;        // of keys beyond the grid
layout(binding = 4, rgba32f) readonly uniform imageBuffer bias;        // BIAS only
#endif
layout(binding = 5) writeonly buffer O { vec4 o[]; };

void main()
{
    uint lane = gl_LocalInvocationID.x, z = a.zero, image = gl_WorkGroupID.z;
    // A row of windows, a window in it, a head and a tile of that: no workgroup is without rows, so that all weigh the same.
    uvec2 grid = uvec2(a.image_h, a.image_w), size = uvec2(a.window_h, a.window_w);
    uint wy = min(div_mod(gl_WorkGroupID.x, a.tiles_across).x, a.down - 1u), in_row = gl_WorkGroupID.x - wy * a.tiles_across;
    uint each = wy + 1u < a.down ? a.tiles : a.tiles_last, wx = min(div_mod(in_row, each).x, a.across - 1u);
    uvec2 first = uvec2(wy, wx) * size;
    window_part part = window_part(image, first, min(size, grid - first));
    uint count = part.extent.x * part.extent.y, batch = (image * a.down + wy) * a.across + wx;
    uvec2 work = div_mod(in_row - wx * each, (count + ATTENTION_VEC_ROWS - 1u) / ATTENTION_VEC_ROWS);
    uint head = work.x, row0 = work.y * ATTENTION_VEC_ROWS;
    uint dim4 = a.head_dim / 4u, queries = a.queries;
    uint heads = a.heads, head4 = head * dim4, source = a.kv_batch == 1u ? batch : 0u;
    uint z0 = z, z1 = z + 1u, z2 = z + 2u, z3 = z + 3u, z4 = z + 4u, z5 = z + 5u, z6 = z + 6u, z7 = z + 7u;
    uint x1 = lane ^ (1u + z), x2 = lane ^ (2u + z), x4 = lane ^ (4u + z);
    float scale = a.scale;
    // within the window: rows lane and lane + 8
    uvec2 own0 = div_mod(min(row0 + lane, count - 1u), part.extent.y);
    uvec2 own1 = div_mod(min(row0 + 8u + lane, count - 1u), part.extent.y);
    uint token0 = window_token(part, grid, own0), token1 = window_token(part, grid, own1);
#ifdef REL
    uint blocks = (queries + 15u) / 16u * 2u, tiles = a.positions / ATTENTION_VEC_KEYS;
    uint which = batch * heads + head, other = source * heads + head;
    int at_q0 = int((which * blocks + row0 / 8u) * dim4 * 8u + lane), at_q1 = at_q0 + int(dim4 * 8u);
    int at_k = int(other * tiles * dim4 * 32u + lane), at_v = int(other * a.positions * dim4);
#else
    int at_q0 = int(token0 * a.q_row + a.q_at + head4), at_q1 = int(token1 * a.q_row + a.q_at + head4);
    uvec2 key_grid = uvec2(a.key_image_h, a.key_image_w), key_size = uvec2(a.key_window_h, a.key_window_w);
    window_part key_part = window_part_of(source, key_size, key_grid);
#ifdef BIAS
    uvec2 key_columns = key_size;           // all have a bias of their own, those beyond the grid as well
#else
    uvec2 key_columns = key_part.extent;
#endif
    uint keys = key_columns.x * key_columns.y, tiles = (keys + ATTENTION_VEC_KEYS - 1u) / ATTENTION_VEC_KEYS;
    int at_k = int(a.k_at + head4), at_v = int(a.v_at + head4);
#endif
    // a lane beyond the channels reads the last one and stores nothing
    int c0 = int(min(lane, dim4 - 1u)), c1 = int(min(lane + 8u, dim4 - 1u)), c2 = int(min(lane + 16u, dim4 - 1u)), c3 = int(min(lane + 24u, dim4 - 1u));
#ifdef REL
    uint width = a.width, width4 = width / 4u, rows = a.positions / width + (a.positions % width == 0u ? 0u : 1u);
    uint ky = lane * 4u / width, kx = lane * 4u % width, step_y = 32u / width, step_x = 32u % width;
#endif
#define DECLARE(i, b, r) vec4 s##i, o##i##_0 = vec4(0.0), o##i##_1 = vec4(0.0), o##i##_2 = vec4(0.0), o##i##_3 = vec4(0.0); \
    float top##i = -1e29, sum##i = 0.0;
    ROWS16(DECLARE)
#ifdef REL
#define AT(i, b, r) int at_r##i = int((which * queries + min(row0 + uint(i), count - 1u)) * rows), \
    at_c##i = int((which * queries + min(row0 + uint(i), count - 1u)) * width4);
    ROWS16(AT)
#endif
#ifdef BIAS
    uint query0 = min(own0.x * a.window_w + own0.y, queries - 1u), query1 = min(own1.x * a.window_w + own1.y, queries - 1u);
#define AT(i, b, r) int at_b##i = int((head * queries + subgroupShuffle(query##b, z##r)) * (a.positions / 4u) + lane);
    ROWS16(AT)
#endif
#ifndef REL
    // Keys beyond the grid are all the same.
    uint beyond = key_size.x * key_size.y - key_part.extent.x * key_part.extent.y;
    float t0 = 0.0, t1 = 0.0, filled = float(a.fill);           // 0: they are zeros
    if (beyond > 0u)
        for (uint c = 0u; c < dim4; c++) {
            vec4 w = imageLoad(fill, at_k + int(c)) * filled;
            t0 += dot(imageLoad(q, at_q0 + int(c)), w);
            t1 += dot(imageLoad(q, at_q1 + int(c)), w);
        }
#ifdef BIAS
#define FILL(n) vec4 f##n = vec4(0.0); if (beyond > 0u) f##n = imageLoad(fill, at_v + c##n) * filled;
    FILL(0) FILL(1) FILL(2) FILL(3)
#else
    // One, as often as there are of them, where a row begins.
    if (beyond > 0u) {
        t0 *= scale;
        t1 *= scale;
        float times = float(beyond), first = lane == 0u ? times : 0.0;
#define FILL(n) vec4 f##n = imageLoad(fill, at_v + c##n) * (filled * times);
        FILL(0) FILL(1) FILL(2) FILL(3)
#define BEGIN(i, b, r) top##i = subgroupShuffle(t##b, z##r); sum##i = first; o##i##_0 = f0; o##i##_1 = f1; o##i##_2 = f2; o##i##_3 = f3;
        ROWS16(BEGIN)
    }
#endif
#endif
    for (uint tile = 0u; tile < tiles; tile++) {
#define CLEAR(i, b, r) s##i = vec4(0.0);
        ROWS16(CLEAR)
#ifdef REL
        int at0 = at_q0, at1 = at_q1;
#else
#define KEY(n) uvec2 own_k##n = div_mod(min(tile * ATTENTION_VEC_KEYS + n * 8u + lane, keys - 1u), key_columns.y); \
        uint token_k##n = window_token(key_part, key_grid, min(own_k##n, key_part.extent - 1u)); \
        int key##n = int(token_k##n * a.k_row) + at_k, value##n = int(token_k##n * a.v_row) + at_v;
        KEY(0) KEY(1) KEY(2) KEY(3)
#endif
        for (uint c = 0u; c < dim4; c++) {
#ifdef REL
            vec4 w0 = imageLoad(k, at_k), w1 = imageLoad(k, at_k + 8), w2 = imageLoad(k, at_k + 16), w3 = imageLoad(k, at_k + 24);
            vec4 q0 = imageLoad(q, at0), q1 = imageLoad(q, at1);
            at_k += 32;
            at0 += 8;
            at1 += 8;
#else
            int at = int(c);
            mat4 w = mat4(imageLoad(k, key0 + at), imageLoad(k, key1 + at), imageLoad(k, key2 + at), imageLoad(k, key3 + at));
            vec4 w0 = vec4(w[0].x, w[1].x, w[2].x, w[3].x), w1 = vec4(w[0].y, w[1].y, w[2].y, w[3].y);
            vec4 w2 = vec4(w[0].z, w[1].z, w[2].z, w[3].z), w3 = vec4(w[0].w, w[1].w, w[2].w, w[3].w);
            vec4 q0 = imageLoad(q, at_q0 + at), q1 = imageLoad(q, at_q1 + at);
#endif
#define SCORE(i, b, r) { \
            float f = subgroupShuffle(q##b.x, z##r), g = subgroupShuffle(q##b.y, z##r); \
            float h = subgroupShuffle(q##b.z, z##r), l = subgroupShuffle(q##b.w, z##r); \
            s##i = (((s##i + f * w0) + g * w1) + h * w2) + l * w3; }
            ROWS16(SCORE)
        }
#ifdef REL
#define WEIGHT(i, b, r) s##i = s##i * scale + imageLoad(rel_rows, at_r##i + int(ky)) + imageLoad(rel_columns, at_c##i + int(kx / 4u));
        ROWS16(WEIGHT)
        ky += step_y;
        kx += step_x;
        if (kx >= width) {
            kx -= width;
            ky++;
        }
        ky = min(ky, rows - 1u);
#elif defined(BIAS)
#define INSIDE(n) all(lessThan(own_k##n, key_part.extent))
        bvec4 inside = bvec4(INSIDE(0), INSIDE(1), INSIDE(2), INSIDE(3));
#define WEIGHT(i, b, r) s##i = mix(vec4(subgroupShuffle(t##b, z##r)), s##i, inside) * scale + imageLoad(bias, at_b##i + int(tile * 8u));
        ROWS16(WEIGHT)
        vec4 on_grid = mix(vec4(0.0), vec4(1.0), inside);
#else
        vec4 mask = mix(vec4(0.0), vec4(-1e30), greaterThanEqual(uvec4(tile * 32u + lane) + uvec4(0u, 8u, 16u, 24u), uvec4(keys)));
#define WEIGHT(i, b, r) s##i = s##i * scale + mask;
        ROWS16(WEIGHT)
#endif
#define SOFTMAX(i, b, r) { \
        float m = max(max(s##i.x, s##i.y), max(s##i.z, s##i.w)); \
        m = max(m, subgroupShuffle(m, x1)); m = max(m, subgroupShuffle(m, x2)); m = max(m, subgroupShuffle(m, x4)); \
        m = max(m, top##i); \
        float shrink = exp(top##i - m); \
        top##i = m; \
        s##i = exp(s##i - m); \
        sum##i = sum##i * shrink + (s##i.x + s##i.y + s##i.z + s##i.w); \
        o##i##_0 *= shrink; o##i##_1 *= shrink; o##i##_2 *= shrink; o##i##_3 *= shrink; }
        ROWS16(SOFTMAX)
        for (uint j = 0u; j < 8u; j++) {
            uint from = j + z;
#ifdef REL
            int from0 = at_v, from1 = at_v + int(dim4), from2 = at_v + 2 * int(dim4), from3 = at_v + 3 * int(dim4);
            at_v += 4 * int(dim4);
#else
            int from0 = subgroupShuffle(value0, from), from1 = subgroupShuffle(value1, from);
            int from2 = subgroupShuffle(value2, from), from3 = subgroupShuffle(value3, from);
#endif
#ifdef BIAS
            bool in0 = subgroupShuffle(on_grid.x, from) > 0.0, in1 = subgroupShuffle(on_grid.y, from) > 0.0;
            bool in2 = subgroupShuffle(on_grid.z, from) > 0.0, in3 = subgroupShuffle(on_grid.w, from) > 0.0;
#define VALUE(at, real, n) mix(f##n, imageLoad(v, at + c##n), bvec4(real))
#define VALUES(n) vec4 a##n = VALUE(from0, in0, n), b##n = VALUE(from1, in1, n), d##n = VALUE(from2, in2, n), e##n = VALUE(from3, in3, n);
#else
#define VALUES(n) vec4 a##n = imageLoad(v, from0 + c##n), b##n = imageLoad(v, from1 + c##n), \
            d##n = imageLoad(v, from2 + c##n), e##n = imageLoad(v, from3 + c##n);
#endif
            VALUES(0)
#define ADD0(i) o##i##_0 = (((o##i##_0 + f * a0) + g * b0) + h * d0) + l * e0;
#define ADD1(i)
#define ADD2(i)
#define ADD3(i)
#if NV > 1
            VALUES(1)
#undef ADD1
#define ADD1(i) o##i##_1 = (((o##i##_1 + f * a1) + g * b1) + h * d1) + l * e1;
#endif
#if NV > 2
            VALUES(2)
#undef ADD2
#define ADD2(i) o##i##_2 = (((o##i##_2 + f * a2) + g * b2) + h * d2) + l * e2;
#endif
#if NV > 3
            VALUES(3)
#undef ADD3
#define ADD3(i) o##i##_3 = (((o##i##_3 + f * a3) + g * b3) + h * d3) + l * e3;
#endif
#define WEIGH(i, b, r) { \
            float f = subgroupShuffle(s##i.x, from), g = subgroupShuffle(s##i.y, from); \
            float h = subgroupShuffle(s##i.z, from), l = subgroupShuffle(s##i.w, from); \
            ADD0(i) ADD1(i) ADD2(i) ADD3(i) }
            ROWS16(WEIGH)
        }
    }
    uint row4 = heads * dim4, to0 = token0 * row4 + head4, to1 = token1 * row4 + head4;
#define STORE(i, b, r) { \
    float t = sum##i; \
    t += subgroupShuffle(t, x1); t += subgroupShuffle(t, x2); t += subgroupShuffle(t, x4); \
    uint to = subgroupShuffle(to##b, z##r) + lane; \
    if (row0 + uint(i) < count) { \
        float f = 1.0 / t; \
        if (lane < dim4) o[to] = o##i##_0 * f; \
        if (NV > 1 && lane + 8u < dim4) o[to + 8u] = o##i##_1 * f; \
        if (NV > 2 && lane + 16u < dim4) o[to + 16u] = o##i##_2 * f; \
        if (NV > 3 && lane + 24u < dim4) o[to + 24u] = o##i##_3 * f; } }
    ROWS16(STORE)
}
