// conv.glsl: what the convolution kernels share: numbering of workgroups and positions.
#include "act.glsl"
#include "divide.glsl"

uint conv_workgroup()
{
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

// (batch, z, y, x) of output position `pixel`.
ivec4 conv_position(uint pixel, uint depth, uint height, uint width)
{
    uvec2 row = div_mod(pixel, width), plane = div_mod(row.x, height), image = div_mod(plane.x, depth);
    return ivec4(image.x, image.y, plane.y, row.y);
}
