/* tidy.c: connected components by union and find over runs of neighbours, in two passes over the pixels: a first that
 * joins, a second that judges. Labels are indices of pixels: the root of a region is its first pixel. */
#include "mask/tidy.h"

#include "base/mem.h"

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

/* Pixels whose value is `value` become a forest: neighbours before them are the left one and the three above. */
static void connect(const uint8_t *mask, uint32_t width, uint32_t height, uint8_t value, uint32_t *parent)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t i = y * width + x;
            parent[i] = i;
            if (mask[i] != value)
                continue;
            if (x > 0 && mask[i - 1] == value)
                join(parent, i, i - 1);
            for (uint32_t k = 0; y > 0 && k < 3; k++)
                if (x + k >= 1 && x + k <= width && mask[i - width - 1 + k] == value)
                    join(parent, i, i - width - 1 + k);
        }
}

vks_status tidy_mask(uint8_t *mask, uint32_t width, uint32_t height, uint32_t least, bool holes, bool *changed)
{
    const uint8_t value = holes ? 0 : 1;
    uint32_t pixels = width * height, largest = UINT32_MAX, *parent, *sizes;
    bool any_large = false;
    *changed = false;
    VKS_TRY(vkr_alloc((size_t)pixels, 2 * sizeof *parent, "regions of a mask", (void **)&parent));
    sizes = parent + pixels;
    connect(mask, width, height, value, parent);
    for (uint32_t i = 0; i < pixels; i++)
        if (mask[i] == value)
            sizes[root_of(parent, i)]++;
    for (uint32_t i = 0; i < pixels; i++) {
        if (sizes[i] == 0)
            continue;
        *changed = *changed || sizes[i] < least;
        any_large = any_large || sizes[i] >= least;
        largest = largest == UINT32_MAX || sizes[i] > sizes[largest] ? i : largest;
    }
    bool spare = !holes && !any_large;
    for (uint32_t i = 0; *changed && i < pixels; i++)
        if (mask[i] == value) {
            uint32_t root = root_of(parent, i);
            if (sizes[root] < least && !(spare && root == largest))
                mask[i] = !value;
        }
    vkr_free(parent);
    return VKS_OK;
}
