/* sam2_parts.c: what of SAM 2 needs no device: names in files of transformers, the choice of a mask, of memories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/bank.h"
#include "image/resample.h"
#include "mask/choose.h"
#include "models/sam2_keys.h"

/* Names of the class Sam2VideoModel, transformers 5. */
static void names_of_transformers(void **state)
{
    static const char *const pairs[][2] = {
        { "image_encoder.trunk.patch_embed.proj.weight", "vision_encoder.backbone.patch_embed.projection.weight" },
        { "image_encoder.trunk.pos_embed_window", "vision_encoder.backbone.pos_embed_window" },
        { "image_encoder.trunk.blocks.1.norm1.bias", "vision_encoder.backbone.blocks.1.layer_norm1.bias" },
        { "image_encoder.trunk.blocks.1.mlp.lin2.weight", "vision_encoder.backbone.blocks.1.mlp.proj_out.weight" },
        { "image_encoder.trunk.blocks.1.proj.weight", "vision_encoder.backbone.blocks.1.proj.weight" },
        { "image_encoder.neck.convs.3.conv.bias", "vision_encoder.neck.convs.3.bias" },
        { "prompt_encoder.point_embeddings.weight", "prompt_encoder.point_embed.weight" },
        { "prompt_encoder.mask_downscaling.4.weight", "prompt_encoder.mask_embed.layer_norm2.weight" },
        { "mask_decoder.transformer.layers.0.self_attn.out_proj.bias",
          "mask_decoder.transformer.layers.0.self_attn.o_proj.bias" },
        { "mask_decoder.transformer.layers.1.mlp.lin1.weight", "mask_decoder.transformer.layers.1.mlp.proj_in.weight" },
        { "mask_decoder.transformer.norm_final_attn.weight", "mask_decoder.transformer.layer_norm_final_attn.weight" },
        { "mask_decoder.output_hypernetworks_mlps.2.layers.1.bias",
          "mask_decoder.output_hypernetworks_mlps.2.layers.0.bias" },
        { "mask_decoder.pred_obj_score_head.layers.2.weight", "mask_decoder.pred_obj_score_head.proj_out.weight" },
        { "memory_attention.layers.3.cross_attn_image.out_proj.weight",
          "memory_attention.layers.3.cross_attn_image.o_proj.weight" },
        { "memory_attention.norm.weight", "memory_attention.layer_norm.weight" },
        { "memory_encoder.mask_downsampler.encoder.10.bias",
          "memory_encoder.mask_downsampler.layers.3.layer_norm.bias" },
        { "memory_encoder.mask_downsampler.encoder.12.weight", "memory_encoder.mask_downsampler.final_conv.weight" },
        { "memory_encoder.fuser.layers.1.norm.weight", "memory_encoder.memory_fuser.layers.1.layer_norm.weight" },
        { "memory_encoder.fuser.layers.1.gamma", "memory_encoder.memory_fuser.layers.1.scale" },
        { "memory_encoder.out_proj.weight", "memory_encoder.projection.weight" },
        { "obj_ptr_proj.layers.0.weight", "object_pointer_proj.proj_in.weight" },
        { "obj_ptr_tpos_proj.bias", "temporal_positional_encoding_projection_layer.bias" },
        { "no_obj_embed_spatial", "occlusion_spatial_embedding_parameter" },
        { "maskmem_tpos_enc", "memory_temporal_positional_encoding" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char key[256];
        assert_true(sam2_key_transformers(NULL, pairs[i][0], 0, key, sizeof key));
        assert_string_equal(key, pairs[i][1]);
        assert_false(sam2_key_transformers(NULL, pairs[i][0], 1, key, sizeof key));
    }
}

static void stable_or_best(void **state)
{
    (void)state;
    const struct mask_stability rule = { 0.05f, 0.98f }, none = { 0 };
    const float iou[4] = { 0.9f, 0.2f, 0.8f, 0.8f };
    float masks[4 * 100];
    for (int i = 0; i < 400; i++)
        masks[i] = i % 2 ? 1.0f : -1.0f;
    assert_int_equal(mask_best(iou, 4), 2); /* the first of equals; the single one does not count */
    assert_int_equal(mask_single(&rule, masks, iou, 4, 100), 0);
    masks[1] = 0.01f; /* 49 of 50: 0.98 */
    assert_int_equal(mask_single(&rule, masks, iou, 4, 100), 0);
    masks[3] = 0.01f;
    assert_int_equal(mask_single(&rule, masks, iou, 4, 100), 2);
    assert_int_equal(mask_single(&none, masks, iou, 4, 100), 0);
    for (int i = 0; i < 100; i++)
        masks[i] = -1; /* an empty mask is stable */
    assert_int_equal(mask_single(&rule, masks, iou, 4, 100), 0);
    mask_limit(masks, 4, 0.5f);
    assert_true(masks[0] == -0.5f && masks[4] == -1.0f);
}

/* Slices 0 to 9, hints on 2 and 8, all others followed. */
static void chooses_memories(void **state)
{
    (void)state;
    const struct family_bank rule = { .frames = 7, .pointers = 16 };
    struct bank bank;
    struct bank_view view;
    assert_int_equal(bank_create(10, &bank), VKS_OK);
    for (uint32_t i = 0; i < 10; i++) {
        bank.entries[i].known = true;
        bank.entries[i].prompted = i == 2 || i == 8;
    }
    bank.prompted = 2;
    assert_int_equal(bank_select(&bank, &rule, 5, false, &view), VKS_OK);
    const uint32_t forward[][2] = { { 2, 6 }, { 8, 6 }, { 0, 4 }, { 1, 3 }, { 3, 1 }, { 4, 0 } };
    assert_int_equal(view.frames, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(view.frame[i].slice == forward[i][0] && view.frame[i].time == forward[i][1]);
    assert_int_equal(view.pointers, 5); /* 2, not 8, which lies ahead; then 4, 3, 1, 0 */
    assert_true(view.pointer[0].slice == 2 && view.pointer[0].distance == 3.0 / 9);
    assert_true(view.pointer[1].slice == 4 && view.pointer[1].distance == 1.0 / 9);
    assert_int_equal(bank_select(&bank, &rule, 5, true, &view), VKS_OK);
    assert_int_equal(view.frames, 5); /* 2, 8; 9, 7, 6 */
    assert_true(view.frame[2].slice == 9 && view.frame[2].time == 3);
    assert_true(view.pointers == 4 && view.pointer[0].slice == 8 && view.pointer[0].distance == 3.0 / 9);
    bank_forget(&bank);
    assert_true(bank.entries[2].known && !bank.entries[3].known);
    bank.prompted = 60;
    assert_int_equal(bank_select(&bank, &rule, 5, false, &view), VKS_ERR_UNSUPPORTED);
    bank_free(&bank);
}

static void rounds_to_even(void **state)
{
    (void)state;
    assert_int_equal(bank_round(1.0f), 0x3f80);
    assert_int_equal(bank_round(1.00390625f), 0x3f80); /* half way: to even */
    assert_int_equal(bank_round(1.01171875f), 0x3f82);
    assert_int_equal(bank_round(-2.5f), 0xc020);
}

/* torch.nn.functional.interpolate(mode="bilinear", antialias=True) of 0..5 to 3 and to 4, and of 0, 1 to 4. */
static void resizes_in_floating_point(void **state)
{
    (void)state;
    const float line[6] = { 0, 1, 2, 3, 4, 5 }, pair[2] = { 0, 1 };
    const float three[3] = { 0.714285731f, 2.5f, 4.285714149f };
    const float up[4] = { 0, 0.25f, 0.75f, 1 };
    float out[4];
    assert_int_equal(resample_floats(line, 6, 1, 1, 3, 1, out), VKS_OK);
    for (int i = 0; i < 3; i++)
        assert_float_equal(out[i], three[i], 1e-6);
    assert_int_equal(resample_floats(pair, 1, 2, 1, 1, 4, out), VKS_OK);
    for (int i = 0; i < 4; i++)
        assert_float_equal(out[i], up[i], 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_transformers),     cmocka_unit_test(stable_or_best),
        cmocka_unit_test(chooses_memories),          cmocka_unit_test(rounds_to_even),
        cmocka_unit_test(resizes_in_floating_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
