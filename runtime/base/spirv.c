/* spirv.c: look-up in the generated table. */
#include "base/spirv.h"

#include <string.h>

int vkr_spirv_find(const char *shader, const char *variant)
{
    for (unsigned i = 0; i < vkr_spirv_count; i++)
        if (strcmp(vkr_spirv_table[i].shader, shader) == 0 && strcmp(vkr_spirv_table[i].variant, variant) == 0)
            return (int)i;
    return -1;
}
