/* meshnet.h: MeshNet (arXiv 1612.00940): a chain of dilated 3x3x3 convolutions of few channels that keep the size,
 * closed by a 1x1x1 one to the classes. Read from a Keras layers-model or from a PyTorch state dict. */
#ifndef VKS_MESHNET_H
#define VKS_MESHNET_H

#include "base/mem.h"
#include "models/family.h"
#include "models/hyper.h"

enum { MESHNET_LAYERS = 64, MESHNET_NAME = 64 };

struct meshnet_layer {
    char name[MESHNET_NAME];   /* of its parameters, NAME.weight and NAME.bias */
    uint32_t kernel, dilation; /* 1 or 3, in all axes */
    uint32_t inputs, outputs;
    enum vkr_activation act;
    bool instance_norm; /* after the convolution: each channel over all positions, no scale and shift */
    bool keras;         /* weight is [x][y][z][in][out]; else [out][in][x][y][z] */
    const struct weights_entry *weight, *bias;                  /* bias: NULL for none */
    const struct weights_entry *gamma, *beta, *mean, *variance; /* batch normalisation, or all NULL */
};

struct meshnet {
    struct network network; /* first */
    uint32_t count;
    struct meshnet_layer layers[MESHNET_LAYERS];
};

/* Fills the layers from the file; dilations and activations that a state dict cannot tell from the options, or from the
 * published networks. Errors: MODEL, ARGUMENT. */
vks_status meshnet_open_layers(struct meshnet *net, const struct hyper *hyper);
bool meshnet_is_state_dict(const struct weights *weights);
bool meshnet_is_chain(const struct weights *weights);

/* family.label */
void meshnet_build(const struct network *network, struct nn n, const struct label_shape *shape);

#endif
