/* shape.c: element counts and text form. */
#include "shape.h"

#include <stdio.h>

uint64_t vkr_numel(const struct vkr_desc *desc)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < desc->rank; i++)
        count *= desc->dim[i];
    return count;
}

uint64_t vkr_bytes(const struct vkr_desc *desc)
{
    return vkr_numel(desc) * vkr_dtype_size(desc->dtype);
}

uint32_t vkr_last(const struct vkr_desc *desc)
{
    return desc->rank ? desc->dim[desc->rank - 1] : 1;
}

uint64_t vkr_rows(const struct vkr_desc *desc)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i + 1 < desc->rank; i++)
        count *= desc->dim[i];
    return count;
}

bool vkr_same_shape(const struct vkr_desc *a, const struct vkr_desc *b)
{
    if (a->rank != b->rank)
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *vkr_shape_text(const struct vkr_desc *desc, char text[VKR_SHAPE_TEXT])
{
    int used = snprintf(text, VKR_SHAPE_TEXT, "[");
    for (uint32_t i = 0; i < desc->rank; i++)
        used += snprintf(text + used, (size_t)(VKR_SHAPE_TEXT - used), "%s%u", i ? ", " : "", desc->dim[i]);
    snprintf(text + used, (size_t)(VKR_SHAPE_TEXT - used), "]");
    return text;
}
