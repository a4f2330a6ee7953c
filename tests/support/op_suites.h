/* op_suites.h: all suites, in the order of ops.def. */
#ifndef OP_SUITES_H
#define OP_SUITES_H

#include "support/op_suite.h"

static const struct op_suite *const op_suites[] = {
#define OP(name) &op_suite_##name,
#include "ops.def"
#undef OP
};

enum { OP_SUITES = sizeof op_suites / sizeof *op_suites };

#endif
