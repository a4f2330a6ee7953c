#version 450
// weighted_sum for the cpu class: eight lanes make 32 rows x 32 columns of y; a lane fetches four rows' weights and four
// columns of every k and owns these columns of all rows. Shuffles by an index that the compiler cannot see hand the weights
// to all lanes. k is a multiple of eight: a loop-carried value costs its driver a masked blend a round.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
//! variant f32 needs=vec8
#include "weighted_sum.h"
#include "rows16.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { weighted_sum_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
layout(binding = 1, rgba32f) readonly uniform imageBuffer w;
layout(binding = 2) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint lane = gl_LocalInvocationID.x, z = a.zero, m4 = a.m, n4 = a.n, batch = gl_WorkGroupID.z;
    uint z0 = z, z1 = z + 1u, z2 = z + 2u, z3 = z + 3u, z4 = z + 4u, z5 = z + 5u, z6 = z + 6u, z7 = z + 7u;
    uint row = gl_WorkGroupID.x * 8u, column = gl_WorkGroupID.y * 8u + lane;
    // Texels beyond the last repeat it; they are not stored.
    int at_x = int(batch * a.k * m4 + min(row + lane, m4 - 1u)), at_w = int(batch * a.k * n4 + min(column, n4 - 1u));
    int step_x = int(m4), step_w = int(n4);
#define DECLARE(i, b, r) vec4 c##i = vec4(0.0);
    ROWS32(DECLARE)
    // Row 4 r + b of the tile is component b of lane r.
#define PART_0 v.x
#define PART_1 v.y
#define PART_2 v.z
#define PART_3 v.w
#define MULTIPLY(i, b, r) c##i += subgroupShuffle(PART_##b, z##r) * u;
#define STEP { vec4 v = imageLoad(x, at_x), u = imageLoad(w, at_w); ROWS32(MULTIPLY) at_x += step_x; at_w += step_w; }
    for (uint k = 0u; k < a.k; k += WEIGHTED_SUM_STEP) {
        STEP STEP STEP STEP
        STEP STEP STEP STEP
    }
    if (column >= n4)
        return;
    uint to = (batch * m4 * 4u + row * 4u) * n4 + column;
#define STORE(i, b, r) if (row + uint(r) < m4) y[to + (4u * uint(r) + uint(b)) * n4] = c##i;
    ROWS32(STORE)
}
