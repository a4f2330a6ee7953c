/* weights_tfjs.c: Keras layers-models: tensors, layers, several weight files; what must be refused; seeds of the fuzz
 * target. */
//! test src_weights_tfjs
#include "weights_build.h"

#include "weights/layers.h"
#include "weights/tfjs.h"

#include <dirent.h>
#include <unistd.h>

#define CONV(NAME, FROM, MORE)                                                                                         \
    "{\"class_name\":\"Conv3D\",\"name\":\"" NAME "\",\"config\":{\"filters\":2,"                                      \
    "\"kernel_size\":[3,3,3],\"dilation_rate\":[4,4,4],\"padding\":\"same\"" MORE "},\"inbound_nodes\":[[[\"" FROM     \
    "\",0,0,{}]]]}"
#define ACT(NAME, FROM)                                                                                                \
    "{\"class_name\":\"Activation\",\"name\":\"" NAME "\",\"config\":{\"activation\":\"elu\"},"                        \
    "\"inbound_nodes\":[[[\"" FROM "\",0,0,{}]]]}"
#define INPUT "{\"class_name\":\"InputLayer\",\"name\":\"input\",\"config\":{},\"inbound_nodes\":[]}"
#define MODEL(LAYERS, OUTPUT, PATHS, TENSORS)                                                                          \
    "{\"_comment\":\"x\",\"format\":\"layers-model\",\"modelTopology\":"                                               \
    "{\"model_config\":{\"config\":{\"layers\":[" LAYERS "],\"output_layers\":[[\"" OUTPUT "\",0,0]]}}},"              \
    "\"weightsManifest\":[{\"paths\":[" PATHS "],\"weights\":[" TENSORS "]}]}"
#define TENSOR(NAME, SHAPE) "{\"name\":\"" NAME "\",\"shape\":" SHAPE ",\"dtype\":\"float32\"}"
#define CHAIN INPUT "," CONV("1_gn", "input", ",\"use_bias\":false") "," ACT("2", "1_gn")
#define TENSORS TENSOR("1_gn/kernel", "[2,3]") "," TENSOR("b", "[1]")

static const float numbers[7] = { 1, 2, 3, 4, 5, 6, 7 };

static void check_chain(struct weights *weights)
{
    float read[6];
    assert_int_equal(weights_count(weights), 2);
    const struct weights_entry *kernel = weights_find(weights, "1_gn/kernel");
    assert_non_null(kernel);
    assert_int_equal(kernel->desc.dim[1], 3);
    assert_int_equal(weights_read(weights, kernel, VKR_F32, read), VKS_OK);
    assert_memory_equal(read, numbers, sizeof read);
    assert_int_equal(weights_read(weights, weights_find(weights, "b"), VKR_F32, read), VKS_OK);
    assert_true(read[0] == 7);
    assert_int_equal(weights_layer_count(weights), 2);
    const struct weights_layer *conv = weights_layer_at(weights, 0), *act = weights_layer_at(weights, 1);
    assert_string_equal(conv->name, "1_gn");
    assert_string_equal(conv->kind, "Conv3D");
    assert_string_equal(conv->padding, "same");
    assert_string_equal(conv->activation, "linear");
    assert_true(conv->filters == 2 && conv->kernel[2] == 3 && conv->stride[0] == 1 && conv->dilation[1] == 4);
    assert_true(!conv->bias && !conv->channels_first && conv->groups == 1);
    assert_string_equal(act->activation, "elu");
    assert_null(weights_layer_at(weights, 2));
    assert_string_equal(weights_format(weights), "tfjs layers-model");
}

static void reads_a_chain(void **state)
{
    static const char text[] = MODEL(CHAIN, "2", "\"a.bin\"", TENSORS);
    struct weights *weights;
    (void)state;
    assert_int_equal(tfjs_open_memory(text, strlen(text), numbers, sizeof numbers, &weights), VKS_OK);
    check_chain(weights);
    weights_close(&weights);
    assert_int_equal(weights_open_memory(text, strlen(text), &weights), VKS_ERR_MODEL);
    assert_non_null(strstr(vks_last_error(), "by its path"));
}

static void put(const char *folder, const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* The bytes of a tensor may begin in one file and end in the next. */
static void joins_files(void **state)
{
    static const char text[] = MODEL(CHAIN, "2", "\"a.bin\",\"b.bin\"", TENSORS);
    char folder[] = "/tmp/vkseg-tfjs-XXXXXX", path[256];
    struct weights *weights;
    char together[65], apart[65];
    (void)state;
    assert_non_null(mkdtemp(folder));
    put(folder, "model.json", text, strlen(text));
    put(folder, "a.bin", numbers, 9);
    snprintf(path, sizeof path, "%s/model.json", folder);
    assert_int_equal(weights_open(path, &weights), VKS_ERR_MODEL);
    assert_non_null(strstr(vks_last_error(), "b.bin"));
    put(folder, "b.bin", (const char *)numbers + 9, sizeof numbers - 9);
    assert_int_equal(weights_open(path, &weights), VKS_OK);
    check_chain(weights);
    assert_int_equal(weights_sha256(weights, apart), VKS_OK);
    weights_release(weights, weights_at(weights, 0));
    weights_close(&weights);
    assert_int_equal(tfjs_open_memory(text, strlen(text), numbers, sizeof numbers, &weights), VKS_OK);
    assert_int_equal(weights_sha256(weights, together), VKS_OK);
    assert_string_equal(together, apart);
    weights_close(&weights);
    const char *const names[] = { "model.json", "a.bin", "b.bin" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *word;
        size_t size;
    } cases[] = {
        { "{\"abc\":1}", "no weightsManifest", 28 },
        { "{\"abc\":1,}", "no proper JSON", 28 },
        { "{\"format\":\"graph-model\",\"weightsManifest\":[]}", "graph-model", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSORS), "cut off", 27 },
        { MODEL(CHAIN, "2", "\"a\"", TENSORS), "belong together", 29 },
        { MODEL(CHAIN, "1_gn", "\"a\"", TENSORS), "not its last layer", 28 },
        { MODEL(INPUT, "input", "\"a\"", TENSORS), "no layers", 28 },
        { MODEL(INPUT "," CONV("1", "9", ""), "1", "\"a\"", TENSORS), "Only chains", 28 },
        { MODEL(INPUT "," INPUT, "input", "\"a\"", TENSORS), "second input", 28 },
        { MODEL(CONV("1", "9", ""), "1", "\"a\"", TENSORS), "no layers", 28 },
        { MODEL(CONV("1", "9", "") "," INPUT, "1", "\"a\"", TENSORS), "no input", 28 },
        { MODEL(INPUT "," CONV("1", "input", ",\"strides\":[1,2]"), "1", "\"a\"", TENSORS), "numbers", 28 },
        { MODEL(INPUT "," CONV("1", "input", ",\"groups\":-1"), "1", "\"a\"", TENSORS), "numbers", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSORS "," TENSOR("b", "[0]")), "twice", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSOR("b", "[-1]")), "unreadable shape", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSOR("b", "[1,1,1,1,1,1]")), "5 dimensions", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSOR("b", "[4294967295,4294967295,4294967295]")), "unreadable shape", 28 },
        { MODEL(CHAIN, "2", "\"a\"", TENSOR("b", "[4294967295,4294967295]")), "overflows", 28 },
        { MODEL(CHAIN, "2", "\"a\"", "{\"name\":\"b\",\"shape\":[7],\"dtype\":\"string\"}"), "element type", 28 },
        { MODEL(CHAIN, "2", "\"a\"", "{\"name\":\"b\",\"shape\":[7],\"dtype\":\"float32\",\"quantization\":{}}"),
          "quantised", 28 },
        { MODEL(CHAIN, "2", "\"a\"", "{\"shape\":[7],\"dtype\":\"float32\"}"), "without name", 28 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weights *weights;
        char bytes[32] = { 0 };
        assert_int_equal(tfjs_open_memory(cases[i].text, strlen(cases[i].text), bytes, cases[i].size, &weights),
                         VKS_ERR_MODEL);
        assert_null(weights);
        if (!strstr(vks_last_error(), cases[i].word))
            fail_msg("case %zu: %s", i, vks_last_error());
    }
}

/* A model.json must not make us open other files of the machine. */
static void stays_in_its_folder(void **state)
{
    static const char *const texts[] = {
        MODEL(CHAIN, "2", "\"/etc/hostname\"", TENSORS),
        MODEL(CHAIN, "2", "\"../a\"", TENSORS),
        MODEL(CHAIN, "2", "\"a\\\\b\"", TENSORS),
        MODEL(CHAIN, "2", "\"c:a\"", TENSORS),
        MODEL(CHAIN, "2", "\"\"", TENSORS),
    };
    char path[] = "/tmp/vkseg-tfjs-XXXXXX";
    (void)state;
    int file = mkstemp(path);
    assert_true(file >= 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct weights *weights;
        assert_int_equal(ftruncate(file, 0), 0);
        assert_int_equal(pwrite(file, texts[i], strlen(texts[i]), 0), (ssize_t)strlen(texts[i]));
        assert_int_equal(weights_open(path, &weights), VKS_ERR_MODEL);
        if (!strstr(vks_last_error(), "beside it"))
            fail_msg("case %zu: %s", i, vks_last_error());
    }
    close(file);
    unlink(path);
}

static void seeds_break_nothing(void **state)
{
    unsigned count = 0;
    DIR *folder = opendir(VKS_SOURCE_DIR "/tests/fuzz/corpus/tfjs");
    (void)state;
    assert_non_null(folder);
    for (const struct dirent *item; (item = readdir(folder));) {
        char path[1024], *data = malloc(1 << 20);
        if (item->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/tests/fuzz/corpus/tfjs/%s", VKS_SOURCE_DIR, item->d_name);
            FILE *input = fopen(path, "rb");
            assert_non_null(input);
            size_t size = fread(data, 1, 1 << 20, input), text = strnlen(data, size);
            fclose(input);
            struct weights *weights = NULL;
            if (text < size)
                tfjs_open_memory(data, text, data + text + 1, size - text - 1, &weights);
            weights_close(&weights);
            count++;
        }
        free(data);
    }
    closedir(folder);
    assert_true(count > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_chain),       cmocka_unit_test(joins_files),         cmocka_unit_test(refuses),
        cmocka_unit_test(stays_in_its_folder), cmocka_unit_test(seeds_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
