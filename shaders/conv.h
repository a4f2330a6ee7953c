/* conv.h: contract between the convolution shaders (conv, conv_direct, conv_vec, conv_depthwise_vec, conv_pack,
 * conv_pad, conv_patches) and runtime/ops/conv.c. A 2-D convolution is a 3-D one of depth 1. */
#ifndef CONV_H
#define CONV_H

#include "shared.h"

#define CONV_LOCAL 128              /* conv, conv_direct, conv_pack, conv_pad */
#define CONV_TILE 64                /* conv: positions and outputs per workgroup */
#define CONV_STEP 16                /* conv: terms of the sum per step */
#define CONV_LANES 8                /* conv_vec, conv_depthwise_vec, conv_patches: one subgroup */
#define CONV_ROWS 16                /* conv_vec: positions per workgroup */
#define CONV_WIDE_ROWS 32           /* the same in its wide variants, which take channels by eight */
#define CONV_PANEL 32               /* conv_vec: outputs per weight panel */
#define CONV_RUN 4                  /* conv_depthwise_vec: neighbours in a row at a time */
#define CONV_ROW_PART 32            /* conv_depthwise_vec: positions of a row per invocation */

struct conv_args {
    uint pixels;                    /* output positions: batch * out_d * out_h * out_w */
    uint channels, outputs;         /* of x and of y */
    uint group_channels, group_outputs;
    uint in_d, in_h, in_w;
    uint out_d, out_h, out_w;
    uint kernel_d, kernel_h, kernel_w;
    uint stride_d, stride_h, stride_w;
    uint pad_d, pad_h, pad_w;
    uint dilation_d, dilation_h, dilation_w;
    uint act;                       /* enum vkr_activation */
    uint has_bias;                  /* 0: the bias binding holds something else */
    uint zero;                      /* 0, unknown to the compiler */
    float slope;                    /* vec kernels, for the activations other than GELU: factor of v < 0 */
};
VKR_ARGS_FIT(conv_args)

struct conv_pack_args {
    uint count;                     /* elements of the result */
    uint outputs, channels, taps;   /* of w [outputs, channels, taps] */
    uint padded;                    /* channels rounded up to 4 */
};
VKR_ARGS_FIT(conv_pack_args)

struct conv_pad_args {
    uint count;                     /* elements of the result */
    uint channels, padded;
};
VKR_ARGS_FIT(conv_pad_args)

struct conv_patches_args {
    uint rows;                      /* of output positions: batch * out_d * out_h */
    uint terms, texels;             /* of a patch: taps * channels, and how many fours of them y has room for */
    uint channels;
    uint in_d, in_h, in_w;
    uint out_d, out_h, out_w;
    uint kernel_h, kernel_w;
    uint stride_d, stride_h, stride_w;
    uint pad_d, pad_h, pad_w;
    uint dilation_d, dilation_h, dilation_w;
};
VKR_ARGS_FIT(conv_patches_args)

#endif
