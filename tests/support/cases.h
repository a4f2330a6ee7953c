/* cases.h: short ways to write operands. */
#ifndef CASES_H
#define CASES_H

#include "support/op_suite.h"

#define RANK_(a, b, c, d, e, n, ...) n
#define DIMS(...) RANK_(__VA_ARGS__, 5, 4, 3, 2, 1, 0), { __VA_ARGS__ }
#define IN(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) } }                      /* an input */
#define PARAM(...) { .desc = { VKR_F32, DIMS(__VA_ARGS__) }, .param = true }     /* a weight */
#define PARAM16(...) { .desc = { VKR_F16, DIMS(__VA_ARGS__) }, .param = true }
#define NONE_ { .desc = { VKR_NONE, 0, { 0 } } }
#define DESC(...) { VKR_F32, DIMS(__VA_ARGS__) }
#define DESC16(...) { VKR_F16, DIMS(__VA_ARGS__) }
#define NO_DESC { VKR_NONE, 0, { 0 } }
#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

#endif
