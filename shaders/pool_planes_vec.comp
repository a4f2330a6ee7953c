#version 450
// The average of pool.comp over planes that lie behind each other, without padding, for the cpu class.
// x [batch, in_d, size] texels; y [batch, out_d, size] vec4, size being in_h * in_w * channels / 4. A workgroup of eight
// lanes makes a run of one plane of y.
//! variant average needs=vec8
#extension GL_GOOGLE_include_directive : require
#define VEC
#include "pool.h"
#include "divide.glsl"

layout(local_size_x = POOL_LANES) in;
layout(push_constant) uniform Args { pool_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
layout(std430, binding = 1) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint size = a.in_h * a.in_w * (a.channels / 4u), runs = (size + POOL_RUN - 1u) / POOL_RUN;
    uvec2 group = div_mod(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, runs), image = div_mod(group.x, a.out_d);
    if (group.x >= a.planes)
        return;
    uint window = a.window_d, end = min(size, (group.y + 1u) * POOL_RUN);
    uint first = (image.x * a.in_d + image.y * a.stride_d) * size, to = group.x * size;
    float count = float(window);
    for (uint i = group.y * POOL_RUN + gl_LocalInvocationID.x; i < end; i += POOL_LANES) {
        vec4 sum = vec4(0.0);
        int at = int(first + i);
        for (uint z = 0u; z < window; z++) {
            sum += imageLoad(x, at);
            at += int(size);
        }
        y[to + i] = sum / count;
    }
}
