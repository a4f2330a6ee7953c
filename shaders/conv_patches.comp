#version 450
// Patches as rows, for a matmul of the cpu class: y[pixel, t] = the input of term t = (tap, channel) of the kernel at that
// output position, zero outside x and in the terms that fill a row up.
// x [positions, channels] as texels of four elements; y [pixels, texels] vec4. A lane keeps its four terms and goes along a
// row of output positions: what a term costs to find is paid once a row. Lanes that a short row leaves over take the
// positions between.
//! variant f32 needs=vec8
#extension GL_GOOGLE_include_directive : require
#define VEC
#include "conv.h"
#include "divide.glsl"

layout(local_size_x = CONV_LANES) in;
layout(push_constant) uniform Args { conv_patches_args a; };
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;
layout(std430, binding = 1) writeonly buffer Y { vec4 y[]; };

// Of a term at output column 0: the input column, below all columns when nothing is there, and the element.
ivec2 find(uint term, ivec3 first)
{
    uvec2 tap = div_mod(term, a.channels), row = div_mod(tap.x, a.kernel_w), plane = div_mod(row.x, a.kernel_h);
    int z = first.x + int(plane.x * a.dilation_d), p = first.y + int(plane.y * a.dilation_h);
    int q = int(row.y * a.dilation_w) - int(a.pad_w);
    bool inside = term < a.terms && z >= 0 && z < int(a.in_d) && p >= 0 && p < int(a.in_h);
    int line = (first.z * int(a.in_d) + z) * int(a.in_h) + p;
    return ivec2(inside ? q : -(1 << 30), (line * int(a.in_w) + q) * int(a.channels) + int(tap.y));
}

float element(vec4 t, int at)
{
    return (at & 2) == 0 ? ((at & 1) == 0 ? t.x : t.y) : ((at & 1) == 0 ? t.z : t.w);
}

void main()
{
    uint lane = gl_LocalInvocationID.x, texels = a.texels, width = a.out_w;
    uvec2 group = div_mod(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, (texels + CONV_LANES - 1u) / CONV_LANES);
    if (group.x >= a.rows)
        return;
    uvec2 place = div_mod(lane, texels);
    uint together = texels < CONV_LANES ? uint(CONV_LANES) / texels : 1u;       // positions at a time
    uint texel = texels < CONV_LANES ? place.y : group.y * CONV_LANES + lane;
    uint pixel = texels < CONV_LANES ? place.x : 0u;
    if (texel >= texels || pixel >= together)
        return;
    uvec2 plane = div_mod(group.x, a.out_h), image = div_mod(plane.x, a.out_d);
    ivec3 first = ivec3(image.y * a.stride_d, plane.y * a.stride_h, image.x) - ivec3(a.pad_d, a.pad_h, 0);
    int size = int(a.in_w), stride = int(a.stride_w), channels = int(a.channels);
    int begin = int(pixel) * stride, step = int(together) * stride;
    ivec2 f0 = find(texel * 4u, first), f1 = find(texel * 4u + 1u, first);
    ivec2 f2 = find(texel * 4u + 2u, first), f3 = find(texel * 4u + 3u, first);
    ivec4 column = ivec4(f0.x, f1.x, f2.x, f3.x) + begin, at = ivec4(f0.y, f1.y, f2.y, f3.y) + begin * channels;
    uint to = (group.x * width + pixel) * texels + texel;
    for (; pixel < width; pixel += together) {
        bvec4 inside = lessThan(uvec4(column), uvec4(size));
        ivec4 from = mix(ivec4(0), at, inside);
        vec4 v = vec4(element(imageLoad(x, from.x >> 2), from.x), element(imageLoad(x, from.y >> 2), from.y),
                      element(imageLoad(x, from.z >> 2), from.z), element(imageLoad(x, from.w >> 2), from.w));
        y[to] = mix(vec4(0.0), v, inside);
        column += step;
        at += step * channels;
        to += together * texels;
    }
}
