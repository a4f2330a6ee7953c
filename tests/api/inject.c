/* inject.c: the n-th host allocation and the n-th Vulkan call of a whole run (context, model, image, masks) fail: each
 * time a status with a sentence, nothing leaks (memory: run it with VKSEG_SANITIZE; Vulkan objects: the validation
 * layer tells), and afterwards a fresh context gives the same mask as before.
 *
 * api_inject_all takes every n, with base variants (weights are not packed: a fifth of the calls). api_inject takes
 * every stride-th call of what this device would choose, from an offset that VKS_INJECT_OFFSET sets (default 0), says
 * so, and runs under validation. */
//! test api_inject timeout=300
//! test api_inject_all all label=slow timeout=900
#include "tiny.h"

#include "base/mem.h"
#include "gpu/device.h"

#include <stdbool.h>
#include <time.h>

struct world {
    unsigned char *checkpoint;
    size_t size;
    struct tiny_result expected;
};

/* Everything once. Handles are destroyed whatever happened. */
static vks_status run_all(const struct world *world, struct tiny_result *result)
{
    const vks_model_params params = { .struct_size = sizeof params, .family = "sam", .precision = VKS_PRECISION_F32 };
    vks_context *context = NULL;
    vks_model *model = NULL;
    vks_session *session = NULL;
    vks_embedding *embedding = NULL;
    vks_status status = tiny_context(&context);
    if (status == VKS_OK)
        status = vks_model_load_memory(context, world->checkpoint, world->size, &params, &model);
    if (status == VKS_OK)
        status = vks_session_create(model, NULL, &session);
    if (status == VKS_OK)
        status = tiny_predict(session, result);
    if (status == VKS_OK)
        status = vks_session_get_embedding(session, &embedding);
    vks_embedding_free(&embedding);
    vks_session_destroy(&session);
    vks_model_destroy(&model);
    vks_context_destroy(&context);
    assert_null(session);
    return status;
}

static bool every; /* n, whatever it takes */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The stride that keeps `calls` runs of `run_seconds` within `budget` seconds. */
static uint64_t choose_stride(const char *what, uint64_t calls, double run_seconds, double budget)
{
    double stride = every ? 0 : (double)calls * run_seconds / budget;
    uint64_t result = stride < 1 ? 1 : (uint64_t)stride + 1;
    print_message("%s: %" PRIu64 " calls, a run takes %.3f s, every %" PRIu64 ". is failed\n", what, calls, run_seconds,
                  result);
    return result;
}

static uint64_t first_call(uint64_t stride)
{
    const char *text = getenv("VKS_INJECT_OFFSET");
    uint64_t offset = text ? strtoull(text, NULL, 10) : 0;
    return 1 + offset % stride;
}

static void check_fresh(const struct world *world)
{
    struct tiny_result result;
    assert_ok(run_all(world, &result));
    assert_memory_equal(&result, &world->expected, sizeof result);
}

static int setup(void **state)
{
    if (!tiny_usable())
        return 0;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->checkpoint = tiny_checkpoint(&world->size);
    assert_ok(run_all(world, &world->expected));
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    if (world)
        free(world->checkpoint);
    free(world);
    return 0;
}

/* A cache that fails to grow may be survived, so success is right too; then the result must be. */
static void check_outcome(const struct world *world, vks_status status, const struct tiny_result *result, uint64_t n)
{
    if (status == VKS_OK) {
        assert_memory_equal(result, &world->expected, sizeof *result);
        return;
    }
    if (strlen(vks_last_error()) < 10)
        fail_msg("call %" PRIu64 " failed with %s but no sentence", n, vks_status_name(status));
    if (status == VKS_ERR_INTERNAL)
        fail_msg("call %" PRIu64 ": an internal error: %s", n, vks_last_error());
}

static void test_host_memory(void **state)
{
    tiny_need();
    const struct world *world = *state;
    struct tiny_result result;
    double start = seconds();
    vkr_mem_fail_at(0);
    assert_ok(run_all(world, &result));
    uint64_t calls = vkr_mem_calls();
    uint64_t stride = choose_stride("host allocations", calls, seconds() - start, 12), refused = 0;
    for (uint64_t n = first_call(stride); n <= calls; n += stride) {
        vkr_mem_fail_at(n);
        vks_status status = run_all(world, &result);
        vkr_mem_fail_at(0);
        check_outcome(world, status, &result, n);
        if (status != VKS_OK && status != VKS_ERR_HOST_MEMORY)
            fail_msg("allocation %" PRIu64 " failed with %s: %s", n, vks_status_name(status), vks_last_error());
        refused += status == VKS_ERR_HOST_MEMORY;
    }
    assert_true(refused > 0);
    check_fresh(world);
}

static void fail_vulkan(const struct world *world, int kind, vks_status expected)
{
    tiny_need();
    struct tiny_result result;
    double start = seconds();
    vkr_vulkan_fail_at(0, 0);
    assert_ok(run_all(world, &result));
    uint64_t calls = vkr_vulkan_calls();
    uint64_t stride = choose_stride("Vulkan calls", calls, seconds() - start, 6), refused = 0;
    for (uint64_t n = first_call(stride); n <= calls; n += stride) {
        vkr_vulkan_fail_at(n, kind);
        vks_status status = run_all(world, &result);
        vkr_vulkan_fail_at(0, 0);
        check_outcome(world, status, &result, n);
        /* before there is a device, whatever the loader answers means that there is none */
        if (status != VKS_OK && status != expected && status != VKS_ERR_NO_DEVICE)
            fail_msg("call %" PRIu64 " failed with %s: %s", n, vks_status_name(status), vks_last_error());
        refused += status == expected;
    }
    assert_true(refused > 0);
    check_fresh(world);
}

static void test_vulkan_host_memory(void **state)
{
    fail_vulkan(*state, 1, VKS_ERR_HOST_MEMORY);
}

static void test_vulkan_device_memory(void **state)
{
    fail_vulkan(*state, 2, VKS_ERR_DEVICE_MEMORY);
}

static void test_vulkan_device_lost(void **state)
{
    fail_vulkan(*state, 3, VKS_ERR_DEVICE_LOST);
}

int main(int argc, char **argv)
{
    every = argc > 1 && strcmp(argv[1], "all") == 0;
    if (every) {
        setenv("VKS_TEST_OPTIONS", "caps=minimum", 1);
        setenv("VKS_TEST_VALIDATE", "0", 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_host_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vulkan_host_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vulkan_device_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vulkan_device_lost, setup, teardown),
    };
    return test_verdict(cmocka_run_group_tests_name("inject", tests, NULL, NULL));
}
