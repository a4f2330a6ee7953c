/* model.c: a checkpoint on a context: opened, recognised, and a parameter store that reads each weight when a plan first
 * wants it. A model never changes after loading, apart from what the store has uploaded so far. */
#include "api/handles.h"
#include "api/label_plan.h"
#include "api/tune.h"
#include "base/mem.h"
#include "models/family.h"
#include "models/synthetic.h"

#include <stdio.h>
#include <string.h>

/* ---- opening ------------------------------------------------------------------------------------------------ */

static vks_status choose_precision(vks_precision wish, const struct vkr_caps *caps, bool *half)
{
    bool can = (caps->bits & VKR_CAP_F16) != 0;
    VKS_REQUIRE(wish != VKS_PRECISION_F16 || can, VKS_ERR_UNSUPPORTED,
                "%s cannot store 16-bit floating-point values in buffers; load the model with precision f32", caps->name);
    *half = wish == VKS_PRECISION_F16 || (wish == VKS_PRECISION_AUTO && can && caps->device_class != VKR_CLASS_CPU);
    return VKS_OK;
}

static vks_status check_params(const vks_model_params *params, vks_model_params *own)
{
    VKS_TRY(params_copy(own, sizeof *own, params, "vks_model_params"));
    VKS_REQUIRE((unsigned)own->precision <= VKS_PRECISION_F16, VKS_ERR_ARGUMENT,
                "vks_model_params.precision is %d; expected VKS_PRECISION_AUTO, _F32 or _F16", (int)own->precision);
    return VKS_OK;
}

static vks_status open_network(vks_model *model, const char *path, const vks_model_params *params)
{
    const struct family_wish wish = { .family = params->family, .options = params->options, .file_name = path };
    VKS_TRY(family_open(model->weights, &wish, &model->network));
    VKS_TRY(choose_precision(params->precision, &model->context->target.caps, &model->half));
    const struct vkr_params_source source = { family_read, model->network };
    VKS_TRY(vkr_params_create(model->context->device, &source, &model->params));
    const struct network *network = model->network;
    vkr_log(&model->context->log, VKS_LOG_INFO, "%s %s, %s weights, licence of the published checkpoints: %s",
            network->family->name, network->variant, model->half ? "f16" : "f32", network->family->licence);
    if (network->note[0])
        vkr_log(&model->context->log, VKS_LOG_INFO, "%s", network->note);
    return VKS_OK;
}

static vks_status create(vks_context *context, vks_model **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "a model", (void **)out));
    atomic_init(&(*out)->references, 1);
    (*out)->context = context_retain(context);
    vkr_mutex_init(&(*out)->hash_lock);
    return VKS_OK;
}

/* The mapping of a file, or a copy of the bytes: the caller's are not ours after the call, and weights are read later. */
static vks_status open_weights(vks_model *model, const char *path, const void *data, size_t size)
{
    if (path)
        return synthetic_or_file(path, &model->weights);
    VKS_TRY(vkr_alloc(1, size, "the checkpoint", &model->bytes));
    memcpy(model->bytes, data, size);
    return weights_open_memory(model->bytes, size, &model->weights);
}

static vks_status load(vks_context *context, const char *path, const void *data, size_t size, const vks_model_params *params,
                       vks_model **out)
{
    vks_model_params own;
    vks_model *model = NULL;
    VKS_TRY(check_params(params, &own));
    VKS_TRY(create(context, &model));
    tune_renew(context, TUNE_LOAD_MS);
    vks_status status = open_weights(model, path, data, size);
    if (status == VKS_OK)
        status = open_network(model, path, &own);
    if (status != VKS_OK)
        vks_model_destroy(&model);
    *out = model;
    return status;
}

vks_status vks_model_load(vks_context *context, const char *path, const vks_model_params *params, vks_model **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_model_load: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(context && path, VKS_ERR_ARGUMENT, "vks_model_load: context and path must not be NULL");
    return load(context, path, NULL, 0, params, out);
}

vks_status vks_model_load_memory(vks_context *context, const void *data, size_t size, const vks_model_params *params,
                                 vks_model **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_model_load_memory: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(context && data, VKS_ERR_ARGUMENT, "vks_model_load_memory: context and data must not be NULL");
    VKS_REQUIRE(size > 0, VKS_ERR_MODEL, "the checkpoint is empty");
    return load(context, NULL, data, size, params, out);
}

vks_model *model_retain(vks_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void vks_model_destroy(vks_model **model)
{
    if (!model || !*model)
        return;
    vks_model *dead = *model;
    *model = NULL;
    if (atomic_fetch_sub(&dead->references, 1) != 1)
        return;
    vkr_params_destroy(&dead->params);
    family_close(&dead->network);
    weights_close(&dead->weights);
    vkr_free(dead->bytes);
    vkr_mutex_destroy(&dead->hash_lock);
    vks_context_destroy(&dead->context);
    vkr_free(dead);
}

/* ---- describing --------------------------------------------------------------------------------------------- */

static void build_encode(const struct network *network, struct nn n)
{
    network->family->encode(network, n, NULL);
}

static void build_decode(const struct network *network, struct nn n)
{
    const struct decode_shape shape = { .objects = 1, .tokens = 2 };
    network->family->decode(network, n, NULL, &shape);
}

/* A volume of the size the network was made for. */
static vks_status estimate_label(const struct network *network, const struct vkr_target *target, bool half, uint64_t *out)
{
    uint32_t grid = network->volume.grid;
    const struct label_shape shape = { .size = { grid, grid, grid } };
    struct label_plan plan;
    vks_status status = label_plan_make(network, target, half, &shape, &plan);
    *out = status == VKS_OK ? plan.bytes : 0;
    return status == VKS_ERR_HOST_MEMORY ? status : VKS_OK;
}

vks_status model_estimate(const struct network *network, const struct vkr_target *target, bool half, uint64_t *out)
{
    if (network->family->label)
        return estimate_label(network, target, half, out);
    struct vkr_target untimed = *target;        /* what is only estimated asks for no times */
    untimed.tuning = NULL;
    void (*const stages[])(const struct network *, struct nn) = { build_encode, build_decode };
    *out = 0;
    uint64_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        struct vkr_graph *graph = NULL;
        struct vkr_estimate estimate = { 0 };
        VKS_TRY(vkr_graph_create(&untimed, &graph));
        stages[i](network, (struct nn){ graph, half });
        vks_status status = vkr_plan_estimate(graph, &estimate);
        vkr_graph_destroy(&graph);
        if (status == VKS_ERR_HOST_MEMORY)
            return status;
        if (status != VKS_OK)
            return VKS_OK;
        bytes += estimate.arena + estimate.params + estimate.slots;
    }
    *out = bytes;
    return VKS_OK;
}

static vks_status describe(const struct network *network, const struct weights *weights, const struct vkr_target *target,
                           vks_model_info *out)
{
    vks_model_info info = { 0 };
    snprintf(info.family, sizeof info.family, "%s", network->family->name);
    snprintf(info.variant, sizeof info.variant, "%s", network->variant);
    snprintf(info.format, sizeof info.format, "%s", weights_format(weights));
    snprintf(info.licence, sizeof info.licence, "%s", network->family->licence);
    snprintf(info.preprocessing, sizeof info.preprocessing, "%s", network->preprocessing);
    snprintf(info.note, sizeof info.note, "%s", network->note);
    info.image_size = network->family->label ? network->volume.grid : network->image.side;
    info.embedding[0] = network->channels;
    info.embedding[1] = info.embedding[2] = network->grid;
    info.accepts = network->family->accepts;
    info.parameters = network->parameters;
    info.memory = network->bank.width ? network->bank.frames - 1 : 0;
    info.reusable = !network->family->label && !network->family->support;
    info.encoder_gmac = network->encoder_gmac;
    info.decoder_gmac = network->decoder_gmac;
    VKS_TRY(model_estimate(network, target, false, &info.memory_f32));
    VKS_TRY(model_estimate(network, target, true, &info.memory_f16));
    *out = info;
    return VKS_OK;
}

/* Memory is estimated for a desktop device: there is none to ask. */
vks_status vks_model_inspect(const char *path, const vks_model_params *params, vks_model_info *out)
{
    VKS_REQUIRE(path && out, VKS_ERR_ARGUMENT, "vks_model_inspect: path and out must not be NULL");
    vks_model_params own;
    VKS_TRY(check_params(params, &own));
    const struct vkr_target target = { .caps = vkr_caps_desktop() };
    const struct family_wish wish = { .family = own.family, .options = own.options, .file_name = path };
    struct weights *weights = NULL;
    struct network *network = NULL;
    VKS_TRY(synthetic_or_file(path, &weights));
    vks_status status = family_open(weights, &wish, &network);
    if (status == VKS_OK)
        status = describe(network, weights, &target, out);
    family_close(&network);
    weights_close(&weights);
    return status;
}

vks_status vks_model_get_info(const vks_model *model, vks_model_info *out)
{
    VKS_REQUIRE(model && out, VKS_ERR_ARGUMENT, "vks_model_get_info: model and out must not be NULL");
    return describe(model->network, model->weights, &model->context->target, out);
}

void vks_families(uint32_t accepts, char *list, size_t size)
{
    if (list && size > 0)
        family_takers(accepts, list, size);
}

/* ---- hash --------------------------------------------------------------------------------------------------- */

bool model_known_sha256(vks_model *model, char hex[65])
{
    vkr_mutex_lock(&model->hash_lock);
    bool known = model->sha256[0] != '\0';
    memcpy(hex, model->sha256, sizeof model->sha256);
    vkr_mutex_unlock(&model->hash_lock);
    return known;
}

vks_status vks_model_sha256(vks_model *model, char hex[65])
{
    VKS_REQUIRE(model && hex, VKS_ERR_ARGUMENT, "vks_model_sha256: model and hex must not be NULL");
    vks_status status = VKS_OK;
    vkr_mutex_lock(&model->hash_lock);
    if (!model->sha256[0])
        status = weights_sha256(model->weights, model->sha256);
    if (status == VKS_OK)
        memcpy(hex, model->sha256, sizeof model->sha256);
    else
        model->sha256[0] = '\0';
    vkr_mutex_unlock(&model->hash_lock);
    return status;
}
