// touch.glsl: fetching the lines of a result before they are written, for kernels of the cpu class. A core's stores are kept in
// order, so that each line would be waited for in turn; read early, lines arrive together while the kernel computes. What is
// read means nothing (it may be another workgroup's): callers and it with a zero that the compiler does not know.
#ifndef TOUCH_GLSL
#define TOUCH_GLSL

// y: vec4s; a line is four of them.
#define TOUCH(y, at) floatBitsToUint(y[at].x)
#define TOUCH_TWO(y, at) (TOUCH(y, at) | TOUCH(y, (at) + 4u))

#endif
