#version 450
// Operands of attention_vec, head by head, zero padded; layouts in attention.h. head_dim, offsets and rows are multiples of 4.
#extension GL_GOOGLE_include_directive : require
//! variant queries QUERIES=1 needs=vec8
//! variant keys KEYS=1 needs=vec8
//! variant values VALUES=1 needs=vec8
#include "attention.h"
layout(local_size_x = ATTENTION_PACK_LOCAL) in;
layout(push_constant) uniform Args { attention_pack_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) writeonly buffer P { vec4 p[]; };

// Token of a padded position; a.tokens or more: none.
uint token_of(uint position)
{
    if (a.grid_w == 0u)
        return position;
    uint px = position % a.width;
    return px < a.grid_w ? position / a.width * a.grid_w + px : a.tokens;
}

vec4 load(uint batch, uint head, uint token, uint c4)
{
    return token < a.tokens ? texelFetch(x, int((batch * a.tokens + token) * a.row4 + a.at4 + head * a.dim4 + c4)) : vec4(0.0);
}

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * ATTENTION_PACK_LOCAL + gl_LocalInvocationID.x;
    if (i >= a.count)
        return;
#if defined(KEYS)
    // an invocation turns a 4 x 4 block: four positions, four channels
    uint lane = i % 8u, c4 = i / 8u % a.dim4, tile = i / 8u / a.dim4, tiles = a.positions / 32u;
    uint batch = tile / tiles / a.heads, head = tile / tiles % a.heads, position = tile % tiles * 32u + lane * 4u;
    mat4 block = mat4(load(batch, head, token_of(position), c4), load(batch, head, token_of(position + 1u), c4),
                      load(batch, head, token_of(position + 2u), c4), load(batch, head, token_of(position + 3u), c4));
    block = transpose(block);
    uint to = (tile * a.dim4 + c4) * 32u + lane;
    p[to] = block[0];
    p[to + 8u] = block[1];
    p[to + 16u] = block[2];
    p[to + 24u] = block[3];
#elif defined(QUERIES)
    uint r = i % 8u, c4 = i / 8u % a.dim4, block = i / 8u / a.dim4, blocks = a.positions / 8u;
    p[i] = load(block / blocks / a.heads, block / blocks % a.heads, block % blocks * 8u + r, c4);
#else
    uint c4 = i % a.dim4, position = i / a.dim4 % a.positions, which = i / a.dim4 / a.positions;
    p[i] = load(which / a.heads, which % a.heads, token_of(position), c4);
#endif
}
