#version 450
// Y[m, n] = act(sum_k X[m, k] W[n, k] + bias[n]) + residual[m, n], for the cpu class.
// Eight lanes make 16 rows x 32 columns: a lane owns four columns of all rows. Reads are texel fetches, a row's value
// reaches all lanes by a shuffle whose index the compiler cannot see; no shared memory, no barrier.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
//! variant vec needs=vec8
//! variant vec_gelu ACT=2 needs=vec8
//! variant vec_relu ACT=1 needs=vec8
#include "matmul.h"
#include "rows16.glsl"
#include "act.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { matmul_args a; };
layout(binding = 0) uniform samplerBuffer x;            // rows [M][K/4] or panels
layout(binding = 1) uniform samplerBuffer w;            // panels
layout(binding = 2) uniform samplerBuffer residual;     // [M][N/4]
layout(binding = 3) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 4) writeonly buffer Y1 { float y1[]; };

#if ACT == 2
#define ACTIVATE(v) act_gelu(v)
#elif ACT == 1
#define ACTIVATE(v) act_relu(v)
#else
#define ACTIVATE(v) (v)
#endif

void main()
{
    uint lane = gl_LocalInvocationID.x, z = a.zero, m = a.m, n = a.n, flags = a.flags;
    uint m0 = gl_WorkGroupID.x * MATMUL_VEC_ROWS, panel = gl_WorkGroupID.y, batch = gl_WorkGroupID.z;
    uint k4 = (a.k + 3u) / 4u;
    uint z0 = z, z1 = z + 1u, z2 = z + 2u, z3 = z + 3u, z4 = z + 4u, z5 = z + 5u, z6 = z + 6u, z7 = z + 7u;
    int at_w = int(batch * a.w_batch + panel * (k4 * 4u + MATMUL_BIAS_ROWS) * (MATMUL_PANEL / 4u) + lane);
    int at_x0, at_x1, step;
    if ((flags & 4u) != 0u) {
        at_x0 = int(batch * a.x_batch + m0 / 8u * k4 * 8u + lane);
        at_x1 = at_x0 + int(k4 * 8u);
        step = 8;
    } else {
        at_x0 = int(batch * a.x_batch + min(m0 + lane, m - 1u) * k4);
        at_x1 = int(batch * a.x_batch + min(m0 + 8u + lane, m - 1u) * k4);
        step = 1;
    }
#define DECLARE(i, b, r) vec4 c##i = vec4(0.0);
    ROWS16(DECLARE)
    for (uint k = 0u; k < k4; k++) {
        vec4 w0 = texelFetch(w, at_w), w1 = texelFetch(w, at_w + 8), w2 = texelFetch(w, at_w + 16), w3 = texelFetch(w, at_w + 24);
        vec4 x0 = texelFetch(x, at_x0), x1 = texelFetch(x, at_x1);
#define MULTIPLY(i, b, r) { \
        float p = subgroupShuffle(x##b.x, z##r), q = subgroupShuffle(x##b.y, z##r); \
        float s = subgroupShuffle(x##b.z, z##r), t = subgroupShuffle(x##b.w, z##r); \
        c##i = (((c##i + p * w0) + q * w1) + s * w2) + t * w3; }
        ROWS16(MULTIPLY)
        at_w += 32;
        at_x0 += step;
        at_x1 += step;
    }
    vec4 bias = texelFetch(w, at_w) + texelFetch(w, at_w + 8);
    uint column = panel * MATMUL_PANEL + lane * 4u, left = column < n ? n - column : 0u;
    uint n4 = n / 4u, from = (batch * m + m0) * n4 + column / 4u;
    if (n % 4u == 0u) {
        if (left == 0u)
            return;
        if ((flags & 2u) != 0u) {
#define STORE_ADD(i, b, r) if (m0 + uint(i) < m) y4[from + uint(i) * n4] = ACTIVATE(c##i + bias) + texelFetch(residual, int(from + uint(i) * n4));
            ROWS16(STORE_ADD)
        } else {
#define STORE(i, b, r) if (m0 + uint(i) < m) y4[from + uint(i) * n4] = ACTIVATE(c##i + bias);
            ROWS16(STORE)
        }
    } else {
        uint to = (batch * m + m0) * n + column;
#define STORE_PART(i, b, r) if (m0 + uint(i) < m) { \
        vec4 v = ACTIVATE(c##i + bias); \
        if (left > 0u) y1[to + uint(i) * n] = v.x; \
        if (left > 1u) y1[to + uint(i) * n + 1u] = v.y; \
        if (left > 2u) y1[to + uint(i) * n + 2u] = v.z; \
        if (left > 3u) y1[to + uint(i) * n + 3u] = v.w; }
        ROWS16(STORE_PART)
    }
}
