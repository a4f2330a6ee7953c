/* planes.c: volumes as pictures. Planes are those of storage, turned and mirrored as radiologists look at them: the
 * patient's right is at the left, anterior and superior are up; in sagittal planes anterior is at the left. Marks at the
 * edges say so. Pixels are square in millimetres. */
#include "io/io.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { GAP = 8, DOT = 2, LETTER = 7 * DOT, SIDE = 420, TILE = 220, LEAST = 24 };

#define FILL 0.35

/* How one plane is looked at: the stored axes that run to the right and down, and the letters at the edges. */
struct look {
    int across, right, down;    /* stored axes: held fixed, left to right, top to bottom */
    bool flip_right, flip_down;
    char left_mark, right_mark, top_mark, bottom_mark;
    uint32_t width, height;     /* pixels */
};

struct scene {
    const vks_volume *volume;
    const vks_label_map *map;   /* NULL: none */
    const vks_io_view_params *params;
    struct io_canvas canvas;
    uint8_t *slice;             /* RGB of the stored plane */
    void *copy;                 /* its voxels */
};

/* ---- which way to look ---- */

static char opposite(char letter)
{
    static const char pairs[] = "LRAPSI";
    const char *at = strchr(pairs, letter);
    return pairs[(at - pairs) ^ 1];
}

static int axis_towards(const char letters[4], char a)
{
    for (int c = 0; c < 3; c++)
        if (letters[c] == a || letters[c] == opposite(a))
            return c;
    return 0;
}

/* `left` and `top` are the letters that belong at these edges. */
static struct look make_look(const char letters[4], char left, char top)
{
    struct look out = { .right = axis_towards(letters, left), .down = axis_towards(letters, top),
                        .left_mark = left, .right_mark = opposite(left), .top_mark = top, .bottom_mark = opposite(top) };
    out.across = 3 - out.right - out.down;
    out.flip_right = letters[out.right] == left;
    out.flip_down = letters[out.down] == top;
    return out;
}

/* The anatomical plane a stored axis is across: 0 axial, 1 coronal, 2 sagittal. */
static struct look look_at(const char letters[4], int plane)
{
    return plane == 0 ? make_look(letters, 'R', 'A') : plane == 1 ? make_look(letters, 'R', 'S') : make_look(letters, 'A', 'S');
}

static struct look look_across(const char letters[4], int across)
{
    for (int plane = 0; plane < 3; plane++)
        if (look_at(letters, plane).across == across)
            return look_at(letters, plane);
    return look_at(letters, 0);
}

static double extent(const vks_volume *volume, int axis)
{
    return volume->size[axis] * volume->spacing[axis];
}

static void set_size(struct look *look, const vks_volume *volume, double pixels_per_mm)
{
    const double width = extent(volume, look->right) * pixels_per_mm, height = extent(volume, look->down) * pixels_per_mm;
    look->width = (uint32_t)fmax(LEAST, fmin(2048, floor(width + 0.5)));
    look->height = (uint32_t)fmax(LEAST, fmin(2048, floor(height + 0.5)));
}

/* ---- one plane ---- */

static vks_axis axis_of(int across)
{
    return across == 2 ? VKS_AXIS_AXIAL : across == 1 ? VKS_AXIS_CORONAL : VKS_AXIS_SAGITTAL;
}

/* Place on the stored axis of a picture's pixel. */
static double place(uint32_t pixel, uint32_t pixels, uint32_t voxels, bool flip)
{
    const double at = (pixel + 0.5) / pixels * voxels - 0.5, turned = flip ? voxels - 1.0 - at : at;
    return turned < 0 ? 0 : turned > voxels - 1.0 ? voxels - 1.0 : turned;
}

static uint16_t label_at(const struct scene *scene, const struct look *look, uint32_t slice, double right, double down)
{
    uint32_t index[3];
    index[look->across] = slice;
    index[look->right] = (uint32_t)(right + 0.5);
    index[look->down] = (uint32_t)(down + 0.5);
    const uint32_t *size = scene->volume->size;
    const size_t at = ((size_t)index[2] * size[1] + index[1]) * size[0] + index[0];
    return scene->map->type == VKS_PIXEL_U8 ? ((const uint8_t *)scene->map->voxels)[at] : ((const uint16_t *)scene->map->voxels)[at];
}

static void label_colour(const vks_label_map *map, uint16_t label, uint8_t rgb[3])
{
    for (size_t i = 0; i < map->name_count; i++)
        if (map->names[i].value == label) {
            memcpy(rgb, map->names[i].rgb, 3);
            return;
        }
    io_colour(label - 1u, rgb);
}

static void paint_labels(struct scene *scene, const struct look *look, uint32_t slice, uint32_t x0, uint32_t y0)
{
    const uint32_t *size = scene->volume->size;
    for (uint32_t y = 0; y < look->height; y++)
        for (uint32_t x = 0; x < look->width; x++) {
            const double right = place(x, look->width, size[look->right], look->flip_right);
            const double down = place(y, look->height, size[look->down], look->flip_down);
            const uint16_t label = label_at(scene, look, slice, right, down);
            if (!label)
                continue;
            bool is_edge = false;
            for (int side = 0; side < 4; side++) {
                const int64_t nx = (int64_t)x + (side == 0) - (side == 1), ny = (int64_t)y + (side == 2) - (side == 3);
                if (nx < 0 || ny < 0 || nx >= look->width || ny >= look->height)
                    continue;
                is_edge |= label_at(scene, look, slice, place((uint32_t)nx, look->width, size[look->right], look->flip_right),
                                    place((uint32_t)ny, look->height, size[look->down], look->flip_down)) != label;
            }
            uint8_t colour[3], *rgb = scene->canvas.rgb + ((size_t)(y0 + y) * scene->canvas.width + x0 + x) * 3;
            label_colour(scene->map, label, colour);
            for (int c = 0; c < 3; c++)
                rgb[c] = (uint8_t)(rgb[c] + (colour[c] - rgb[c]) * (is_edge ? 0.95 : FILL) + 0.5);
        }
}

static void paint_marks(struct scene *scene, const struct look *look, uint32_t slice, uint32_t x0, uint32_t y0)
{
    static const char names[3] = { 'i', 'j', 'k' };
    const uint32_t w = look->width, h = look->height;
    const char left[2] = { look->left_mark, 0 }, right[2] = { look->right_mark, 0 };
    const char top[2] = { look->top_mark, 0 }, bottom[2] = { look->bottom_mark, 0 };
    char caption[16];
    io_draw_text(&scene->canvas, x0 + 3, y0 + h / 2 - LETTER / 2, DOT, left);
    io_draw_text(&scene->canvas, (int64_t)x0 + w - 3 - io_text_width(DOT, right), y0 + h / 2 - LETTER / 2, DOT, right);
    io_draw_text(&scene->canvas, x0 + w / 2 - 5, y0 + 3, DOT, top);
    io_draw_text(&scene->canvas, x0 + w / 2 - 5, (int64_t)y0 + h - 3 - LETTER, DOT, bottom);
    snprintf(caption, sizeof caption, "%c%u", names[look->across], slice);
    io_draw_text(&scene->canvas, x0 + 3, (int64_t)y0 + h - 3 - LETTER, DOT, caption);
}

static vks_status paint_plane(struct scene *scene, const struct look *look, uint32_t slice, uint32_t x0, uint32_t y0)
{
    vks_image image;
    VKS_TRY(vks_volume_slice(scene->volume, axis_of(look->across), slice, scene->copy, &image));
    image.window_centre = scene->params ? scene->params->window_centre : 0;
    image.window_width = scene->params ? scene->params->window_width : 0;
    io_display(&image, scene->slice);
    /* Columns of a stored plane are the lower of its two axes. */
    const bool is_turned = look->right > look->down;
    for (uint32_t y = 0; y < look->height; y++)
        for (uint32_t x = 0; x < look->width; x++) {
            const double right = place(x, look->width, scene->volume->size[look->right], look->flip_right);
            const double down = place(y, look->height, scene->volume->size[look->down], look->flip_down);
            const double column = is_turned ? down : right, row = is_turned ? right : down;
            const size_t a = (size_t)column, b = (size_t)row;
            const size_t a1 = a + 1 < image.width ? a + 1 : a, b1 = b + 1 < image.height ? b + 1 : b;
            const double u = column - (double)a, v = row - (double)b;
            uint8_t *rgb = scene->canvas.rgb + ((size_t)(y0 + y) * scene->canvas.width + x0 + x) * 3;
            for (size_t c = 0; c < 3; c++) {
                const double upper = scene->slice[(b * image.width + a) * 3 + c] * (1 - u) + scene->slice[(b * image.width + a1) * 3 + c] * u;
                const double lower = scene->slice[(b1 * image.width + a) * 3 + c] * (1 - u) + scene->slice[(b1 * image.width + a1) * 3 + c] * u;
                rgb[c] = (uint8_t)(upper * (1 - v) + lower * v + 0.5);
            }
        }
    if (scene->map)
        paint_labels(scene, look, slice, x0, y0);
    paint_marks(scene, look, slice, x0, y0);
    return VKS_OK;
}

/* ---- where to cut ---- */

/* Per stored axis: how many labelled voxels each slice has. The slice that halves them is the centre. */
static vks_status find_centre(const struct scene *scene, uint32_t centre[3], uint32_t first[3], uint32_t last[3])
{
    const uint32_t *size = scene->volume->size;
    uint64_t *counts[3] = { NULL, NULL, NULL }, total = 0;
    vks_status status = VKS_OK;
    for (int c = 0; c < 3; c++) {
        centre[c] = size[c] / 2;
        first[c] = 0;
        last[c] = size[c] - 1;
        if (status == VKS_OK)
            status = vkr_alloc(size[c], sizeof **counts, "a histogram", (void **)&counts[c]);
    }
    for (uint32_t k = 0; status == VKS_OK && scene->map && k < size[2]; k++)
        for (uint32_t j = 0; j < size[1]; j++)
            for (uint32_t i = 0; i < size[0]; i++) {
                const size_t at = ((size_t)k * size[1] + j) * size[0] + i;
                if (scene->map->type == VKS_PIXEL_U8 ? !((const uint8_t *)scene->map->voxels)[at] : !((const uint16_t *)scene->map->voxels)[at])
                    continue;
                counts[0][i]++;
                counts[1][j]++;
                counts[2][k]++;
                total++;
            }
    for (int c = 0; status == VKS_OK && total && c < 3; c++) {
        uint64_t before = 0;
        for (first[c] = 0; !counts[c][first[c]];)
            first[c]++;
        while (!counts[c][last[c]])
            last[c]--;
        for (centre[c] = 0; before + counts[c][centre[c]] < (total + 1) / 2; centre[c]++)
            before += counts[c][centre[c]];
    }
    for (int c = 0; c < 3; c++)
        vkr_free(counts[c]);
    return status;
}

/* ---- whole pictures ---- */

static vks_status check(const char *path, const vks_volume *volume, const vks_label_map *map, int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".png"), VKS_ERR_ARGUMENT, "a picture of a volume is a .png file, \"%s\" is not",
                path ? path : "(NULL)");
    VKS_REQUIRE(volume && volume->voxels, VKS_ERR_ARGUMENT, "there is no volume to show (NULL)");
    VKS_REQUIRE(!map || (map->voxels && memcmp(map->size, volume->size, sizeof map->size) == 0), VKS_ERR_ARGUMENT,
                "the labels are not of the size of the volume they are drawn on");
    VKS_REQUIRE(!map || map->type == VKS_PIXEL_U8 || map->type == VKS_PIXEL_U16, VKS_ERR_ARGUMENT, "labels are u8 or u16");
    return io_may_write(path, overwrite);
}

static vks_status open_scene(struct scene *scene)
{
    const uint32_t *size = scene->volume->size;
    size_t most = (size_t)size[0] * size[1];
    most = (size_t)size[0] * size[2] > most ? (size_t)size[0] * size[2] : most;
    most = (size_t)size[1] * size[2] > most ? (size_t)size[1] * size[2] : most;
    VKS_TRY(vkr_alloc((size_t)scene->canvas.width * scene->canvas.height, 3, "a picture", (void **)&scene->canvas.rgb));
    VKS_TRY(vkr_alloc(most, 3, "a slice", (void **)&scene->slice));
    return vkr_alloc(most, 4 * scene->volume->channels, "a slice", &scene->copy);
}

static vks_status close_scene(struct scene *scene, const char *path, int overwrite, vks_status status)
{
    if (status == VKS_OK)
        status = io_write_png(path, IO_RGB, scene->canvas.rgb, scene->canvas.width, scene->canvas.height, overwrite);
    vkr_free(scene->canvas.rgb);
    vkr_free(scene->slice);
    vkr_free(scene->copy);
    return status;
}

vks_status vks_io_write_planes(const char *path, const vks_volume *volume, const vks_label_map *map,
                               const vks_io_view_params *params, int overwrite)
{
    VKS_TRY(check(path, volume, map, overwrite));
    struct scene scene = { .volume = volume, .map = map, .params = params };
    struct look looks[3];
    char letters[4];
    uint32_t centre[3], first[3], last[3], height = 0;
    vks_volume_orientation(volume->affine, letters);
    VKS_REQUIRE(letters[0] != '?', VKS_ERR_ARGUMENT, "the volume has no orientation: its affine is singular");
    VKS_TRY(find_centre(&scene, centre, first, last));
    const double longest = fmax(extent(volume, 0), fmax(extent(volume, 1), extent(volume, 2)));
    scene.canvas.width = GAP;
    for (int plane = 0; plane < 3; plane++) {
        looks[plane] = look_at(letters, plane);
        set_size(&looks[plane], volume, SIDE / longest);
        scene.canvas.width += looks[plane].width + GAP;
        height = looks[plane].height > height ? looks[plane].height : height;
    }
    scene.canvas.height = height + 2 * GAP + io_legend_height(map, scene.canvas.width);
    vks_status status = open_scene(&scene);
    for (uint32_t plane = 0, x = GAP; status == VKS_OK && plane < 3; x += looks[plane++].width + GAP)
        status = paint_plane(&scene, &looks[plane], centre[looks[plane].across], x, GAP + (height - looks[plane].height) / 2);
    if (status == VKS_OK && map)
        io_draw_legend(&scene.canvas, height + 2 * GAP, map);
    return close_scene(&scene, path, overwrite, status);
}

vks_status vks_io_write_sheet(const char *path, const vks_volume *volume, const vks_label_map *map,
                              const vks_io_view_params *params, int overwrite)
{
    VKS_TRY(check(path, volume, map, overwrite));
    struct scene scene = { .volume = volume, .map = map, .params = params };
    const vks_axis axis = params ? params->axis : VKS_AXIS_AXIAL;
    const int across = axis == VKS_AXIS_AXIAL ? 2 : axis == VKS_AXIS_CORONAL ? 1 : 0;
    uint32_t centre[3], first[3], last[3];
    char letters[4];
    vks_volume_orientation(volume->affine, letters);
    VKS_REQUIRE(letters[0] != '?', VKS_ERR_ARGUMENT, "the volume has no orientation: its affine is singular");
    VKS_TRY(find_centre(&scene, centre, first, last));
    struct look look = look_across(letters, across);
    set_size(&look, volume, TILE / fmax(extent(volume, look.right), extent(volume, look.down)));
    const uint32_t slices = last[across] - first[across] + 1;
    uint32_t tiles = params && params->tiles ? params->tiles : 20;
    tiles = tiles > slices ? slices : tiles > 400 ? 400 : tiles;
    const uint32_t columns = (uint32_t)ceil(sqrt(tiles * 1.3)), rows = (tiles + columns - 1) / columns;
    scene.canvas.width = GAP / 2 + columns * (look.width + GAP / 2);
    scene.canvas.height = GAP / 2 + rows * (look.height + GAP / 2);
    vks_status status = open_scene(&scene);
    for (uint32_t t = 0; status == VKS_OK && t < tiles; t++) {
        const uint32_t slice = tiles == 1 ? centre[across] : first[across] + (uint32_t)((uint64_t)t * (slices - 1) / (tiles - 1));
        status = paint_plane(&scene, &look, slice, GAP / 2 + t % columns * (look.width + GAP / 2),
                             GAP / 2 + t / columns * (look.height + GAP / 2));
    }
    return close_scene(&scene, path, overwrite, status);
}
