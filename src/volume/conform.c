/* conform.c: positions are mapped through millimetres; a position within a millionth of a voxel of a plane lies on it,
 * so that rounding in the affine does not empty a border. */
#include "volume/conform.h"

#include "volume/geometry.h"

#include <math.h>
#include <string.h>

enum { BINS = 1000 };

/* index_to = matrix * (index_from, 1) */
struct mapping3 {
    double at[3][4];
};

bool conform_is_done(const vks_volume *volume, uint32_t grid)
{
    char letters[4];
    vks_volume_orientation(volume->affine, letters);
    return volume->type == VKS_PIXEL_U8 && volume->channels == 1 && volume->size[0] == grid &&
           volume->size[1] == grid && volume->size[2] == grid && strcmp(letters, "LIA") == 0;
}

/* From millimetres to indices of `affine`. */
static vks_status invert(const double a[3][4], struct mapping3 *out)
{
    double d = geometry_determinant(a);
    VKS_REQUIRE(isfinite(d) && fabs(d) > 1e-12, VKS_ERR_ARGUMENT,
                "the volume's affine puts all voxels into one plane: "
                "they cannot be brought into the model's grid; take them as they lie (no conform)");
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
            out->at[c][r] = (a[r1][c1] * a[r2][c2] - a[r1][c2] * a[r2][c1]) / d;
        }
    for (int r = 0; r < 3; r++)
        out->at[r][3] = -(out->at[r][0] * a[0][3] + out->at[r][1] * a[1][3] + out->at[r][2] * a[2][3]);
    return VKS_OK;
}

/* The conformed grid's affine: i to -x, j to -z, k to +y, 1 mm, centred on the volume's middle index. */
static void conformed_affine(const vks_volume *volume, uint32_t grid, double out[3][4])
{
    const double middle[3] = { volume->size[0] / 2.0, volume->size[1] / 2.0, volume->size[2] / 2.0 };
    double centre[3], half = grid / 2.0;
    geometry_point(volume->affine, middle, centre);
    const double affine[3][4] = { { -1, 0, 0, centre[0] + half },
                                  { 0, 0, 1, centre[1] - half },
                                  { 0, -1, 0, centre[2] + half } };
    memcpy(out, affine, sizeof affine);
}

/* outer * inner */
static void chain(const struct mapping3 *outer, const double inner[3][4], struct mapping3 *out)
{
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            out->at[r][c] = outer->at[r][0] * inner[0][c] + outer->at[r][1] * inner[1][c] +
                            outer->at[r][2] * inner[2][c] + (c == 3 ? outer->at[r][3] : 0);
}

static void map_index(const struct mapping3 *m, uint32_t i, uint32_t j, uint32_t k, double out[3])
{
    for (int r = 0; r < 3; r++) {
        double v = m->at[r][0] * i + m->at[r][1] * j + m->at[r][2] * k + m->at[r][3], whole = nearbyint(v);
        out[r] = fabs(v - whole) < 1e-6 ? whole : v;
    }
}

/* Trilinear; 0 where a neighbour is missing. */
static double sample(const float *voxels, const uint32_t size[3], const double at[3])
{
    size_t low[3], high[3];
    double part[3];
    for (int a = 0; a < 3; a++) {
        if (!(at[a] >= 0) || ceil(at[a]) >= size[a])
            return 0;
        low[a] = (size_t)floor(at[a]);
        high[a] = (size_t)ceil(at[a]);
        part[a] = at[a] - (double)low[a];
    }
    double sum = 0;
    for (int corner = 0; corner < 8; corner++) {
        size_t i = corner & 1 ? high[0] : low[0], j = corner & 2 ? high[1] : low[1], k = corner & 4 ? high[2] : low[2];
        double weight = (corner & 1 ? part[0] : 1 - part[0]) * (corner & 2 ? part[1] : 1 - part[1]) *
                        (corner & 4 ? part[2] : 1 - part[2]);
        if (weight > 0)
            sum += weight * (double)voxels[(k * size[1] + j) * size[0] + i];
    }
    return sum;
}

/* What is taken off and the factor to 0..255. */
static void find_scale(const vks_volume *volume, const float *voxels, size_t count, double *offset, double *factor)
{
    size_t histogram[BINS] = { 0 }, filled = 0, sum = 0;
    double least = (double)voxels[0], most = least;
    for (size_t n = 0; n < count; n++) {
        least = fmin(least, (double)voxels[n]);
        most = fmax(most, (double)voxels[n]);
        filled += fabs((double)voxels[n]) >= 1e-15;
    }
    *offset = least;
    *factor = 1;
    double width = (most - least) / BINS;
    if (volume->type == VKS_PIXEL_U8 || !(width > 0))
        return;
    for (size_t n = 0; n < count; n++) {
        size_t bin = (size_t)(((double)voxels[n] - least) / width);
        histogram[bin < BINS ? bin : BINS - 1]++;
    }
    size_t wanted = count - (size_t)floor(0.001 * (double)filled);
    int index = 0;
    sum = histogram[0];
    for (; index < BINS - 1; index++) {
        sum += histogram[index + 1];
        if (sum >= wanted)
            break;
    }
    if (index > 0)
        *factor = 255 / (index * width);
}

vks_status conform_volume(const vks_volume *volume, const float *floats, uint32_t grid, float *out)
{
    size_t count = (size_t)volume->size[0] * volume->size[1] * volume->size[2];
    double affine[3][4], offset, factor;
    struct mapping3 inverse, to_volume;
    VKS_TRY(invert(volume->affine, &inverse));
    conformed_affine(volume, grid, affine);
    chain(&inverse, affine, &to_volume);
    for (size_t n = 0; n < count; n++)
        VKS_REQUIRE(isfinite(floats[n]), VKS_ERR_ARGUMENT, "voxel %zu of the volume is not a finite number", n);
    find_scale(volume, floats, count, &offset, &factor);
    for (uint32_t k = 0; k < grid; k++)
        for (uint32_t j = 0; j < grid; j++)
            for (uint32_t i = 0; i < grid; i++) {
                double at[3];
                map_index(&to_volume, i, j, k, at);
                double v = factor * (sample(floats, volume->size, at) - offset);
                *out++ = (float)floor(v < 0 ? 0 : v > 255 ? 255 : v);
            }
    return VKS_OK;
}

vks_status conform_back(const vks_volume *volume, const uint8_t *conformed, uint32_t grid, uint8_t *labels)
{
    double affine[3][4];
    struct mapping3 inverse, to_grid;
    conformed_affine(volume, grid, affine);
    VKS_TRY(invert(affine, &inverse));
    chain(&inverse, volume->affine, &to_grid);
    for (uint32_t k = 0; k < volume->size[2]; k++)
        for (uint32_t j = 0; j < volume->size[1]; j++)
            for (uint32_t i = 0; i < volume->size[0]; i++) {
                double at[3];
                map_index(&to_grid, i, j, k, at);
                double p = floor(at[0] + 0.5), q = floor(at[1] + 0.5), r = floor(at[2] + 0.5), end = grid;
                bool inside = p >= 0 && p < end && q >= 0 && q < end && r >= 0 && r < end;
                *labels++ = inside ? conformed[((size_t)r * grid + (size_t)q) * grid + (size_t)p] : 0;
            }
    return VKS_OK;
}
