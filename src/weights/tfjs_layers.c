/* tfjs_layers.c: the topology of a layers-model. Only plain chains are read: each layer takes the one before it. */
#include "weights/tfjs.h"

#include "weights/layers.h"

#include <string.h>

enum { MAX_LAYERS = 4096 };

static vks_status bad_layer(const struct weights *weights, const char *name, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: the layer \"%s\" %s", weights->label, WEIGHTS_SAFE(name, strlen(name)), what);
}

/* A count in 1..65535; an absent one is `fallback`. */
static bool read_count(const json_t *value, uint32_t fallback, uint32_t *out)
{
    *out = fallback;
    if (!value || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > 65535)
        return false;
    *out = (uint32_t)json_integer_value(value);
    return true;
}

/* [a, b, c], or one number for all three. */
static bool read_triple(const json_t *value, uint32_t out[3])
{
    if (!json_is_array(value)) {
        if (!read_count(value, 1, &out[0]))
            return false;
        out[1] = out[2] = out[0];
        return true;
    }
    for (size_t i = 0; i < 3; i++)
        if (json_array_size(value) != 3 || !read_count(json_array_get(value, i), 1, &out[i]))
            return false;
    return true;
}

/* The layer this one takes its input from: inbound_nodes [[["name", 0, 0, {}]]]; "" for none, NULL for several. */
static const char *inbound_of(const json_t *layer)
{
    const json_t *nodes = json_object_get(layer, "inbound_nodes");
    if (json_array_size(nodes) == 0)
        return "";
    const json_t *node = json_array_get(nodes, 0), *first = json_array_get(node, 0);
    return json_array_size(nodes) == 1 && json_array_size(node) == 1 ? json_string_value(json_array_get(first, 0))
                                                                     : NULL;
}

static vks_status read_layer(struct weights *weights, const json_t *value, const char *before, const char **name)
{
    const json_t *config = json_object_get(value, "config");
    const char *kind = json_string_value(json_object_get(value, "class_name"));
    *name = json_string_value(json_object_get(value, "name"));
    if (!*name)
        *name = json_string_value(json_object_get(config, "name"));
    VKS_REQUIRE(*name && kind && json_is_object(config), VKS_ERR_MODEL,
                "%s: a layer without name, class_name or config. "
                "The file is damaged",
                weights->label);
    bool is_input = strcmp(kind, "InputLayer") == 0;
    VKS_REQUIRE(is_input == !before, VKS_ERR_MODEL, "%s: the layer \"%s\" is %s. Only chains with one input are read",
                weights->label, WEIGHTS_SAFE(*name, strlen(*name)),
                is_input ? "a second input" : "first, but no input");
    const char *inbound = inbound_of(value);
    if (!inbound || (before && *inbound && strcmp(inbound, before) != 0))
        return bad_layer(weights, *name,
                         "does not take its input from the layer before it alone. Only chains are read");
    if (is_input)
        return VKS_OK;
    VKS_TRY(VKR_GROW(weights->layers, weights->layer_capacity, weights->layer_count));
    struct weights_layer *layer = &weights->layers[weights->layer_count];
    *layer = (struct weights_layer){ .bias = true };
    const char *activation = json_string_value(json_object_get(config, "activation"));
    const char *order = json_string_value(json_object_get(config, "data_format"));
    const json_t *bias = json_object_get(config, "use_bias");
    if (!read_count(json_object_get(config, "filters"), 0, &layer->filters) ||
        !read_count(json_object_get(config, "groups"), 1, &layer->groups) ||
        !read_triple(json_object_get(config, "kernel_size"), layer->kernel) ||
        !read_triple(json_object_get(config, "strides"), layer->stride) ||
        !read_triple(json_object_get(config, "dilation_rate"), layer->dilation))
        return bad_layer(weights, *name, "has numbers that cannot be read");
    layer->bias = !bias || json_is_true(bias);
    layer->channels_first = order && strcmp(order, "channels_last") != 0;
    VKS_TRY(tfjs_copy(weights, *name, &layer->name));
    VKS_TRY(tfjs_copy(weights, kind, &layer->kind));
    VKS_TRY(tfjs_copy(weights, json_string_value(json_object_get(config, "padding")), &layer->padding));
    VKS_TRY(tfjs_copy(weights, activation ? activation : "linear", &layer->activation));
    weights->layer_count++;
    return VKS_OK;
}

/* [["name", 0, 0]] */
static bool names_only(const json_t *ends, const char *name)
{
    const char *end = json_string_value(json_array_get(json_array_get(ends, 0), 0));
    return !json_is_array(ends) || (json_array_size(ends) == 1 && end && strcmp(end, name) == 0);
}

vks_status tfjs_read_layers(struct weights *weights, const json_t *topology)
{
    const json_t *model = json_object_get(topology, "model_config");
    const json_t *config = json_object_get(model ? model : topology, "config");
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    const char *name = NULL;
    VKS_REQUIRE(json_array_size(layers) > 1 && json_array_size(layers) <= MAX_LAYERS, VKS_ERR_MODEL,
                "%s: its modelTopology has no layers, or too many", weights->label);
    for (size_t i = 0; i < json_array_size(layers); i++)
        VKS_TRY(read_layer(weights, json_array_get(layers, i), name, &name));
    VKS_REQUIRE(names_only(json_object_get(config, "output_layers"), name), VKS_ERR_MODEL,
                "%s: its output is not its last layer. Only chains are read", weights->label);
    return VKS_OK;
}

uint32_t weights_layer_count(const struct weights *weights)
{
    return weights->layer_count;
}

const struct weights_layer *weights_layer_at(const struct weights *weights, uint32_t index)
{
    return index < weights->layer_count ? &weights->layers[index] : NULL;
}
