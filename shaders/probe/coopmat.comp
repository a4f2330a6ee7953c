#version 450
// Does this glslang know VK_KHR_cooperative_matrix?
#extension GL_KHR_cooperative_matrix : require
layout(local_size_x = 32) in;
void main() {}
