/* draw.c: shapes by their distance function: a pixel is covered by 1/2 minus its distance to the edge, which makes
 * edges soft by exactly one pixel. */
#include "io/io.h"

#include <math.h>

struct bounds { uint32_t x0, y0, x1, y1; };     /* exclusive ends */

static uint32_t clamped(double value, uint32_t limit)
{
    return value <= 0 ? 0 : value >= limit ? limit : (uint32_t)value;
}

/* False: nothing of it is on the canvas, or a coordinate is not finite. */
static bool find_bounds(const struct io_canvas *canvas, double x0, double y0, double x1, double y1, struct bounds *out)
{
    if (!(isfinite(x0) && isfinite(y0) && isfinite(x1) && isfinite(y1)))
        return false;
    *out = (struct bounds){ clamped(floor(x0) - 1, canvas->width), clamped(floor(y0) - 1, canvas->height),
                            clamped(ceil(x1) + 2, canvas->width), clamped(ceil(y1) + 2, canvas->height) };
    return out->x0 < out->x1 && out->y0 < out->y1;
}

static void cover(const struct io_canvas *canvas, uint32_t x, uint32_t y, double distance, struct io_ink ink)
{
    double share = 0.5 - distance;
    if (share <= 0)
        return;
    share = (share < 1 ? share : 1) * ink.alpha;
    uint8_t *at = canvas->rgb + ((size_t)y * canvas->width + x) * 3;
    for (int c = 0; c < 3; c++)
        at[c] = (uint8_t)(at[c] + (ink.rgb[c] - at[c]) * share + 0.5);
}

void io_draw_disc(const struct io_canvas *canvas, double x, double y, double radius, struct io_ink ink)
{
    struct bounds b;
    if (!find_bounds(canvas, x - radius, y - radius, x + radius, y + radius, &b))
        return;
    for (uint32_t j = b.y0; j < b.y1; j++)
        for (uint32_t i = b.x0; i < b.x1; i++)
            cover(canvas, i, j, hypot(i - x, j - y) - radius, ink);
}

void io_draw_bar(const struct io_canvas *canvas, double x, double y, double half_width, double half_height,
                 struct io_ink ink)
{
    struct bounds b;
    if (!find_bounds(canvas, x - half_width, y - half_height, x + half_width, y + half_height, &b))
        return;
    for (uint32_t j = b.y0; j < b.y1; j++)
        for (uint32_t i = b.x0; i < b.x1; i++)
            cover(canvas, i, j, fmax(fabs(i - x) - half_width, fabs(j - y) - half_height), ink);
}

/* Only the rows and columns near the frame are visited. */
void io_draw_frame(const struct io_canvas *canvas, const double box[4], double thickness, struct io_ink ink)
{
    const double half = thickness / 2, x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
    const double half_width = fabs(box[2] - box[0]) / 2, half_height = fabs(box[3] - box[1]) / 2;
    struct bounds b;
    if (!find_bounds(canvas, x - half_width - half, y - half_height - half, x + half_width + half, y + half_height + half, &b))
        return;
    for (uint32_t j = b.y0; j < b.y1; j++) {
        const double dy = fabs(j - y) - half_height;
        for (uint32_t i = b.x0; i < b.x1; i++) {
            const double dx = fabs(i - x) - half_width;
            if (dy < -half - 1 && dx < -half - 1) {
                const double skip = floor(x + half_width - half - 1);       /* straight to the right side */
                i = skip > i ? clamped(skip, b.x1 - 1) : i;
                continue;
            }
            cover(canvas, i, j, fabs(fmax(dx, dy)) - half, ink);
        }
    }
}
