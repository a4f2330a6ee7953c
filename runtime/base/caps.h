/* caps.h: what a device can do, as plain data without Vulkan types. The one home of capability bits.
 * Everything that decides reads this struct; tests fabricate it. */
#ifndef VKR_CAPS_H
#define VKR_CAPS_H

#include "status.h"

#include <stdbool.h>

/* Bits a shader variant may name after `needs=` (lower case there). The table in caps.c must list each. */
enum {
    VKR_CAP_F16 = 1u << 0,          /* 16-bit values in storage buffers (storageBuffer16BitAccess) */
    VKR_CAP_F16_MATH = 1u << 1,     /* shaderFloat16 */
    VKR_CAP_SUBGROUP = 1u << 2,     /* basic, vote, arithmetic, ballot in compute */
    VKR_CAP_SHUFFLE = 1u << 3,      /* subgroup shuffle */
    VKR_CAP_VEC8 = 1u << 4,         /* cpu-class kernels: subgroups of exactly 8, shuffle, large texel buffers */
    VKR_CAP_COOPMAT = 1u << 5,      /* VK_KHR_cooperative_matrix, fp16 operands, fp32 accumulator, subgroups of fixed size */
    VKR_CAP_COOPMAT2 = 1u << 6,     /* VK_NV_cooperative_matrix2 at workgroup scope */
    VKR_CAP_TIMESTAMP = 1u << 7     /* timestamps on the compute queue */
};

enum vkr_device_class { VKR_CLASS_CPU, VKR_CLASS_MOBILE, VKR_CLASS_INTEGRATED, VKR_CLASS_DISCRETE };

struct vkr_caps {
    char name[256];                 /* device name as the driver gives it */
    char driver[256];               /* driver name and version */
    uint8_t uuid[16];               /* device UUID */
    uint32_t vendor;                /* PCI vendor */
    enum vkr_device_class device_class;
    uint64_t bits;                  /* VKR_CAP_* */
    uint32_t subgroup_size;
    uint32_t max_groups[3];         /* workgroups per dimension */
    uint32_t max_invocations;       /* per workgroup */
    uint32_t max_shared;            /* bytes of shared memory per workgroup */
    uint32_t max_push;              /* bytes of push constants */
    uint32_t max_storage_buffers;   /* per stage */
    uint64_t max_binding;           /* bytes of one storage-buffer binding */
    uint64_t max_texels;            /* elements of one texel-buffer view */
    uint64_t max_allocation;        /* bytes of one device allocation */
    uint64_t heap;                  /* bytes of the largest device-local heap */
    uint32_t align;                 /* offset alignment that suits storage and texel bindings */
    uint32_t coopmat_m, coopmat_n, coopmat_k;   /* fragment shape; 0 without VKR_CAP_COOPMAT */
    float timestamp_ns;             /* nanoseconds per timestamp tick; 0 without VKR_CAP_TIMESTAMP */
    bool unified;                   /* device-local memory is host-visible: no staging copy needed */
};

/* Presets for tests: the least that Vulkan 1.1 guarantees, and devices of the four classes. */
struct vkr_caps vkr_caps_minimum(void);
struct vkr_caps vkr_caps_lavapipe(void);
struct vkr_caps vkr_caps_phone(void);
struct vkr_caps vkr_caps_desktop(void);

/* Bit of a name such as "f16"; 0 if unknown. */
uint64_t vkr_cap_bit(const char *name);
const char *vkr_cap_name(uint64_t bit);     /* "f16"; "?" if unknown */
const char *vkr_class_name(enum vkr_device_class device_class);

/* Applies "-coopmat-f16" or "minimum" (limits and bits cut to vkr_caps_minimum()). "-cpu" takes the kernels of the cpu class
 * away and treats a software device as an integrated GPU, which is how a GPU's kernels are tested without one. VKS_ERR_ARGUMENT names a bad word. */
vks_status vkr_caps_mask(struct vkr_caps *caps, const char *text);

#endif
