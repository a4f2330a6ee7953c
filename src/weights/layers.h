/* layers.h: the layers of a Keras layers-model (tfjs model.json), a plain chain in order of computation. Empty for the
 * containers that hold tensors alone. */
#ifndef VKS_LAYERS_H
#define VKS_LAYERS_H

#include "weights/weights.h"

/* What the file says about a layer; numbers it leaves out have Keras' defaults. Text lives as long as the weights. */
struct weights_layer {
    const char *name;
    const char *kind;           /* class_name: "Conv3D", "Activation", ... The input layer is not listed. */
    const char *activation;     /* "linear" where there is none */
    const char *padding;        /* "valid" or "same"; "" where there is none */
    uint32_t filters;           /* 0 where there are none */
    uint32_t kernel[3], stride[3], dilation[3];
    uint32_t groups;
    bool bias;
    bool channels_first;
};

uint32_t weights_layer_count(const struct weights *weights);
const struct weights_layer *weights_layer_at(const struct weights *weights, uint32_t index);    /* NULL past the end */

#endif
