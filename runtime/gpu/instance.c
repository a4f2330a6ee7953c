/* instance.c: a VkInstance with its own function table, and the validation layer's messages. */
#include "gpu/device_data.h"

#include <string.h>

static atomic_uint messages;

uint32_t vkr_validation_messages(void)
{
    return atomic_load(&messages);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)severity;
    (void)type;
    atomic_fetch_add(&messages, 1);
    vkr_log(user, VKS_LOG_ERROR, "validation: %s", data->pMessage);
    return VK_FALSE;
}

static vks_status load_functions(struct vkr_instance *instance)
{
#define F(name) \
    instance->name = (PFN_##name)(void (*)(void))instance->get(instance->handle, #name); \
    VKS_REQUIRE(instance->name, VKS_ERR_NO_DEVICE, "the Vulkan loader lacks %s; it is older than 1.1", #name);
    VKR_INSTANCE_FUNCTIONS(F)
#undef F
    return VKS_OK;
}

static vks_status add_messenger(struct vkr_instance *instance, const struct vkr_log *log)
{
    PFN_vkCreateDebugUtilsMessengerEXT create = (PFN_vkCreateDebugUtilsMessengerEXT)(void (*)(void))instance->get(
        instance->handle, "vkCreateDebugUtilsMessengerEXT");
    VKS_REQUIRE(create, VKS_ERR_UNSUPPORTED, "validation needs VK_EXT_debug_utils");
    VkDebugUtilsMessengerCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = (void *)log,
    };
    VK_TRY(create(instance->handle, &info, NULL, &instance->messenger));
    return VKS_OK;
}

/* The loader is opened once per process; volk keeps it. */
static vks_status open_loader(PFN_vkGetInstanceProcAddr *get)
{
    VKS_REQUIRE(volkInitialize() == VK_SUCCESS, VKS_ERR_NO_DEVICE,
                "no Vulkan loader (libvulkan.so.1). On Debian or Ubuntu: apt install libvulkan1 mesa-vulkan-drivers");
    *get = vkGetInstanceProcAddr;
    return VKS_OK;
}

static vks_status create(bool validate, const struct vkr_log *log, struct vkr_instance *out)
{
    VKS_TRY(open_loader(&out->get));
    PFN_vkCreateInstance create_instance = (PFN_vkCreateInstance)(void (*)(void))out->get(NULL, "vkCreateInstance");
    VKS_REQUIRE(create_instance, VKS_ERR_NO_DEVICE, "the Vulkan loader has no vkCreateInstance");
    static const char *const layers[] = { "VK_LAYER_KHRONOS_validation" };
    static const char *const extensions[] = { VK_EXT_DEBUG_UTILS_EXTENSION_NAME };
    static const VkValidationFeatureEnableEXT enables[] = { VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT };
    VkValidationFeaturesEXT features = { .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                         .enabledValidationFeatureCount = 1, .pEnabledValidationFeatures = enables };
    VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .pApplicationName = "vkseg",
                                      .pEngineName = "vkseg", .apiVersion = VK_API_VERSION_1_3 };
    VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application };
    if (validate) {
        info.pNext = &features;
        info.enabledLayerCount = 1;
        info.ppEnabledLayerNames = layers;
        info.enabledExtensionCount = 1;
        info.ppEnabledExtensionNames = extensions;
    }
    VK_TRY(create_instance(&info, NULL, &out->handle));
    out->owned = true;
    VKS_TRY(load_functions(out));
    return validate ? add_messenger(out, log) : VKS_OK;
}

vks_status vkr_instance_create(bool validate, const struct vkr_log *log, struct vkr_instance *out)
{
    *out = (struct vkr_instance){ 0 };
    vks_status status = create(validate, log, out);
    if (status != VKS_OK)
        vkr_instance_destroy(out);
    return status;
}

vks_status vkr_instance_from_import(const struct vkr_device_import *import, struct vkr_instance *out)
{
    *out = (struct vkr_instance){ .handle = (VkInstance)import->instance };
    if (import->get_instance_proc_addr)
        memcpy(&out->get, &import->get_instance_proc_addr, sizeof out->get);
    else
        VKS_TRY(open_loader(&out->get));
    return load_functions(out);
}

void vkr_instance_destroy(struct vkr_instance *instance)
{
    if (instance->messenger) {
        PFN_vkDestroyDebugUtilsMessengerEXT destroy = (PFN_vkDestroyDebugUtilsMessengerEXT)(void (*)(void))instance->get(
            instance->handle, "vkDestroyDebugUtilsMessengerEXT");
        destroy(instance->handle, instance->messenger, NULL);
    }
    if (instance->handle && instance->owned) {
        PFN_vkDestroyInstance destroy = (PFN_vkDestroyInstance)(void (*)(void))instance->get(instance->handle, "vkDestroyInstance");
        destroy(instance->handle, NULL);
    }
    *instance = (struct vkr_instance){ 0 };
}
