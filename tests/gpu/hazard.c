/* hazard.c: that validation is on and that its messages count. A barrier left out between a write and a read of the
 * same bytes gives the right numbers on software Vulkan, so only the layer can tell; here one is left out on purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/spirv.h"
#include "gpu/command.h"
#include "support/device.h"

#include "unary.h"

enum { COUNT = 256, RELU = 1 };

static char heard[1024]; /* the first message */

static void listen(void *user, vks_log_level level, const char *message)
{
    (void)user;
    (void)level;
    if (!heard[0])
        snprintf(heard, sizeof heard, "%s", message);
}

static struct vkr_device *open_device(void)
{
    struct vkr_options options = { 0 };
    const struct vkr_log log = { listen, NULL, VKS_LOG_WARNING };
    struct vkr_device *device = NULL;
    assert_int_equal(vkr_options_parse(&options, test_options()), VKS_OK);
    if (!options.validate) {
        print_message("skipped: the validation layer is missing or switched off\n");
        skip();
    }
    if (vkr_device_open(test_device(), &options, &log, &device) != VKS_OK)
        fail_msg("%s", vks_last_error());
    return device;
}

/* b = f(a), c = f(b), with or without a barrier between. Returns the messages that this gave. */
static uint32_t chain(bool barrier)
{
    const struct vkr_commands_params params = { .dispatches = 2, .bindings = 4, .submissions = 1 };
    const struct unary_args args = { .count = COUNT, .kind = RELU };
    const uint32_t groups[3] = { 1, 1, 1 }, before = vkr_validation_messages();
    const struct vkr_pipeline_key key = { .spirv = vkr_spirv_find("unary", "f32"),
                                          .bind_count = 2,
                                          .args_size = sizeof args };
    struct vkr_device *device = open_device();
    struct vkr_commands *commands = NULL;
    struct vkr_pipeline *pipeline = NULL;
    struct vkr_buffer *buffer[3] = { NULL };
    float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(i + 1);
    assert_true(key.spirv >= 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(vkr_buffer_create(device, sizeof values, VKR_MEMORY_DEVICE, "a test", &buffer[i]), VKS_OK);
    assert_int_equal(vkr_upload(device, buffer[0], 0, values, sizeof values), VKS_OK);
    assert_int_equal(vkr_pipeline_get(device, &key, &pipeline), VKS_OK);
    assert_int_equal(vkr_commands_create(device, &params, &commands), VKS_OK);
    for (int i = 0; i < 2; i++) {
        const struct vkr_bind_range ranges[2] = { { .buffer = buffer[i], .size = sizeof values },
                                                  { .buffer = buffer[i + 1], .size = sizeof values } };
        if (i > 0 && barrier)
            vkr_commands_barrier(commands);
        assert_int_equal(vkr_commands_dispatch(commands, pipeline, ranges, 2, &args, sizeof args, groups), VKS_OK);
    }
    assert_int_equal(vkr_commands_end(commands), VKS_OK);
    assert_int_equal(vkr_commands_run(commands, NULL, NULL), VKS_OK);
    vkr_commands_destroy(&commands);
    for (int i = 0; i < 3; i++)
        vkr_buffer_destroy(&buffer[i]);
    vkr_device_release(&device);
    return vkr_validation_messages() - before;
}

static void test_barrier_is_quiet(void **state)
{
    (void)state;
    assert_int_equal(chain(true), 0);
}

/* What remains is a message: the program's verdict, as every test program gives it, must be a failure. */
static void test_missing_barrier_is_heard(void **state)
{
    (void)state;
    heard[0] = '\0';
    assert_true(chain(false) > 0);
    assert_non_null(strstr(heard, "SYNC-HAZARD-READ"));
    assert_int_equal(test_verdict(0), 1);
}

/* The messages of the last test are its purpose: test_verdict is not asked again. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier_is_quiet),
        cmocka_unit_test(test_missing_barrier_is_heard),
    };
    return cmocka_run_group_tests_name("hazard", tests, NULL, NULL);
}
