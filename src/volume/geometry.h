/* geometry.h: three-by-three arithmetic on affines, shared by the files of this room. */
#ifndef VKS_GEOMETRY_H
#define VKS_GEOMETRY_H

#include "vkseg/vkseg_volume.h"

double geometry_determinant(const double affine[3][4]);

/* (x, y, z) of index (i, j, k). */
void geometry_point(const double affine[3][4], const double index[3], double out[3]);

#endif
