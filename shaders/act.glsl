// act.glsl: activations on float and vec4. Numbers are those of enum vkr_activation in runtime/ops.h.
#ifndef ACT_GLSL
#define ACT_GLSL

// GELU, erf form: 0.5 x (1 + erf(x / sqrt 2)). erfc by Abramowitz & Stegun 7.1.28 (absolute error 3e-7, no exponential),
// applied to the tail on the side of x, so that large negative inputs suffer no cancellation.
#define ACT_FUNCTIONS(V) \
V act_relu(V x) { return max(x, V(0.0)); } \
V act_leaky_relu(V x) { return max(x, V(0.0)) + 0.01 * min(x, V(0.0)); } \
V act_sigmoid(V x) { return 1.0 / (1.0 + exp(-clamp(x, V(-87.0), V(87.0)))); } \
V act_silu(V x) { return x * act_sigmoid(x); } \
V act_tanh(V x) { V c = clamp(x, V(-10.0), V(10.0)); V e = exp(2.0 * c); return mix((e - 1.0) / (e + 1.0), \
    c - c * c * c * (1.0 / 3.0) + 2.0 / 15.0 * c * c * c * c * c, lessThan(abs(c), V(0.05))); } \
V act_softplus(V x) { return max(x, V(0.0)) + log(1.0 + exp(-abs(x))); } \
V act_elu(V x) { return mix(exp(min(x, V(0.0))) - 1.0, x, greaterThan(x, V(0.0))); } \
V act_gelu(V x) { \
    V a = abs(x) * 0.70710678118654752; \
    V p = (((((4.30638e-5 * a + 2.765672e-4) * a + 1.520143e-4) * a + 9.2705272e-3) * a + 4.22820123e-2) * a + \
           7.05230784e-2) * a + 1.0; \
    p *= p; p *= p; p *= p; V tail = 1.0 / (p * p); \
    return max(x, V(0.0)) - 0.5 * abs(x) * tail; } \
V act_gelu_tanh(V x) { return 0.5 * x * (1.0 + act_tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); } \
V act_apply(V x, uint kind) { \
    switch (kind) { \
    case 1u: return act_relu(x); \
    case 2u: return act_gelu(x); \
    case 3u: return act_gelu_tanh(x); \
    case 4u: return act_sigmoid(x); \
    case 5u: return act_silu(x); \
    case 6u: return act_tanh(x); \
    case 7u: return act_softplus(x); \
    case 8u: return act_leaky_relu(x); \
    case 9u: return inversesqrt(x); \
    case 10u: return act_elu(x); \
    default: return x; \
    } }

bool lessThan(float a, float b) { return a < b; }
bool greaterThan(float a, float b) { return a > b; }
ACT_FUNCTIONS(float)
ACT_FUNCTIONS(vec4)
#endif
