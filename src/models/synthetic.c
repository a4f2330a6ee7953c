/* synthetic.c: from a name to a table of generated weights: the family says which tensors, the rule here says how large
 * their elements are. The rule keeps activations near unit scale through any depth, as trained weights do; it is that of
 * the golden data, so that a synthetic model equals a golden case's where name and seeds are equal. */
#include "models/synthetic.h"

#include "models/family.h"
#include "models/schema.h"
#include "weights/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "synthetic:";

static const struct model {
    const char *name;
    const struct family *family;
    uint64_t encoder_seed, decoder_seed;
} models[] = {
#define SYNTHETIC(name, family, encoder, decoder) { #name, &family_##family, encoder, decoder },
#include "models/synthetic.def"
#undef SYNTHETIC
};
enum { MODEL_COUNT = sizeof models / sizeof *models };

/* ---- the rule ------------------------------------------------------------------------------------------------- */

/* Tensors that are no matrix: c and a. The first row whose word occurs in the name decides. */
static const struct {
    const char *word;
    float c, a;
} plain_rules[] = {
    { "pred_obj_score_head.layers.2.bias", 2, 0.2f },
    { "running_var", 1, 0.5f },
    { "running_mean", 0, 0.25f },
    { ".gamma", 0.3f, 0.2f },
    { "rel_pos_", 0, 0.3f },
    { "pos_embed", 0, 0.5f },
    { "attention_biases", 0, 1 },
    { "gaussian_matrix", 0, 1.7320508f },
    { "iou_token.", 0, 1 },
    { "mask_tokens.", 0, 1 },
    { "score_token.", 0, 1 },
    { "_embed.weight", 0, 1 },
    { "point_embeddings.", 0, 1 },
    { "maskmem_tpos", 0, 1 },
    { "no_mem_", 0, 1 },
    { "no_obj_", 0, 1 },
};

/* Matrices and kernels: a = gain * sqrt(3 / inputs). Both words must occur; the first row decides. `transposed`: the
 * kernel is of a transposed convolution of stride 2. */
static const struct gain {
    const char *first, *second;
    double gain;
    bool transposed;
} gains[] = {
    { "model.", ".0.weight", 1.4, false },
    { "model.", "", 4, false },
    { "out_conv.", "", 3, false },
    { "cross_conv.", "", 1.25, false },
    { ".vmapped.conv.", "", 1.25, false },
    { "memory_encoder.out_proj", "", 1.6, false },
    { "memory_attention.layers.0.self_attn.q_proj", "", 1.4, false },
    { "memory_attention.", "", 1.2, false },
    { "conv_s0.", "", 0.7, false },
    { "conv_s1.", "", 0.7, false },
    { "iou_prediction_head.", "", 1.4, false },
    { "hypernetworks_mlps.", "", 1.6, false },
    { "mask_downscaling.", "", 1.3, false },
    { "output_upscaling.", "", 1.5, true },
    { ".Adapter.spatial.2.", "", 1.5, true },
    { ".Adapter.", "", 1.5, false },
    { "image_encoder.layers.", ".attn.", 1.2, false },
    { "image_encoder.layers.", ".downsample.", 0.8, false },
    { "image_encoder.layers.", ".local_conv.", 0.8, false },
    { "image_encoder.layers.", ".conv", 1.1, false },
    { "patch_embed.seq.", "", 1.2, false },
    { ".attn.qkv.", "", 1.3, false },
    { ".q_proj.", "", 2, false },
    { ".k_proj.", "", 2, false },
    { ".v_proj.", "", 1.4, false },
    { ".out_proj.", "", 1.6, false },
    { ".mlp.lin2.", "", 1.2, false },
    { "", "", 1, false },
};

/* How many inputs one output sums. */
static double inputs_of(const struct vkr_desc *desc, bool transposed)
{
    double inputs = 1;
    for (uint32_t i = 1; i < desc->rank; i++)
        inputs *= desc->dim[i];
    return transposed ? desc->dim[0] * (desc->dim[2] / 2.0) * (desc->dim[3] / 2.0) : inputs;
}

static void choose_numbers(const char *name, const struct vkr_desc *desc, float *c, float *a)
{
    for (size_t i = 0; i < sizeof plain_rules / sizeof *plain_rules; i++) {
        if (strstr(name, plain_rules[i].word)) {
            *c = plain_rules[i].c;
            *a = plain_rules[i].a;
            return;
        }
    }
    size_t length = strlen(name);
    bool bias = length >= 4 && strcmp(name + length - 4, "bias") == 0;
    *c = desc->rank < 2 && !bias ? 1 : 0;
    *a = bias ? 0.2f : 0.3f;
    if (desc->rank < 2)
        return;
    const struct gain *gain = gains;
    while (!strstr(name, gain->first) || !strstr(name, gain->second))
        gain++;
    *a = (float)(gain->gain * sqrt(3 / inputs_of(desc, gain->transposed && desc->rank == 4)));
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

bool synthetic_is(const char *text)
{
    return strncmp(text, prefix, sizeof prefix - 1) == 0;
}

static vks_status find_model(const char *text, struct model *out)
{
    char list[512] = "";
    size_t length = strcspn(text, ":");
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        if (strlen(models[i].name) == length && strncmp(models[i].name, text, length) == 0) {
            *out = models[i];
            return VKS_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", models[i].name);
    }
    return vks_fail(VKS_ERR_MODEL, "no synthetic model is called \"%.*s\"; there are %s", (int)(length < 64 ? length : 64),
                    text, list);
}

/* SEED moves both seeds by the same amount, so that every seed has a decoder of its own. */
static vks_status read_seed(const char *text, struct model *model)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return VKS_OK;
    char *end;
    unsigned long long seed = strtoull(colon + 1, &end, 10);
    VKS_REQUIRE(colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && end - colon <= 19, VKS_ERR_MODEL,
                "synthetic:%.80s: the seed must be a whole number, as in synthetic:%s:%llu", text, model->name,
                (unsigned long long)model->encoder_seed);
    model->decoder_seed += seed - model->encoder_seed;
    model->encoder_seed = seed;
    return VKS_OK;
}

static vks_status make_tensors(const struct model *model, const struct schema *schema, const char *label,
                               struct weights **out)
{
    struct synth_tensor *tensors;
    VKS_TRY(schema->error);
    VKS_REQUIRE(schema->count > 0, VKS_ERR_INTERNAL, "the family %s lists no tensors for %s", model->family->name, label);
    VKS_TRY(vkr_alloc(schema->count, sizeof *tensors, "a synthetic model", (void **)&tensors));
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct schema_entry *entry = &schema->entries[i];
        bool encoder = strncmp(entry->name, "image_encoder.", 14) == 0;
        tensors[i] = (struct synth_tensor){ .name = entry->name, .desc = entry->desc,
                                            .seed = encoder ? model->encoder_seed : model->decoder_seed };
        choose_numbers(entry->name, &entry->desc, &tensors[i].c, &tensors[i].a);
    }
    vks_status status = synth_open(tensors, schema->count, label, model->family->name, out);
    vkr_free(tensors);
    return status;
}

vks_status synthetic_or_file(const char *path, struct weights **out)
{
    return synthetic_is(path) ? synthetic_open(path, out) : weights_open(path, out);
}

vks_status synthetic_open(const char *text, struct weights **out)
{
    struct model model = models[0];
    *out = NULL;
    VKS_REQUIRE(synthetic_is(text), VKS_ERR_INTERNAL, "%.80s is no name of a synthetic model", text);
    VKS_TRY(find_model(text + sizeof prefix - 1, &model));
    VKS_TRY(read_seed(text + sizeof prefix - 1, &model));
    struct schema schema = { 0 };
    model.family->tensors(model.name, &schema);
    vks_status status = make_tensors(&model, &schema, text, out);
    schema_free(&schema);
    return status;
}
