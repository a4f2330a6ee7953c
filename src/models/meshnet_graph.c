/* meshnet_graph.c: the chain, slab by slab. A slab of a layer is made when a slab of the next layer first needs it, so
 * that at any time only the planes around the wave lie in memory. */
#include "models/meshnet.h"

#include <stdio.h>

struct build {
    const struct meshnet *net;
    struct nn n;
    const struct label_shape *shape;
    uint32_t slabs;
    struct vkr_tensor **made; /* [layers + 1][slabs]; layer 0 is the input */
};

static uint32_t planes_of(const struct build *b, uint32_t slab)
{
    uint32_t first = slab * b->shape->planes, left = b->shape->size[2] - first;
    return left < b->shape->planes ? left : b->shape->planes;
}

static struct vkr_tensor *input(struct build *b, uint32_t slab)
{
    char name[32];
    snprintf(name, sizeof name, "slab.%u", slab);
    return vkr_graph_input(
        b->n.graph, name,
        vkr_f32(4, planes_of(b, slab), b->shape->size[1], b->shape->size[0], label_input_channels(b->shape)));
}

/* (x - mean) / sqrt(variance + 1e-5) per channel, then the activation. All planes are in one slab. */
static struct vkr_tensor *normalise(struct build *b, struct vkr_tensor *x, enum vkr_activation act)
{
    struct vkr_graph *g = b->n.graph;
    struct vkr_desc plain = x->desc,
                    batch = { VKR_F32, 5, { 1, plain.dim[0], plain.dim[1], plain.dim[2], plain.dim[3] } };
    x = vkr_group_norm(g, vkr_reshape(g, x, batch), NULL, NULL, batch.dim[4], 1e-5f);
    if (act != VKR_ACT_NONE)
        x = vkr_unary(g, x, act);
    return vkr_reshape(g, x, plain);
}

static struct vkr_tensor *make(struct build *b, uint32_t layer, uint32_t slab);

/* The slabs that hold planes a dilation before, at, and a dilation behind those of `slab`. */
static uint32_t gather(struct build *b, uint32_t layer, uint32_t slab, struct vkr_tensor **x,
                       struct vkr_conv_slab *conv)
{
    const struct meshnet_layer *l = &b->net->layers[layer - 1];
    int64_t size = b->shape->planes, first = slab * size, end = first + planes_of(b, slab) - 1, last = -1;
    uint32_t count = 0;
    for (int64_t t = l->kernel == 3 ? -1 : 0; t <= (l->kernel == 3 ? 1 : 0); t++) {
        int64_t from = first + t * l->dilation, to = end + t * l->dilation;
        from = from < 0 ? 0 : from / size;
        to = to < 0 ? -1 : to / size;
        to = to >= b->slabs ? b->slabs - 1 : to;
        for (int64_t s = from > last ? from : last + 1; s <= to; s++) {
            conv->first[count] = (int32_t)(s * size);
            conv->centre = s == slab ? count : conv->centre;
            x[count++] = make(b, layer - 1, (uint32_t)s);
            last = s;
        }
    }
    return count;
}

static struct vkr_tensor *convolve(struct build *b, uint32_t layer, uint32_t slab)
{
    const struct meshnet_layer *l = &b->net->layers[layer - 1];
    struct vkr_graph *g = b->n.graph;
    bool head = layer == b->net->count, plain = b->net->network.volume.whole;
    struct vkr_tensor *x[5];
    struct vkr_conv_slab conv = { .dilation = l->dilation,
                                  .half = b->n.half && !plain,
                                  .wide = head,
                                  .act = l->instance_norm ? VKR_ACT_NONE : l->act };
    uint32_t count = gather(b, layer, slab, x, &conv);
    vkr_graph_push(g, "%s", l->name);
    struct vkr_tensor *w = nn_param(
        b->n, "weight", (struct vkr_desc){ VKR_F32, 5, { l->outputs, l->inputs, l->kernel, l->kernel, l->kernel } });
    bool biased = l->bias || l->beta;
    struct vkr_tensor *bias = biased ? nn_param(b->n, "bias", vkr_f32(1, l->outputs)) : NULL;
    struct vkr_tensor *y = vkr_conv_slab(g, x, count, w, bias, &conv);
    if (l->instance_norm)
        y = normalise(b, y, l->act);
    if (b->slabs == 1)
        vkr_graph_mark(g, y, NULL);
    vkr_graph_pop(g);
    return y;
}

static struct vkr_tensor *make(struct build *b, uint32_t layer, uint32_t slab)
{
    struct vkr_tensor **made = &b->made[layer * b->slabs + slab];
    if (!*made)
        *made = layer ? convolve(b, layer, slab) : input(b, slab);
    return *made;
}

void meshnet_build(const struct network *network, struct nn n, const struct label_shape *shape)
{
    const struct meshnet *net = (const struct meshnet *)network;
    struct build b = { .net = net, .n = n, .shape = shape, .slabs = label_slabs(shape) };
    vks_status status =
        vkr_alloc((size_t)(net->count + 1) * b.slabs, sizeof(struct vkr_tensor *), "slabs", (void **)&b.made);
    if (status != VKS_OK) {
        vkr_graph_fail(n.graph, status);
        return;
    }
    for (uint32_t s = 0; s < b.slabs; s++) {
        char name[32];
        struct vkr_tensor *logits = make(&b, net->count, s);
        snprintf(name, sizeof name, "labels.%u", s);
        vkr_graph_output(n.graph, vkr_argmax(n.graph, logits, network->volume.classes), name);
        snprintf(name, sizeof name, "logits.%u", s);
        if (label_keeps_logits(shape, s))
            vkr_graph_output(n.graph, logits, name);
    }
    vkr_free(b.made);
}
