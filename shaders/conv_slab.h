/* conv_slab.h: contract between the shaders conv_slab, conv_slab_vec, conv_slab_winograd, conv_slab_pack and runtime/ops/conv_slab.c.
 * Stored channels are padded to whole quads with zeros, but for a single channel. A dispatch makes some planes of an
 * output slab from some depth taps of one input slab; `sum` carries what earlier dispatches of the same planes found. */
#ifndef CONV_SLAB_H
#define CONV_SLAB_H

#include "shared.h"

#define CONV_SLAB_LOCAL 128         /* conv_slab: positions per workgroup; conv_slab_pack */
#define CONV_SLAB_OUTPUTS 16        /* conv_slab: outputs per workgroup */
#define CONV_SLAB_STEP 16           /* conv_slab: terms of the sum per step */
#define CONV_SLAB_LANES 8           /* cpu class: one subgroup */
#define CONV_SLAB_RUN 4             /* conv_slab_vec: positions per lane, a dilation apart */
#define CONV_SLAB_WIDE 8            /* conv_slab_winograd: the same */
#define CONV_SLAB_BAND 8            /* conv_slab_winograd: pairs of rows that all planes take before the next */
#define CONV_SLAB_BIAS 16           /* cpu class: texels of bias before a panel of weights: 8 high parts, 8 rests */

struct conv_slab_args {
    uint height, width;             /* of a plane */
    uint planes, first;             /* output planes made here, and the first of them within its slab */
    uint source;                    /* plane of x under tap `tap` of output plane `first` */
    uint tap, taps;                 /* depth taps: tap .. tap + taps - 1, all of them inside x */
    uint kernel;                    /* 1 or 3, in all axes */
    uint dilation;                  /* in all axes; 1 when kernel is 1 */
    uint channels, outputs;         /* as stored */
    uint act;                       /* enum vkr_activation, when `finish` */
    uint resume;                    /* 1: begin with `sum` */
    uint finish;                    /* 1: add the bias, apply the activation, write y; 0: write a sum */
    uint zero;                      /* 0, unknown to the compiler */
};
VKR_ARGS_FIT(conv_slab_args)

struct conv_slab_pack_args {
    uint count;                     /* elements of the result */
    uint outputs, channels, taps;   /* of w [outputs, channels, taps]; taps 1 or 27 */
    uint stored;                    /* channels of x as stored */
    uint width;                     /* vec: outputs per panel (8, 12, 16); tile: outputs rounded up */
    uint has_bias;
};
VKR_ARGS_FIT(conv_slab_pack_args)

#endif
