/* matmul_tiles.h: PURE: which tile a matmul is cut into on which device. Wide tiles read less, small ones fill the device when
 * there is little to do. The numbers are priors: a timing on the device may overrule them. */
#ifndef MATMUL_TILES_H
#define MATMUL_TILES_H

#include "graph/op.h"

#include "matmul.h"

/* matmul_coopmat: a workgroup of waves_m x waves_n subgroups, each of count_m x count_n fragments. */
struct matmul_fragments { uint32_t waves_m, waves_n, count_m, count_n; };

/* matmul_tile: m x n outputs, 8 x 8 per invocation. */
struct matmul_tile { uint32_t m, n; };

/* Workgroups that run at once, roughly: what a last, half-empty wave is measured by. */
static inline uint32_t matmul_width(const struct vkr_caps *caps)
{
    return caps->device_class == VKR_CLASS_DISCRETE ? 128 : 16;
}

/* Work in whole waves of workgroups; a small tile's outputs cost more, having fewer uses of each operand. */
static inline double matmul_tile_cost(uint32_t m, uint32_t n, uint32_t batch, uint32_t tile_m, uint32_t tile_n, const struct vkr_caps *caps)
{
    uint64_t groups = (uint64_t)vkr_groups(m, tile_m) * vkr_groups(n, tile_n) * batch;
    return vkr_groups(groups, matmul_width(caps)) * (double)tile_m * tile_n * (1 + 24.0 / tile_m + 24.0 / tile_n);
}

static inline uint32_t fragments_m(const struct matmul_fragments *t, const struct vkr_caps *caps)
{
    return t->waves_m * t->count_m * caps->coopmat_m;
}

static inline uint32_t fragments_n(const struct matmul_fragments *t, const struct vkr_caps *caps)
{
    return t->waves_n * t->count_n * caps->coopmat_n;
}

static inline uint32_t fragments_local(const struct matmul_fragments *t, const struct vkr_caps *caps)
{
    return t->waves_m * t->waves_n * caps->subgroup_size;
}

static inline bool fragments_run(const struct matmul_fragments *t, const struct vkr_caps *caps)
{
    uint32_t local = fragments_local(t, caps), m = fragments_m(t, caps), n = fragments_n(t, caps), loads = MATMUL_COOPMAT_DEPTH / 8;
    uint32_t stage = t->waves_m * t->waves_n * caps->coopmat_m * caps->coopmat_n * 4;
    return caps->coopmat_m && local <= caps->max_invocations && (m + n) * (loads + 1) * 16 + stage <= caps->max_shared &&
           m * loads % local == 0 && n * loads % local == 0;
}

static const struct matmul_fragments matmul_fragments_all[] = { { 4, 2, 2, 4 }, { 2, 2, 2, 4 }, { 2, 2, 2, 2 } };

/* matmul_coopmat2: the driver stages operands; large tiles leave it room. */
static const struct matmul_tile matmul_workgroup_tiles[] = { { 128, 256 }, { 128, 128 }, { 64, 128 } };

static const struct matmul_tile matmul_tiles[] = { { 128, 128 }, { 64, 128 }, { 64, 64 } };

enum { MATMUL_TILES = 3 };

static inline uint32_t matmul_tile_local(const struct matmul_tile *t)
{
    return t->m / 8 * (t->n / 8);
}

static inline bool matmul_tile_runs(const struct matmul_tile *t, const struct vkr_caps *caps)
{
    return matmul_tile_local(t) <= caps->max_invocations && (t->m + t->n + 8) * 16 * 4 <= caps->max_shared;
}

#endif
