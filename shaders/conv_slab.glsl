// conv_slab.glsl: what the kernels of conv_slab for the cpu class share: operands, the output quads of a panel, and the
// end of a sum. Specialization stands for branches there: masked execution runs what no lane wants.
#ifndef CONV_SLAB_GLSL
#define CONV_SLAB_GLSL

layout(local_size_x = CONV_SLAB_LANES) in;
layout(constant_id = 0) const uint ACT = 0;             // enum vkr_activation; 0 for a sum that goes on
layout(constant_id = 1) const bool HALF_Y = false;
layout(constant_id = 2) const bool RESUME = false;      // begin with `sum`
layout(push_constant) uniform Args { conv_slab_args a; };
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) uniform samplerBuffer w;
layout(binding = 2) uniform samplerBuffer sum;
layout(std430, binding = 3) writeonly buffer Y { vec4 y[]; };
layout(std430, binding = 3) writeonly buffer YHalf { uvec2 y_half[]; };

// Lanes by numbers that the compiler does not know, as variables z0..z7.
#define LANES() uint z0 = a.zero, z1 = z0 + 1u, z2 = z0 + 2u, z3 = z0 + 3u, z4 = z0 + 4u, z5 = z0 + 5u, z6 = z0 + 6u, z7 = z0 + 7u;

// Output quads of a panel, and the lane that holds a quad's bias.
#if CO == 8
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1)
#elif CO == 12
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1) DO(v, 2, z2)
#else
#define EACH_QUAD(DO, v) DO(v, 0, z0) DO(v, 1, z1) DO(v, 2, z2) DO(v, 3, z3)
#endif

// Four outputs whose weights lie in lanes 0 to 3 (4 to 7) of fetch f; t goes through.
#define FOUR(DO, t, f, j, l0, l1, l2, l3) DO(t, f, j, x, l0) DO(t, f, j, y, l1) DO(t, f, j, z, l2) DO(t, f, j, w, l3)
#define LOW(DO, t, f, j) FOUR(DO, t, f, j, z0, z1, z2, z3)
#define HIGH(DO, t, f, j) FOUR(DO, t, f, j, z4, z5, z6, z7)

// The bias of this panel: quad j in lane j.
vec4 fetch_bias(int at)
{
    return (texelFetch(w, at) + texelFetch(w, at + 8)) * float(a.finish);
}

vec4 activate(vec4 v)
{
    if (ACT == 1u)
        return act_relu(v);
    if (ACT == 2u)
        return act_gelu(v);
    if (ACT == 8u)
        return act_leaky_relu(v);
    return ACT == 10u ? act_elu(v) : v;
}

// packHalf2x16 may cut; values of 11 bits lose nothing.
vec4 round_half(vec4 v)
{
    precise vec4 scaled = v * 8193.0;
    precise vec4 rest = scaled - v;
    precise vec4 rounded = scaled - rest;
    return rounded;
}

void store(bool here, int at, vec4 v)
{
    if (HALF_Y) {
        v = round_half(v);
        if (here)
            y_half[at] = uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw));
    } else if (here)
        y[at] = v;
}

#endif
