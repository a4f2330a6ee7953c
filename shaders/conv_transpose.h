/* conv_transpose.h: contract between conv_transpose.comp, conv_transpose_columns.comp and runtime/ops/conv_transpose.c.
 * Both take conv_args, where x is what is spread and y, the larger, is what is made. */
#ifndef CONV_TRANSPOSE_H
#define CONV_TRANSPOSE_H

#include "conv.h"

#define CONV_TRANSPOSE_LOCAL 128

#endif
