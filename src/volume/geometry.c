/* geometry.c: where voxels lie. Pure arithmetic on affines; indices are never permuted. */
#include "volume/geometry.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

double geometry_determinant(const double affine[3][4])
{
    const double (*a)[4] = affine;
    return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
           a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
}

void geometry_point(const double affine[3][4], const double index[3], double out[3])
{
    for (int r = 0; r < 3; r++)
        out[r] = affine[r][0] * index[0] + affine[r][1] * index[1] + affine[r][2] * index[2] + affine[r][3];
}

static double column_length(const double affine[3][4], int column)
{
    return sqrt(affine[0][column] * affine[0][column] + affine[1][column] * affine[1][column] +
                affine[2][column] * affine[2][column]);
}

void vks_volume_set_spacing(vks_volume *volume)
{
    for (int c = 0; c < 3; c++)
        volume->spacing[c] = column_length((const double (*)[4])volume->affine, c);
}

/* The rotation nearest to a matrix: its polar factor, by Newton's iteration X <- (X + X^-T) / 2 (Higham 1986), which
 * doubles the correct digits each time once it is near. */
static void nearest_rotation(double x[3][3])
{
    for (int step = 0; step < 60; step++) {
        double cofactor[3][3], determinant = 0, change = 0;
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 3; c++) {
                const int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
                cofactor[r][c] = x[r1][c1] * x[r2][c2] - x[r1][c2] * x[r2][c1];
            }
        for (int c = 0; c < 3; c++)
            determinant += x[0][c] * cofactor[0][c];
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 3; c++) {
                const double better = 0.5 * (x[r][c] + cofactor[r][c] / determinant);
                change = fmax(change, fabs(better - x[r][c]));
                x[r][c] = better;
            }
        if (!(change > 1e-14))
            return;
    }
}

/* As nibabel decides: of a sheared affine the rotation in it; the clearest axis chooses its direction first. */
void vks_volume_orientation(const double affine[3][4], char out[4])
{
    static const char letters[3][2] = { { 'L', 'R' }, { 'P', 'A' }, { 'I', 'S' } };
    memcpy(out, "???", 4);
    const double determinant = geometry_determinant(affine);
    double turn[3][3];
    if (!isfinite(determinant) || determinant == 0)
        return;
    for (int c = 0; c < 3; c++)
        for (int r = 0; r < 3; r++)
            turn[r][c] = affine[r][c] / column_length(affine, c);
    nearest_rotation(turn);
    double clearest[3];
    for (int c = 0; c < 3; c++)
        clearest[c] = fmax(fabs(turn[0][c]), fmax(fabs(turn[1][c]), fabs(turn[2][c])));
    bool is_taken[3] = { false, false, false };
    for (int turns = 0; turns < 3; turns++) {
        int column = 0, row = -1;
        for (int c = 1; c < 3; c++)
            column = clearest[c] > clearest[column] ? c : column;
        for (int r = 0; r < 3; r++)
            if (!is_taken[r] && (row < 0 || fabs(turn[r][column]) > fabs(turn[row][column])))
                row = r;
        out[column] = letters[row][turn[row][column] > 0];
        is_taken[row] = true;
        clearest[column] = -1;
    }
}

int vks_volume_same_grid(const vks_volume *a, const vks_volume *b, double tolerance)
{
    if (memcmp(a->size, b->size, sizeof a->size) != 0)
        return 0;
    double least = INFINITY;
    for (int c = 0; c < 3; c++)
        least = fmin(least, fmin(a->spacing[c], b->spacing[c]));
    for (int corner = 0; corner < 8; corner++) {
        double index[3], p[3], q[3], square = 0;
        for (int c = 0; c < 3; c++)
            index[c] = corner >> c & 1 ? a->size[c] - 1.0 : 0.0;
        geometry_point((const double (*)[4])a->affine, index, p);
        geometry_point((const double (*)[4])b->affine, index, q);
        for (int r = 0; r < 3; r++)
            square += (p[r] - q[r]) * (p[r] - q[r]);
        if (!(sqrt(square) <= tolerance * least))
            return 0;
    }
    return 1;
}
