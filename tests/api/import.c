/* import.c: a program's own VkInstance and VkDevice, created through the loader directly, carries a context; afterwards
 * the program's device still works. The library may use nothing that the program did not enable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VK_NO_PROTOTYPES
#include "vkseg/vkseg_vulkan.h"

#include "tiny.h"

/* The program that owns the device. */
struct app {
    void *library;
    PFN_vkGetInstanceProcAddr get;
    PFN_vkGetDeviceProcAddr get_device;
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    int depth, locks;           /* of the queue lock */
};

#define INSTANCE(app, name) ((PFN_##name)(app)->get((app)->instance, #name))
#define DEVICE(app, name) ((PFN_##name)(app)->get_device((app)->device, #name))

static void lock(void *user)
{
    struct app *app = user;
    assert_int_equal(app->depth++, 0);
    app->locks++;
}

static void unlock(void *user)
{
    struct app *app = user;
    assert_int_equal(--app->depth, 0);
}

static unsigned messages; /* of the validation layer, about the program's device */

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)severity;
    (void)type;
    (void)user;
    messages++;
    print_message("validation: %s\n", data->pMessage);
    return VK_FALSE;
}

static bool create_instance(struct app *app)
{
    static const char *const layers[] = { "VK_LAYER_KHRONOS_validation" };
    static const char *const extensions[] = { VK_EXT_DEBUG_UTILS_EXTENSION_NAME };
    static const VkValidationFeatureEnableEXT enables[] = { VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT };
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
    };
    const VkValidationFeaturesEXT features = { .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                               .pNext = &messenger, /* while the instance is made and destroyed */
                                               .enabledValidationFeatureCount = 1,
                                               .pEnabledValidationFeatures = enables };
    const VkApplicationInfo info = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1 };
    VkInstanceCreateInfo create = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &info };
    if (!strstr(test_options(), "validate=1"))
        return INSTANCE(app, vkCreateInstance)(&create, NULL, &app->instance) == VK_SUCCESS;
    create.pNext = &features;
    create.enabledLayerCount = create.enabledExtensionCount = 1;
    create.ppEnabledLayerNames = layers;
    create.ppEnabledExtensionNames = extensions;
    if (INSTANCE(app, vkCreateInstance)(&create, NULL, &app->instance) != VK_SUCCESS)
        return false;
    return INSTANCE(app, vkCreateDebugUtilsMessengerEXT)(app->instance, &messenger, NULL, &app->messenger) == VK_SUCCESS;
}

static bool open_instance(struct app *app)
{
    app->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!app->library)
        return false;
    void *symbol = dlsym(app->library, "vkGetInstanceProcAddr");
    memcpy(&app->get, &symbol, sizeof symbol);
    if (!create_instance(app))
        return false;
    app->get_device = INSTANCE(app, vkGetDeviceProcAddr);
    return true;
}

/* The first device with a compute queue; -1 in app->family when there is none. */
static bool choose_device(struct app *app)
{
    VkPhysicalDevice devices[16];
    uint32_t count = 16;
    if (INSTANCE(app, vkEnumeratePhysicalDevices)(app->instance, &count, devices) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        VkQueueFamilyProperties families[16];
        uint32_t family_count = 16;
        INSTANCE(app, vkGetPhysicalDeviceQueueFamilyProperties)(devices[i], &family_count, families);
        for (uint32_t f = 0; f < family_count; f++) {
            if (families[f].queueFlags & VK_QUEUE_COMPUTE_BIT) {
                app->gpu = devices[i];
                app->family = f;
                return true;
            }
        }
    }
    return false;
}

static void open_device(struct app *app, const void *features)
{
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                            .queueFamilyIndex = app->family,
                                            .queueCount = 1,
                                            .pQueuePriorities = &priority };
    const VkDeviceCreateInfo create = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                        .pNext = features,
                                        .queueCreateInfoCount = 1,
                                        .pQueueCreateInfos = &queue };
    assert_int_equal(INSTANCE(app, vkCreateDevice)(app->gpu, &create, NULL, &app->device), VK_SUCCESS);
    DEVICE(app, vkGetDeviceQueue)(app->device, app->family, 0, &app->queue);
}

/* The program's own use of its device: an empty submission with a fence. */
static void use_device(struct app *app)
{
    const VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    VkFence fence = VK_NULL_HANDLE;
    assert_int_equal(DEVICE(app, vkCreateFence)(app->device, &info, NULL, &fence), VK_SUCCESS);
    assert_int_equal(DEVICE(app, vkQueueSubmit)(app->queue, 0, NULL, fence), VK_SUCCESS);
    assert_int_equal(DEVICE(app, vkWaitForFences)(app->device, 1, &fence, VK_TRUE, UINT64_MAX), VK_SUCCESS);
    DEVICE(app, vkDestroyFence)(app->device, fence, NULL);
}

static void close_app(struct app *app)
{
    if (app->device) {
        assert_int_equal(DEVICE(app, vkDeviceWaitIdle)(app->device), VK_SUCCESS);
        DEVICE(app, vkDestroyDevice)(app->device, NULL);
    }
    if (app->messenger)
        INSTANCE(app, vkDestroyDebugUtilsMessengerEXT)(app->instance, app->messenger, NULL);
    if (app->instance)
        INSTANCE(app, vkDestroyInstance)(app->instance, NULL);
    if (app->library)
        dlclose(app->library);
    free(app);
}

static int setup(void **state)
{
    struct app *app = calloc(1, sizeof *app);
    *state = app;
    return app ? 0 : -1;
}

static int teardown(void **state)
{
    close_app(*state);
    assert_int_equal(messages, 0);
    return 0;
}

static vks_vulkan_import describe(struct app *app, const void *features)
{
    return (vks_vulkan_import){ .struct_size = sizeof(vks_vulkan_import),
                                .instance = app->instance,
                                .physical_device = app->gpu,
                                .device = app->device,
                                .get_instance_proc_addr = app->get,
                                .features = features,
                                .queue_family = app->family,
                                .lock_queue = lock,
                                .unlock_queue = unlock,
                                .user = app };
}

/* Handles are destroyed context first, which must be as good as any order. */
static void run(struct app *app, const void *features, struct tiny_result *result)
{
    vks_vulkan_import import = describe(app, features);
    vks_context *context = NULL;
    assert_ok(vks_context_create_vulkan(&import, NULL, &context));
    vks_model *model = NULL;
    vks_session *session = NULL;
    assert_ok(tiny_load(context, &model));
    assert_ok(vks_session_create(model, NULL, &session));
    vks_context_destroy(&context);
    vks_model_destroy(&model);
    assert_ok(tiny_predict(session, result));
    vks_session_destroy(&session);
    assert_true(app->locks > 0);
    assert_int_equal(app->depth, 0);
    use_device(app);
}

static void open_or_skip(struct app *app, const void *features)
{
    if (!open_instance(app) || !choose_device(app)) {
        print_message("skipped: no Vulkan device\n");
        skip();
    }
    open_device(app, features);
}

static void test_minimal(void **state)
{
    struct app *app = *state;
    tiny_need();
    open_or_skip(app, NULL);
    struct tiny_result first = { 0 }, second = { 0 };
    run(app, NULL, &first);
    run(app, NULL, &second);        /* a second context on the same device */
    assert_memory_equal(&first, &second, sizeof first);
    assert_true(first.foreground > 0);
}

static void test_features(void **state)
{
    struct app *app = *state;
    tiny_need();
    if (!open_instance(app) || !choose_device(app))
        skip();
    VkPhysicalDevice16BitStorageFeatures storage = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES };
    VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &storage };
    INSTANCE(app, vkGetPhysicalDeviceFeatures2)(app->gpu, &features);
    features.features = (VkPhysicalDeviceFeatures){ 0 };
    open_device(app, &features);
    struct tiny_result result = { 0 };
    run(app, &features, &result);
    vks_vulkan_import import = describe(app, &features);
    vks_context *context = NULL;
    assert_ok(vks_context_create_vulkan(&import, NULL, &context));
    vks_device_info info;
    assert_ok(vks_context_device(context, &info));
    assert_true((strstr(info.capabilities, "f16") != NULL) == (storage.storageBuffer16BitAccess != 0));
    vks_context_destroy(&context);
}

static void test_misuse(void **state)
{
    struct app *app = *state;
    open_or_skip(app, NULL);
    vks_context *context = (vks_context *)1;
    assert_int_equal(vks_context_create_vulkan(NULL, NULL, &context), VKS_ERR_ARGUMENT);
    assert_null(context);
    vks_vulkan_import import = describe(app, NULL);
    assert_int_equal(vks_context_create_vulkan(&import, NULL, NULL), VKS_ERR_ARGUMENT);
    import.device = VK_NULL_HANDLE;
    assert_int_equal(vks_context_create_vulkan(&import, NULL, &context), VKS_ERR_ARGUMENT);
    import = describe(app, NULL);
    import.unlock_queue = NULL;
    assert_int_equal(vks_context_create_vulkan(&import, NULL, &context), VKS_ERR_ARGUMENT);
    import = describe(app, NULL);
    import.struct_size = 0;
    assert_int_equal(vks_context_create_vulkan(&import, NULL, &context), VKS_ERR_ARGUMENT);
    import = describe(app, NULL);
    import.queue_family = 1000;
    assert_int_equal(vks_context_create_vulkan(&import, NULL, &context), VKS_ERR_ARGUMENT);
    assert_null(context);
    use_device(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_minimal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_features, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misuse, setup, teardown),
    };
    return test_verdict(cmocka_run_group_tests_name("import", tests, NULL, NULL));
}
