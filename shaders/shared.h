/* shared.h: included by C and by GLSL. Push-constant structs hold plain scalars (uint, int, float) only, so that both
 * sides agree on their layout. VKR_ARGS_FIT(name) after the struct, without a semicolon (GLSL would refuse it). */
#ifndef VKR_SHARED_H
#define VKR_SHARED_H

#ifndef GLSL
#include <assert.h>
#include <stdint.h>
typedef uint32_t uint;
#define VKR_ARGS_FIT(type) _Static_assert(sizeof(struct type) <= 128, "push constants: 128 bytes at most");
#else
#define VKR_ARGS_FIT(type)
#endif

#endif
