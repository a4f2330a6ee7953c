/* sam_keys.c: one list of replacements turns a published name into that of transformers. The pairs follow
 * models/sam/convert_sam_to_hf.py of transformers. */
#include "models/sam_keys.h"

#include "models/key_pairs.h"

#include <stdio.h>
#include <string.h>

bool sam_key_published(const void *user, const char *name, uint32_t alternative, char *key, size_t size)
{
    (void)user;
    snprintf(key, size, "%s", name);
    return alternative == 0;
}

/* Applied in order, each at most once. */
static const struct key_pair pairs[] = {
    { "image_encoder.", "vision_encoder." },
    { ".blocks.", ".layers." },
    { ".patch_embed.proj.", ".patch_embed.projection." },
    { ".neck.0.", ".neck.conv1." },
    { ".neck.1.", ".neck.layer_norm1." },
    { ".neck.2.", ".neck.conv2." },
    { ".neck.3.", ".neck.layer_norm2." },
    { ".norm1.", ".layer_norm1." },
    { ".norm2.", ".layer_norm2." },
    { ".norm3.", ".layer_norm3." },
    { ".norm4.", ".layer_norm4." },
    { ".norm_final_attn.", ".layer_norm_final_attn." },
    { ".point_embeddings.", ".point_embed." },
    { ".mask_downscaling.0.", ".mask_embed.conv1." },
    { ".mask_downscaling.1.", ".mask_embed.layer_norm1." },
    { ".mask_downscaling.3.", ".mask_embed.conv2." },
    { ".mask_downscaling.4.", ".mask_embed.layer_norm2." },
    { ".mask_downscaling.6.", ".mask_embed.conv3." },
    { ".output_upscaling.0.", ".upscale_conv1." },
    { ".output_upscaling.1.", ".upscale_layer_norm." },
    { ".output_upscaling.3.", ".upscale_conv2." },
};

/* The three layers of the small heads, whose names would collide with the transformer's layers. */
static const struct key_pair head_pairs[] = {
    { ".layers.0.", ".proj_in." },
    { ".layers.2.", ".proj_out." },
    { ".layers.1.", ".layers.0." },
};

bool sam_key_transformers(const void *user, const char *name, uint32_t alternative, char *key, size_t size)
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
    if (strstr(name, "_mlps.") || strstr(name, ".iou_prediction_head.")) {
        for (size_t i = 0; i < sizeof head_pairs / sizeof *head_pairs; i++)
            if (key_replace(key, size, &head_pairs[i]))
                break;
    } else {
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            key_replace(key, size, &pairs[i]);
    }
    return alternative == 0;
}
