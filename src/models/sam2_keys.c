/* sam2_keys.c: lists of replacements turn one of our names into that of a file. */
#include "models/sam2_keys.h"

#include "models/key_pairs.h"

#include <stdio.h>
#include <string.h>

bool sam2_key_published(const void *user, const char *name, uint32_t alternative, char *key, size_t size)
{
    /* Applied in order, each at most once. */
    static const struct key_pair pairs[] = {
        { "prompt_encoder.", "sam_prompt_encoder." },
        { "mask_decoder.", "sam_mask_decoder." },
        { ".mlp.lin1.", ".mlp.layers.0." },
        { ".mlp.lin2.", ".mlp.layers.1." },
    };
    (void)user;
    snprintf(key, size, "%s", name);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        key_replace(key, size, &pairs[i]);
    return alternative == 0;
}

/* Whole names, and beginnings of names. */
static const struct key_pair heads[] = {
    { "no_mem_embed", "no_memory_embedding" },
    { "maskmem_tpos_enc", "memory_temporal_positional_encoding" },
    { "no_obj_ptr", "no_object_pointer" },
    { "no_obj_embed_spatial", "occlusion_spatial_embedding_parameter" },
    { "obj_ptr_tpos_proj.", "temporal_positional_encoding_projection_layer." },
    { "image_encoder.trunk.", "vision_encoder.backbone." },
    { "image_encoder.neck.", "vision_encoder.neck." },
    { "memory_encoder.out_proj.", "memory_encoder.projection." },
    { "memory_attention.norm.", "memory_attention.layer_norm." },
    { "memory_encoder.mask_downsampler.encoder.0.", "memory_encoder.mask_downsampler.layers.0.conv." },
    { "memory_encoder.mask_downsampler.encoder.1.", "memory_encoder.mask_downsampler.layers.0.layer_norm." },
    { "memory_encoder.mask_downsampler.encoder.3.", "memory_encoder.mask_downsampler.layers.1.conv." },
    { "memory_encoder.mask_downsampler.encoder.4.", "memory_encoder.mask_downsampler.layers.1.layer_norm." },
    { "memory_encoder.mask_downsampler.encoder.6.", "memory_encoder.mask_downsampler.layers.2.conv." },
    { "memory_encoder.mask_downsampler.encoder.7.", "memory_encoder.mask_downsampler.layers.2.layer_norm." },
    { "memory_encoder.mask_downsampler.encoder.9.", "memory_encoder.mask_downsampler.layers.3.conv." },
    { "memory_encoder.mask_downsampler.encoder.10.", "memory_encoder.mask_downsampler.layers.3.layer_norm." },
    { "memory_encoder.mask_downsampler.encoder.12.", "memory_encoder.mask_downsampler.final_conv." },
    { "prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1." },
    { "prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1." },
    { "prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2." },
    { "prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2." },
    { "prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3." },
    { "prompt_encoder.point_embeddings.", "prompt_encoder.point_embed." },
    { "mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1." },
    { "mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm." },
    { "mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2." },
};

static const struct key_pair parts[] = {
    { ".patch_embed.proj.", ".patch_embed.projection." },
    { ".conv.weight", ".weight" }, /* of the neck, which is renamed before any conv appears */
    { ".conv.bias", ".bias" },
    { ".mlp.lin1.", ".mlp.proj_in." },
    { ".mlp.lin2.", ".mlp.proj_out." },
    { ".out_proj.", ".o_proj." },
    { ".norm1.", ".layer_norm1." },
    { ".norm2.", ".layer_norm2." },
    { ".norm3.", ".layer_norm3." },
    { ".norm4.", ".layer_norm4." },
    { ".norm_final_attn.", ".layer_norm_final_attn." },
    { ".norm.", ".layer_norm." },
    { ".pix_feat_proj.", ".feature_projection." },
    { ".fuser.", ".memory_fuser." },
    { ".dwconv.", ".depthwise_conv." },
    { ".pwconv1.", ".pointwise_conv1." },
    { ".pwconv2.", ".pointwise_conv2." },
    { ".gamma", ".scale" },
};

/* The three layers of small networks, whose names would collide with those of a transformer's layers. */
static const struct key_pair small[] = {
    { "obj_ptr_proj.", "object_pointer_proj." },
    { ".layers.0.", ".proj_in." },
    { ".layers.2.", ".proj_out." },
    { ".layers.1.", ".layers.0." },
};

/* Applies the pair whose `ours` the text begins with. */
static bool replace_head(char *key, size_t size)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(key, heads[i].ours, strlen(heads[i].ours)) == 0)
            return key_replace(key, size, &heads[i]);
    return false;
}

bool sam2_key_transformers(const void *user, const char *name, uint32_t alternative, char *key, size_t size)
{
    static const char *const position[] = { "shared_image_embedding.positional_embedding",
                                            "prompt_encoder.shared_embedding.positional_embedding" };
    (void)user;
    if (strcmp(name, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix") == 0) {
        if (alternative < 2)
            snprintf(key, size, "%s", position[alternative]);
        return alternative < 2;
    }
    snprintf(key, size, "%s", name);
    if (strstr(name, "_mlps.") || strstr(name, "_head.") || strncmp(name, small[0].ours, strlen(small[0].ours)) == 0) {
        key_replace(key, size, &small[0]);
        for (size_t i = 1; i < sizeof small / sizeof *small; i++)
            if (key_replace(key, size, &small[i]))
                break;
        return alternative == 0;
    }
    bool mask = strstr(name, "mask_downsampler.") != NULL;
    replace_head(key, size);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !mask; i++)
        key_replace(key, size, &parts[i]);
    return alternative == 0;
}
