// divide.glsl: exact unsigned division in floating point, for kernels of the cpu class. llvmpipe divides integers lane
// by lane (about 60 ns per 8 lanes); a dozen vector operations take a fraction of that. n < 2^31, 0 < d < 2^31.
#ifndef DIVIDE_GLSL
#define DIVIDE_GLSL

// (n / d, n % d). The first quotient is off by at most 2^-22 of itself, the second by one.
uvec2 div_mod(uint n, uint d)
{
#ifdef VEC
    float inverse = 1.0 / float(d);
    int quotient = int(float(n) * inverse);
    int rest = int(n) - quotient * int(d);
    int correction = int(floor(float(rest) * inverse));
    quotient += correction;
    rest -= correction * int(d);
    bool low = rest < 0, high = rest >= int(d);
    quotient += low ? -1 : high ? 1 : 0;
    rest += low ? int(d) : high ? -int(d) : 0;
    return uvec2(quotient, rest);
#else
    return uvec2(n / d, n % d);
#endif
}

#endif
