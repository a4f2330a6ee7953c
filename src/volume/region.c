/* region.c: components are joined from runs along i: a run touches those of the row before and of three rows of the
 * plane before that overlap it by one voxel more on each side. */
#include "volume/region.h"

#include "base/mem.h"

#include <string.h>

bool region_above(const float *voxels, const uint32_t size[3], float limit, uint32_t padding, struct region *out)
{
    uint32_t first[3] = { UINT32_MAX, UINT32_MAX, UINT32_MAX }, last[3] = { 0, 0, 0 };
    for (uint32_t k = 0; k < size[2]; k++)
        for (uint32_t j = 0; j < size[1]; j++)
            for (uint32_t i = 0; i < size[0]; i++) {
                if (!(*voxels++ > limit))
                    continue;
                const uint32_t at[3] = { i, j, k };
                for (int a = 0; a < 3; a++) {
                    first[a] = at[a] < first[a] ? at[a] : first[a];
                    last[a] = at[a] > last[a] ? at[a] : last[a];
                }
            }
    if (first[0] == UINT32_MAX)
        return false;
    for (int a = 0; a < 3; a++) {
        uint32_t room = size[a] - 1 - last[a];
        out->first[a] = first[a] > padding ? first[a] - padding : 0;
        out->size[a] = last[a] + (room > padding ? padding : room) - out->first[a] + 1;
    }
    return true;
}

struct run {
    uint32_t begin, end; /* of a row, end excluded */
    uint32_t parent;
    uint32_t voxels; /* of the component, at its root */
};

struct components {
    struct run *runs;
    uint32_t count, capacity;
    uint32_t *rows; /* number of the first run of each row; one more at the end */
};

static uint32_t root_of(struct components *c, uint32_t run)
{
    while (c->runs[run].parent != run) {
        c->runs[run].parent = c->runs[c->runs[run].parent].parent;
        run = c->runs[run].parent;
    }
    return run;
}

/* The smaller number stays: the component that was met first. */
static void join(struct components *c, uint32_t a, uint32_t b)
{
    a = root_of(c, a);
    b = root_of(c, b);
    if (a == b)
        return;
    uint32_t keep = a < b ? a : b, lose = a < b ? b : a;
    c->runs[lose].parent = keep;
    c->runs[keep].voxels += c->runs[lose].voxels;
}

/* Both lists are ascending. */
static void join_rows(struct components *c, uint32_t row, uint32_t other)
{
    uint32_t a = c->rows[row], a_end = c->rows[row + 1], b = c->rows[other], b_end = c->rows[other + 1];
    while (a < a_end && b < b_end) {
        if (c->runs[a].begin <= c->runs[b].end && c->runs[b].begin <= c->runs[a].end)
            join(c, a, b);
        if (c->runs[a].end < c->runs[b].end)
            a++;
        else
            b++;
    }
}

static vks_status find_runs(struct components *c, const uint8_t *row, uint32_t width)
{
    for (uint32_t i = 0; i < width; i++) {
        if (!row[i])
            continue;
        uint32_t begin = i;
        while (i < width && row[i])
            i++;
        VKS_TRY(VKR_GROW(c->runs, c->capacity, c->count));
        c->runs[c->count] = (struct run){ begin, i, c->count, i - begin };
        c->count++;
    }
    return VKS_OK;
}

static vks_status find_components(struct components *c, const uint8_t *labels, const uint32_t size[3])
{
    uint32_t row = 0;
    for (uint32_t k = 0; k < size[2]; k++)
        for (uint32_t j = 0; j < size[1]; j++, row++) {
            c->rows[row] = c->count;
            VKS_TRY(find_runs(c, labels + (size_t)row * size[0], size[0]));
            c->rows[row + 1] = c->count;
            if (j > 0)
                join_rows(c, row, row - 1);
            for (int64_t d = -1; d <= 1 && k > 0; d++)
                if (j + d >= 0 && j + d < size[1])
                    join_rows(c, row, (uint32_t)(row - size[1] + d));
        }
    return VKS_OK;
}

static uint32_t erase_others(struct components *c, uint8_t *labels, const uint32_t size[3])
{
    uint32_t components = 0, largest = 0;
    for (uint32_t r = 0; r < c->count; r++)
        if (c->runs[r].parent == r) {
            components++;
            if (c->runs[r].voxels > c->runs[largest].voxels || c->runs[largest].parent != largest)
                largest = r;
        }
    for (uint32_t row = 0; row < size[1] * size[2]; row++)
        for (uint32_t r = c->rows[row]; r < c->rows[row + 1]; r++)
            if (root_of(c, r) != largest)
                memset(labels + (size_t)row * size[0] + c->runs[r].begin, 0, c->runs[r].end - c->runs[r].begin);
    return components;
}

vks_status region_keep_largest(uint8_t *labels, const uint32_t size[3], uint32_t *components)
{
    struct components c = { 0 };
    VKS_TRY(vkr_alloc((size_t)size[1] * size[2] + 1, sizeof *c.rows, "components", (void **)&c.rows));
    vks_status status = find_components(&c, labels, size);
    if (status == VKS_OK)
        *components = erase_others(&c, labels, size);
    vkr_free(c.runs);
    vkr_free(c.rows);
    return status;
}
