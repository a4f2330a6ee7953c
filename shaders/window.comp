#version 450
// Window partition and its inverse; a workgroup moves one output token of `channels` elements.
// partition:   y[b, wy, wx, iy, ix, :] = x[b, wy*size + iy, wx*size + ix, :], or fill[:] outside the grid
// unpartition: y[b, py, px, :] = x[b, py/size, px/size, py%size, px%size, :]
#extension GL_GOOGLE_include_directive : require
//! variant part_f32 T=float
//! variant unpart_f32 T=float INVERSE=1
//! variant part_x4 T=vec4
//! variant unpart_x4 T=vec4 INVERSE=1
//! variant part_vec T=vec4 TEXEL=1 needs=vec8
//! variant unpart_vec T=vec4 TEXEL=1 INVERSE=1 needs=vec8
#include "window.h"
layout(local_size_x = WINDOW_LOCAL) in;
layout(push_constant) uniform Args { window_args a; };
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer fill;
#define X(i) texelFetch(x, int(i))
#define FILL(i) texelFetch(fill, int(i))
#else
layout(binding = 0) readonly buffer Xs { T x[]; };
layout(binding = 1) readonly buffer Fill { T fill[]; };
#define X(i) x[i]
#define FILL(i) fill[i]
#endif
layout(binding = 2) writeonly buffer Y { T y[]; };

void main()
{
    uint token = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, n = a.channels, lane = gl_LocalInvocationID.x;
    if (token >= a.tokens)
        return;
    uint to = token * n;
#ifdef INVERSE
    uint px = token % a.width, py = token / a.width % a.height, image = token / (a.width * a.height);
    uint window = (image * a.rows + py / a.size) * a.cols + px / a.size;
    uint from = ((window * a.size + py % a.size) * a.size + px % a.size) * n;
    for (uint i = lane; i < n; i += WINDOW_LOCAL)
        y[to + i] = X(from + i);
#else
    uint ix = token % a.size, iy = token / a.size % a.size, window = token / (a.size * a.size);
    uint px = window % a.cols * a.size + ix, py = window / a.cols % a.rows * a.size + iy, image = window / (a.cols * a.rows);
    bool inside = px < a.width && py < a.height;
    uint from = ((image * a.height + py) * a.width + px) * n;
    if (inside)
        for (uint i = lane; i < n; i += WINDOW_LOCAL)
            y[to + i] = X(from + i);
    else if (a.fill == 1u)
        for (uint i = lane; i < n; i += WINDOW_LOCAL)
            y[to + i] = FILL(i);
    else
        for (uint i = lane; i < n; i += WINDOW_LOCAL)
            y[to + i] = T(0.0);
#endif
}
