#version 450
// y[b, m, i] = sum_c w[b, m, c] x[b, row(i), c] for the pixels i of a mask. With `levels` 0 row(i) = i; each level more
// takes x as rows of 2 x 2 blocks (transposed convolutions of stride 2 whose results were not interleaved).
// x [batch, pixels, channels], w [batch, masks, channels], y [batch, masks, pixels]. An invocation makes four masks at a
// time of one pixel; of four pixels in vec, so that what is read of w serves them all.
#extension GL_GOOGLE_include_directive : require
//! variant f32 T=float
//! variant x4 T=vec4
//! variant vec T=vec4 VEC=1 needs=vec8
#include "mask_product.h"
#include "divide.glsl"
layout(push_constant) uniform Args { mask_product_args a; };
#ifdef VEC
layout(local_size_x = MASK_PRODUCT_LANES) in;
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer w;
#define X(i) texelFetch(x, int(i))
#define W(i) texelFetch(w, int(i))
#define PIXELS 4
#else
layout(local_size_x = MASK_PRODUCT_LOCAL) in;
layout(binding = 0) readonly buffer Xs { T x[]; };
layout(binding = 1) readonly buffer Ws { T w[]; };
#define X(i) x[i]
#define W(i) w[i]
#define PIXELS 1
#endif
layout(binding = 2) writeonly buffer Ys { float y[]; };

// Row of x that holds pixel i: the cell of the coarsest grid, then two bits a level from coarse to fine.
uint row_of(uint i)
{
    uvec2 at = div_mod(i, a.width);
    uint levels = a.levels, row = (at.x >> levels) * (a.width >> levels) + (at.y >> levels);
    for (uint level = levels; level > 0u; level--)
        row = row * 4u + (at.x >> (level - 1u) & 1u) * 2u + (at.y >> (level - 1u) & 1u);
    return row;
}

float product(float v, float u) { return v * u; }
float product(vec4 v, vec4 u) { return dot(v, u); }

#if PIXELS == 4
#define EACH_PIXEL(F) F(0) F(1) F(2) F(3)
#else
#define EACH_PIXEL(F) F(0)
#endif

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, b = group / a.groups;
    if (b >= a.batch)
        return;
    uint masks = a.masks, pixels = a.pixels, depth = a.depth, lanes = gl_WorkGroupSize.x;
    uint first = (group - b * a.groups) * lanes * PIXELS + gl_LocalInvocationID.x;
    // Pixels and masks beyond the last repeat it; they are not stored.
#define PLACE(q) uint i##q = first + q * lanes, x##q = (b * pixels + row_of(min(i##q, pixels - 1u))) * depth;
    EACH_PIXEL(PLACE)
    for (uint m = 0u; m < masks; m += 4u) {
        uint w0 = (b * masks + m) * depth, last = (b * masks + masks - 1u) * depth;
        uint w1 = min(w0 + depth, last), w2 = min(w0 + 2u * depth, last), w3 = min(w0 + 3u * depth, last);
#define CLEAR(q) vec4 sum##q = vec4(0.0);
        EACH_PIXEL(CLEAR)
        for (uint c = 0u; c < depth; c++) {
            T u0 = W(w0 + c), u1 = W(w1 + c), u2 = W(w2 + c), u3 = W(w3 + c);
#define ADD(q) { T v = X(x##q + c); sum##q += vec4(product(v, u0), product(v, u1), product(v, u2), product(v, u3)); }
            EACH_PIXEL(ADD)
        }
        uint to = (b * masks + m) * pixels, left = masks - m;
#define STORE(q) if (i##q < pixels) { \
            y[to + i##q] = sum##q.x; \
            if (left > 1u) y[to + pixels + i##q] = sum##q.y; \
            if (left > 2u) y[to + 2u * pixels + i##q] = sum##q.z; \
            if (left > 3u) y[to + 3u * pixels + i##q] = sum##q.w; }
        EACH_PIXEL(STORE)
    }
}
