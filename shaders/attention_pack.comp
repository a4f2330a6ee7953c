#version 450
// Operands of attention_vec, head by head, zero padded; layouts in attention.h. head_dim, offsets and rows are multiples of 4.
// *_window: tokens are read from their grid, window by window, as if it had been cut into windows (window.comp) before.
// Workgroups are (blocks of positions, heads, batch): a lane keeps its position and walks over the channels, so that no
// index is divided more than once.
#extension GL_GOOGLE_include_directive : require
//! variant queries QUERIES=1 needs=vec8
//! variant keys KEYS=1 needs=vec8
//! variant values VALUES=1 needs=vec8
//! variant queries_window QUERIES=1 WINDOW=1 needs=vec8
//! variant keys_window KEYS=1 WINDOW=1 needs=vec8
//! variant values_window VALUES=1 WINDOW=1 needs=vec8
#define VEC
#include "attention.h"
#include "window.glsl"
layout(local_size_x = 8) in;
layout(push_constant) uniform Args { attention_pack_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) writeonly buffer P { vec4 p[]; };
#ifdef WINDOW
layout(binding = 2) uniform samplerBuffer fill;
#endif

// Token of a padded position; tokens or more: none.
uint token_of(uint position, uint tokens)
{
    if (a.grid_w == 0u)
        return position;
    uvec2 at = div_mod(position, a.width);
    return at.y < a.grid_w ? at.x * a.grid_w + at.y : tokens;
}

// First texel of a position's head; some token's where the position has none.
struct place { int at; bool real, inside; };

place place_of(uint position)
{
    uint tokens = a.tokens;
#ifdef WINDOW
    uvec2 image = uvec2(a.image_h, a.image_w);
    window_part part = window_part_of(gl_WorkGroupID.z, uvec2(a.window), image);
    uint columns = a.inside == 1u ? part.extent.y : a.window;
    tokens = a.inside == 1u ? part.extent.x * columns : tokens;
#endif
    uint token = token_of(position, tokens), nearest = min(token, tokens - 1u);
#ifdef WINDOW
    uvec2 own = div_mod(nearest, columns);
    bool inside = all(lessThan(own, part.extent));
    uint row = window_token(part, image, min(own, part.extent - 1u));
#else
    bool inside = true;
    uint row = gl_WorkGroupID.z * tokens + nearest;
#endif
    return place(int(row * a.row4 + a.at4 + gl_WorkGroupID.y * a.dim4), token < tokens, inside);
}

// What the token at a place has there.
vec4 load(place from, int c)
{
    vec4 v = texelFetch(x, from.at + c);
    return from.real ? v : vec4(0.0);
}

#ifdef WINDOW
// The same where a token may be beyond the grid.
vec4 load_or_fill(place from, int c)
{
    vec4 v = load(from, c), beyond = texelFetch(fill, int(a.at4 + gl_WorkGroupID.y * a.dim4) + c);
    return from.inside || !from.real ? v : a.fill == 1u ? beyond : vec4(0.0);
}
#endif

void main()
{
    uint lane = gl_LocalInvocationID.x, block = gl_WorkGroupID.x, which = gl_WorkGroupID.z * a.heads + gl_WorkGroupID.y;
    int dim4 = int(a.dim4), c = 0;
#if defined(KEYS)
    // four positions and four channels at a time
    uint position = block * 32u + lane * 4u;
    place p0 = place_of(position), p1 = place_of(position + 1u), p2 = place_of(position + 2u), p3 = place_of(position + 3u);
    uint to = (which * (a.positions / 32u) + block) * a.dim4 * 32u + lane;
#define PACK(LOAD) { \
        mat4 t = transpose(mat4(LOAD(p0, c), LOAD(p1, c), LOAD(p2, c), LOAD(p3, c))); \
        p[to] = t[0]; \
        p[to + 8u] = t[1]; \
        p[to + 16u] = t[2]; \
        p[to + 24u] = t[3]; \
        to += 32u; }
#else
    uint position = block * 8u + lane;
    place from = place_of(position);
#ifdef QUERIES
    uint to = (which * (a.positions / 8u) + block) * a.dim4 * 8u + lane, step = 8u;
#else
    uint to = (which * a.positions + position) * a.dim4, step = 1u;
#endif
#define PACK(LOAD) { \
        p[to] = LOAD(from, c); \
        to += step; }
#endif
#ifdef WINDOW
    // whole windows, which most are, do without the fill: it would be half of what they read
    window_part part = window_part_of(gl_WorkGroupID.z, uvec2(a.window), uvec2(a.image_h, a.image_w));
    int whole = a.inside == 1u || part.extent == uvec2(a.window) ? dim4 : 0;
    for (; c < whole; c++)
        PACK(load)
    for (; c < dim4; c++)
        PACK(load_or_fill)
#else
    for (; c < dim4; c++)
        PACK(load)
#endif
}
