/* label_plan.c: from fast to frugal until it fits. */
#include "api/label_plan.h"

#include "graph/plan.h"

/* Weights are kept in slabs of this size whatever they need. */
static const uint64_t weight_bytes = 64ull << 20;

static uint64_t budget_of(const struct vkr_target *target)
{
    uint64_t heap = target->caps.heap - target->caps.heap / 16, limit = target->options.max_memory;
    uint64_t budget = limit && limit < heap ? limit : heap;
    budget = budget > weight_bytes ? budget - weight_bytes : 0;
    return budget < target->caps.max_allocation ? budget : target->caps.max_allocation;
}

static void cut(const struct label_shape *whole, const struct network *network, const uint32_t tiles[2],
                uint32_t planes, struct label_plan *out)
{
    *out = (struct label_plan){ .shape = *whole, .size = { whole->size[0], whole->size[1], whole->size[2] } };
    out->shape.planes = planes < whole->size[2] ? planes : whole->size[2];
    for (int a = 0; a < 2; a++) {
        uint32_t core = (whole->size[a] + tiles[a] - 1) / tiles[a];
        uint64_t seen = core + 2ull * network->volume.reach;
        bool all = tiles[a] == 1 || seen >= whole->size[a];
        out->core[a] = all ? whole->size[a] : core;
        out->tiles[a] = (whole->size[a] + out->core[a] - 1) / out->core[a];
        out->shape.size[a] = all ? whole->size[a] : (uint32_t)seen;
    }
}

/* *fits also becomes false when a limit of the device is in the way; plan->bytes is 0 then. */
static vks_status attempt(const struct network *network, const struct vkr_target *target, bool half,
                          struct label_plan *plan, bool *fits)
{
    struct vkr_graph *graph = NULL;
    struct vkr_estimate estimate = { 0 };
    VKS_TRY(vkr_graph_create(target, &graph));
    network->family->label(network, (struct nn){ graph, half }, &plan->shape);
    vks_status status = vkr_plan_estimate(graph, &estimate);
    vkr_graph_destroy(&graph);
    *fits = status == VKS_OK && estimate.arena <= budget_of(target);
    plan->bytes = status ? 0 : estimate.arena + (estimate.params > weight_bytes ? estimate.params : weight_bytes);
    plan->flops = estimate.flops * plan->tiles[0] * plan->tiles[1];
    return status == VKS_ERR_UNSUPPORTED ? VKS_OK : status;
}

/* The thickest slabs of this cut that fit. */
static vks_status thickest(const struct network *network, const struct vkr_target *target, bool half,
                           const struct label_shape *shape, const uint32_t tiles[2], struct label_plan *out, bool *fits,
                           uint64_t *least)
{
    static const uint32_t planes[] = { 32, 24, 16, 12, 8, 4, 2, 1 };
    if (network->volume.whole) {
        cut(shape, network, tiles, shape->size[2], out);
        VKS_TRY(attempt(network, target, half, out, fits));
        *least = out->bytes ? out->bytes : *least;
        return VKS_OK;
    }
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++) {
        /* A dispatch takes a slab: on a slow GPU more than 8 planes could take longer than its watchdog allows. */
        if (planes[i] > 8 && target->caps.device_class != VKR_CLASS_CPU)
            continue;
        cut(shape, network, tiles, planes[i], out);
        VKS_TRY(attempt(network, target, half, out, fits));
        if (*fits)
            return VKS_OK;
        *least = out->bytes && out->bytes < *least ? out->bytes : *least;
    }
    return VKS_OK;
}

vks_status label_plan_make(const struct network *network, const struct vkr_target *target, bool half,
                           const struct label_shape *shape, struct label_plan *out)
{
    static const uint32_t cuts[][2] = { { 1, 1 }, { 1, 2 }, { 2, 2 }, { 2, 4 }, { 4, 4 }, { 8, 8 }, { 16, 16 } };
    uint64_t least = UINT64_MAX;
    bool fits = false;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts && !fits && (i == 0 || !network->volume.whole); i++)
        VKS_TRY(thickest(network, target, half, shape, cuts[i], out, &fits, &least));
    VKS_REQUIRE(fits || least != UINT64_MAX, VKS_ERR_UNSUPPORTED,
                "a volume of %u x %u x %u voxels is beyond the limits of this device with this model, however it is cut",
                shape->size[0], shape->size[1], shape->size[2]);
    VKS_REQUIRE(
        fits, VKS_ERR_DEVICE_MEMORY,
        "a volume of %u x %u x %u voxels needs at least %llu MiB of device memory with this model%s; %llu MiB may be used",
        shape->size[0], shape->size[1], shape->size[2], (unsigned long long)((least + (1 << 20) - 1) >> 20),
        network->volume.whole ? ", whose normalisation wants all of it at once" : " even in tiles",
        (unsigned long long)((budget_of(target) + weight_bytes) >> 20));
    return VKS_OK;
}
