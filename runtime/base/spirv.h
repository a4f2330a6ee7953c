/* spirv.h: the table that shaders.cmake generates: every compiled (shader, variant), and those the compiler declined. */
#ifndef VKR_SPIRV_H
#define VKR_SPIRV_H

#include "base/caps.h"

struct vkr_spirv {
    const char *shader, *variant;
    uint64_t needs;                     /* VKR_CAP_* */
    const uint32_t *code;
    size_t size;                        /* bytes */
};

struct vkr_spirv_declined {
    const char *shader, *variant, *probe;   /* the glslang at build time could not compile shaders/probe/<probe>.comp */
};

extern const struct vkr_spirv vkr_spirv_table[];
extern const unsigned vkr_spirv_count;
extern const struct vkr_spirv_declined vkr_spirv_declined_table[];      /* ends with an all-NULL row */

/* Row index of (shader, variant), or -1. */
int vkr_spirv_find(const char *shader, const char *variant);

#endif
