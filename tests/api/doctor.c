/* doctor.c: known answers, and kernels that are set aside because of what is kept in the cache folder. */
#include "tiny.h"

#include "api/handles.h"
#include "base/store.h"
#include "gpu/device.h"
#include "support/folder.h"
#include "vkseg/vkseg_measure.h"

#include <unistd.h>

static vks_context *open_context(const char *tune)
{
    char options[160];
    vks_context *context = NULL;
    snprintf(options, sizeof options, "cache=%s,tune=%s", test_folder, tune);
    const vks_context_params params = { .struct_size = sizeof params, .options = options };
    assert_ok(vks_context_create(&params, &context));
    return context;
}

static void keep(const vks_context *context, const char *kind, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%016llx", kind, (unsigned long long)vkr_device_key(context->device));
    assert_true(vkr_store_write(test_folder, name, vkr_device_key(context->device), text, strlen(text)));
}

static bool is_kept(const vks_context *context, const char *kind)
{
    char name[64];
    void *data;
    size_t size;
    snprintf(name, sizeof name, "%s-%016llx", kind, (unsigned long long)vkr_device_key(context->device));
    bool there = vkr_store_read(test_folder, name, vkr_device_key(context->device), &data, &size);
    free(data);
    return there;
}

struct seen {
    uint32_t right, others;
    int stop;
};

static int see(void *user, const vks_check *check)
{
    struct seen *seen = user;
    if (check->verdict == VKS_CHECK_RIGHT)
        seen->right += check->cases > 0 && check->worst <= 1;
    else
        seen->others++;
    return seen->stop;
}

static void knows_answers(void **state)
{
    struct seen seen = { 0 };
    (void)state;
    tiny_need();
    vks_context *context = open_context("off");
    assert_ok(vks_context_check(context, "layer_norm", see, &seen));
    assert_true(seen.right >= 1);
    assert_true(is_kept(context, "kernels") && !is_kept(context, "trying"));
    seen.stop = 1;
    assert_refused(VKS_ERR_CANCELLED, "cancelled", vks_context_check(context, "layer_norm", see, &seen));
    assert_refused(VKS_ERR_ARGUMENT, "no operator", vks_context_check(context, "nothing", see, &seen));
    vks_context_destroy(&context);
}

static void sets_wrong_kernels_aside(void **state)
{
    (void)state;
    tiny_need();
    vks_context *context = open_context("off");
    keep(context, "kernels", "a.b right\nmatmul_vec.vec wrong\nconv_vec.f32 wrong\nconv_vec.f32 right\n");
    vks_context_destroy(&context);
    context = open_context("off");
    assert_int_equal(context->target.options.ban_count, 0);
    vks_context_destroy(&context);
    context = open_context("table");
    assert_int_equal(context->target.options.ban_count, 1);
    assert_string_equal(context->target.options.ban[0], "matmul_vec.vec");
    vks_model *model = NULL;
    vks_session *session = NULL;
    struct tiny_result result;
    vks_kernel kernel;
    assert_ok(tiny_load(context, &model));
    assert_ok(vks_session_create(model, NULL, &session));
    assert_ok(tiny_predict(session, &result));
    for (size_t i = 0; vks_session_kernel(session, VKS_STAGE_ENCODE, i, &kernel) == VKS_OK; i++)
        assert_true(strcmp(kernel.shader, "matmul_vec") != 0);
    vks_session_destroy(&session);
    vks_model_destroy(&model);
    vks_context_destroy(&context);
}

/* A marker of a process that is gone is a crash; one of a process that runs is not. */
static void quarantines(void **state)
{
    char text[64];
    (void)state;
    tiny_need();
    vks_context *context = open_context("off");
    keep(context, "kernels", "");
    snprintf(text, sizeof text, "%ld softmax.f32 crashed", (long)getpid());
    keep(context, "trying", text);
    vks_context_destroy(&context);
    context = open_context("table");
    assert_int_equal(context->target.options.ban_count, 0);
    assert_true(is_kept(context, "trying"));
    keep(context, "trying", "2147483000 unary.vec crashed");
    vks_context_destroy(&context);
    for (int again = 0; again < 2; again++) {
        context = open_context("table");
        assert_int_equal(context->target.options.ban_count, 1);
        assert_string_equal(context->target.options.ban[0], "unary.vec");
        assert_false(is_kept(context, "trying"));
        vks_context_destroy(&context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_answers),
        cmocka_unit_test(sets_wrong_kernels_aside),
        cmocka_unit_test(quarantines),
    };
    return cmocka_run_group_tests_name("doctor", tests, test_make_folder, test_remove_folder);
}
