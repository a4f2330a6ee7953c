/* overlay.c: the picture a person looks at: each object filled translucently and outlined, prompts on top. Sizes grow with
 * the image, so that a photograph scaled down to a screen shows the same picture as a small slice. */
#include "io/io.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAR = 65000, STRAIGHT = 3, DIAGONAL = 4 };       /* distances in thirds of a pixel (Borgefors 1986) */

#define FILL 0.38           /* of the object's colour; the rest is the image */
#define OUTLINE 0.95

static uint16_t nearer(uint16_t a, unsigned b)
{
    return b < a ? (uint16_t)b : a;
}

/* distance[p]: from p to the nearest pixel outside the mask, 0 outside; the border of the image is no edge. */
static void measure(const uint8_t *mask, uint32_t width, uint32_t height, uint16_t *distance)
{
    const size_t w = width;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < w; x++) {
            uint16_t *at = distance + y * w + x;
            *at = mask[y * w + x] ? FAR : 0;
            if (x > 0)
                *at = nearer(*at, at[-1] + STRAIGHT);
            if (y > 0)
                *at = nearer(*at, (at - w)[0] + STRAIGHT);
            if (y > 0 && x > 0)
                *at = nearer(*at, (at - w)[-1] + DIAGONAL);
            if (y > 0 && x + 1 < w)
                *at = nearer(*at, (at - w)[1] + DIAGONAL);
        }
    for (size_t y = height; y-- > 0;)
        for (size_t x = w; x-- > 0;) {
            uint16_t *at = distance + y * w + x;
            if (x + 1 < w)
                *at = nearer(*at, at[1] + STRAIGHT);
            if (y + 1 < height)
                *at = nearer(*at, at[w] + STRAIGHT);
            if (y + 1 < height && x + 1 < w)
                *at = nearer(*at, at[w + 1] + DIAGONAL);
            if (y + 1 < height && x > 0)
                *at = nearer(*at, at[w - 1] + DIAGONAL);
        }
}

static void blend(uint8_t *rgb, const uint8_t *colour, double share)
{
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(rgb[c] + (colour[c] - rgb[c]) * share + 0.5);
}

static void paint_object(const struct io_canvas *canvas, const uint16_t *distance, double thickness, const uint8_t *colour)
{
    const size_t w = canvas->width, h = canvas->height;
    static const uint8_t black[3] = { 0, 0, 0 };
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const uint16_t *at = distance + y * w + x;
            uint8_t *rgb = canvas->rgb + (y * w + x) * 3;
            if (*at > 0) {
                double line = thickness + 1.0 - *at / 3.0;
                line = line < 0 ? 0 : line > 1 ? 1 : line;
                blend(rgb, colour, FILL + (OUTLINE - FILL) * line);
            } else if ((x > 0 && at[-1]) || (x + 1 < w && at[1]) || (y > 0 && (at - w)[0]) || (y + 1 < h && at[w])) {
                blend(rgb, black, 0.35);        /* a thin shadow keeps the line legible on bright ground */
            }
        }
}

/* Of several candidates the one with the highest predicted IoU is shown. */
static const uint8_t *best_mask(const vks_masks *masks, uint32_t object)
{
    const uint32_t count = masks->masks_per_object;
    uint32_t best = object * count;
    for (uint32_t i = best; masks->iou && i < (object + 1) * count; i++)
        if (masks->iou[i] > masks->iou[best])
            best = i;
    return masks->mask + (size_t)best * masks->width * masks->height;
}

static void draw_box(const struct io_canvas *canvas, const vks_prompt *prompt, double thickness)
{
    const double box[4] = { (double)prompt->x0, (double)prompt->y0, (double)prompt->x1, (double)prompt->y1 };
    struct io_ink ink = { { 0, 0, 0 }, 0.5 }, colour = { { 0, 0, 0 }, 1.0 };
    io_colour(prompt->object, colour.rgb);
    for (int c = 0; c < 3; c++)
        colour.rgb[c] = (uint8_t)(colour.rgb[c] + (255 - colour.rgb[c]) * 0.55);    /* paler than the outline */
    io_draw_frame(canvas, box, thickness + 2, ink);
    io_draw_frame(canvas, box, thickness, colour);
}

static void draw_point(const struct io_canvas *canvas, const vks_prompt *prompt, double radius)
{
    const double x = (double)prompt->x0, y = (double)prompt->y0, rim = fmax(1.5, radius * 0.24);
    const double length = radius * 0.55, half = fmax(0.75, radius * 0.14);
    const struct io_ink shadow = { { 0, 0, 0 }, 0.4 }, white = { { 255, 255, 255 }, 1.0 };
    const struct io_ink green = { { 22, 163, 74 }, 1.0 }, red = { { 220, 38, 38 }, 1.0 };
    io_draw_disc(canvas, x, y, radius + rim + 1, shadow);
    io_draw_disc(canvas, x, y, radius + rim, white);
    io_draw_disc(canvas, x, y, radius, prompt->label > 0 ? green : red);
    io_draw_bar(canvas, x, y, length, half, white);
    if (prompt->label > 0)
        io_draw_bar(canvas, x, y, half, length, white);
}

static vks_status paint(const struct io_canvas *canvas, const vks_masks *masks, const vks_prompt *prompts, size_t count)
{
    const double longest = canvas->width > canvas->height ? canvas->width : canvas->height;
    const double thickness = fmax(2, floor(longest / 512 + 0.5)), radius = fmax(6, longest / 85);
    uint16_t *distance;
    VKS_TRY(vkr_alloc((size_t)canvas->width * canvas->height, sizeof *distance, "an overlay", (void **)&distance));
    for (uint32_t object = 0; object < masks->objects; object++) {
        uint8_t colour[3];
        io_colour(object, colour);
        measure(best_mask(masks, object), canvas->width, canvas->height, distance);
        paint_object(canvas, distance, thickness, colour);
    }
    vkr_free(distance);
    for (size_t i = 0; i < count; i++)
        if (prompts[i].kind == VKS_PROMPT_BOX)
            draw_box(canvas, &prompts[i], thickness);
    for (size_t i = 0; i < count; i++)
        if (prompts[i].kind == VKS_PROMPT_POINT)
            draw_point(canvas, &prompts[i], radius);
    return VKS_OK;
}

/* The larger come first. */
static int by_area(const void *a, const void *b)
{
    const vks_region *const *p = a, *const *q = b;
    return (*p)->area == (*q)->area ? 0 : (*p)->area > (*q)->area ? -1 : 1;
}

static void paint_regions(const struct io_canvas *canvas, const vks_regions *regions, uint16_t *distance,
                                uint8_t *mask, const vks_region **order)
{
    const double longest = canvas->width > canvas->height ? canvas->width : canvas->height;
    const double thickness = fmax(1, floor(longest / 1024 + 0.5));
    for (uint32_t i = 0; i < regions->count; i++)
        order[i] = &regions->region[i];
    qsort(order, regions->count, sizeof *order, by_area);
    for (uint32_t i = 0; i < regions->count; i++) {
        uint8_t colour[3];
        io_colour((uint32_t)(order[i] - regions->region), colour);
        vks_region_mask(regions, (uint32_t)(order[i] - regions->region), mask);
        measure(mask, canvas->width, canvas->height, distance);
        paint_object(canvas, distance, thickness, colour);
    }
}

vks_status vks_io_write_regions_overlay(const char *path, const vks_image *image, const vks_regions *regions,
                                        int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".png"), VKS_ERR_ARGUMENT, "an overlay is a .png file, \"%s\" is not",
                path ? path : "(NULL)");
    VKS_TRY(io_check_image(image));
    VKS_REQUIRE(regions && regions->width == image->width && regions->height == image->height, VKS_ERR_ARGUMENT,
                "the regions are not of this image of %u x %u pixels; draw on the image they were made from", image->width,
                image->height);
    VKS_TRY(io_may_write(path, overwrite));
    const size_t pixels = (size_t)image->width * image->height;
    struct io_canvas canvas = { .width = image->width, .height = image->height };
    uint16_t *distance = NULL;
    uint8_t *mask = NULL;
    const vks_region **order = NULL;
    vks_status status = vkr_alloc(pixels, 3, "an overlay", (void **)&canvas.rgb);
    if (status == VKS_OK)
        status = vkr_alloc(pixels, sizeof *distance, "an overlay", (void **)&distance);
    if (status == VKS_OK)
        status = vkr_alloc(pixels, 1, "an overlay", (void **)&mask);
    if (status == VKS_OK)
        status = vkr_alloc((size_t)regions->count + 1, sizeof *order, "an overlay", (void **)&order);
    if (status == VKS_OK) {
        io_display(image, canvas.rgb);
        paint_regions(&canvas, regions, distance, mask, order);
    }
    if (status == VKS_OK)
        status = io_write_png(path, IO_RGB, canvas.rgb, image->width, image->height, overwrite);
    vkr_free(canvas.rgb);
    vkr_free(distance);
    vkr_free(mask);
    vkr_free((void *)order);
    return status;
}

vks_status vks_io_write_overlay(const char *path, const vks_image *image, const vks_masks *masks,
                                const vks_prompt *prompts, size_t prompt_count, int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".png"), VKS_ERR_ARGUMENT, "an overlay is a .png file, \"%s\" is not",
                path ? path : "(NULL)");
    VKS_TRY(io_check_image(image));
    VKS_REQUIRE(masks && masks->mask && (prompts || prompt_count == 0), VKS_ERR_ARGUMENT, "there are no masks to draw (NULL)");
    VKS_REQUIRE(masks->width == image->width && masks->height == image->height, VKS_ERR_ARGUMENT,
                "the masks are %u x %u pixels, the image is %u x %u; draw on the image they were made from", masks->width,
                masks->height, image->width, image->height);
    VKS_TRY(io_may_write(path, overwrite));
    struct io_canvas canvas = { .width = image->width, .height = image->height };
    VKS_TRY(vkr_alloc((size_t)image->width * image->height, 3, "an overlay", (void **)&canvas.rgb));
    io_display(image, canvas.rgb);
    vks_status status = paint(&canvas, masks, prompts, prompt_count);
    if (status == VKS_OK)
        status = io_write_png(path, IO_RGB, canvas.rgb, image->width, image->height, overwrite);
    vkr_free(canvas.rgb);
    return status;
}
