/* legend.c: which colour is which label, below a picture of a volume. Labels that do not occur, and 0, are left out. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>

enum { DOT = 2, ROW = 20, SWATCH = 12, MARGIN = 8 };

static bool occurs(const vks_label_map *map, uint32_t value)
{
    const size_t count = (size_t)map->size[0] * map->size[1] * map->size[2];
    if (map->type == VKS_PIXEL_U8)
        return value <= UINT8_MAX && memchr(map->voxels, (int)value, count);
    for (size_t i = 0; i < count; i++)
        if (((const uint16_t *)map->voxels)[i] == value)
            return true;
    return false;
}

struct layout { uint32_t entries, column, columns; };

static struct layout plan(const vks_label_map *map, uint32_t width)
{
    struct layout out = { 0, 1, 1 };
    for (size_t i = 0; map && map->names && i < map->name_count; i++) {
        if (!map->names[i].value || !occurs(map, map->names[i].value))
            continue;
        const uint32_t wide = io_text_width(DOT, map->names[i].name) + SWATCH + 3 * MARGIN;
        out.column = wide > out.column ? wide : out.column;
        out.entries++;
    }
    out.columns = width / out.column ? width / out.column : 1;
    return out;
}

uint32_t io_legend_height(const vks_label_map *map, uint32_t width)
{
    const struct layout layout = plan(map, width);
    return layout.entries ? (layout.entries + layout.columns - 1) / layout.columns * ROW + MARGIN : 0;
}

void io_draw_legend(const struct io_canvas *canvas, uint32_t y, const vks_label_map *map)
{
    const struct layout layout = plan(map, canvas->width);
    const uint32_t rows = (layout.entries + layout.columns - 1) / layout.columns;
    uint32_t n = 0;
    for (size_t i = 0; layout.entries && i < map->name_count; i++) {
        const vks_label *label = &map->names[i];
        if (!label->value || !occurs(map, label->value))
            continue;
        const uint32_t x = n / rows * layout.column + MARGIN, top = y + n % rows * ROW;
        struct io_ink ink = { .alpha = 1 };
        memcpy(ink.rgb, label->rgb, sizeof ink.rgb);
        io_draw_bar(canvas, x + SWATCH / 2, top + SWATCH / 2 + 1, SWATCH / 2, SWATCH / 2, ink);
        io_draw_text(canvas, x + SWATCH + MARGIN, top, DOT, label->name);
        n++;
    }
}
