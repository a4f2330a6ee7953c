// conv.glsl: what the convolution kernels share: numbering of workgroups and positions.
#include "act.glsl"

uint conv_workgroup()
{
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

// (batch, z, y, x) of output position `pixel`.
ivec4 conv_position(uint pixel, uint depth, uint height, uint width)
{
    uint row = pixel / width;
    uint plane = row / height;
    return ivec4(plane / depth, plane % depth, row % height, pixel % width);
}
