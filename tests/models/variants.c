/* variants.c: SAM ViT-B, ViT-L and ViT-H by their shapes alone. A .pth whose tensors all repeat one number (stride 0)
 * has their names and shapes in 60 KiB: hyper-parameters, element counts and the planned memory of both stages follow.
 */
//! test models_variants
#include "src/weights_build.h"

#include <ctype.h>

#include "api/handles.h"
#include "models/family.h"
#include "models/sam_encoder.h"
#include "vkseg/vkseg.h"

struct variant {
    const char *name;
    uint32_t width, depth, heads, stride; /* every stride-th block is global */
    uint64_t elements;                    /* parameters of the official model, and the 256 of its positional matrix */
};

static const struct variant variants[] = {
    { "vit_b", 768, 12, 12, 3, 93735472 + 256 },
    { "vit_l", 1024, 24, 16, 6, 312342832 + 256 },
    { "vit_h", 1280, 32, 16, 8, 641090608 + 256 },
};

/* '*' stands for a number below `count` (0: the depth of the encoder). Sizes: D width, T 3 D, M 4 D, H head width, S
 * the block's table, C 256, I 128, F 2048, or a number. A name that ends with '.' has weight and, of the first size,
 * bias. */
static const struct {
    const char *name, *shape;
    uint32_t count;
} rows[] = {
    { "image_encoder.pos_embed", "1,64,64,D", 1 },
    { "image_encoder.patch_embed.proj.", "D,3,16,16", 1 },
    { "image_encoder.blocks.*.norm1.", "D", 0 },
    { "image_encoder.blocks.*.attn.qkv.", "T,D", 0 },
    { "image_encoder.blocks.*.attn.proj.", "D,D", 0 },
    { "image_encoder.blocks.*.attn.rel_pos_h", "S,H", 0 },
    { "image_encoder.blocks.*.attn.rel_pos_w", "S,H", 0 },
    { "image_encoder.blocks.*.norm2.", "D", 0 },
    { "image_encoder.blocks.*.mlp.lin1.", "M,D", 0 },
    { "image_encoder.blocks.*.mlp.lin2.", "D,M", 0 },
    { "image_encoder.neck.0.weight", "C,D,1,1", 1 },
    { "image_encoder.neck.1.", "C", 1 },
    { "image_encoder.neck.2.weight", "C,C,3,3", 1 },
    { "image_encoder.neck.3.", "C", 1 },
    { "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", "2,I", 1 },
    { "prompt_encoder.point_embeddings.*.weight", "1,C", 4 },
    { "prompt_encoder.not_a_point_embed.weight", "1,C", 1 },
    { "prompt_encoder.no_mask_embed.weight", "1,C", 1 },
    { "prompt_encoder.mask_downscaling.0.", "4,1,2,2", 1 },
    { "prompt_encoder.mask_downscaling.1.", "4", 1 },
    { "prompt_encoder.mask_downscaling.3.", "16,4,2,2", 1 },
    { "prompt_encoder.mask_downscaling.4.", "16", 1 },
    { "prompt_encoder.mask_downscaling.6.", "C,16,1,1", 1 },
    { "mask_decoder.transformer.layers.*.self_attn.q_proj.", "C,C", 2 },
    { "mask_decoder.transformer.layers.*.self_attn.k_proj.", "C,C", 2 },
    { "mask_decoder.transformer.layers.*.self_attn.v_proj.", "C,C", 2 },
    { "mask_decoder.transformer.layers.*.self_attn.out_proj.", "C,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_token_to_image.q_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_token_to_image.k_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_token_to_image.v_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_token_to_image.out_proj.", "C,I", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_image_to_token.q_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_image_to_token.k_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_image_to_token.v_proj.", "I,C", 2 },
    { "mask_decoder.transformer.layers.*.cross_attn_image_to_token.out_proj.", "C,I", 2 },
    { "mask_decoder.transformer.layers.*.norm1.", "C", 2 },
    { "mask_decoder.transformer.layers.*.norm2.", "C", 2 },
    { "mask_decoder.transformer.layers.*.norm3.", "C", 2 },
    { "mask_decoder.transformer.layers.*.norm4.", "C", 2 },
    { "mask_decoder.transformer.layers.*.mlp.lin1.", "F,C", 2 },
    { "mask_decoder.transformer.layers.*.mlp.lin2.", "C,F", 2 },
    { "mask_decoder.transformer.final_attn_token_to_image.q_proj.", "I,C", 1 },
    { "mask_decoder.transformer.final_attn_token_to_image.k_proj.", "I,C", 1 },
    { "mask_decoder.transformer.final_attn_token_to_image.v_proj.", "I,C", 1 },
    { "mask_decoder.transformer.final_attn_token_to_image.out_proj.", "C,I", 1 },
    { "mask_decoder.transformer.norm_final_attn.", "C", 1 },
    { "mask_decoder.iou_token.weight", "1,C", 1 },
    { "mask_decoder.mask_tokens.weight", "4,C", 1 },
    { "mask_decoder.output_upscaling.0.", "C,64,2,2", 1 },
    { "mask_decoder.output_upscaling.1.", "64", 1 },
    { "mask_decoder.output_upscaling.3.", "64,32,2,2", 1 },
    { "mask_decoder.output_hypernetworks_mlps.*.layers.0.", "C,C", 4 },
    { "mask_decoder.output_hypernetworks_mlps.*.layers.1.", "C,C", 4 },
    { "mask_decoder.output_hypernetworks_mlps.*.layers.2.", "32,C", 4 },
    { "mask_decoder.iou_prediction_head.layers.0.", "C,C", 1 },
    { "mask_decoder.iou_prediction_head.layers.1.", "C,C", 1 },
    { "mask_decoder.iou_prediction_head.layers.2.", "4,C", 1 },
};

static bool is_global(const struct variant *v, uint32_t block)
{
    return (block + 1) % v->stride == 0;
}

static int64_t size_of(const struct variant *v, uint32_t block, const char *word)
{
    switch (*word) {
    case 'D':
        return v->width;
    case 'T':
        return 3 * v->width;
    case 'M':
        return 4 * v->width;
    case 'H':
        return v->width / v->heads;
    case 'S':
        return is_global(v, block) ? 127 : 27;
    case 'C':
        return 256;
    case 'I':
        return 128;
    case 'F':
        return 2048;
    default:
        return strtol(word, NULL, 10);
    }
}

static void put(struct bytes *pickle, const char *name, const char *suffix, unsigned rank, const int64_t *shape)
{
    static const int64_t zeros[VKR_MAX_DIMS] = { 0 };
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", name, suffix);
    p_text(pickle, whole);
    p_tensor(pickle, "FloatStorage", "0", 1, 0, rank, shape, zeros);
}

static void put_row(struct bytes *pickle, const struct variant *v, size_t row, uint32_t number)
{
    char name[200] = "";
    int64_t shape[VKR_MAX_DIMS];
    unsigned rank = 0;
    const char *star = strchr(rows[row].name, '*');
    if (star)
        snprintf(name, sizeof name, "%.*s%u%s", (int)(star - rows[row].name), rows[row].name, number, star + 1);
    else
        snprintf(name, sizeof name, "%s", rows[row].name);
    for (const char *word = rows[row].shape; word; word = strchr(word, ',')) {
        word += *word == ',';
        shape[rank++] = size_of(v, number, word);
    }
    bool both = name[strlen(name) - 1] == '.';
    put(pickle, name, both ? "weight" : "", rank, shape);
    bool transposed = strstr(name, "output_upscaling") && rank == 4; /* [inputs, outputs, ..] */
    if (both)
        put(pickle, name, "bias", 1, &shape[transposed ? 1 : 0]);
}

static struct bytes make_file(const struct variant *v)
{
    static const float number = 0.5f;
    struct bytes pickle = { NULL, 0 };
    struct zip z = { .count = 0 };
    add(&pickle, "\x80\x02}(", 4);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (uint32_t i = 0; i < (rows[row].count ? rows[row].count : v->depth); i++)
            put_row(&pickle, v, row, i);
    add_string(&pickle, "u.");
    zip_add(&z, "sam/data.pkl", pickle.data, pickle.size, 0);
    zip_add(&z, "sam/data/0", &number, sizeof number, 0);
    zip_add(&z, "sam/version", "3\n", 2, 0);
    drop(&pickle);
    return zip_finish(&z);
}

static void test_hyper_parameters(void **state)
{
    const struct variant *v = *state;
    struct bytes file = make_file(v);
    struct weights *weights = NULL;
    struct network *network = NULL;
    assert_ok(weights_open_memory(file.data, file.size, &weights));
    assert_ok(family_open(weights, NULL, &network));
    assert_string_equal(network->family->name, "sam");
    assert_string_equal(network->variant, v->name);
    assert_int_equal(network->parameters, v->elements);
    assert_int_equal(network->image.side, 1024);
    assert_int_equal(network->grid, 64);
    assert_int_equal(network->channels, 256);
    assert_int_equal(network->low, 256);
    family_close(&network);
    struct schema schema = { .weights = weights };
    const struct hyper hyper = { .weights = weights };
    struct sam_encoder encoder;
    assert_ok(sam_encoder_open(&encoder, &schema, &hyper, false));
    assert_int_equal(encoder.heads, v->heads);
    assert_int_equal(encoder.depth, v->depth);
    assert_int_equal(encoder.hidden, 4 * v->width);
    for (uint32_t i = 0; i < v->depth; i++)
        assert_int_equal(encoder.blocks[i].window, is_global(v, i) ? 0 : 14);
    schema_free(&schema);
    weights_close(&weights);
    drop(&file);
}

/* Both stages can be planned for every kind of device, without one: no binding, grid or variant is beyond its limits.
 */
static void test_presets(const struct variant *v, const struct bytes *file)
{
    static const struct {
        const char *name;
        struct vkr_caps (*make)(void);
    } presets[] = {
        { "minimum", vkr_caps_minimum },
        { "lavapipe", vkr_caps_lavapipe },
        { "phone", vkr_caps_phone },
        { "desktop", vkr_caps_desktop },
    };
    struct weights *weights = NULL;
    struct network *network = NULL;
    assert_ok(weights_open_memory(file->data, file->size, &weights));
    assert_ok(family_open(weights, NULL, &network));
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        const struct vkr_target target = { .caps = presets[i].make() };
        uint64_t whole = 0, half = 0;
        bool has_half = (target.caps.bits & VKR_CAP_F16) != 0;
        assert_ok(model_estimate(network, &target, false, &whole));
        assert_ok(model_estimate(network, &target, true, &half));
        if (!whole || (half != 0) != has_half)
            fail_msg("%s cannot be planned for %s: %s", v->name, presets[i].name, vks_last_error());
    }
    family_close(&network);
    weights_close(&weights);
}

static void test_memory(void **state)
{
    const struct variant *v = *state;
    struct bytes file = make_file(v);
    char folder[256], path[300];
    vks_model_info info;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/sam_%s.pth", folder, v->name);
    write_file(path, file.data, file.size);
    assert_ok(vks_model_inspect(path, NULL, &info));
    print_message("%s: %.2f GiB in f32, %.2f GiB in f16, %.0f + %.1f Gmac\n", v->name,
                  (double)info.memory_f32 / (1 << 30), (double)info.memory_f16 / (1 << 30), info.encoder_gmac,
                  info.decoder_gmac);
    assert_true(info.memory_f32 > 4 * v->elements && info.memory_f32 < 4 * v->elements + (2u << 30));
    assert_true(info.memory_f16 > 2 * v->elements && info.memory_f16 < info.memory_f32);
    test_presets(v, &file);
    remove(path);
    rmdir(folder);
    drop(&file);
}

int main(void)
{
    struct CMUnitTest tests[6];
    char names[6][40];
    for (int i = 0; i < 6; i++) {
        const struct variant *v = &variants[i / 2];
        snprintf(names[i], sizeof names[i], "%s %s", v->name, i % 2 ? "memory" : "hyper-parameters");
        tests[i] =
            (struct CMUnitTest){ names[i], i % 2 ? test_memory : test_hyper_parameters, NULL, NULL, (void *)(size_t)v };
    }
    return cmocka_run_group_tests_name("variants", tests, NULL, NULL);
}
