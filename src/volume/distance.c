/* distance.c: the distance transform of Felzenszwalb and Huttenlocher (2012): along each axis in turn the lower envelope
 * of parabolas. Linear in the number of voxels and exact. */
#include "volume/distance.h"

#include <math.h>

struct envelope { double *height, *from; size_t *foot; };  /* values of a line, where each parabola begins, its foot */

/* One line of `count` elements, `step` apart. */
static void transform_line(double *line, size_t count, size_t step, double spacing, const struct envelope *e)
{
    const double square = spacing * spacing;
    size_t last = 0, found = 0;
    for (size_t q = 0; q < count; q++) {
        e->height[q] = line[q * step];
        if (isinf(e->height[q]))
            continue;
        const double at = (double)q;
        double begin = -INFINITY;
        while (found > 0) {
            const double foot = (double)e->foot[last];
            begin = (e->height[q] - e->height[e->foot[last]]) / (2 * square * (at - foot)) + (at + foot) / 2;
            if (begin > e->from[last])
                break;
            found--;
            last = found > 0 ? found - 1 : 0;
            begin = -INFINITY;
        }
        last = found++;
        e->foot[last] = q;
        e->from[last] = begin;
    }
    for (size_t q = 0, k = 0; found > 0 && q < count; q++) {
        while (k + 1 < found && e->from[k + 1] < (double)q)
            k++;
        const double apart = spacing * ((double)q - (double)e->foot[k]);
        line[q * step] = apart * apart + e->height[e->foot[k]];
    }
}

vks_status distance_squares(double *squares, const size_t size[3], const double spacing[3])
{
    const size_t steps[3] = { 1, size[0], size[0] * size[1] };
    size_t longest = size[0] > size[1] ? size[0] : size[1];
    longest = longest > size[2] ? longest : size[2];
    char *block;
    VKS_TRY(vkr_alloc(longest, 2 * sizeof(double) + sizeof(size_t), "a distance transform", (void **)&block));
    const struct envelope e = { (double *)(void *)block, (double *)(void *)block + longest,
                                (size_t *)(void *)((double *)(void *)block + 2 * longest) };
    for (int axis = 0; axis < 3; axis++) {
        const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;     /* the other two */
        for (size_t y = 0; size[axis] > 1 && y < size[b]; y++)
            for (size_t x = 0; x < size[a]; x++)
                transform_line(squares + y * steps[b] + x * steps[a], size[axis], steps[axis], spacing[axis], &e);
    }
    vkr_free(block);
    return VKS_OK;
}
