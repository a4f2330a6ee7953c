/* universeg_graph.c: UniverSeg as graphs. Supports pass through every level in chunks of UNIVERSEG_CHUNK, so that only
 * what later levels need exists for all of them at once. Channels last: a chunk is [supports, H, W, C]. */
#include "models/universeg.h"

#include <stdio.h>

enum { CHUNKS = SUPPORT_MOST / UNIVERSEG_CHUNK };

/* All supports on one level. */
struct chunks {
    struct vkr_tensor *at[CHUNKS];
};

/* What the builders pass along. */
struct build {
    const struct universeg *u;
    struct nn n;
    uint32_t supports, chunks;
    struct chunks state, skip[UNIVERSEG_LEVELS];
    struct vkr_tensor *target, *target_skip[UNIVERSEG_LEVELS];
    struct vkr_tensor *first_skip_mean; /* of level 0, whose single supports are not kept */
};

static uint32_t chunk_size(uint32_t supports, uint32_t chunk)
{
    uint32_t begin = chunk * UNIVERSEG_CHUNK, rest = supports - begin;
    return rest < UNIVERSEG_CHUNK ? rest : UNIVERSEG_CHUNK;
}

/* ---- pieces --------------------------------------------------------------------------------------------------- */

enum half { TARGET_HALF, SUPPORT_HALF };

/* One half of SCOPE.cross.cross_conv; the bias goes with the supports' half. */
static struct vkr_tensor *cross(struct nn n, const struct universeg_block *block, struct vkr_tensor *x, enum half half)
{
    const struct vkr_conv same = { .pad = { 0, 1, 1 } };
    vkr_graph_push(n.graph, "cross.cross_conv");
    struct vkr_tensor *weight =
        nn_weight(n, "weight", vkr_f32(4, block->cross, block->target + block->support, 3, 3));
    struct vkr_tensor *bias = half == SUPPORT_HALF ? nn_param(n, "bias", vkr_f32(1, block->cross)) : NULL;
    weight = vkr_slice(n.graph, weight, 1, half == TARGET_HALF ? 0 : block->target,
                       half == TARGET_HALF ? block->target : block->support);
    x = vkr_conv(n.graph, x, weight, bias, &same);
    vkr_graph_pop(n.graph);
    return x;
}

/* SCOPE.PART.vmapped.conv. */
static struct vkr_tensor *follow(struct nn n, const struct universeg_block *block, const char *part,
                                 struct vkr_tensor *x, bool bias, enum vkr_activation act)
{
    const struct nn_conv conv = { block->outputs, 3, 1, 1, bias, act };
    vkr_graph_push(n.graph, "%s.vmapped", part);
    x = nn_conv(n, "conv", x, &conv);
    vkr_graph_pop(n.graph);
    return x;
}

static struct vkr_tensor *mark(struct nn n, const char *part, struct vkr_tensor *x)
{
    return vkr_graph_mark(n.graph, x, part);
}

static struct vkr_tensor *halve(struct nn n, struct vkr_tensor *x)
{
    const struct vkr_pool two = { .kind = VKR_POOL_MAX, .window = { 1, 2, 2 }, .stride = { 1, 2, 2 } };
    return vkr_pool(n.graph, x, &two);
}

static struct vkr_tensor *twice(struct nn n, struct vkr_tensor *x)
{
    const uint32_t size[3] = { 1, 2 * x->desc.dim[1], 2 * x->desc.dim[2] };
    return vkr_resize(n.graph, x, size, VKR_LINEAR_ALIGN_CORNERS);
}

/* Adds a chunk's part of the mean over all supports: [1, H, W, C]. */
static void add_mean(const struct build *b, struct vkr_tensor **mean, struct vkr_tensor *x)
{
    struct vkr_graph *graph = b->n.graph;
    const struct vkr_desc d = x->desc;
    if (d.dim[0] > 1) {
        const struct vkr_pool all = { .kind = VKR_POOL_AVERAGE, .window = { d.dim[0], 1, 1 }, .stride = { 1, 1, 1 } };
        x = vkr_reshape(graph, x, vkr_f32(5, 1, d.dim[0], d.dim[1], d.dim[2], d.dim[3]));
        x = vkr_reshape(graph, vkr_pool(graph, x, &all), vkr_f32(4, 1, d.dim[1], d.dim[2], d.dim[3]));
    }
    if (b->chunks > 1) {
        char name[64];
        snprintf(name, sizeof name, "share.%u.%u", d.dim[0], b->supports);
        x = vkr_binary(graph, VKR_MUL, x, vkr_graph_param(graph, name, vkr_f32(1, 1)));
    }
    *mean = *mean ? vkr_add(graph, *mean, x) : x;
}

/* ---- one block for all supports ------------------------------------------------------------------------------- */

/* The target's next features from the mean of the cross convolutions. */
static void finish_target(struct build *b, const struct universeg_block *block, struct vkr_tensor *mean)
{
    b->target = mark(b->n, "target", follow(b->n, block, "target", mean, true, VKR_ACT_LEAKY_RELU));
}

/* Takes b->target and b->state through a block; the chunks' inputs are made by `input` right before they are used. */
static void run_block(struct build *b, const struct universeg_block *block,
                      struct vkr_tensor *(*input)(struct build *, uint32_t chunk, uint32_t level), uint32_t level)
{
    struct vkr_tensor *shared = cross(b->n, block, b->target, TARGET_HALF), *mean = NULL;
    for (uint32_t k = 0; k < b->chunks; k++) {
        struct vkr_tensor *x = vkr_add(b->n.graph, cross(b->n, block, input(b, k, level), SUPPORT_HALF), shared);
        add_mean(b, &mean, x);
        x = follow(b->n, block, "support", x, true, VKR_ACT_LEAKY_RELU);
        b->state.at[k] = k ? x : mark(b->n, "support", x);
    }
    finish_target(b, block, mean);
}

static struct vkr_tensor *halved_input(struct build *b, uint32_t chunk, uint32_t level)
{
    (void)level;
    return b->state.at[chunk]; /* halved when it was made */
}

static struct vkr_tensor *joined_input(struct build *b, uint32_t chunk, uint32_t level)
{
    return vkr_concat(b->n.graph, twice(b->n, b->state.at[chunk]), b->skip[level].at[chunk], 3);
}

/* ---- encoder -------------------------------------------------------------------------------------------------- */

static struct vkr_tensor *support_slot(const struct build *b, const struct support_set *set, uint32_t index)
{
    struct vkr_desc desc;
    char name[32];
    if (set->slots)
        return vkr_graph_slot(b->n.graph, set->slots[index]);
    universeg_support_slot(&b->u->network, set->count, index, &desc);
    snprintf(name, sizeof name, "support.%u", index);
    return vkr_graph_input(b->n.graph, name, desc);
}

/* The first block, whose support half comes ready, support convolution included; the target's contribution to it is
 * convolved alone and added. */
static void first_block(struct build *b, const struct support_set *set)
{
    const struct universeg_block *block = &b->u->encoder[0];
    struct vkr_graph *graph = b->n.graph;
    vkr_graph_push(graph, "enc_blocks.0");
    struct vkr_tensor *shared = cross(b->n, block, b->target, TARGET_HALF);
    struct vkr_tensor *added = follow(b->n, block, "support", shared, false, VKR_ACT_NONE);
    struct vkr_tensor *mean = cross(b->n, block, support_slot(b, set, 0), SUPPORT_HALF);
    for (uint32_t k = 0; k < b->chunks; k++) {
        struct vkr_tensor *x = vkr_add(graph, support_slot(b, set, 1 + k), added);
        x = vkr_unary(graph, x, VKR_ACT_LEAKY_RELU);
        if (k == 0)
            mark(b->n, "support", x);
        add_mean(b, &b->first_skip_mean, x);
        b->state.at[k] = halve(b->n, x);
        if (b->u->trace)
            b->skip[0].at[k] = x;
    }
    finish_target(b, block, vkr_add(graph, mean, shared));
    vkr_graph_pop(graph);
}

static void encoder(struct build *b, const struct support_set *set)
{
    first_block(b, set);
    for (uint32_t level = 1; level < b->u->depth; level++) {
        b->target_skip[level - 1] = b->target;
        b->target = halve(b->n, b->target);
        vkr_graph_push(b->n.graph, "enc_blocks.%u", level);
        run_block(b, &b->u->encoder[level], halved_input, level);
        vkr_graph_pop(b->n.graph);
        if (level + 1 == b->u->depth)
            continue;
        b->skip[level] = b->state;
        for (uint32_t k = 0; k < b->chunks; k++)
            b->state.at[k] = halve(b->n, b->state.at[k]);
    }
}

/* ---- decoder -------------------------------------------------------------------------------------------------- */

/* The last block looks at the mean of the supports alone. */
static void last_block(struct build *b, const struct universeg_block *block)
{
    struct vkr_graph *graph = b->n.graph;
    struct vkr_tensor *mean = NULL, *shared = cross(b->n, block, b->target, TARGET_HALF);
    for (uint32_t k = 0; k < b->chunks; k++)
        add_mean(b, &mean, b->state.at[k]);
    mean = vkr_concat(graph, twice(b->n, mean), b->first_skip_mean, 3);
    mean = vkr_add(graph, cross(b->n, block, mean, SUPPORT_HALF), shared);
    if (b->u->trace) {
        struct vkr_tensor *x = vkr_add(graph, cross(b->n, block, joined_input(b, 0, 0), SUPPORT_HALF), shared);
        mark(b->n, "support", follow(b->n, block, "support", x, true, VKR_ACT_LEAKY_RELU));
    }
    finish_target(b, block, mean);
}

static void decoder(struct build *b)
{
    for (uint32_t i = 0; i + 1 < b->u->depth; i++) {
        uint32_t level = b->u->depth - 2 - i;
        b->target = vkr_concat(b->n.graph, twice(b->n, b->target), b->target_skip[level], 3);
        vkr_graph_push(b->n.graph, "dec_blocks.%u", i);
        if (level > 0)
            run_block(b, &b->u->decoder[i], joined_input, level);
        else
            last_block(b, &b->u->decoder[i]);
        vkr_graph_pop(b->n.graph);
    }
}

/* ---- hooks ---------------------------------------------------------------------------------------------------- */

/* Slot 0: the mean of the supports, [1, side, side, 2]; slots 1..: the first block's support half of each chunk. */
bool universeg_support_slot(const struct network *network, uint32_t supports, uint32_t index, struct vkr_desc *desc)
{
    const struct universeg *u = (const struct universeg *)network;
    uint32_t chunks = (supports + UNIVERSEG_CHUNK - 1) / UNIVERSEG_CHUNK;
    if (index > chunks)
        return false;
    *desc = index == 0 ? vkr_f32(4, 1, u->side, u->side, 2)
                       : vkr_f32(4, chunk_size(supports, index - 1), u->side, u->side, u->encoder[0].outputs);
    return true;
}

void universeg_support(const struct network *network, struct nn n, const struct support_set *set)
{
    const struct universeg *u = (const struct universeg *)network;
    const struct universeg_block *block = &u->encoder[0];
    struct vkr_tensor *all = vkr_graph_input(n.graph, "supports", vkr_f32(4, set->count, u->side, u->side, 2));
    vkr_graph_push(n.graph, "enc_blocks.0");
    for (uint32_t k = 0; k * UNIVERSEG_CHUNK < set->count; k++) {
        struct vkr_tensor *x = vkr_slice(n.graph, all, 0, k * UNIVERSEG_CHUNK, chunk_size(set->count, k));
        x = follow(n, block, "support", cross(n, block, x, SUPPORT_HALF), true, VKR_ACT_NONE);
        vkr_graph_store(n.graph, x, set->slots[1 + k]);
    }
    vkr_graph_pop(n.graph);
}

void universeg_encode_with(const struct network *network, struct nn n, const struct support_set *set,
                           struct vkr_slot *const *slots)
{
    const struct universeg *u = (const struct universeg *)network;
    struct build b = { .u = u, .n = n, .supports = set->count };
    b.chunks = (set->count + UNIVERSEG_CHUNK - 1) / UNIVERSEG_CHUNK;
    struct vkr_tensor *pixels = vkr_graph_input(n.graph, "pixels", vkr_f32(3, u->side, u->side, 3));
    pixels = vkr_reshape(n.graph, pixels, vkr_f32(4, 1, u->side, u->side, 3));
    b.target = vkr_slice(n.graph, pixels, 3, 0, 1); /* three equal channels */
    encoder(&b, set);
    decoder(&b);
    family_keep(network, n, slots, 0, b.target);
}

/* Estimates suppose a usual number of supports. */
void universeg_encode(const struct network *network, struct nn n, struct vkr_slot *const *slots)
{
    const struct support_set usual = { .count = UNIVERSEG_USUAL };
    universeg_encode_with(network, n, &usual, slots);
}

void universeg_decode(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                      const struct decode_shape *shape)
{
    const struct universeg *u = (const struct universeg *)network;
    const struct nn_conv out = { 1, 1, 1, 0, true, VKR_ACT_NONE };
    struct vkr_tensor *x = family_feature(network, n, slots, 0);
    x = vkr_reshape(n.graph, x, vkr_f32(4, 1, u->side, u->side, network->channels));
    vkr_graph_push(n.graph, "out_conv");
    x = nn_conv(n, "conv", x, &out);
    vkr_graph_pop(n.graph);
    vkr_graph_output(n.graph, vkr_reshape(n.graph, x, vkr_f32(4, shape->objects, 1, u->side, u->side)), "masks");
}

uint32_t universeg_tokens(const struct network *network, const struct prompt_object *object)
{
    (void)network, (void)object;
    return 0;
}

void universeg_embed(const struct network *network, const struct prompt_object *object, float *sparse)
{
    (void)network, (void)object, (void)sparse;
}
