/* caps.c: capability names, presets, masking. */
#include "caps.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name; uint64_t bit; } names[] = {
    { "f16", VKR_CAP_F16 }, { "f16_math", VKR_CAP_F16_MATH }, { "subgroup", VKR_CAP_SUBGROUP },
    { "shuffle", VKR_CAP_SHUFFLE }, { "vec8", VKR_CAP_VEC8 }, { "coopmat", VKR_CAP_COOPMAT },
    { "coopmat2", VKR_CAP_COOPMAT2 }, { "timestamp", VKR_CAP_TIMESTAMP },
};

uint64_t vkr_cap_bit(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].bit;
    return 0;
}

const char *vkr_cap_name(uint64_t bit)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].bit == bit)
            return names[i].name;
    return "?";
}

const char *vkr_class_name(enum vkr_device_class device_class)
{
    static const char *const classes[] = { "cpu", "mobile", "integrated", "discrete" };
    return classes[device_class];
}

struct vkr_caps vkr_caps_minimum(void)
{
    return (struct vkr_caps){
        .name = "minimum", .driver = "preset", .device_class = VKR_CLASS_MOBILE, .subgroup_size = 1,
        .max_groups = { 65535, 65535, 65535 }, .max_invocations = 128, .max_shared = 16384, .max_push = 128,
        .max_storage_buffers = 4, .max_binding = 1u << 27, .max_texels = 65536, .max_allocation = 1u << 30,
        .heap = 1u << 30, .align = 256,
    };
}

struct vkr_caps vkr_caps_lavapipe(void)
{
    return (struct vkr_caps){
        .name = "llvmpipe", .driver = "preset", .device_class = VKR_CLASS_CPU,
        .bits = VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_SUBGROUP | VKR_CAP_SHUFFLE | VKR_CAP_VEC8 | VKR_CAP_TIMESTAMP,
        .subgroup_size = 8, .max_groups = { 65535, 65535, 65535 }, .max_invocations = 1024, .max_shared = 32768,
        .max_push = 128, .max_storage_buffers = 32, .max_binding = 1u << 27, .max_texels = 1u << 27,
        .max_allocation = 1ull << 31, .heap = 1ull << 31, .align = 64, .timestamp_ns = 1, .unified = true,
    };
}

struct vkr_caps vkr_caps_phone(void)
{
    struct vkr_caps caps = vkr_caps_minimum();
    snprintf(caps.name, sizeof caps.name, "phone");
    caps.bits = VKR_CAP_F16 | VKR_CAP_F16_MATH | VKR_CAP_SUBGROUP;
    caps.subgroup_size = 64;
    caps.max_invocations = 256;
    caps.max_shared = 32768;
    caps.max_storage_buffers = 24;
    caps.unified = true;
    return caps;
}

struct vkr_caps vkr_caps_desktop(void)
{
    struct vkr_caps caps = vkr_caps_lavapipe();
    snprintf(caps.name, sizeof caps.name, "desktop");
    caps.device_class = VKR_CLASS_DISCRETE;
    caps.bits = (caps.bits & ~(uint64_t)VKR_CAP_VEC8) | VKR_CAP_COOPMAT;
    caps.subgroup_size = 32;
    caps.coopmat_m = caps.coopmat_n = caps.coopmat_k = 16;
    caps.max_groups[0] = 0x7fffffffu;
    caps.max_shared = 49152;
    caps.max_binding = 0xffffffffu;
    caps.max_allocation = 4ull << 30;
    caps.heap = 16ull << 30;
    caps.unified = false;
    return caps;
}

/* Everything at most what the minimum promises; what the device has less of stays. */
static void cut_to_minimum(struct vkr_caps *caps)
{
    struct vkr_caps least = vkr_caps_minimum();
    caps->bits &= VKR_CAP_TIMESTAMP;
    for (int i = 0; i < 3; i++)
        caps->max_groups[i] = least.max_groups[i];
    caps->max_invocations = least.max_invocations;
    caps->max_shared = least.max_shared;
    caps->max_push = least.max_push;
    caps->max_storage_buffers = least.max_storage_buffers;
    caps->max_binding = least.max_binding;
    caps->max_texels = least.max_texels;
    if (caps->align < least.align)
        caps->align = least.align;
}

vks_status vkr_caps_mask(struct vkr_caps *caps, const char *text)
{
    if (strcmp(text, "minimum") == 0) {
        cut_to_minimum(caps);
        return VKS_OK;
    }
    while (*text) {
        VKS_REQUIRE(*text == '-', VKS_ERR_ARGUMENT, "caps: expected -NAME or minimum at \"%s\"", text);
        char word[32];
        size_t length = strcspn(text + 1, "-");
        snprintf(word, sizeof word, "%.*s", (int)length, text + 1);
        if (strcmp(word, "cpu") == 0) {
            caps->bits &= ~(uint64_t)VKR_CAP_VEC8;
            caps->device_class = caps->device_class == VKR_CLASS_CPU ? VKR_CLASS_INTEGRATED : caps->device_class;
            text += 1 + length;
            continue;
        }
        uint64_t bit = vkr_cap_bit(word);
        VKS_REQUIRE(bit, VKS_ERR_ARGUMENT, "caps: no capability is called \"%s\"", word);
        caps->bits &= ~bit;
        text += 1 + length;
    }
    return VKS_OK;
}
