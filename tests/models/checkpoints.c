/* checkpoints.c: one network under many coats. The toy SAM (assets/golden/sam_toy) as .safetensors and .pth, wrapped,
 * with the names of Hugging Face transformers: the same embedding and masks bit for bit. Hyper-parameters from metadata
 * and options; every tensor missing, misshapen or unknown in turn is named. With ../shared also the two files of 01m.
 */
//! test models_checkpoints
#include "src/weights_build.h"
#include "support/device.h"

#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/npy.h"
#include "models/family.h"
#include "vkseg/vkseg.h"
#include "weights/synth.h"

enum { MOST = 256 };

struct tensor {
    char name[160], theirs[160]; /* official; of transformers */
    struct vkr_desc desc;
    float *data;
};

static struct tensor tensors[MOST];
static unsigned tensor_count;
static char folder[256];
static vks_context *context; /* NULL: no device */

/* ---- files -------------------------------------------------------------------------------------------------- */

/* How tensors are named in a file. */
struct coat {
    const char *prefix;   /* of every name */
    bool transformers;    /* their names */
    bool twice;           /* the positional matrix under both of their names */
    bool second;          /* ... under the second only */
    const char *metadata; /* JSON members, "" or "\"key\":\"value\"" */
    int change;           /* this tensor gets `renamed` or `reshaped`; -1: none */
    const char *renamed;  /* its name */
    bool reshaped;        /* a dimension of 1 more in front */
    const char *extra;    /* the name of one more tensor */
};

static const char position[] = "shared_image_embedding.positional_embedding";
static const char position_again[] = "prompt_encoder.shared_embedding.positional_embedding";

static const char *name_in(const struct coat *coat, unsigned index)
{
    const struct tensor *t = &tensors[index];
    if ((int)index == coat->change && coat->renamed)
        return coat->renamed;
    if (coat->transformers && coat->second && strcmp(t->theirs, position) == 0)
        return position_again;
    return coat->transformers ? t->theirs : t->name;
}

static void add_entry(struct bytes *header, const struct coat *coat, const char *name, unsigned index, size_t at)
{
    const struct tensor *t = &tensors[index];
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, ",\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%s", coat->prefix, name,
                                   (int)index == coat->change && coat->reshaped ? "1," : "");
    for (uint32_t i = 0; i < t->desc.rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, i ? ",%u" : "%u", t->desc.dim[i]);
    size_t size = (size_t)vkr_bytes(&t->desc);
    snprintf(text + used, sizeof text - used, "],\"data_offsets\":[%zu,%zu]}", at, at + size);
    add_string(header, text);
}

static struct bytes as_safetensors(const struct coat *coat)
{
    struct bytes header = { NULL, 0 }, data = { NULL, 0 };
    add_string(&header, "{\"__metadata__\":{");
    add_string(&header, coat->metadata);
    add_string(&header, "}");
    for (unsigned i = 0; i < tensor_count; i++) {
        const struct tensor *t = &tensors[i];
        add_entry(&header, coat, name_in(coat, i), i, data.size);
        add(&data, t->data, (size_t)vkr_bytes(&t->desc));
        if (coat->twice && strcmp(t->theirs, position) == 0) {
            add_entry(&header, coat, position_again, i, data.size);
            add(&data, t->data, (size_t)vkr_bytes(&t->desc));
        }
    }
    if (coat->extra) {
        add_entry(&header, coat, coat->extra, 0, data.size);
        add(&data, tensors[0].data, (size_t)vkr_bytes(&tensors[0].desc));
    }
    add_string(&header, "}");
    add(&header, "", 1);
    struct bytes file = make_safetensors((const char *)header.data, data.data, data.size);
    drop(&header);
    drop(&data);
    return file;
}

static void add_state(struct bytes *pickle, const struct coat *coat)
{
    add_string(pickle, "}(");
    for (unsigned i = 0; i < tensor_count; i++) {
        const struct vkr_desc *desc = &tensors[i].desc;
        char name[400], key[16];
        int64_t shape[VKR_MAX_DIMS], stride[VKR_MAX_DIMS], step = 1;
        for (uint32_t d = desc->rank; d-- > 0; step *= desc->dim[d]) {
            shape[d] = desc->dim[d];
            stride[d] = step;
        }
        snprintf(name, sizeof name, "%.99s%.159s", coat->prefix, name_in(coat, i));
        snprintf(key, sizeof key, "%u", i);
        p_text(pickle, name);
        p_tensor(pickle, "FloatStorage", key, step, 0, desc->rank, shape, stride);
    }
    add_string(pickle, "u");
}

/* `wrapper`: the key of a dictionary around the tensors, or NULL. */
static struct bytes as_torch(const struct coat *coat, const char *wrapper)
{
    struct bytes pickle = { NULL, 0 };
    struct zip z = { .count = 0 };
    add(&pickle, "\x80\x02", 2);
    if (wrapper) {
        add_string(&pickle, "}(");
        p_text(&pickle, wrapper);
    }
    add_state(&pickle, coat);
    if (wrapper) {
        p_text(&pickle, "epoch");
        p_int(&pickle, 7);
        add_string(&pickle, "u");
    }
    add_string(&pickle, ".");
    zip_add(&z, "toy/data.pkl", pickle.data, pickle.size, 0);
    for (unsigned i = 0; i < tensor_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "toy/data/%u", i);
        zip_add(&z, name, tensors[i].data, (size_t)vkr_bytes(&tensors[i].desc), 0);
    }
    zip_add(&z, "toy/version", "3\n", 2, 0);
    drop(&pickle);
    return zip_finish(&z);
}

/* ---- results ------------------------------------------------------------------------------------------------ */

struct result {
    size_t embedding_size, logits_size, masks_size;
    float *embedding, *logits;
    uint8_t *masks;
};

static void result_free(struct result *r)
{
    free(r->embedding);
    free(r->logits);
    free(r->masks);
    *r = (struct result){ 0 };
}

static void *copy(const void *data, size_t size)
{
    void *to = malloc(size);
    assert_non_null(to);
    return memcpy(to, data, size);
}

static void need_device(void)
{
    if (!context) {
        print_message("skipped: no usable Vulkan device\n");
        skip();
    }
}

static vks_image read_image(const char *path, void **pixels)
{
    struct vkr_desc desc;
    assert_ok(vkr_npy_read(path, &desc, pixels));
    return (vks_image){ .pixels = *pixels,
                        .type = VKS_PIXEL_U8,
                        .width = desc.dim[1],
                        .height = desc.dim[0],
                        .channels = desc.rank == 3 ? desc.dim[2] : 1 };
}

/* Embedding, then the masks of a box through a fresh session that only has the embedding. */
static struct result use(vks_model *model, const char *image_path)
{
    const vks_prompt box = { .kind = VKS_PROMPT_BOX, .x0 = 14, .y0 = 9, .x1 = 66, .y1 = 48 };
    vks_session *session = NULL, *other = NULL;
    vks_embedding *e = NULL;
    vks_masks *direct = NULL, *reused = NULL;
    struct result r = { 0 };
    void *pixels = NULL;
    const vks_image image = read_image(image_path, &pixels);
    assert_ok(vks_session_create(model, NULL, &session));
    assert_ok(vks_session_set_image(session, &image));
    assert_ok(vks_session_predict(session, &box, 1, 0, &direct));
    assert_ok(vks_session_get_embedding(session, &e));
    assert_ok(vks_session_create(model, NULL, &other));
    assert_ok(vks_session_set_embedding(other, e));
    assert_ok(vks_session_predict(other, &box, 1, 0, &reused));
    r.embedding_size = sizeof(float) * e->channels * e->height * e->width;
    r.logits_size = sizeof(float) * direct->logits_width * direct->logits_height;
    r.masks_size = (size_t)direct->width * direct->height;
    assert_memory_equal(direct->logits, reused->logits, r.logits_size);
    assert_memory_equal(direct->mask, reused->mask, r.masks_size);
    r.embedding = copy(e->data, r.embedding_size);
    r.logits = copy(direct->logits, r.logits_size);
    r.masks = copy(direct->mask, r.masks_size);
    vks_masks_free(&direct);
    vks_masks_free(&reused);
    vks_embedding_free(&e);
    vks_session_destroy(&session);
    vks_session_destroy(&other);
    vkr_free(pixels);
    return r;
}

static struct result use_file(struct bytes file, const char *options)
{
    const vks_model_params params = { .struct_size = sizeof params,
                                      .options = options,
                                      .precision = VKS_PRECISION_F32 };
    vks_model *model = NULL;
    assert_ok(vks_model_load_memory(context, file.data, file.size, &params, &model));
    drop(&file);
    struct result r = use(model, VKS_SOURCE_DIR "/assets/golden/sam_toy/input.npy");
    vks_model_destroy(&model);
    return r;
}

static void assert_same(const struct result *a, struct result b, const char *what)
{
    assert_int_equal(a->embedding_size, b.embedding_size);
    if (memcmp(a->embedding, b.embedding, a->embedding_size) != 0 || memcmp(a->logits, b.logits, a->logits_size) != 0 ||
        memcmp(a->masks, b.masks, a->masks_size) != 0)
        fail_msg("%s: the result differs", what);
    result_free(&b);
}

static const struct coat plain = { .prefix = "", .metadata = "", .change = -1 };

/* ---- tests -------------------------------------------------------------------------------------------------- */

static void test_coats(void **state)
{
    (void)state;
    need_device();
    struct coat module = plain, theirs = plain, twice, second;
    module.prefix = "module.";
    theirs.transformers = true;
    twice = second = theirs;
    twice.twice = true;
    second.second = true;
    struct result expected = use_file(as_safetensors(&plain), NULL);
    assert_same(&expected, use_file(as_torch(&plain, NULL), NULL), ".pth");
    assert_same(&expected, use_file(as_torch(&plain, "model"), NULL), ".pth in \"model\"");
    assert_same(&expected, use_file(as_torch(&module, "state_dict"), NULL),
                ".pth in \"state_dict\", module. before names");
    assert_same(&expected, use_file(as_safetensors(&module), NULL), "module. before names");
    assert_same(&expected, use_file(as_safetensors(&theirs), NULL), "transformers");
    assert_same(&expected, use_file(as_safetensors(&twice), NULL), "transformers, positions twice");
    assert_same(&expected, use_file(as_safetensors(&second), NULL), "transformers, positions in the prompt encoder");
    assert_same(&expected, use_file(as_torch(&theirs, NULL), NULL), "transformers, .pth");
    result_free(&expected);
}

/* Metadata of the file counts like an option; an option counts more; both change what is computed. */
static void test_hyper_parameters(void **state)
{
    (void)state;
    need_device();
    struct coat heads = plain, window = plain;
    heads.metadata = "\"vkseg.decoder_heads\":\"4\"";
    window.metadata = "\"vkseg.window_size\":\"4\",\"vkseg.global_blocks\":\"0+2\"";
    struct result usual = use_file(as_safetensors(&plain), NULL), four = use_file(as_safetensors(&heads), NULL);
    assert_memory_equal(usual.embedding, four.embedding, usual.embedding_size);
    assert_memory_not_equal(usual.logits, four.logits, usual.logits_size);
    assert_same(&four, use_file(as_safetensors(&plain), "decoder_heads=4"), "decoder_heads=4");
    assert_same(&usual, use_file(as_safetensors(&heads), "decoder_heads=8"), "the option before the metadata");
    struct result other = use_file(as_safetensors(&window), NULL);
    assert_memory_not_equal(usual.embedding, other.embedding, usual.embedding_size);
    assert_same(&other, use_file(as_safetensors(&plain), "window_size=4,global_blocks=0+2"), "windows");
    assert_same(&usual, use_file(as_safetensors(&plain), "window_size=3,global_blocks=1,encoder_heads=2"),
                "what shapes tell");
    result_free(&usual);
    result_free(&four);
    result_free(&other);
}

/* A network without a device. */
static vks_status open_network(struct bytes file, const struct family_wish *wish, struct network **out)
{
    static struct weights *kept; /* a network borrows them */
    static struct bytes bytes;
    weights_close(&kept);
    drop(&bytes);
    bytes = file;
    *out = NULL;
    assert_ok(weights_open_memory(bytes.data, bytes.size, &kept));
    return family_open(kept, wish, out);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct {
        const char *options, *word;
        vks_status status;
    } rows[] = {
        { "decoder_heads=5", "5 decoder heads", VKS_ERR_MODEL },
        { "decoder_heads=0", "whole number", VKS_ERR_ARGUMENT },
        { "decoder_heads=many", "whole number", VKS_ERR_ARGUMENT },
        { "encoder_heads=3", "3 encoder heads", VKS_ERR_MODEL },
        { "window_size=-1", "whole number", VKS_ERR_ARGUMENT },
        { "global_blocks=3", "below 3", VKS_ERR_ARGUMENT },
        { "global_blocks=1,", "", VKS_OK },
        { "global_blocks=0", "window_size=N", VKS_ERR_ARGUMENT },
        { "heads=4", "decoder_heads", VKS_ERR_ARGUMENT },
        { "decoder_heads", "key=value", VKS_ERR_ARGUMENT },
        { "unknown=keep", "ignore", VKS_ERR_ARGUMENT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct family_wish wish = { .options = rows[i].options };
        struct network *network;
        vks_status status = open_network(as_safetensors(&plain), &wish, &network);
        if (status != rows[i].status || (status != VKS_OK && !strstr(vks_last_error(), rows[i].word)))
            fail_msg("%s: %s: %s", rows[i].options, vks_status_name(status), vks_last_error());
        family_close(&network);
    }
}

/* SAM and MedSAM have the same tensors: the file's name, its metadata or the user tell. */
static void test_family(void **state)
{
    (void)state;
    struct coat marked = plain;
    struct network *network;
    marked.metadata = "\"vkseg.family\":\"medsam\"";
    const struct {
        const struct coat *coat;
        struct family_wish wish;
        const char *family;
        bool noted;
    } rows[] = {
        { &plain, { .file_name = "sam_vit_b_01ec64.pth" }, "sam", true },
        { &plain, { .file_name = "/data/MedSAM_vit_b.pth" }, "medsam", true },
        { &plain, { .file_name = "/medsam/sam_vit_b.pth" }, "sam", true },
        { &plain, { .family = "medsam" }, "medsam", false },
        { &plain, { .family = "sam", .file_name = "medsam.pth" }, "sam", false },
        { &marked, { .file_name = "sam.pth" }, "medsam", false },
        { &marked, { .family = "sam" }, "sam", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(open_network(as_safetensors(rows[i].coat), &rows[i].wish, &network));
        assert_string_equal(network->family->name, rows[i].family);
        assert_int_equal(network->note[0] != '\0', rows[i].noted);
        family_close(&network);
    }
    const struct family_wish nobody = { .family = "nobody" };
    assert_refused(VKS_ERR_ARGUMENT, "nobody", open_network(as_safetensors(&plain), &nobody, &network));
}

/* Sizes, straight from the shapes. */
static void test_shapes(void **state)
{
    (void)state;
    struct network *network;
    assert_ok(open_network(as_safetensors(&plain), NULL, &network));
    assert_int_equal(network->grid, 5);
    assert_int_equal(network->channels, 64);
    assert_int_equal(network->low, 20);
    assert_int_equal(network->masks, 4);
    assert_int_equal(network->image.side, 80);
    assert_string_equal(network->variant, "custom 32x3");
    uint64_t elements = 0;
    for (unsigned i = 0; i < tensor_count; i++)
        elements += vkr_numel(&tensors[i].desc);
    assert_int_equal(network->parameters, elements);
    family_close(&network);
}

static void refuse(const struct coat *coat, const char *word, const char *second)
{
    struct network *network;
    vks_status status = open_network(as_safetensors(coat), NULL, &network);
    if (status != VKS_ERR_MODEL || !strstr(vks_last_error(), word) || !strstr(vks_last_error(), second))
        fail_msg("expected a model error with \"%s\" and \"%s\", got %s: %s", word, second, vks_status_name(status),
                 vks_last_error());
    assert_null(network);
}

/* Each tensor in turn: absent (another name), and of another rank. The sentence has its name, as the file would. */
static void test_each_tensor(void **state)
{
    (void)state;
    for (int theirs = 0; theirs < 2; theirs++) {
        for (unsigned i = 0; i < tensor_count; i++) {
            struct coat coat = plain;
            coat.transformers = theirs == 1;
            coat.change = (int)i;
            const char *name = theirs ? tensors[i].theirs : tensors[i].name;
            coat.reshaped = true;
            refuse(&coat, name, "the file has");
            coat.reshaped = false;
            coat.renamed = "nothing.known";
            refuse(&coat, name, "");
        }
    }
}

static void test_unknown_tensor(void **state)
{
    (void)state;
    struct coat coat = plain;
    struct network *network;
    const struct family_wish ignoring = { .options = "unknown=ignore" };
    coat.extra = "image_encoder.adapter.weight";
    refuse(&coat, "image_encoder.adapter.weight", "unknown=ignore");
    assert_ok(open_network(as_safetensors(&coat), &ignoring, &network));
    assert_non_null(strstr(network->note, "1 tensor"));
    family_close(&network);
    coat.extra = "pixel_mean"; /* a buffer that some files carry */
    assert_ok(open_network(as_safetensors(&coat), NULL, &network));
    family_close(&network);
}

static void test_oracle_pair(void **state)
{
    (void)state;
    const char *shared = getenv("VKS_SHARED");
    char path[1024], root[900];
    need_device();
    snprintf(root, sizeof root, "%s/oracle/01m_sam_mini", shared ? shared : VKS_SHARED_DIR);
    if (access(root, R_OK) != 0) {
        print_message("%s: skipped, absent\n", root);
        skip();
    }
    const vks_model_params params = { .struct_size = sizeof params, .options = "decoder_heads=4" };
    struct result results[2];
    for (int i = 0; i < 2; i++) {
        vks_model *model = NULL;
        snprintf(path, sizeof path, "%s/model.%s", root, i ? "safetensors" : "pth");
        assert_ok(vks_model_load(context, path, &params, &model));
        snprintf(path, sizeof path, "%s/input.npy", root);
        results[i] = use(model, path);
        vks_model_destroy(&model);
    }
    assert_same(&results[0], results[1], "01m, .pth and .safetensors");
    result_free(&results[0]);
}

/* ---- the toy ------------------------------------------------------------------------------------------------ */

static void read_toy(void)
{
    static const char toy[] = VKS_SOURCE_DIR "/assets/golden/sam_toy";
    char path[512], names[512];
    struct weights *weights = NULL;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/toy.safetensors", folder);
    snprintf(names, sizeof names, "%s/weights.tsv", toy);
    assert_ok(synth_write(names, path));
    assert_ok(weights_open(path, &weights));
    snprintf(names, sizeof names, "%s/keys_transformers.tsv", toy);
    FILE *keys = fopen(names, "r");
    assert_non_null(keys);
    struct tensor *t = tensors;
    while (tensor_count < MOST && fscanf(keys, "%159s %159s", t->name, t->theirs) == 2) {
        const struct weights_entry *entry = weights_find(weights, t->name);
        assert_non_null(entry);
        t->desc = entry->desc;
        t->data = malloc((size_t)vkr_bytes(&t->desc));
        assert_non_null(t->data);
        assert_ok(weights_read(weights, entry, VKR_F32, t->data));
        tensor_count++;
        t++;
    }
    fclose(keys);
    assert_int_equal(tensor_count, weights_count(weights));
    weights_close(&weights);
    remove(path);
    rmdir(folder);
}

static int setup(void **state)
{
    (void)state;
    const vks_context_params params = { .struct_size = sizeof params,
                                        .device = test_device(),
                                        .options = test_options() };
    read_toy();
    if (vks_context_create(&params, &context) != VKS_OK)
        context = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vks_context_destroy(&context);
    for (unsigned i = 0; i < tensor_count; i++)
        free(tensors[i].data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coats),          cmocka_unit_test(test_hyper_parameters),
        cmocka_unit_test(test_bad_options),    cmocka_unit_test(test_family),
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_each_tensor),
        cmocka_unit_test(test_unknown_tensor), cmocka_unit_test(test_oracle_pair),
    };
    return test_verdict(cmocka_run_group_tests_name("checkpoints", tests, setup, teardown));
}
