#version 450
// O = softmax(scale Q Kᵀ + rel) V for the cpu class: eight lanes carry 16 query rows. For scores a lane owns four of 32 key
// positions, for the output four (eight, ...) channels. Operands are packed by attention_pack; reads are texels. Rows are
// stored where their query lies on its grid.
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
layout(binding = 3, rgba32f) readonly uniform imageBuffer rel_rows;    // with BIAS: the padded bias
layout(binding = 4, rgba32f) readonly uniform imageBuffer rel_columns;
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
    uint blocks = (queries + 15u) / 16u * 2u, tiles = a.positions / ATTENTION_VEC_KEYS, heads = a.heads;
    uint which = batch * heads + head, other = (a.kv_batch == 1u ? batch : 0u) * heads + head;
    uint z0 = z, z1 = z + 1u, z2 = z + 2u, z3 = z + 3u, z4 = z + 4u, z5 = z + 5u, z6 = z + 6u, z7 = z + 7u;
    uint x1 = lane ^ (1u + z), x2 = lane ^ (2u + z), x4 = lane ^ (4u + z);
    int at_q0 = int((which * blocks + row0 / 8u) * dim4 * 8u + lane), at_q1 = at_q0 + int(dim4 * 8u);
    int at_k = int(other * tiles * dim4 * 32u + lane), at_v = int(other * a.positions * dim4);
    float scale = a.scale;
    // within the window: rows lane and lane + 8
    uvec2 own0 = div_mod(row0 + lane, part.extent.y), own1 = div_mod(row0 + 8u + lane, part.extent.y);
    // a lane beyond the channels reads the last one and stores nothing
    int c0 = int(min(lane, dim4 - 1u)), c1 = int(min(lane + 8u, dim4 - 1u)), c2 = int(min(lane + 16u, dim4 - 1u)), c3 = int(min(lane + 24u, dim4 - 1u));
#ifdef REL
    uint width = a.width, width4 = width / 4u, rows = a.positions / width + (a.positions % width == 0u ? 0u : 1u);
    uint ky = lane * 4u / width, kx = lane * 4u % width, step_y = 32u / width, step_x = 32u % width;
#else
    uint keys = a.keys;
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
    for (uint tile = 0u; tile < tiles; tile++) {
#define CLEAR(i, b, r) s##i = vec4(0.0);
        ROWS16(CLEAR)
        int at0 = at_q0, at1 = at_q1;
        for (uint c = 0u; c < dim4; c++) {
            vec4 w0 = imageLoad(k, at_k), w1 = imageLoad(k, at_k + 8), w2 = imageLoad(k, at_k + 16), w3 = imageLoad(k, at_k + 24);
            vec4 q0 = imageLoad(q, at0), q1 = imageLoad(q, at1);
#define SCORE(i, b, r) { \
            float f = subgroupShuffle(q##b.x, z##r), g = subgroupShuffle(q##b.y, z##r); \
            float h = subgroupShuffle(q##b.z, z##r), l = subgroupShuffle(q##b.w, z##r); \
            s##i = (((s##i + f * w0) + g * w1) + h * w2) + l * w3; }
            ROWS16(SCORE)
            at_k += 32;
            at0 += 8;
            at1 += 8;
        }
#ifdef REL
#define BIAS(i, b, r) s##i = s##i * scale + imageLoad(rel_rows, at_r##i + int(ky)) + imageLoad(rel_columns, at_c##i + int(kx / 4u));
        ROWS16(BIAS)
        ky += step_y;
        kx += step_x;
        if (kx >= width) {
            kx -= width;
            ky++;
        }
        ky = min(ky, rows - 1u);
#elif defined(BIAS)
#define BIAS_AT(i, b, r) s##i = s##i * scale + imageLoad(rel_rows, at_b##i + int(tile * 8u));
        ROWS16(BIAS_AT)
#else
        vec4 mask = mix(vec4(0.0), vec4(-1e30), greaterThanEqual(uvec4(tile * 32u + lane * 4u) + uvec4(0u, 1u, 2u, 3u), uvec4(keys)));
#define BIAS(i, b, r) s##i = s##i * scale + mask;
        ROWS16(BIAS)
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
#define VALUES(n) vec4 a##n = imageLoad(v, at_v + c##n), b##n = imageLoad(v, at_v + int(dim4) + c##n), \
            d##n = imageLoad(v, at_v + 2 * int(dim4) + c##n), e##n = imageLoad(v, at_v + 3 * int(dim4) + c##n);
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
            at_v += 4 * int(dim4);
        }
    }
    uint row4 = heads * dim4, head4 = head * dim4;
    uint to0 = window_token(part, grid, own0) * row4 + head4, to1 = window_token(part, grid, own1) * row4 + head4;
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
