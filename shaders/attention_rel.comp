#version 450
// Relative position terms, portable: rel[b, h, n, j] = q·Rh[y - j + grid_h - 1] for j < grid_h, then
// q·Rw[x - j' + grid_w - 1], with the unscaled q of token n = y * grid_w + x.
#extension GL_GOOGLE_include_directive : require
//! variant f32
#include "attention.h"
layout(local_size_x = ATTENTION_PACK_LOCAL) in;
layout(push_constant) uniform Args { attention_rel_args a; };
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 1) readonly buffer Rh { float rh[]; };
layout(binding = 2) readonly buffer Rw { float rw[]; };
layout(binding = 3) writeonly buffer Rel { float rel[]; };

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * ATTENTION_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
    uint span = a.grid_h + a.grid_w, j = i % span, n = i / span % a.queries, head = i / span / a.queries % a.heads;
    uint batch = i / span / a.queries / a.heads, y = n / a.grid_w, x = n % a.grid_w, d = a.head_dim;
    uint from = (batch * a.queries + n) * a.q_row + a.q_at + head * d;
    float s = 0.0;
    if (j < a.grid_h)
        for (uint c = 0u; c < d; c++)
            s += q[from + c] * rh[(y + a.grid_h - 1u - j) * d + c];
    else
        for (uint c = 0u; c < d; c++)
            s += q[from + c] * rw[(x + a.grid_w - 1u - (j - a.grid_h)) * d + c];
    rel[i] = s;
}
