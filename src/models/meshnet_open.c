/* meshnet_open.c: which layers a file has. A layers-model says so itself; a state dict has tensors alone, so dilations
 * and the activation are those of the published network of that depth unless the user names them. */
#include "models/meshnet.h"

#include "weights/layers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHANNELS = 512, MOST_DILATION = 255 };

static vks_status find_tensor(const struct weights *weights, const char *name, const struct weights_entry **out)
{
    *out = weights_find(weights, name);
    VKS_REQUIRE(*out, VKS_ERR_MODEL, "meshnet: the tensor %.100s is missing", name);
    return VKS_OK;
}

static vks_status check_channels(const struct meshnet_layer *l, uint32_t inputs)
{
    VKS_REQUIRE(l->inputs == inputs && l->outputs > 0 && l->outputs <= MOST_CHANNELS, VKS_ERR_MODEL,
                "meshnet: the weight of layer %s takes %u channels and gives %u; the layer before gives %u", l->name,
                l->inputs, l->outputs, inputs);
    return VKS_OK;
}

static vks_status check_vector(const struct meshnet_layer *l, const struct weights_entry *entry)
{
    VKS_REQUIRE(!entry || (entry->desc.rank == 1 && entry->desc.dim[0] == l->outputs), VKS_ERR_MODEL,
                "meshnet: the tensor %.100s has shape %s, expected [%u]", entry->name, VKR_SHAPE(&entry->desc),
                l->outputs);
    return VKS_OK;
}

static vks_status named_activation(const char *name, enum vkr_activation *act)
{
    static const struct {
        const char *name;
        enum vkr_activation act;
    } known[] = {
        { "linear", VKR_ACT_NONE },
        { "relu", VKR_ACT_RELU },
        { "elu", VKR_ACT_ELU },
        { "gelu", VKR_ACT_GELU },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            *act = known[i].act;
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_MODEL, "meshnet: the activation \"%.40s\" is none of linear, relu, elu, gelu", name);
}

static vks_status next_layer(struct meshnet *net, const char *name, struct meshnet_layer **out)
{
    VKS_REQUIRE(net->count < MESHNET_LAYERS, VKS_ERR_MODEL, "meshnet: more than %d layers", MESHNET_LAYERS);
    VKS_REQUIRE(strlen(name) < MESHNET_NAME, VKS_ERR_MODEL, "meshnet: the layer name %.80s is too long", name);
    for (uint32_t i = 0; i < net->count; i++)
        VKS_REQUIRE(strcmp(net->layers[i].name, name) != 0, VKS_ERR_MODEL, "meshnet: two layers are called %s", name);
    *out = &net->layers[net->count++];
    **out = (struct meshnet_layer){ .dilation = 1 };
    snprintf((*out)->name, sizeof(*out)->name, "%s", name);
    return VKS_OK;
}

/* ---- layers-models ---------------------------------------------------------------------------------------------- */

bool meshnet_is_chain(const struct weights *weights)
{
    uint32_t convolutions = 0, count = weights_layer_count(weights);
    for (uint32_t i = 0; i < count; i++)
        convolutions += strcmp(weights_layer_at(weights, i)->kind, "Conv3D") == 0;
    return convolutions > 0;
}

static bool all_equal(const uint32_t v[3], uint32_t value)
{
    return v[0] == value && v[1] == value && v[2] == value;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

static vks_status add_keras(struct meshnet *net, const struct weights_layer *from, uint32_t inputs)
{
    const struct weights *weights = net->network.weights;
    struct meshnet_layer *l;
    char name[MESHNET_NAME + 16];
    VKS_TRY(next_layer(net, from->name, &l));
    l->kernel = from->kernel[0];
    l->dilation = from->dilation[0];
    VKS_REQUIRE(
        (l->kernel == 1 || l->kernel == 3) && all_equal(from->kernel, l->kernel) && all_equal(from->stride, 1) &&
            l->dilation <= MOST_DILATION && all_equal(from->dilation, l->dilation) && from->groups == 1 &&
            !from->channels_first && (l->kernel == 1 || strcmp(from->padding, "same") == 0),
        VKS_ERR_MODEL, "meshnet: layer %s is no 3x3x3 or 1x1x1 convolution of stride 1 that keeps the size", l->name);
    snprintf(name, sizeof name, "%s/kernel", l->name);
    VKS_TRY(find_tensor(weights, name, &l->weight));
    const struct vkr_desc *w = &l->weight->desc;
    VKS_REQUIRE(w->rank == 5 && all_equal(w->dim, l->kernel), VKS_ERR_MODEL,
                "meshnet: the tensor %.100s has shape %s, "
                "expected [%u, %u, %u, in, out]",
                name, VKR_SHAPE(w), l->kernel, l->kernel, l->kernel);
    l->inputs = w->dim[3];
    l->outputs = w->dim[4];
    l->keras = true;
    VKS_TRY(check_channels(l, inputs));
    snprintf(name, sizeof name, "%s/bias", l->name);
    if (from->bias)
        VKS_TRY(find_tensor(weights, name, &l->bias));
    VKS_TRY(check_vector(l, l->bias));
    l->instance_norm = ends_with(from->name, "_gn");
    return named_activation(from->activation, &l->act);
}

static vks_status open_chain(struct meshnet *net)
{
    const struct weights *weights = net->network.weights;
    for (uint32_t i = 0; i < weights_layer_count(weights); i++) {
        const struct weights_layer *from = weights_layer_at(weights, i);
        struct meshnet_layer *last = net->count ? &net->layers[net->count - 1] : NULL;
        if (strcmp(from->kind, "Conv3D") == 0) {
            VKS_TRY(add_keras(net, from, last ? last->outputs : 1));
        } else if (strcmp(from->kind, "Activation") == 0) {
            VKS_REQUIRE(last && last->act == VKR_ACT_NONE, VKS_ERR_MODEL,
                        "meshnet: the activation %.80s follows no convolution", from->name);
            VKS_TRY(named_activation(from->activation, &last->act));
        } else {
            VKS_REQUIRE(strcmp(from->kind, "Dropout") == 0 || strcmp(from->kind, "SpatialDropout3D") == 0,
                        VKS_ERR_MODEL, "meshnet: the layer %.80s is a %.80s, which this version does not know",
                        from->name, from->kind);
        }
    }
    return VKS_OK;
}

/* ---- state dicts ------------------------------------------------------------------------------------------------- */

bool meshnet_is_state_dict(const struct weights *weights)
{
    const struct weights_entry *first = weights_find(weights, "model.0.0.weight");
    return first && first->desc.rank == 5 && first->desc.dim[1] == 1 && weights_find(weights, "model.1.0.weight");
}

static const struct weights_entry *optional(const struct weights *weights, const char *prefix, const char *name)
{
    char key[2 * MESHNET_NAME];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    return weights_find(weights, key);
}

static vks_status add_block(struct meshnet *net, const char *convolution, const char *norm, const char *name,
                            uint32_t inputs)
{
    const struct weights *weights = net->network.weights;
    struct meshnet_layer *l;
    VKS_TRY(next_layer(net, name, &l));
    l->weight = optional(weights, convolution, ".weight");
    l->bias = optional(weights, convolution, ".bias");
    VKS_REQUIRE(l->weight, VKS_ERR_MODEL, "meshnet: the tensor %s.weight is missing", convolution);
    const struct vkr_desc *w = &l->weight->desc;
    l->kernel = w->rank == 5 ? w->dim[2] : 0;
    VKS_REQUIRE((l->kernel == 1 || l->kernel == 3) && all_equal(w->dim + 2, l->kernel), VKS_ERR_MODEL,
                "meshnet: the tensor %s.weight has shape %s, expected [out, in, k, k, k] with k 1 or 3", convolution,
                VKR_SHAPE(w));
    l->outputs = w->dim[0];
    l->inputs = w->dim[1];
    VKS_TRY(check_channels(l, inputs));
    VKS_TRY(check_vector(l, l->bias));
    if (!norm || !optional(weights, norm, ".running_mean"))
        return VKS_OK;
    const struct {
        const char *name;
        const struct weights_entry **to;
    } parts[] = {
        { ".weight", &l->gamma },
        { ".bias", &l->beta },
        { ".running_mean", &l->mean },
        { ".running_var", &l->variance },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i].to = optional(weights, norm, parts[i].name);
        VKS_REQUIRE(*parts[i].to, VKS_ERR_MODEL, "meshnet: the tensor %s%s is missing", norm, parts[i].name);
        VKS_TRY(check_vector(l, *parts[i].to));
    }
    return VKS_OK;
}

/* Dilations of the published networks, by the number of blocks. */
static const struct {
    uint32_t blocks;
    const char *dilations;
} published[] = {
    { 8, "1+2+4+8+4+2+2+1" },
    { 9, "1+2+4+8+16+8+4+2+1" },
    { 19, "1+2+3+4+5+6+7+8+12+16+12+8+7+6+5+4+3+2+1" },
};

static vks_status set_dilations(struct meshnet *net, const struct hyper *hyper)
{
    char text[HYPER_TEXT] = "";
    uint32_t blocks = net->count - 1;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (published[i].blocks == blocks)
            snprintf(text, sizeof text, "%s", published[i].dilations);
    hyper_text(hyper, "dilations", text);
    VKS_REQUIRE(text[0], VKS_ERR_MODEL,
                "meshnet: a state dict does not tell the dilations of its %u layers; give them: "
                "--model-option dilations=1+2+4+...",
                blocks);
    char *at = text;
    for (uint32_t i = 0; i < blocks; i++) {
        unsigned long value = isdigit((unsigned char)*at) ? strtoul(at, &at, 10) : 0;
        VKS_REQUIRE(value >= 1 && value <= MOST_DILATION && *at == (i + 1 < blocks ? '+' : '\0'), VKS_ERR_ARGUMENT,
                    "dilations: %u numbers from 1 to %d joined by + are wanted", blocks, MOST_DILATION);
        at++;
        net->layers[i].dilation = (uint32_t)value;
    }
    return VKS_OK;
}

static vks_status open_state_dict(struct meshnet *net, const struct hyper *hyper)
{
    const struct weights *weights = net->network.weights;
    uint32_t inputs = 1, i = 0;
    char name[MESHNET_NAME], convolution[MESHNET_NAME], norm[MESHNET_NAME];
    for (;; i++) {
        snprintf(name, sizeof name, "model.%u", i);
        snprintf(convolution, sizeof convolution, "model.%u.0", i);
        snprintf(norm, sizeof norm, "model.%u.1", i);
        if (!optional(weights, convolution, ".weight"))
            break;
        VKS_TRY(add_block(net, convolution, norm, name, inputs));
        inputs = net->layers[i].outputs;
    }
    VKS_TRY(add_block(net, name, NULL, name, inputs));
    VKS_TRY(set_dilations(net, hyper));
    char act[HYPER_TEXT];
    enum vkr_activation chosen = VKR_ACT_NONE;
    snprintf(act, sizeof act, "%s", net->layers[0].mean ? "elu" : "relu");
    hyper_text(hyper, "activation", act);
    VKS_TRY(named_activation(act, &chosen));
    for (uint32_t k = 0; k + 1 < net->count; k++)
        net->layers[k].act = chosen;
    return VKS_OK;
}

vks_status meshnet_open_layers(struct meshnet *net, const struct hyper *hyper)
{
    bool chain = meshnet_is_chain(net->network.weights);
    VKS_TRY(chain ? open_chain(net) : open_state_dict(net, hyper));
    const struct meshnet_layer *head = &net->layers[net->count - 1];
    VKS_REQUIRE(head->act == VKR_ACT_NONE && !head->instance_norm && head->outputs >= 2 && head->outputs <= 255,
                VKS_ERR_MODEL, "meshnet: the last layer, %s, gives no 2 to 255 classes as they are", head->name);
    return VKS_OK;
}
