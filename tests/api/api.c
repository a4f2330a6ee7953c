/* api.c: contexts and models: what they accept, what they refuse and with which sentence, in which order they may die. */
#include "tiny.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vks_version(), VKS_VERSION_STRING);
    for (int i = VKS_OK; i <= VKS_ERR_INTERNAL; i++)
        assert_true(strlen(vks_status_name((vks_status)i)) > 1);
    assert_non_null(vks_status_name((vks_status)1000));
}

static void test_devices(void **state)
{
    (void)state;
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_devices_list(NULL, NULL));
    tiny_need();
    vks_device_info *devices = NULL;
    size_t count = 0;
    assert_ok(vks_devices_list(&devices, &count));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(devices[i].index, i);
        assert_int_equal(strlen(devices[i].uuid), 32);
        assert_true(devices[i].name[0] != '\0');
        assert_true(devices[i].usable ? devices[i].reason[0] == '\0' : devices[i].reason[0] != '\0');
    }
    vks_context *context = NULL;
    char wish[64];
    snprintf(wish, sizeof wish, "uuid:%s", devices[0].uuid);
    const vks_context_params params = { .struct_size = sizeof params, .device = wish };
    assert_ok(vks_context_create(&params, &context));
    vks_device_info info;
    assert_ok(vks_context_device(context, &info));
    assert_string_equal(info.uuid, devices[0].uuid);
    assert_string_equal(info.name, devices[0].name);
    assert_int_equal(info.index, 0);
    uint64_t now = 1, peak = 0;
    assert_ok(vks_context_memory(context, &now, &peak));
    assert_true(now <= peak);
    vks_context_destroy(&context);
    assert_null(context);
    vks_context_destroy(&context);
    vks_context_destroy(NULL);
    vks_devices_free(&devices);
    assert_null(devices);
    vks_devices_free(&devices);
}

static void test_context_misuse(void **state)
{
    (void)state;
    vks_context *context = (vks_context *)1;
    vks_context_params params = { .struct_size = sizeof params, .device = "the best one" };
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_context_create(&params, NULL));
    params.struct_size = 0;
    assert_refused(VKS_ERR_ARGUMENT, "struct_size", vks_context_create(&params, &context));
    assert_null(context);
    params.struct_size = sizeof params + 64;
    assert_refused(VKS_ERR_ARGUMENT, "struct_size", vks_context_create(&params, &context));
    params = (vks_context_params){ .struct_size = sizeof params, .options = "speed=11" };
    assert_refused(VKS_ERR_ARGUMENT, "speed", vks_context_create(&params, &context));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_context_device(NULL, NULL));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_context_memory(NULL, NULL, NULL));
    tiny_need();
    params = (vks_context_params){ .struct_size = sizeof params, .device = "the best one" };
    assert_refused(VKS_ERR_ARGUMENT, "the best one", vks_context_create(&params, &context));
    params.device = "name:no such device";
    assert_refused(VKS_ERR_NO_DEVICE, "no such device", vks_context_create(&params, &context));
    params.device = "99";
    assert_refused(VKS_ERR_NO_DEVICE, "99", vks_context_create(&params, &context));
    assert_null(context);
}

/* The environment is read only when the program asks for it, and what the program says wins. */
static void test_environment(void **state)
{
    (void)state;
    tiny_need();
    vks_context *context = NULL;
    vks_context_params params = { .struct_size = sizeof params };
    setenv("VKSEG_DEVICE", "name:no such device", 1);
    assert_ok(vks_context_create(&params, &context));
    vks_context_destroy(&context);
    params.use_environment = 1;
    assert_refused(VKS_ERR_NO_DEVICE, "no such device", vks_context_create(&params, &context));
    params.device = "auto";
    assert_ok(vks_context_create(&params, &context));
    vks_context_destroy(&context);
    unsetenv("VKSEG_DEVICE");
    setenv("VKS_DEVICE", "name:nor this one", 1);
    params.device = NULL;
    assert_refused(VKS_ERR_NO_DEVICE, "nor this one", vks_context_create(&params, &context));
    setenv("VKS_DEVICE", "", 1);
    setenv("VKS_PROFILE", "perhaps", 1);
    assert_refused(VKS_ERR_ARGUMENT, "VKS_PROFILE", vks_context_create(&params, &context));
    unsetenv("VKS_PROFILE");
    setenv("VKS_LOG", "loud", 1);
    assert_refused(VKS_ERR_ARGUMENT, "VKS_LOG", vks_context_create(&params, &context));
    unsetenv("VKS_LOG");
    setenv("VKS_CAPS", "minimum", 1);
    setenv("VKS_FORCE", "matmul:base,attention:base", 1);
    assert_ok(vks_context_create(&params, &context));
    vks_device_info info;
    assert_ok(vks_context_device(context, &info));
    assert_null(strstr(info.capabilities, "f16"));
    vks_context_destroy(&context);
    unsetenv("VKS_CAPS");
    unsetenv("VKS_FORCE");
    unsetenv("VKS_DEVICE");
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void test_inspect(void **state)
{
    (void)state;
    const char *path = "api_tiny.safetensors";
    size_t size;
    unsigned char *bytes = tiny_checkpoint(&size);
    write_file(path, bytes, size);
    const vks_model_params params = { .struct_size = sizeof params, .family = "sam" };
    vks_model_info info, loaded;
    assert_ok(vks_model_inspect(path, &params, &info));
    assert_string_equal(info.family, "sam");
    assert_string_equal(info.format, "safetensors");
    assert_int_equal(info.image_size, TINY_SIDE);
    assert_int_equal(info.embedding[0], TINY_DECODER);
    assert_int_equal(info.embedding[1], TINY_GRID);
    assert_int_equal(info.embedding[2], TINY_GRID);
    assert_int_equal(info.accepts, VKS_ACCEPTS_POINT | VKS_ACCEPTS_BOX | VKS_ACCEPTS_MASK);
    assert_int_equal(info.reusable, 1);
    assert_true(info.parameters > 100000 && info.parameters * 4 < size);
    assert_true(info.encoder_gmac > 0 && info.decoder_gmac > 0);
    assert_true(info.memory_f32 > info.parameters * 4);
    assert_ok(vks_model_inspect(path, NULL, &info));
    assert_true(info.note[0] != '\0');      /* SAM and MedSAM files look alike: the user is told */
    assert_refused(VKS_ERR_NOT_FOUND, "nowhere", vks_model_inspect("nowhere.pth", NULL, &info));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_inspect(NULL, NULL, &info));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_inspect(path, NULL, NULL));
    write_file("api_bad.safetensors", bytes, size / 2);
    assert_refused(VKS_ERR_MODEL, "", vks_model_inspect("api_bad.safetensors", NULL, &info));
    remove("api_bad.safetensors");
    if (tiny_usable()) {
        vks_context *context = NULL;
        vks_model *model = NULL, *other = NULL;
        assert_ok(tiny_context(&context));
        assert_ok(vks_model_load(context, path, &params, &model));
        assert_ok(vks_model_get_info(model, &loaded));
        assert_string_equal(loaded.family, "sam");
        assert_int_equal(loaded.parameters, info.parameters);
        char first[65], second[65];
        assert_ok(vks_model_sha256(model, first));
        assert_int_equal(strlen(first), 64);
        assert_ok(vks_model_load_memory(context, bytes, size, &params, &other));
        memset(bytes, 0, size);             /* not used after the call returns */
        assert_ok(vks_model_sha256(other, second));
        assert_string_equal(first, second);
        vks_context_destroy(&context);
        vks_model_destroy(&other);
        vks_model_destroy(&model);
    }
    remove(path);
    free(bytes);
}

/* The name of one tensor is spoiled: the sentence must say which tensor is missing. */
static void test_model_misuse(void **state)
{
    (void)state;
    tiny_need();
    vks_context *context = NULL;
    vks_model *model = (vks_model *)1;
    size_t size;
    unsigned char *bytes = tiny_checkpoint(&size);
    assert_ok(tiny_context(&context));
    vks_model_params params = { .struct_size = sizeof params, .family = "sam" };
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_load(NULL, "x", NULL, &model));
    assert_null(model);
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_load(context, NULL, NULL, &model));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_load(context, "x", NULL, NULL));
    assert_refused(VKS_ERR_NOT_FOUND, "nowhere", vks_model_load(context, "nowhere.pth", NULL, &model));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_load_memory(context, NULL, 5, NULL, &model));
    assert_refused(VKS_ERR_MODEL, "", vks_model_load_memory(context, "no model", 8, NULL, &model));
    params.family = "no_such_family";
    assert_refused(VKS_ERR_ARGUMENT, "no_such_family", vks_model_load_memory(context, bytes, size, &params, &model));
    params = (vks_model_params){ .struct_size = 3, .family = "sam" };
    assert_refused(VKS_ERR_ARGUMENT, "struct_size", vks_model_load_memory(context, bytes, size, &params, &model));
    params = (vks_model_params){ .struct_size = sizeof params, .precision = (vks_precision)9 };
    assert_refused(VKS_ERR_ARGUMENT, "precision", vks_model_load_memory(context, bytes, size, &params, &model));
    params = (vks_model_params){ .struct_size = sizeof params, .family = "sam" };
    const char *spoiled = "blocks.1.mlp.lin2.weight";
    for (size_t i = 0; i + strlen(spoiled) < size; i++) {
        if (memcmp(bytes + i, spoiled, strlen(spoiled)) == 0) {
            bytes[i + strlen(spoiled) - 1] = 'X';
            break;
        }
    }
    assert_refused(VKS_ERR_MODEL, spoiled, vks_model_load_memory(context, bytes, size, &params, &model));
    assert_null(model);
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_get_info(NULL, NULL));
    assert_refused(VKS_ERR_ARGUMENT, "NULL", vks_model_sha256(NULL, NULL));
    vks_model_destroy(&model);
    vks_model_destroy(NULL);
    vks_context_destroy(&context);
    free(bytes);
}

/* Every order of destruction; the session must work while it lives. */
static void test_destroy_order(void **state)
{
    (void)state;
    tiny_need();
    struct tiny_result expected = { 0 }, result;
    for (int order = 0; order < 6; order++) {
        static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
        vks_context *context = NULL;
        vks_model *model = NULL;
        vks_session *session = NULL;
        assert_ok(tiny_context(&context));
        assert_ok(tiny_load(context, &model));
        assert_ok(vks_session_create(model, NULL, &session));
        for (int i = 0; i < 3; i++) {
            if (orders[order][i] == 0)
                vks_context_destroy(&context);
            else if (orders[order][i] == 1)
                vks_model_destroy(&model);
            else {
                assert_ok(tiny_predict(session, &result));
                vks_session_destroy(&session);
            }
        }
        if (order == 0)
            expected = result;
        assert_memory_equal(&result, &expected, sizeof result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_devices), cmocka_unit_test(test_context_misuse),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_inspect), cmocka_unit_test(test_model_misuse),
        cmocka_unit_test(test_destroy_order),
    };
    return test_verdict(cmocka_run_group_tests_name("api", tests, NULL, NULL));
}
