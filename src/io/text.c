/* text.c: the letters and digits that pictures of volumes carry, five dots wide and seven high. */
#include "io/io.h"

#include <string.h>

enum { WIDE = 5, HIGH = 7 };

/* Rows from top to bottom; the leftmost dot is the highest of five bits. */
static const struct { char letter; uint8_t rows[HIGH]; } glyphs[] = {
    { '-', { 0, 0, 0, 31, 0, 0, 0 } }, { '.', { 0, 0, 0, 0, 0, 12, 12 } }, { '0', { 14, 17, 19, 21, 25, 17, 14 } },
    { '1', { 4, 12, 4, 4, 4, 4, 14 } }, { '2', { 14, 17, 1, 2, 4, 8, 31 } }, { '3', { 31, 2, 4, 2, 1, 17, 14 } },
    { '4', { 2, 6, 10, 18, 31, 2, 2 } }, { '5', { 31, 16, 30, 1, 1, 17, 14 } }, { '6', { 6, 8, 16, 30, 17, 17, 14 } },
    { '7', { 31, 1, 2, 4, 8, 8, 8 } }, { '8', { 14, 17, 17, 14, 17, 17, 14 } }, { '9', { 14, 17, 17, 15, 1, 2, 12 } },
    { 'A', { 14, 17, 17, 17, 31, 17, 17 } }, { 'B', { 30, 17, 17, 30, 17, 17, 30 } },
    { 'C', { 14, 17, 16, 16, 16, 17, 14 } }, { 'D', { 30, 17, 17, 17, 17, 17, 30 } },
    { 'E', { 31, 16, 16, 30, 16, 16, 31 } }, { 'F', { 31, 16, 16, 30, 16, 16, 16 } },
    { 'G', { 14, 17, 16, 23, 17, 17, 15 } }, { 'H', { 17, 17, 17, 31, 17, 17, 17 } },
    { 'I', { 14, 4, 4, 4, 4, 4, 14 } }, { 'J', { 7, 2, 2, 2, 2, 18, 12 } }, { 'K', { 17, 18, 20, 24, 20, 18, 17 } },
    { 'L', { 16, 16, 16, 16, 16, 16, 31 } }, { 'M', { 17, 27, 21, 21, 17, 17, 17 } },
    { 'N', { 17, 25, 21, 19, 17, 17, 17 } }, { 'O', { 14, 17, 17, 17, 17, 17, 14 } },
    { 'P', { 30, 17, 17, 30, 16, 16, 16 } }, { 'Q', { 14, 17, 17, 17, 21, 18, 13 } },
    { 'R', { 30, 17, 17, 30, 20, 18, 17 } }, { 'S', { 15, 16, 16, 14, 1, 1, 30 } }, { 'T', { 31, 4, 4, 4, 4, 4, 4 } },
    { 'U', { 17, 17, 17, 17, 17, 17, 14 } }, { 'V', { 17, 17, 17, 17, 17, 10, 4 } },
    { 'W', { 17, 17, 17, 21, 21, 27, 17 } }, { 'X', { 17, 17, 10, 4, 10, 17, 17 } },
    { 'Y', { 17, 17, 10, 4, 4, 4, 4 } }, { 'Z', { 31, 1, 2, 4, 8, 16, 31 } }, { '_', { 0, 0, 0, 0, 0, 0, 31 } },
    { 'a', { 0, 0, 14, 1, 15, 17, 15 } }, { 'b', { 16, 16, 30, 17, 17, 17, 30 } },
    { 'c', { 0, 0, 15, 16, 16, 16, 15 } }, { 'd', { 1, 1, 15, 17, 17, 17, 15 } },
    { 'e', { 0, 0, 14, 17, 31, 16, 15 } }, { 'f', { 6, 8, 30, 8, 8, 8, 8 } }, { 'g', { 0, 0, 15, 17, 15, 1, 14 } },
    { 'h', { 16, 16, 30, 17, 17, 17, 17 } }, { 'i', { 4, 0, 12, 4, 4, 4, 14 } }, { 'j', { 2, 0, 6, 2, 2, 18, 12 } },
    { 'k', { 16, 16, 18, 20, 24, 20, 18 } }, { 'l', { 12, 4, 4, 4, 4, 4, 14 } },
    { 'm', { 0, 0, 26, 21, 21, 21, 21 } }, { 'n', { 0, 0, 30, 17, 17, 17, 17 } },
    { 'o', { 0, 0, 14, 17, 17, 17, 14 } }, { 'p', { 0, 0, 30, 17, 30, 16, 16 } }, { 'q', { 0, 0, 15, 17, 15, 1, 1 } },
    { 'r', { 0, 0, 23, 8, 8, 8, 8 } }, { 's', { 0, 0, 15, 16, 14, 1, 30 } }, { 't', { 8, 8, 30, 8, 8, 8, 6 } },
    { 'u', { 0, 0, 17, 17, 17, 17, 15 } }, { 'v', { 0, 0, 17, 17, 17, 10, 4 } },
    { 'w', { 0, 0, 17, 17, 21, 21, 10 } }, { 'x', { 0, 0, 17, 10, 4, 10, 17 } }, { 'y', { 0, 0, 17, 17, 15, 1, 14 } },
    { 'z', { 0, 0, 31, 2, 4, 8, 31 } },
    { ' ', { 0 } },
};

static void put(const struct io_canvas *canvas, int64_t x, int64_t y, const uint8_t rgb[3])
{
    if (x >= 0 && y >= 0 && x < canvas->width && y < canvas->height)
        memcpy(canvas->rgb + ((size_t)y * canvas->width + (size_t)x) * 3, rgb, 3);
}

static void draw_glyph(const struct io_canvas *canvas, int64_t x, int64_t y, uint32_t dot, char letter, const uint8_t rgb[3])
{
    for (size_t g = 0; g < sizeof glyphs / sizeof *glyphs; g++) {
        if (glyphs[g].letter != letter)
            continue;
        for (int64_t b = 0; b < HIGH * dot; b++)
            for (int64_t a = 0; a < WIDE * dot; a++)
                if (glyphs[g].rows[b / dot] >> (WIDE - 1 - a / dot) & 1)
                    put(canvas, x + a, y + b, rgb);
    }
}

void io_draw_text(const struct io_canvas *canvas, int64_t x, int64_t y, uint32_t dot, const char *text)
{
    static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 };
    for (; *text; text++, x += (WIDE + 1) * (int64_t)dot) {
        for (int shift = 0; shift < 9; shift++)         /* a rim, so that it is legible on any ground */
            draw_glyph(canvas, x + shift % 3 - 1, y + shift / 3 - 1, dot, *text, black);
        draw_glyph(canvas, x, y, dot, *text, white);
    }
}

uint32_t io_text_width(uint32_t dot, const char *text)
{
    return *text ? (uint32_t)strlen(text) * (WIDE + 1) * dot - dot : 0;
}
