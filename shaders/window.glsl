// window.glsl: where a window lies, for kernels of the cpu class. The windows of a batch of grids are numbered grid by grid,
// row by row; the last of a row or column may reach beyond the grid. A batch that is not cut is one of grids of one window.
#ifndef WINDOW_GLSL
#define WINDOW_GLSL
#include "divide.glsl"

// Vectors are (rows, columns); `extent`: as much of the window as lies on its grid.
struct window_part { uint image; uvec2 first, extent; };

window_part window_part_of(uint index, uvec2 size, uvec2 grid)
{
    uint down = div_mod(grid.x + size.x - 1u, size.x).x, across = div_mod(grid.y + size.y - 1u, size.y).x;
    uvec2 image = div_mod(index, down * across), cut = div_mod(image.y, across);
    uvec2 first = cut * size;
    return window_part(image.x, first, min(size, grid - first));
}

// Row of the batch of grids at (row, column) within the window.
uint window_token(window_part w, uvec2 grid, uvec2 at)
{
    uvec2 cell = w.first + at;
    return (w.image * grid.x + cell.x) * grid.y + cell.y;
}

#endif
