/* automatic.c: graphs of automatic models, for commands that look at graphs. Such a model has one stage, `label`. */
#include "automatic.h"

#include "api/label_plan.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

vks_status dev_stage(const struct network *network, const char *wanted, const char **out)
{
    bool automatic = network->family->label != NULL;
    *out = wanted ? wanted : automatic ? "label" : "encode";
    bool known = automatic ? strcmp(*out, "label") == 0
                           : strcmp(*out, "encode") == 0 || strcmp(*out, "decode") == 0;
    VKS_REQUIRE(known, VKS_ERR_ARGUMENT, "--stage %s: expected %s", *out,
                automatic ? "label, the only stage of this model" : "encode or decode");
    return VKS_OK;
}

vks_status dev_label_build(const struct network *network, const struct vkr_target *target, struct nn n,
                           enum dev_extent extent)
{
    uint32_t grid = network->volume.grid;
    struct label_shape shape = { .size = { grid, grid, grid } };
    struct label_plan plan;
    if (extent == DEV_SMALL) {
        shape = (struct label_shape){ .size = { DEV_SMALL_SIZE } };
        shape.planes = shape.size[2];
    } else {
        VKS_TRY(label_plan_make(network, target, n.half, &shape, &plan));
        shape = plan.shape;
        if (extent == DEV_SLAB)
            shape.size[2] = shape.planes;
    }
    network->family->label(network, n, &shape);
    return VKS_OK;
}

vks_status dev_label_fill(struct vkr_plan *plan)
{
    static const uint32_t size[] = { DEV_SMALL_SIZE };
    size_t count = (size_t)size[0] * size[1] * size[2];
    uint32_t seed = 1;
    float *voxels;
    VKS_TRY(vkr_alloc(count, sizeof *voxels, "voxels", (void **)&voxels));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        voxels[i] = (float)(seed >> 8) / 16777216.0f * (i / size[0] % size[1] > size[1] / 2 ? 1.0f : 0.3f);
    }
    vks_status status = vkr_plan_write(plan, "slab.0", voxels, count * sizeof *voxels);
    vkr_free(voxels);
    return status;
}
