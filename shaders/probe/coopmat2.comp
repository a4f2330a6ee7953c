#version 450
// Does this glslang know VK_NV_cooperative_matrix2?
#extension GL_NV_cooperative_matrix2 : require
layout(local_size_x = 32) in;
void main() {}
