#version 450
// Relative position terms of attention_vec: lane = query row, from packed queries.
// rows:    y[b, h, n, j] = splat(q·Rh[y - j + grid_h - 1]), j < rows
// columns: y[b, h, n, j] = four neighbouring q·Rw[x - kx + grid_w - 1], kx = 4 j .. 4 j + 3, j < width / 4
// Beyond the grid: -1e30, which masks the padded positions.
#extension GL_GOOGLE_include_directive : require
//! variant rows ROWS=1 needs=vec8
//! variant columns COLUMNS=1 needs=vec8
#define VEC
#include "attention.h"
#include "window.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { attention_rel_args a; };
layout(binding = 0) uniform samplerBuffer q;
layout(binding = 1) uniform samplerBuffer table;
layout(binding = 2) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint block = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, lane = gl_LocalInvocationID.x;
    uint blocks = (a.queries + 15u) / 16u * 2u, dim4 = a.head_dim / 4u;
    if (block >= a.count)
        return;
    uvec2 at_block = div_mod(block, blocks), window = uvec2(a.grid_h, a.grid_w);
    window_part part = window_part_of(div_mod(at_block.x, a.heads).x, window, uvec2(a.image_h, a.image_w));
    uint count = part.extent.x * part.extent.y, row0 = at_block.y * 8u, n = row0 + lane, at_q = block * dim4 * 8u + lane;
    uvec2 own = div_mod(min(n, count - 1u), part.extent.y);
#ifdef ROWS
    uint span = a.rows, limit = a.grid_h, first = own.x + limit - 1u;
#else
    uint span = a.width, limit = a.grid_w, first = own.y + limit - 1u;
#endif
    uint to = (at_block.x * a.queries + n) * span, end = row0 < count ? span : 0u;
    for (uint j = 0u; j < end; j += 4u) {
        vec4 s0 = vec4(0.0), s1 = vec4(0.0), s2 = vec4(0.0), s3 = vec4(0.0);
        int t0 = int((first - min(j, limit - 1u)) * dim4), t1 = int((first - min(j + 1u, limit - 1u)) * dim4);
        int t2 = int((first - min(j + 2u, limit - 1u)) * dim4), t3 = int((first - min(j + 3u, limit - 1u)) * dim4);
        int at = int(at_q);
        for (uint c = 0u; c < dim4; c++) {
            vec4 v = texelFetch(q, at);
            s0 += v * texelFetch(table, t0);
            s1 += v * texelFetch(table, t1);
            s2 += v * texelFetch(table, t2);
            s3 += v * texelFetch(table, t3);
            at += 8; t0++; t1++; t2++; t3++;
        }
        vec4 s = vec4(s0.x + s0.y + s0.z + s0.w, s1.x + s1.y + s1.z + s1.w, s2.x + s2.y + s2.z + s2.w, s3.x + s3.y + s3.z + s3.w);
        s = mix(s, vec4(-1e30), greaterThanEqual(uvec4(j) + uvec4(0u, 1u, 2u, 3u), uvec4(limit)));
        if (n < count) {
#ifdef ROWS
            y[to + j] = vec4(s.x);
            if (j + 1u < span) y[to + j + 1u] = vec4(s.y);
            if (j + 2u < span) y[to + j + 2u] = vec4(s.z);
            if (j + 3u < span) y[to + j + 3u] = vec4(s.w);
#else
            y[(to + j) / 4u] = s;
#endif
        }
    }
}
