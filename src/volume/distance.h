/* distance.h: exact Euclidean distances on a grid with a spacing of its own along each axis. */
#ifndef VKS_DISTANCE_H
#define VKS_DISTANCE_H

#include "base/mem.h"

/* On entry `squares` is 0 at the points and INFINITY elsewhere, size[0] fastest; on return every element is the square of
 * the distance to the nearest point. Errors: HOST_MEMORY. */
vks_status distance_squares(double *squares, const size_t size[3], const double spacing[3]);

#endif
