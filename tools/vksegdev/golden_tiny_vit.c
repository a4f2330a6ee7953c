/* golden_tiny_vit.c: blocks of MobileSAM's encoder. Its goldens are parts of tensors; the arrays' meanings say which:
 * every 32nd row and column, 36 tokens spread over the grid, or every 7th token of three windows. */
#include "golden.h"

#include <stdio.h>

static vks_status compare_rows(struct golden *golden, const char *name, const char *path, bool nchw, const size_t *rows,
                               size_t count)
{
    char file[256];
    struct golden_array got;
    snprintf(file, sizeof file, "encode.%s.npy", path);
    VKS_TRY(golden_array_read(golden->temporary, file, &got));
    vks_status status = golden_keep_rows(&got, rows, count);
    if (status == VKS_OK)
        status = golden_compare(golden, name, path, got.data, vkr_numel(&got.desc), nchw);
    golden_array_free(&got);
    return status;
}

/* [1, C, side, side] taken [:, :, ::32, ::32]. */
static vks_status compare_every_32(struct golden *golden, const char *name, const char *path, size_t side)
{
    size_t rows[64 * 64], count = 0;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    for (size_t y = 0; y < side && count < sizeof rows / sizeof *rows; y += 32)
        for (size_t x = 0; x < side && count < sizeof rows / sizeof *rows; x += 32)
            rows[count++] = y * side + x;
    return compare_rows(golden, name, path, true, rows, count);
}

/* [1, L, C] taken at (997 k + 5) mod L. */
static vks_status compare_tokens(struct golden *golden, const char *name, const char *path, size_t length)
{
    enum { TOKENS = 36 };
    size_t rows[TOKENS];
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    for (size_t k = 0; k < TOKENS; k++)
        rows[k] = (997 * k + 5) % length;
    return compare_rows(golden, name, path, false, rows, TOKENS);
}

/* [windows, tokens, C]: windows 0, n / 2 and n - 1, tokens 0, 7, 14, ... */
static vks_status compare_windows(struct golden *golden, const char *name, const char *path)
{
    size_t rows[3 * 1024], count = 0;
    char file[256];
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    snprintf(file, sizeof file, "encode.%s.windows.npy", path);
    VKS_TRY(golden_array_read(golden->temporary, file, &got));
    size_t windows = got.desc.dim[0], tokens = got.desc.dim[1];
    const size_t chosen[3] = { 0, windows / 2, windows - 1 };
    golden_array_free(&got);
    for (size_t w = 0; w < 3; w++)
        for (size_t t = 0; t < tokens && count < sizeof rows / sizeof *rows; t += 7)
            rows[count++] = chosen[w] * tokens + t;
    return golden_compare_projected(golden, name, path, rows, count);
}

/* Toys hold whole tensors, [1, C, H, W]. */
static vks_status compare_whole(struct golden *golden, unsigned stages)
{
    char name[64], path[128];
    for (unsigned i = 0; i < stages; i++) {
        for (unsigned k = 0;; k++) {
            snprintf(name, sizeof name, "layer%u_block%u", i, k);
            snprintf(path, sizeof path, "image_encoder.layers.%u.blocks.%u", i, k);
            if (!golden_find(golden, name, NULL))
                break;
            VKS_TRY(golden_compare_dump(golden, name, "encode", path, true));
        }
        snprintf(name, sizeof name, "layer%u", i);
        snprintf(path, sizeof path, "image_encoder.layers.%u", i);
        if (golden_find(golden, name, NULL))
            VKS_TRY(golden_compare_dump(golden, name, "encode", path, true));
    }
    return VKS_OK;
}

/* A stage's blocks see its own grid; its result is already the next stage's. */
static vks_status compare_stage(struct golden *golden, unsigned index, size_t grid, size_t next)
{
    char name[64], path[128];
    snprintf(path, sizeof path, "image_encoder.layers.%u.blocks.0", index);
    snprintf(name, sizeof name, "layer%u_block0_sub", index);
    if (index == 0)
        VKS_TRY(compare_every_32(golden, name, path, grid));
    else
        VKS_TRY(compare_tokens(golden, name, path, grid * grid));
    snprintf(path, sizeof path, "image_encoder.layers.%u.blocks.0.attn", index);
    snprintf(name, sizeof name, "layer%u_block0_attn_sub", index);
    VKS_TRY(compare_windows(golden, name, path));
    snprintf(path, sizeof path, "image_encoder.layers.%u", index);
    snprintf(name, sizeof name, "layer%u_sub", index);
    return compare_tokens(golden, name, path, next * next);
}

vks_status golden_tiny_vit(struct golden *golden)
{
    const json_t *config = json_object_get(golden->json, "config");
    size_t side = (size_t)json_integer_value(json_object_get(config, "img_size"));
    if (!json_object_get(config, "embed_dims") || side == 0)
        return VKS_OK;
    if (golden_find(golden, "layer0", NULL))
        return compare_whole(golden, 4);
    const size_t grids[5] = { side / 4, side / 8, side / 16, side / 16, side / 16 };
    VKS_TRY(compare_every_32(golden, "patch_embed_sub", "image_encoder.patch_embed", grids[0]));
    for (unsigned i = 0; i < 4; i++)
        VKS_TRY(compare_stage(golden, i, grids[i], grids[i + 1]));
    return VKS_OK;
}
