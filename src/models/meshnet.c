/* meshnet.c: the family meshnet: automatic models of T1-weighted heads (github.com/neuroneural/brainchop, MIT). Kernels
 * are stored for axes (x, y, z); here z is the outermost, so that a volume is taken in the order of its memory. */
#include "models/meshnet.h"

#include "models/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---------------------------------------------------------------------------------------------------
 */

/* The factor and shift that batch normalisation (eps 1e-5) puts on output n. */
static vks_status read_fold(const struct meshnet *net, const struct meshnet_layer *l, double *factor, double *shift)
{
    const struct weights_entry *const parts[] = { l->gamma, l->beta, l->mean, l->variance, l->bias };
    float values[5][512] = { { 0 } };
    for (int i = 0; i < 5; i++)
        if (parts[i])
            VKS_TRY(weights_read(net->network.weights, parts[i], VKR_F32, values[i]));
    for (uint32_t n = 0; n < l->outputs; n++) {
        factor[n] = l->mean ? (double)values[0][n] / sqrt((double)values[3][n] + 1e-5) : 1;
        shift[n] = l->mean ? ((double)values[4][n] - (double)values[2][n]) * factor[n] + (double)values[1][n]
                           : (double)values[4][n];
    }
    return VKS_OK;
}

/* dst [out][in][z][y][x] */
static void turn_weight(const struct meshnet_layer *l, const float *src, const double *factor, float *dst)
{
    uint32_t k = l->kernel;
    for (uint32_t n = 0; n < l->outputs; n++)
        for (uint32_t c = 0; c < l->inputs; c++)
            for (uint32_t z = 0; z < k; z++)
                for (uint32_t y = 0; y < k; y++)
                    for (uint32_t x = 0; x < k; x++) {
                        size_t tap = (x * k + y) * k + z;
                        size_t at = l->keras ? (tap * l->inputs + c) * l->outputs + n
                                             : ((size_t)n * l->inputs + c) * k * k * k + tap;
                        *dst++ = (float)((double)src[at] * factor[n]);
                    }
}

static vks_status read_weight(const struct meshnet *net, const struct meshnet_layer *l, const double *factor,
                              float *dst)
{
    void *raw;
    VKS_TRY(vkr_alloc((size_t)vkr_numel(&l->weight->desc), sizeof(float), l->name, &raw));
    vks_status status = weights_read(net->network.weights, l->weight, VKR_F32, raw);
    if (status == VKS_OK)
        turn_weight(l, raw, factor, dst);
    vkr_free(raw);
    return status;
}

static vks_status read_param(const struct network *network, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct meshnet *net = (const struct meshnet *)network;
    for (uint32_t i = 0; i < net->count; i++) {
        const struct meshnet_layer *l = &net->layers[i];
        size_t length = strlen(l->name);
        if (strncmp(name, l->name, length) != 0 || name[length] != '.' || desc->dtype != VKR_F32)
            continue;
        double factor[512], shift[512];
        bool weight = strcmp(name + length, ".weight") == 0;
        if (!weight && strcmp(name + length, ".bias") != 0)
            continue;
        VKS_TRY(read_fold(net, l, factor, shift));
        if (weight)
            return read_weight(net, l, factor, dst);
        for (uint32_t n = 0; n < l->outputs; n++)
            ((float *)dst)[n] = (float)shift[n];
        return VKS_OK;
    }
    return vks_fail(VKS_ERR_INTERNAL, "meshnet has no parameter %s", name);
}

/* ---- describing ---------------------------------------------------------------------------------------------------
 */

static const struct label_name three[] = {
    { "background", { 0, 0, 0 } },
    { "White Matter", { 255, 255, 255 } },
    { "Grey Matter", { 205, 62, 78 } },
};

static const struct label_name eighteen[] = {
    { "Unknown", { 0, 0, 0 } },
    { "Cerebral-White-Matter", { 245, 245, 245 } },
    { "Cerebral-Cortex", { 205, 62, 78 } },
    { "Lateral-Ventricle", { 120, 18, 134 } },
    { "Inferior-Lateral-Ventricle", { 196, 58, 250 } },
    { "Cerebellum-White-Matter", { 220, 248, 164 } },
    { "Cerebellum-Cortex", { 230, 148, 34 } },
    { "Thalamus", { 0, 118, 14 } },
    { "Caudate", { 122, 186, 220 } },
    { "Putamen", { 236, 13, 176 } },
    { "Pallidum", { 12, 48, 255 } },
    { "3rd-Ventricle", { 204, 182, 142 } },
    { "4th-Ventricle", { 42, 204, 164 } },
    { "Brain-Stem", { 119, 159, 176 } },
    { "Hippocampus", { 220, 216, 20 } },
    { "Amygdala", { 103, 255, 255 } },
    { "Accumbens-area", { 255, 165, 0 } },
    { "VentralDC", { 165, 42, 42 } },
};

static vks_status set_scaling(struct network *network, const struct hyper *hyper, bool batch_norm)
{
    struct volume_scaling *scaling = &network->volume.scaling;
    char text[HYPER_TEXT], kind[32] = "", rest;
    snprintf(text, sizeof text, "%s", batch_norm ? "interpolated:0.01:0.99" : "minmax");
    hyper_text(hyper, "scaling", text);
    if (strcmp(text, "minmax") == 0) {
        *scaling = (struct volume_scaling){ .kind = VOLUME_MINMAX };
        snprintf(network->preprocessing, sizeof network->preprocessing, "minimum..maximum of the volume to 0..1");
        return VKS_OK;
    }
    int read = sscanf(text, "%31[a-z]:%lf:%lf%c", kind, &scaling->lower, &scaling->upper, &rest);
    bool ranked = strcmp(kind, "quantile") == 0, interpolated = strcmp(kind, "interpolated") == 0;
    VKS_REQUIRE(read == 3 && (ranked || interpolated) && scaling->lower >= 0 && scaling->upper <= 1 &&
                    scaling->lower < scaling->upper,
                VKS_ERR_ARGUMENT, "scaling=%s: write minmax, quantile:0.05:0.95 or interpolated:0.01:0.99", text);
    scaling->kind = ranked ? VOLUME_QUANTILE : VOLUME_QUANTILE_INTERPOLATED;
    snprintf(network->preprocessing, sizeof network->preprocessing,
             "quantiles %g..%g of the volume to 0..1, not clipped%s", scaling->lower, scaling->upper,
             interpolated ? ", interpolated" : "");
    return VKS_OK;
}

static void describe(struct meshnet *net)
{
    struct network *network = &net->network;
    struct volume_spec *volume = &network->volume;
    double macs = 0;
    for (uint32_t i = 0; i < net->count; i++) {
        const struct meshnet_layer *l = &net->layers[i];
        uint32_t taps = l->kernel * l->kernel * l->kernel;
        macs += (double)taps * l->inputs * l->outputs;
        network->parameters += (uint64_t)taps * l->inputs * l->outputs + (l->bias || l->beta ? l->outputs : 0);
        volume->reach += l->kernel == 3 ? l->dilation : 0;
        volume->whole = volume->whole || l->instance_norm;
    }
    volume->grid = 256;
    volume->classes = net->layers[net->count - 1].outputs;
    volume->names = volume->classes == 3 ? three : volume->classes == 18 ? eighteen : NULL;
    network->encoder_gmac = macs * 256 * 256 * 256 * 1e-9;
    snprintf(network->variant, sizeof network->variant, "%u layers of %u channels, %u classes", net->count,
             net->layers[0].outputs, volume->classes);
}

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static bool matches(const struct weights *weights, const char *file_name)
{
    (void)file_name;
    return meshnet_is_chain(weights) || meshnet_is_state_dict(weights);
}

static void close_network(struct network *network)
{
    vkr_free(network);
}

static vks_status fill(struct meshnet *net, const char *options)
{
    static const char *const chain_keys[] = { "scaling", NULL };
    static const char *const dict_keys[] = { "activation", "dilations", "scaling", NULL };
    bool chain = meshnet_is_chain(net->network.weights);
    struct hyper hyper = { options, net->network.weights };
    VKS_TRY(hyper_check(&hyper, chain ? chain_keys : dict_keys));
    VKS_TRY(meshnet_open_layers(net, &hyper));
    VKS_TRY(set_scaling(&net->network, &hyper, net->layers[0].mean != NULL));
    describe(net);
    if (!chain)
        snprintf(net->network.note, sizeof net->network.note,
                 "A state dict tells neither dilations, activation nor scaling: "
                 "taken for the published network of %u layers. --model-option overrules.",
                 net->count);
    return VKS_OK;
}

static vks_status open_network(const struct family *family, const struct weights *weights, const char *options,
                               bool chosen, struct network **out)
{
    struct meshnet *net;
    (void)chosen;
    VKS_TRY(vkr_alloc(1, sizeof *net, "a network", (void **)&net));
    net->network.family = family;
    net->network.weights = weights;
    vks_status status = fill(net, options);
    if (status == VKS_OK)
        *out = &net->network;
    else
        close_network(&net->network);
    return status;
}

/* The published network of 10 layers of 11 channels and 3 classes; a thinner one of 9 layers. */
static void synthetic(const char *name, struct schema *schema)
{
    bool is_mini = strcmp(name, "meshnet_mini") == 0;
    uint32_t blocks = is_mini ? 8 : 9, channels = is_mini ? 4 : 11;
    for (uint32_t i = 0; i < blocks; i++) {
        schema_add(schema, vkr_f32(5, channels, i ? channels : 1, 3, 3, 3), "model.%u.0.weight", i);
        schema_add(schema, vkr_f32(1, channels), "model.%u.0.bias", i);
    }
    schema_add(schema, vkr_f32(5, 3, channels, 1, 1, 1), "model.%u.weight", blocks);
    schema_add(schema, vkr_f32(1, 3), "model.%u.bias", blocks);
}

const struct family family_meshnet = {
    .name = "meshnet",
    .licence = "MIT",
    .accepts = VKS_ACCEPTS_VOLUME,
    .matches = matches,
    .open = open_network,
    .close = close_network,
    .label = meshnet_build,
    .tensors = synthetic,
    .read = read_param,
};
