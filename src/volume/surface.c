/* surface.c: marching cubes reduced to areas. A code has one bit for each voxel around a corner: bit 4 * a + 2 * b + c for
 * the voxel that lies before the corner along the axes whose letter is 1. */
#include "volume/surface.h"

#include <math.h>

/* The triangles of each code below 128, three digits each: the amount of a normal's components along the three axes, in
 * eighths of the cell's faces. A code and its complement have the same surface. Figures: surface-distance's lookup table. */
static const char triangles[128][13] = {
    /* clang-format off */
    "", "111", "111", "220220", "111", "202202", "111111", "111222400", "111", "111111", "202202", "111222400",
    "220220", "111222400", "111222400", "400400", "111", "022022", "111111", "040111222", "111111", "004111222",
    "111111111", "111111222222", "111111", "022022111", "111202202", "022111202333", "111220220", "022111220333",
    "111111222400", "111222400", "111", "111111", "022022", "040111222", "111111", "111202202", "022022111",
    "022111202333", "111111", "111111111", "004111222", "111111222222", "111220220", "111111222400", "022111220333",
    "111222400", "220220", "040111222", "040111222", "040040", "111220220", "111202220333", "040111111222",
    "040111222", "111220220", "040111111222", "111202220333", "040111222", "220220220220", "111220220", "111220220",
    "220220", "111", "111111", "111111", "111220220", "022022", "004111222", "022022111", "022111220333", "111111",
    "111111111", "111202202", "111111222400", "040111222", "111111222222", "022111202333", "111222400", "202202",
    "004111222", "111202202", "111202220333", "004111222", "004004", "004111111222", "004111222", "111202202",
    "004111111222", "202202202202", "111202202", "111202220333", "004111222", "111202202", "202202", "111111",
    "111111111", "022022111", "040111111222", "022022111", "004111111222", "022022022022", "022022111", "111111111",
    "111111111111", "004111111222", "111111111", "040111111222", "111111111", "022022111", "111111", "111222400",
    "111111222222", "022111202333", "040111222", "022111220333", "004111222", "022022111", "022022", "111111222400",
    "111111111", "111202202", "111111", "111220220", "111111", "111111", "111",
    /* clang-format on */
};

bool surface_find_box(const uint16_t *a, const uint16_t *b, uint32_t label, const uint32_t grid[3], bool is_flat,
                      struct surface_box *out)
{
    uint32_t low[3] = { UINT32_MAX, UINT32_MAX, UINT32_MAX }, high[3] = { 0, 0, 0 };
    size_t at = 0;
    for (uint32_t k = 0; k < grid[2]; k++)
        for (uint32_t j = 0; j < grid[1]; j++)
            for (uint32_t i = 0; i < grid[0]; i++, at++) {
                if (a[at] != label && b[at] != label)
                    continue;
                const uint32_t index[3] = { i, j, k };
                for (int c = 0; c < 3; c++) {
                    low[c] = index[c] < low[c] ? index[c] : low[c];
                    high[c] = index[c] > high[c] ? index[c] : high[c];
                }
            }
    if (low[0] == UINT32_MAX)
        return false;
    for (int c = 0; c < 3; c++) {
        out->grid[c] = grid[c];
        out->begin[c] = low[c];
        out->size[c] = high[c] - low[c] + 1;
        out->corners[c] = (size_t)out->size[c] + (is_flat && c == 2 ? 0 : 1);
    }
    out->is_flat = is_flat;
    return true;
}

void surface_encode(const uint16_t *map, uint32_t label, const struct surface_box *box, uint8_t *codes)
{
    const size_t row = box->corners[0], plane = row * box->corners[1];
    const int layers = box->is_flat ? 1 : 2;
    for (uint32_t k = 0; k < box->size[2]; k++)
        for (uint32_t j = 0; j < box->size[1]; j++) {
            const size_t from = ((size_t)(box->begin[2] + k) * box->grid[1] + box->begin[1] + j) * box->grid[0] + box->begin[0];
            for (uint32_t i = 0; i < box->size[0]; i++) {
                if (map[from + i] != label)
                    continue;
                uint8_t *corner = codes + k * plane + j * row + i;
                for (int c = 0; c < layers; c++)
                    for (int b = 0; b < 2; b++)
                        for (int a = 0; a < 2; a++) {
                            const int bit = layers == 1 ? 2 * a + b : 4 * a + 2 * b + c;
                            corner[(size_t)c * plane + (size_t)b * row + (size_t)a] |= (uint8_t)(1 << bit);
                        }
            }
        }
}

/* Of a contour: half the diagonal cuts a corner off, two neighbours make a straight piece, opposite ones two corners. */
static double contour_length(int code, double along_first, double along_second)
{
    const double diagonal = 0.5 * sqrt(along_first * along_first + along_second * along_second);
    switch (code) {
    case 0:
    case 15:
        return 0;
    case 3:
    case 12:
        return along_second;
    case 5:
    case 10:
        return along_first;
    case 6:
    case 9:
        return 2 * diagonal;
    default:
        return diagonal;
    }
}

void surface_areas(const double spacing[3], bool is_flat, double areas[256])
{
    const double faces[3] = { spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1] };
    for (int code = 0; code < 256; code++) {
        areas[code] = 0;
        if (is_flat) {
            areas[code] = code < 16 ? contour_length(code, spacing[0], spacing[1]) : 0;
            continue;
        }
        for (const char *t = triangles[code < 128 ? code : 255 - code]; *t; t += 3) {
            double square = 0;
            for (int c = 0; c < 3; c++) {
                const double component = (t[c] - '0') * 0.125 * faces[c];
                square += component * component;
            }
            areas[code] += sqrt(square);
        }
    }
}
